/* SPDX-License-Identifier: MIT */
/* A loop that is stepped from a poll(2) loop: it is woken for all that it waits for, and only then. */
#include "check.h"
#include "loop.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CALL(name) static void name(void *arg __attribute__((unused)))

static int polls, seven = 7;

/* One round of the foreign loop. own: a descriptor of its own, or -1. Returns whether that is readable. */
static bool turn(struct bide_loop *loop, int own, int *left)
{
    struct pollfd fds[] = {{bide_loop_fd(loop), POLLIN, 0}, {own, POLLIN, 0}};
    const double seconds = bide_loop_timeout(loop);
    polls++;
    poll(fds, 2, seconds > 1e6 ? -1 : (int)ceil(seconds * 1000));
    *left = bide_loop_step(loop);
    return fds[1].revents;
}

/* Steps until no task is left. */
static void turn_until_over(struct bide_loop *loop)
{
    int left = 1;
    while (left > 0) turn(loop, -1, &left);
    assert_int_equal(left, 0);
}

/* Nothing is left to do, and nothing says that there is. */
static void assert_idle(struct bide_loop *loop)
{
    struct pollfd fd = {bide_loop_fd(loop), POLLIN, 0};
    assert_true(bide_loop_timeout(loop) >= BIDE_FOREVER);
    assert_int_equal(poll(&fd, 1, 0), 0);
}

static int open_fds, failures;

static void note_failure(void *arg, const struct bide_error *error)
{
    (void)arg;
    print_error("task '%s' failed: %s\n", error->task, error->text);
    failures++;
}

static int setup(void **state)
{
    const struct bide_options options = {.on_error = note_failure};
    failures = 0;
    open_fds = check_open_fds();
    polls = 0;
    log_clear();
    *state = bide_loop_new(&options);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    bide_loop_free(*state);
    return check_open_fds() == open_fds && failures == 0 ? 0 : -1;
}

static void expect_result(struct bide_task *task, int result)
{
    assert_true(bide_task_done(task));
    assert_int_equal(bide_task_result(task), result);
    bide_detach(task);
}

TASK(give)
{
    return *(int *)arg;
}

TASK(sleep_for_ever)
{
    return bide_sleep(BIDE_FOREVER);
}

/* ---- what wakes the poll ---- */

TASK(sleep_thrice)
{
    for (int i = 0; i < 3; i++) CHECK_INT(bide_sleep(0.01), 0);
    return 3;
}

static void timers_wake_the_poll_neither_early_nor_often(void **state)
{
    const double start = bide_time();
    struct bide_task *task = bide_loop_start(*state, sleep_thrice, NULL);
    assert_true(bide_loop_timeout(*state) <= 0);
    assert_false(bide_task_done(task));
    assert_int_equal(bide_task_result(task), -EINPROGRESS);
    assert_int_equal(bide_loop_step(*state), 1);
    assert_true(bide_loop_timeout(*state) > 0 && bide_loop_timeout(*state) <= 0.01);
    turn_until_over(*state);
    assert_true(bide_time() - start >= 0.03);
    assert_true(polls <= 9);
    expect_result(task, 3);
    assert_idle(*state);
}

enum { BYTES = 1000000 };
static int ends[2];

TASK(send_bytes)
{
    static char bytes[BYTES];
    const int code = bide_write_all(ends[0], bytes, sizeof bytes, NULL);
    return code < 0 ? code : bide_close(ends[0]);
}

TASK(receive_bytes)
{
    char buf[4096];
    int total = 0;
    for (ssize_t n; (n = bide_read(ends[1], buf, sizeof buf)) != 0; total += (int)n)
        if (n < 0) return (int)n;
    CHECK_INT(bide_close(ends[1]), 0);
    return total;
}

TASK(send_and_receive)
{
    const struct bide_call calls[] = {{send_bytes, NULL}, {receive_bytes, NULL}};
    int results[2];
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_INT(bide_gather(calls, 2, results), 0);
    CHECK_INT(results[0], 0);
    return results[1];
}

TASK(ask_threads)
{
    int sum = 0, result;
    for (int i = 0; i < 20; i++) {
        CHECK_INT(bide_to_thread(give, &seven, &result), 0);
        sum += result;
    }
    return sum;
}

static void sockets_and_threads_wake_the_poll(void **state)
{
    struct bide_task *bytes = bide_loop_start(*state, send_and_receive, NULL);
    struct bide_task *sum = bide_loop_start(*state, ask_threads, NULL);
    turn_until_over(*state);
    expect_result(bytes, BYTES);
    expect_result(sum, 140);
    assert_idle(*state);
}

static struct bide_loop *posted_to;

CALL(say)
{
    log_event("%s", (const char *)arg);
}

static void *post(void *arg)
{
    int result = 0;
    usleep(2000); /* most likely the poll waits by now */
    bide_call_soon_threadsafe(posted_to, NULL, say, "called");
    const int code = bide_run_threadsafe(posted_to, give, &seven, &result);
    *(atomic_int *)arg = code < 0 ? code : result;
    bide_call_soon_threadsafe(posted_to, NULL, say, "woken");
    return NULL;
}

static void what_other_threads_post_wakes_the_poll(void **state)
{
    pthread_t thread;
    atomic_int result = 0;
    int left;
    posted_to = *state;
    assert_int_equal(pthread_create(&thread, NULL, post, (void *)&result), 0);
    while (strcmp(log_text(), "called woken") != 0) turn(*state, -1, &left);
    pthread_join(thread, NULL);
    assert_int_equal(result, 7);
    assert_int_equal(left, 0);
    assert_true(polls <= 9);
    assert_idle(*state);
}

/* The foreign loop's own descriptor and bide's tasks in one poll: a byte goes to and fro. */
static int there[2], back[2];
enum { TRIPS = 100 };

TASK(send_back)
{
    char byte;
    for (int i = 0; i < TRIPS; i++)
        if (bide_read(there[0], &byte, 1) != 1 || bide_write(back[1], &byte, 1) != 1) return -EPROTO;
    return TRIPS;
}

static void the_foreign_loop_serves_its_own_too(void **state)
{
    assert_true(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
    struct bide_task *task = bide_loop_start(*state, send_back, NULL);
    char byte = 'x';
    int trips = 0, left = 1;
    assert_int_equal(write(there[1], &byte, 1), 1);
    while (left > 0 || trips < TRIPS)
        if (turn(*state, back[0], &left)) {
            assert_int_equal(read(back[0], &byte, 1), 1);
            if (++trips < TRIPS) assert_int_equal(write(there[1], &byte, 1), 1);
        }
    assert_true(polls <= 4 * TRIPS);
    expect_result(task, TRIPS);
    assert_idle(*state);
    for (int i = 0; i < 2; i++) assert_true(close(there[i]) == 0 && close(back[i]) == 0);
}

TASK(hold_own_ends)
{
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    BIDE_TIMEOUT(0.001) {
        CHECK_INT(bide_read(ends[1], &(char){0}, 1), -ETIMEDOUT); /* it is registered from now on */
    }
    CHECK_INT(write(ends[0], "xyz", 3), 3);
    return bide_close(ends[0]);
}

TASK(close_other_end)
{
    return bide_close(ends[1]);
}

static void bug_33_a_hang_up_that_nobody_waits_for_does_not_spin(void **state)
{
    bide_detach(bide_loop_start(*state, hold_own_ends, NULL));
    turn_until_over(*state);
    assert_int_equal(bide_loop_step(*state), 0); /* takes the news */
    assert_idle(*state);
    bide_detach(bide_loop_start(*state, close_other_end, NULL));
    turn_until_over(*state);
}

/* ---- fairness ---- */

static int yields, calls;
TASK(yield_for_ever)
{
    while (bide_yield() == 0) yields++;
    return -ECANCELED;
}

CALL(call_for_ever)
{
    calls++;
    bide_call_soon(NULL, call_for_ever, NULL);
}

TASK(begin_calls)
{
    return bide_call_soon(NULL, call_for_ever, NULL);
}

static void a_step_is_bounded_and_the_busy_starve_nobody(void **state)
{
    struct bide_task *busy[10];
    for (int i = 0; i < 10; i++) busy[i] = bide_loop_start(*state, yield_for_ever, NULL);
    bide_detach(bide_loop_start(*state, begin_calls, NULL));
    for (int i = 0; i < 100; i++) {
        const int yields_before = yields, calls_before = calls;
        assert_true(bide_loop_step(*state) >= 10);
        assert_true(yields - yields_before <= 1000 && calls - calls_before <= 2);
        assert_true(bide_loop_timeout(*state) <= 0);
    }
    struct bide_task *task = bide_loop_start(*state, sleep_thrice, NULL);
    struct bide_task *bytes = bide_loop_start(*state, send_and_receive, NULL);
    while (!bide_task_done(task) || !bide_task_done(bytes)) assert_true(bide_loop_step(*state) >= 10);
    expect_result(task, 3);
    expect_result(bytes, BYTES);
    for (int i = 0; i < 10; i++) bide_detach(busy[i]);
}

/* ---- memory, the end ---- */

TASK(sleep_briefly)
{
    return bide_sleep(0.001);
}

static void bug_45_memory_is_given_back_after_a_burst(void **state)
{
    struct bide_loop *loop = *state;
    for (int i = 0; i < 1000; i++) bide_detach(bide_loop_start(loop, sleep_briefly, NULL));
    turn_until_over(loop);
    assert_true(sched_excess(&loop->sched, true));
    for (int left = 0; polls < 1000 && bide_loop_timeout(loop) < BIDE_FOREVER;) turn(loop, -1, &left);
    assert_false(sched_excess(&loop->sched, true));
    assert_true(polls < 1000);
    assert_idle(loop);
}

TASK(clean_up)
{
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    BIDE_SHIELD(1) {
        CHECK_INT(bide_sleep(0.001), 0);
        CHECK_INT(bide_to_thread(give, &seven, NULL), 0);
    }
    log_event("clean");
    return 0;
}

static void tasks_that_are_left_are_cancelled_and_joined(void **state)
{
    for (int i = 0; i < 3; i++) bide_detach(bide_loop_start(*state, clean_up, NULL));
    bide_loop_start(*state, sleep_for_ever, NULL); /* whose handle is never given back */
    bide_loop_start(*state, sleep_for_ever, NULL);
    assert_int_equal(bide_loop_step(*state), 5);
    bide_detach(bide_loop_start(*state, clean_up, NULL)); /* never stepped */
    bide_loop_free(*state);
    *state = NULL;
    assert_string_equal(log_text(), "clean clean clean clean");
}

#define STEPPED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STEPPED(timers_wake_the_poll_neither_early_nor_often),
        STEPPED(sockets_and_threads_wake_the_poll),
        STEPPED(what_other_threads_post_wakes_the_poll),
        STEPPED(the_foreign_loop_serves_its_own_too),
        STEPPED(bug_33_a_hang_up_that_nobody_waits_for_does_not_spin),
        STEPPED(a_step_is_bounded_and_the_busy_starve_nobody),
        STEPPED(bug_45_memory_is_given_back_after_a_burst),
        STEPPED(tasks_that_are_left_are_cancelled_and_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
