/* SPDX-License-Identifier: MIT */
/* Futures in one loop: set once, waited for by many, cancelled, let go of, with callbacks. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

struct waiting {
    struct bide_future *future;
    int code, result;
};

TASK(wait)
{
    struct waiting *waiting = arg;
    waiting->result = 99;
    waiting->code = bide_future_wait(waiting->future, &waiting->result);
    log_event("%d:%d", waiting->code, waiting->result);
    return 0;
}

enum { WAITERS = 3 };

/* Parks as many tasks on the future. */
static int start(struct bide_task **tasks, struct waiting *waiting, size_t n, struct bide_future *future)
{
    for (size_t i = 0; i < n; i++) {
        waiting[i].future = future;
        CHECK(tasks[i] = bide_create_task(wait, &waiting[i]));
    }
    return bide_yield();
}

static int await_all(struct bide_task **tasks, size_t n)
{
    for (size_t i = 0; i < n; i++) CHECK_INT(bide_await(tasks[i], NULL), 0);
    return 0;
}

TASK(set_once_waited_for_by_many)
{
    struct bide_future *future = bide_future_new();
    struct bide_task *tasks[WAITERS];
    struct waiting waiting[WAITERS];
    int result = 99;
    CHECK(!bide_future_done(future));
    CHECK_INT(bide_future_result(future), -EINPROGRESS);
    CHECK_INT(start(tasks, waiting, WAITERS, future), 0);
    CHECK_LOG("");
    CHECK_INT(bide_future_set(future, 7), 0);
    CHECK_LOG(""); /* it has only made them ready */
    CHECK_INT(bide_future_set(future, 8), -EALREADY);
    CHECK_INT(bide_future_cancel(future), 0);
    CHECK(bide_future_done(future) && bide_future_result(future) == 7);
    CHECK_INT(bide_future_wait(future, &result), 0);
    CHECK_INT(result, 7);
    CHECK_INT(bide_future_wait(future, NULL), 0);
    CHECK_LOG("");            /* at once */
    bide_future_free(future); /* before those who were woken have run */
    CHECK_INT(await_all(tasks, WAITERS), 0);
    CHECK_LOG("0:7 0:7 0:7");
    return 0;
}

TASK(see_the_text)
{
    int result = 0;
    CHECK_INT(bide_future_wait(arg, &result), 0);
    CHECK_INT(result, -EIO);
    CHECK(strcmp(bide_error_text(EIO), "disk 3") == 0);
    return 0;
}

TASK(a_failure_brings_its_text)
{
    struct bide_future *future = bide_future_new(), *plain = bide_future_new();
    struct bide_error error = {.code = 5};
    struct bide_task *task = bide_create_task(see_the_text, future);
    CHECK(!bide_future_error(future, &error));
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_future_set(plain, -EIO), 0);
    CHECK_INT(bide_future_set(future, bide_fail(EIO, "disk %d", 3)), 0);
    (void)bide_fail(EIO, "another");
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK(bide_future_error(future, &error));
    CHECK(error.code == -EIO && error.line > 0 && error.file && strcmp(error.text, "disk 3") == 0);
    CHECK_INT(bide_future_wait(future, NULL), -EIO);
    CHECK(strcmp(bide_error_text(EIO), "disk 3") == 0);
    CHECK_INT(bide_future_wait(plain, NULL), -EIO); /* whose failure has no text, nor an older one's */
    CHECK(strcmp(bide_error_text(EIO), strerror(EIO)) == 0);
    CHECK(bide_future_error(plain, &error) && strcmp(error.text, strerror(EIO)) == 0 && !error.file);
    bide_future_free(plain);
    bide_future_free(future);
    return 0;
}

TASK(cancel_it)
{
    struct bide_future *future = bide_future_new();
    struct bide_task *tasks[2];
    struct waiting waiting[2];
    CHECK_INT(start(tasks, waiting, 2, future), 0);
    CHECK_INT(bide_future_cancel(future), 1);
    CHECK_INT(bide_future_cancel(future), 0);
    CHECK_INT(bide_future_set(future, 1), -EALREADY);
    CHECK_INT(await_all(tasks, 2), 0);
    CHECK_LOG("0:-125 0:-125"); /* their waits were not cut short */
    CHECK_INT(bide_future_result(future), -ECANCELED);
    CHECK_INT(bide_future_wait(future, NULL), -ECANCELED);
    bide_future_free(future);
    return 0;
}

TASK(the_last_to_let_go_cancels_it)
{
    struct bide_future *future = bide_future_new();
    struct bide_task *tasks[2];
    struct waiting waiting[2];
    CHECK(bide_future_hold(future) == future);
    CHECK_INT(start(tasks, waiting, 2, future), 0);
    bide_future_free(future);
    CHECK_INT(bide_yield(), 0);
    CHECK_LOG("");
    bide_future_free(future);
    CHECK_INT(await_all(tasks, 2), 0);
    CHECK_LOG("0:-125 0:-125");
    return 0;
}

TASK(a_wait_that_is_cut_short)
{
    struct bide_future *future = bide_future_new();
    int result = 99;
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_future_wait(future, &result), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(bide_future_set(future, 7), 0);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_future_wait(future, &result), -ECANCELED); /* it checks also when it need not wait */
    CHECK_INT(bide_future_wait(NULL, &result), -ECANCELED);
    CHECK_INT(result, 99);
    CHECK_INT(bide_future_set(NULL, 7), -EINVAL); /* setting does not */
    CHECK_INT(bide_uncancel(), 0);
    bide_future_free(future);
    return 0;
}

/* Rule 3, both orders; and the other waiters do not notice. */
TASK(bug_09_set_and_cancel_in_one_turn)
{
    for (int set_first = 0; set_first < 2; set_first++) {
        struct bide_future *future = bide_future_new();
        struct bide_task *tasks[WAITERS];
        struct waiting waiting[WAITERS];
        CHECK_INT(start(tasks, waiting, WAITERS, future), 0);
        if (set_first) CHECK_INT(bide_future_set(future, 7), 0);
        bide_cancel(tasks[1]);
        if (!set_first) CHECK_INT(bide_future_set(future, 7), 0);
        bide_future_free(future);
        CHECK_INT(await_all(tasks, WAITERS), 0);
        for (int i = 0; i < WAITERS; i++) {
            const bool cut = i == 1 && !set_first;
            CHECK_INT(waiting[i].code, cut ? -ECANCELED : 0);
            CHECK_INT(waiting[i].result, cut ? 99 : 7);
        }
    }
    return 0;
}

TASK(bug_12_who_was_cut_short_is_not_told_later)
{
    struct bide_future *future = bide_future_new();
    struct bide_task *tasks[1];
    struct waiting waiting[1];
    CHECK_INT(start(tasks, waiting, 1, future), 0);
    bide_cancel(tasks[0]);
    CHECK_INT(await_all(tasks, 1), 0);
    CHECK_INT(bide_future_set(future, 7), 0);
    bide_future_free(future);
    return 0;
}

/* ---- callbacks ---- */

static void log_call(void *arg, struct bide_future *future)
{
    log_event("%s:%d%s", (const char *)arg, bide_future_result(future), bide_current_task() ? "!" : "");
}

TASK(callbacks_come_before_those_that_wait)
{
    struct bide_future *future = bide_future_new();
    struct bide_task *tasks[1];
    struct waiting waiting[1];
    CHECK_INT(start(tasks, waiting, 1, future), 0);
    CHECK_INT(bide_future_on_done(future, log_call, "a"), 0);
    CHECK_INT(bide_future_on_done(future, log_call, "b"), 0);
    CHECK_INT(bide_future_set(future, 7), 0);
    CHECK_INT(bide_future_on_done(future, log_call, "c"), 0);
    bide_future_free(future);
    CHECK_INT(await_all(tasks, 1), 0);
    CHECK_LOG("a:7 b:7 c:7 0:7");
    CHECK(bide_current_task());
    future = bide_future_new();
    CHECK_INT(bide_future_on_done(future, log_call, "d"), 0);
    bide_future_free(future);
    CHECK_LOG("a:7 b:7 c:7 0:7 d:-125");
    return 0;
}

enum { CHAIN = 100000 };

static void set_the_next(void *arg, struct bide_future *future)
{
    struct bide_future **next = arg;
    if (*next) bide_future_set(*next, bide_future_result(future) + 1);
}

/* Each callback sets the next future: on a small stack. */
TASK(bug_11_a_chain_of_callbacks)
{
    struct bide_future **futures = calloc(CHAIN + 1, sizeof(struct bide_future *));
    CHECK(futures);
    for (int i = 0; i < CHAIN; i++) futures[i] = bide_future_new();
    for (int i = 0; i < CHAIN; i++)
        CHECK_INT(bide_future_on_done(futures[i], set_the_next, &futures[i + 1]), 0);
    CHECK_INT(bide_future_set(futures[0], 1), 0);
    CHECK_INT(bide_future_result(futures[CHAIN - 1]), CHAIN);
    for (int i = 0; i < CHAIN; i++) bide_future_free(futures[i]);
    free(futures);
    return 0;
}

static void cancel_the_task(void *arg, struct bide_future *future)
{
    (void)future;
    bide_cancel(arg);
}

/* A cancel by a callback does not take the blame for a call that was cut short before (row 5). */
TASK(a_callback_may_cancel_who_sets)
{
    struct bide_future *future = bide_future_new();
    CHECK_INT(bide_future_on_done(future, cancel_the_task, bide_current_task()), 0);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
        CHECK_INT(bide_future_set(future, 1), 0);
    }
    CHECK(bide_expired() && bide_cancelled());
    bide_future_free(future);
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

/* ---- a loop inside a callback ---- */

static void count(void *arg, struct bide_future *future)
{
    (void)future;
    ++*(int *)arg;
}

TASK(set_one_with_a_callback)
{
    int called = 0;
    struct bide_future *future = bide_future_new();
    CHECK_INT(bide_future_on_done(future, count, &called), 0);
    CHECK_INT(bide_future_set(future, 1), 0);
    CHECK_INT(called, 1);
    bide_future_free(future);
    return 0;
}

static void run_a_loop(void *arg, struct bide_future *future)
{
    (void)future;
    *(int *)arg = bide_run(set_one_with_a_callback, NULL);
}

static void callbacks_of_a_loop_inside_a_callback_do_not_wait(void **state)
{
    (void)state;
    int code = -1;
    struct bide_future *future = bide_future_new();
    assert_int_equal(bide_future_on_done(future, run_a_loop, &code), 0);
    assert_int_equal(bide_future_set(future, 1), 0);
    assert_int_equal(code, 0);
    bide_future_free(future);
}

static void run_in_a_loop(void **state)
{
    log_clear();
    assert_int_equal(check_run((bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(set_once_waited_for_by_many),
        IN_A_LOOP(a_failure_brings_its_text),
        IN_A_LOOP(cancel_it),
        IN_A_LOOP(the_last_to_let_go_cancels_it),
        IN_A_LOOP(a_wait_that_is_cut_short),
        IN_A_LOOP(bug_09_set_and_cancel_in_one_turn),
        IN_A_LOOP(bug_12_who_was_cut_short_is_not_told_later),
        IN_A_LOOP(callbacks_come_before_those_that_wait),
        IN_A_LOOP(bug_11_a_chain_of_callbacks),
        IN_A_LOOP(a_callback_may_cancel_who_sets),
        cmocka_unit_test(callbacks_of_a_loop_inside_a_callback_do_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
