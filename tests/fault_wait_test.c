/* SPDX-License-Identifier: MIT */
/* Programs of waits, futures and services, each with every one of its calls to the system failing. */
#include "sweep.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

enum { TASKS = 12 };

/* Starts as many as there is memory for; the rest are NULL. How many failures there will be. */
static size_t start(struct bide_task **tasks, int *code)
{
    size_t failures = 0;
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = sweep_create(NULL, i == 5 ? sweep_fail : i % 2 ? sweep_nap : sweep_use);
        if (!tasks[i]) sweep_note(code, -ENOMEM);
        failures += !tasks[i] || i == 5;
    }
    return failures;
}

TASK(wait_in_all_modes)
{
    struct bide_task *tasks[TASKS];
    int code = 0;
    const size_t failures = start(tasks, &code);
    const enum bide_wait_mode modes[] = {BIDE_FIRST_COMPLETED, BIDE_FIRST_EXCEPTION, BIDE_ALL_COMPLETED};
    for (int i = 0; i < 3; i++) {
        const ssize_t done = bide_wait(tasks, TASKS, modes[i], 9);
        CHECK(done == -ENOMEM || done > 0);
        if (done < 0) sweep_note(&code, -ENOMEM);
        if (modes[i] == BIDE_ALL_COMPLETED) CHECK(done < 0 || done == TASKS);
    }
    CHECK(bide_wait(tasks, 8, BIDE_ALL_COMPLETED, 9) == 8); /* for which no memory is needed */
    size_t failed = 0;
    for (int i = 0; i < TASKS; i++) {
        int result;
        CHECK_INT(bide_await(tasks[i], &result), 0);
        failed += result < 0;
    }
    CHECK_INT(failed, failures);
    return code;
}

TASK(in_order)
{
    struct bide_task *tasks[TASKS], *task;
    int code = 0, given = 0, next;
    (void)start(tasks, &code);
    struct bide_completions *completions = bide_as_completed(tasks, TASKS);
    while ((next = bide_next(completions, &task)) > 0) {
        given++;
        CHECK(bide_task_done(task));
    }
    CHECK_INT(next, completions ? 0 : -ENOMEM);
    CHECK_INT(given, completions ? TASKS : 0);
    sweep_note(&code, next);
    bide_completions_free(completions);
    for (int i = 0; i < TASKS; i++) {
        int result;
        CHECK_INT(bide_await(tasks[i], &result), 0);
    }
    return code;
}

/* ---- futures ---- */

struct futures {
    struct bide_future *real[3]; /* NULL where there was no memory */
    int told;
    int waited;
};

static void tell(void *arg, struct bide_future *future)
{
    (void)future;
    ++*(int *)arg;
}

TASK(wait_for_futures)
{
    struct futures *futures = arg;
    for (int i = 0; i < 3; i++) {
        int result = 99;
        CHECK_INT(bide_future_wait(futures->real[i], &result), 0);
        CHECK_INT(result, !futures->real[i] ? -ENOMEM : i == 1 ? -EIO : 7);
        CHECK(result >= 0 || result == -ENOMEM || sweep_is_text(bide_error_text(result), result));
        futures->waited++;
    }
    return 0;
}

TASK(set_futures)
{
    struct futures futures = {{bide_future_new(), bide_future_new_threadsafe(), bide_future_new()}, 0, 0};
    int code = 0, callbacks = 0;
    struct bide_task *tasks[2];
    for (int i = 0; i < 2; i++)
        if (!(tasks[i] = bide_create_task(wait_for_futures, &futures))) sweep_note(&code, -ENOMEM);
    CHECK_INT(bide_yield(), 0);
    for (int i = 0; i < 3; i++) {
        if (!futures.real[i]) {
            sweep_note(&code, -ENOMEM);
            continue;
        }
        const int refused = bide_future_on_done(futures.real[i], tell, &futures.told);
        CHECK(refused == 0 || refused == -ENOMEM);
        sweep_note(&code, refused);
        callbacks += refused == 0;
        CHECK_INT(bide_future_set(futures.real[i], i == 1 ? bide_fail(EIO, "disk %d is gone", 7) : 7), 0);
        CHECK_INT(bide_yield(), 0);
    }
    CHECK_INT(futures.told, callbacks);
    int expected = 0;
    for (int i = 0; i < 2; i++) {
        int result;
        CHECK_INT(bide_await(tasks[i], &result), 0);
        expected += tasks[i] ? 3 : 0;
    }
    CHECK_INT(futures.waited, expected);
    for (int i = 0; i < 3; i++) bide_future_free(futures.real[i]);
    return code;
}

static int set_seven(void *arg)
{
    return bide_future_set(arg, 7);
}

/* A job in a thread sets it: or there is no thread, and it is cancelled. */
TASK(set_in_threads)
{
    struct bide_future *future = bide_future_new_threadsafe();
    struct futures futures = {{future, NULL, NULL}, 0, 0};
    int result = 0, code = 0;
    if (!future) return -ENOMEM;
    struct bide_task *task = bide_create_task(wait_for_futures, &futures);
    if (!task) sweep_note(&code, -ENOMEM);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_to_thread(set_seven, future, &result), 0);
    if (result < 0) sweep_note(&code, result);
    if (result < 0) CHECK_INT(bide_future_set(future, 7), 0);
    int work;
    CHECK_INT(bide_await(task, &work), 0);
    CHECK(!task || futures.waited == 3);
    bide_future_free(future);
    return code;
}

/* ---- services ---- */

TASK(serve)
{
    sweep_begin(arg);
    int code = bide_yield();
    if (code == 0) code = bide_started(80);
    return sweep_end(arg, code < 0 ? code : bide_sleep(1));
}

TASK(fail_to_serve)
{
    sweep_begin(arg);
    return sweep_end(arg, bide_fail(EADDRINUSE, "port %d", 80));
}

TASK(start_services)
{
    struct bide_group group;
    int code = 0;
    bide_group_enter(&group);
    for (int i = 0; i < 4; i++) {
        struct sweep_item *item = sweep_item();
        int value = 99;
        const int started = bide_group_start_ready(&group, i == 2 ? fail_to_serve : serve, item, &value);
        item->taken = started != -ENOMEM;
        CHECK_INT(value, started == 0 ? 80 : 99);
        if (started == -ENOMEM)
            sweep_note(&code, started);
        else
            CHECK_INT(started, i == 2 ? -EADDRINUSE : 0);
    }
    CHECK_INT(bide_group_exit(&group), 0);
    return code;
}

SWEEP(wait_in_all_modes, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(in_order, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(set_futures, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(set_in_threads, .threads = 2, .uses_threads = true, .codes = {-EAGAIN})
SWEEP(start_services, .clock = BIDE_CLOCK_VIRTUAL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SWEEP_TEST(every_fault_of_wait_in_all_modes), SWEEP_TEST(every_fault_of_in_order),
        SWEEP_TEST(every_fault_of_set_futures),       SWEEP_TEST(every_fault_of_set_in_threads),
        SWEEP_TEST(every_fault_of_start_services),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
