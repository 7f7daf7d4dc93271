/* SPDX-License-Identifier: MIT */
#include "embed_work.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 300000, JOBS = 20, POSTS = 10, MOST_STEPS = 2000 };

static int seven = 7;

static int give(void *arg)
{
    return *(int *)arg;
}

static int tick(void *arg)
{
    int ticks = 0;
    while (ticks < WORK_TICKS && bide_sleep(0.01) == 0) ticks++;
    return arg ? ticks : 0;
}

static int send_bytes(void *arg)
{
    const struct work *work = arg;
    static char bytes[BYTES];
    const int code = bide_write_all(work->ends[0], bytes, sizeof bytes, NULL);
    return code < 0 ? code : bide_close(work->ends[0]);
}

static int receive_bytes(void *arg)
{
    const struct work *work = arg;
    char buf[4096];
    int total = 0;
    for (ssize_t n; (n = bide_read(work->ends[1], buf, sizeof buf)) != 0; total += (int)n)
        if (n < 0) return (int)n;
    bide_close(work->ends[1]);
    return total;
}

static int exchange(void *arg)
{
    struct work *work = arg;
    int result;
    int code = bide_socketpair(AF_UNIX, SOCK_STREAM, 0, work->ends);
    if (code < 0) return code;
    struct bide_task *sender = bide_create_task(send_bytes, work);
    const int total = receive_bytes(work);
    code = bide_await(sender, &result);
    return code < 0 ? code : result < 0 ? result : total;
}

static int ask_threads(void *arg)
{
    int sum = 0, result = 0;
    for (int i = 0; i < JOBS; i++) {
        const int code = bide_to_thread(give, arg, &result);
        if (code < 0) return code;
        sum += result;
    }
    return sum;
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return bide_sleep(BIDE_FOREVER);
}

static void count_call(void *arg)
{
    struct work *work = arg;
    if (++work->calls == POSTS) bide_cancel(work->tasks[3]);
}

static void *post(void *arg)
{
    struct work *work = arg;
    int result = 0;
    for (int i = 0; i < POSTS; i++) {
        usleep(1000);
        bide_run_threadsafe(work->loop, give, &seven, &result);
        if (result == 7) bide_call_soon_threadsafe(work->loop, NULL, count_call, work);
    }
    return NULL;
}

void work_start(struct work *work)
{
    memset(work, 0, sizeof *work);
    work->open_fds = check_open_fds();
    work->loop = bide_loop_new(NULL);
    assert_non_null(work->loop);
    const struct bide_call calls[WORK_TASKS] = {
        {tick, &seven}, {exchange, work}, {ask_threads, &seven}, {sleep_for_ever, NULL}};
    for (int i = 0; i < WORK_TASKS; i++) {
        work->tasks[i] = bide_loop_start(work->loop, calls[i].fn, calls[i].arg);
        assert_non_null(work->tasks[i]);
    }
    assert_int_equal(pthread_create(&work->poster, NULL, post, work), 0);
}

bool work_step(struct work *work)
{
    const int left = bide_loop_step(work->loop);
    work->steps++;
    assert_true(left >= 0);
    return left > 0;
}

void work_finish(struct work *work)
{
    const int expected[WORK_TASKS] = {WORK_TICKS, BYTES, JOBS * 7, -ECANCELED};
    pthread_join(work->poster, NULL);
    for (int i = 0; i < WORK_TASKS; i++) {
        assert_int_equal(bide_task_result(work->tasks[i]), expected[i]);
        bide_detach(work->tasks[i]);
    }
    assert_int_equal(work->calls, POSTS);
    assert_true(work->steps <= MOST_STEPS);
    bide_loop_free(work->loop);
    assert_int_equal(check_open_fds(), work->open_fds);
}

int work_timeout_ms(const struct work *work)
{
    const double seconds = bide_loop_timeout(work->loop);
    return seconds > 1e6 ? -1 : (int)ceil(seconds * 1000);
}
