/* SPDX-License-Identifier: MIT */
/*
 * gate_work [WHAT N]: does one thing N times, for the script `gate`, which counts instructions; without
 * arguments it lists what there is. The clock is replaced by one that advances by the same step at each
 * read, as how often the loop asks epoll depends on it.
 */
#include "own_switch.h"

#include <errno.h>
#include <sys/socket.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int64_t ns = 1000000000;
    (void)clock;
    ns += 1000;
    now->tv_sec = (time_t)(ns / 1000000000);
    now->tv_nsec = (long)(ns % 1000000000);
    return 0;
}

struct work {
    const char *name;
    bide_fn fn; /* gets the address of N */
};

static int none(void *arg)
{
    (void)arg;
    return 0;
}

static int once(void *arg)
{
    (void)arg;
    return bide_yield();
}

/* ---- each does its thing N times ---- */

static int work_switch(void *arg)
{
    static char stack[64 * 1024];
    must(own_switch_open(stack + sizeof stack), "finding arch_switch in the library");
    own_switch_there_and_back(*(const long *)arg / 2);
    return 0;
}

static int yielder(void *arg)
{
    for (long i = *(const long *)arg; i > 0; i--) bide_yield();
    return 0;
}

static int yield_in(long tasks, long n)
{
    long each = n / tasks;
    struct bide_group group;
    BIDE_GROUP(group) {
        for (long i = 0; i < tasks; i++) must(bide_group_spawn(&group, yielder, &each) == 0, "spawn");
    }
    return bide_group_result(&group);
}

static int work_yield(void *arg)
{
    return yield_in(2, *(const long *)arg);
}

static int work_yield_100(void *arg)
{
    return yield_in(100, *(const long *)arg);
}

static int spawn_by(long size, bide_fn fn, long n)
{
    struct bide_task *tasks[100];
    for (long done = 0; done < n; done += size) {
        for (long i = 0; i < size; i++) tasks[i] = bide_create_task(fn, NULL);
        for (long i = 0; i < size; i++) must(bide_await(tasks[i], NULL) == 0, "bide_await");
    }
    return 0;
}

static int work_spawn(void *arg)
{
    return spawn_by(1, none, *(const long *)arg);
}

static int work_spawn_100(void *arg)
{
    return spawn_by(100, none, *(const long *)arg);
}

static int work_spawn_100_alive(void *arg)
{
    return spawn_by(100, once, *(const long *)arg);
}

static int work_gather_100(void *arg)
{
    struct bide_call calls[100];
    int results[100];
    for (int i = 0; i < 100; i++) calls[i] = (struct bide_call){none, NULL};
    for (long done = 0; done < *(const long *)arg; done += 100)
        must(bide_gather(calls, 100, results) == 0, "bide_gather");
    return 0;
}

static int produce(void *queue)
{
    int code = 0;
    for (uint64_t item = 0; code == 0; item++) code = bide_queue_put(queue, &item);
    return code == -EPIPE ? 0 : code;
}

static int queue_of(size_t capacity, long n)
{
    struct bide_queue *queue = bide_queue_new(sizeof(uint64_t), capacity);
    struct bide_task *producer = bide_create_task(produce, queue);
    uint64_t item;
    while (n-- > 0) must(bide_queue_get(queue, &item) == 0, "bide_queue_get");
    bide_queue_shutdown(queue, true);
    must(bide_await(producer, NULL) == 0, "bide_await");
    bide_queue_free(queue);
    return 0;
}

static int work_queue_0(void *arg)
{
    return queue_of(0, *(const long *)arg);
}

static int work_queue_100(void *arg)
{
    return queue_of(100, *(const long *)arg);
}

/* Created, given out in the order of their ends, and awaited. */
static int work_as_completed_100(void *arg)
{
    struct bide_task *tasks[100], *task;
    for (long done = 0; done < *(const long *)arg; done += 100) {
        for (long i = 0; i < 100; i++) tasks[i] = bide_create_task(none, NULL);
        struct bide_completions *completions = bide_as_completed(tasks, 100);
        while (bide_next(completions, &task) > 0) must(bide_await(task, NULL) == 0, "bide_await");
        bide_completions_free(completions);
    }
    return 0;
}

/* Made, set, waited for, freed. */
static int work_future(void *arg)
{
    int result;
    for (long i = *(const long *)arg; i > 0; i--) {
        struct bide_future *future = bide_future_new();
        must(bide_future_set(future, 1) == 0, "bide_future_set");
        must(bide_future_wait(future, &result) == 0, "bide_future_wait");
        bide_future_free(future);
    }
    return 0;
}

static void nothing(void *arg)
{
    (void)arg;
}

/* Armed at random among 100 others, and cancelled. */
static int work_timer(void *arg)
{
    static struct bide_handle live[100], handle;
    uint64_t random = 88172645463325252;
    const double base = bide_time() + 1000;
    for (int i = 0; i < 100; i++) bide_call_at(&live[i], base + random_unit(&random), nothing, NULL);
    for (long i = *(const long *)arg; i > 0; i--) {
        bide_call_at(&handle, base + random_unit(&random), nothing, NULL);
        bide_handle_cancel(&handle);
    }
    for (int i = 0; i < 100; i++) bide_handle_cancel(&live[i]);
    return 0;
}

static int work_timeout(void *arg)
{
    for (long i = *(const long *)arg; i > 0; i--) {
        BIDE_TIMEOUT(1000) {
            __asm__ volatile("" ::: "memory");
        }
    }
    return 0;
}

static struct bide_lock lock;

static int work_lock(void *arg)
{
    for (long i = *(const long *)arg; i > 0; i--) {
        must(bide_lock_acquire(&lock) == 0, "bide_lock_acquire");
        bide_lock_release(&lock);
    }
    return 0;
}

static int passes_on(void *arg)
{
    for (long i = *(const long *)arg; i > 0; i--) {
        must(bide_lock_acquire(&lock) == 0, "bide_lock_acquire");
        bide_yield();
        bide_lock_release(&lock);
    }
    return 0;
}

static int work_lock_passed_on(void *arg)
{
    long each = *(const long *)arg / 2;
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 2; i++) must(bide_group_spawn(&group, passes_on, &each) == 0, "spawn");
    }
    return bide_group_result(&group);
}

static int echo(void *arg)
{
    const int fd = *(const int *)arg;
    char buf[256];
    ssize_t n;
    while ((n = bide_read(fd, buf, sizeof buf)) > 0) must(bide_write(fd, buf, (size_t)n) == n, "bide_write");
    return (int)n;
}

/* A turn: 64 bytes there and back between two tasks, of which one is the server. */
static int work_echo(void *arg)
{
    int fds[2], result;
    char buf[64] = {0};
    must(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "bide_socketpair");
    struct bide_task *server = bide_create_task(echo, &fds[1]);
    for (long i = *(const long *)arg; i > 0; i--) {
        must(bide_write(fds[0], buf, sizeof buf) == sizeof buf, "bide_write");
        must(bide_read(fds[0], buf, sizeof buf) == sizeof buf, "bide_read");
    }
    bide_close(fds[0]);
    bide_await(server, &result);
    bide_close(fds[1]);
    return result;
}

static int counts(void *arg)
{
    while (bide_yield_value(arg) == 0) {
    }
    return 0;
}

static int work_gen(void *arg)
{
    struct bide_gen *gen = bide_gen_new(counts, NULL);
    for (long i = *(const long *)arg; i > 0; i--) must(bide_gen_next(gen, NULL) == 1, "bide_gen_next");
    return bide_gen_close(gen);
}

static const struct work works[] = {
    {"switch", work_switch},
    {"yield", work_yield},
    {"yield-100", work_yield_100},
    {"spawn", work_spawn},
    {"spawn-100", work_spawn_100},
    {"spawn-100-alive", work_spawn_100_alive},
    {"gather-100", work_gather_100},
    {"timer", work_timer},
    {"timeout", work_timeout},
    {"lock", work_lock},
    {"lock-passed-on", work_lock_passed_on},
    {"queue-0", work_queue_0},
    {"queue-100", work_queue_100},
    {"as-completed-100", work_as_completed_100},
    {"future", work_future},
    {"echo", work_echo},
    {"gen", work_gen},
};

int main(int argc, char **argv)
{
    const size_t n = sizeof works / sizeof *works;
    for (size_t i = 0; i < n; i++) {
        if (argc < 3) puts(works[i].name);
        if (argc < 3 || strcmp(works[i].name, argv[1]) != 0) continue;
        long times = atol(argv[2]);
        return bide_run(works[i].fn, &times) < 0;
    }
    return argc >= 3;
}
