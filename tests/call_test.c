/* SPDX-License-Identifier: MIT */
/* Functions that the loop calls: soon, later, at a time; their handles; the end of the loop. */
#include "check.h"
#include "faults.h"
#include "timer.h"

#include <signal.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

#define CALL(name) static void name(void *arg __attribute__((unused)))

CALL(say)
{
    log_event("%s", (const char *)arg);
}

CALL(say_time)
{
    log_event("%s@%.0f", (const char *)arg, bide_time());
}

TASK(calls_are_made_in_the_order_of_asking_in_the_next_turn)
{
    struct bide_handle handle = {0};
    CHECK_INT(bide_call_soon(NULL, say, "a"), 0);
    CHECK_INT(bide_call_soon(&handle, say, "b"), 0);
    CHECK_INT(bide_call_later(NULL, 0, say, "c"), 0);
    CHECK_INT(bide_call_later(NULL, -1, say, "d"), 0);
    CHECK_INT(bide_call_at(NULL, -BIDE_FOREVER, say, "e"), 0);
    log_event("asked");
    CHECK_INT(bide_yield(), 0);
    CHECK_LOG("asked a b c d e");
    return 0;
}

TASK(calls_have_their_time)
{
    struct bide_handle handle = {0};
    const double start = bide_time();
    CHECK_INT(bide_call_later(NULL, 3, say_time, "c"), 0);
    CHECK_INT(bide_call_later(&handle, 1, say_time, "a"), 0);
    CHECK_INT(bide_call_at(NULL, start + 2, say_time, "b"), 0);
    CHECK_INT(bide_call_at(NULL, start + 3, say_time, "d"), 0);
    CHECK_INT(bide_sleep(2.5), 0);
    log_event("half");
    CHECK_INT(bide_call_at(NULL, start + 1, say_time, "past"), 0);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_LOG("a@1 b@2 half past@2 c@3 d@3");
    return 0;
}

static struct bide_handle own[3];

static void ask_again(void *arg)
{
    int *left = arg;
    log_event("%d", *left);
    if (--*left > 0 && bide_call_soon(&own[0], ask_again, left) < 0) log_event("refused");
}

TASK(a_handle_may_be_used_again_once_made_or_cancelled)
{
    struct bide_handle *handle = &own[0];
    int left = 3;
    CHECK_INT(bide_handle_cancel(NULL), 0);
    CHECK_INT(bide_handle_cancel(handle), 0);
    CHECK_INT(bide_call_later(handle, 5, say, "never"), 0);
    CHECK_INT(bide_call_soon(handle, say, "x"), -EBUSY);
    CHECK_INT(bide_call_later(handle, 1, say, "x"), -EBUSY);
    CHECK_INT(bide_call_at(handle, 1, say, "x"), -EBUSY);
    CHECK_INT(bide_call_soon_threadsafe(bide_current_loop(), handle, say, "x"), -EBUSY);
    CHECK_INT(bide_handle_cancel(handle), 1);
    CHECK_INT(bide_handle_cancel(handle), 0);
    CHECK_INT(bide_call_soon(handle, say, "soon"), 0);
    CHECK_INT(bide_call_soon(handle, say, "x"), -EBUSY);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_handle_cancel(handle), 0);
    CHECK_INT(bide_call_soon(handle, ask_again, &left), 0);
    CHECK_INT(bide_sleep(10), 0);
    CHECK_LOG("soon 3 2 1");
    return 0;
}

CALL(cancel_call)
{
    log_event("cancel=%d", bide_handle_cancel(arg));
}

TASK(a_call_may_cancel_one_that_is_due_with_it)
{
    CHECK_INT(bide_call_soon(&own[0], cancel_call, &own[1]), 0);
    CHECK_INT(bide_call_soon(&own[1], say, "never"), 0);
    CHECK_INT(bide_call_soon(&own[2], cancel_call, &own[2]), 0);
    CHECK_INT(bide_call_later(NULL, 1, cancel_call, &own[0]), 0);
    CHECK_INT(bide_call_later(&own[0], 1, say, "never"), -EBUSY);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_call_later(&own[0], 1, say, "never"), 0);
    CHECK_INT(bide_sleep(2), 0);
    CHECK_LOG("cancel=1 cancel=0 cancel=1");
    return 0;
}

static int bad_calls(int no_loop)
{
    struct bide_handle handle = {0};
    CHECK_INT(bide_call_soon(&handle, NULL, NULL), no_loop ? no_loop : -EINVAL);
    CHECK_INT(bide_call_later(&handle, 1, NULL, NULL), no_loop ? no_loop : -EINVAL);
    CHECK_INT(bide_call_later(&handle, __builtin_nan(""), say, "x"), no_loop ? no_loop : -EINVAL);
    CHECK_INT(bide_call_at(&handle, __builtin_nan(""), say, "x"), no_loop ? no_loop : -EINVAL);
    CHECK_INT(bide_call_soon(&handle, say, "good"), no_loop);
    CHECK_INT(bide_handle_cancel(&handle), no_loop ? 0 : 1);
    CHECK_INT(bide_call_soon_threadsafe(NULL, &handle, say, "x"), -EINVAL);
    return 0;
}

TASK(bad_calls_in_thread)
{
    return bad_calls(-EPERM);
}

TASK(bad_calls_are_refused_and_take_nothing)
{
    CHECK_INT(bad_calls(0), 0);
    CHECK_INT(bide_to_thread(bad_calls_in_thread, NULL, NULL), 0);
    CHECK_INT(bide_call_soon_threadsafe(bide_current_loop(), &own[0], NULL, NULL), -EINVAL);
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
    const int soon = bide_call_soon(NULL, say, "x"), later = bide_call_later(NULL, 1, say, "x");
    const int safe = bide_call_soon_threadsafe(bide_current_loop(), NULL, say, "x");
    const int with_handle = bide_call_later(&own[0], 1, say, "handle"); /* the timers then have no memory */
    faults_clear();
    CHECK(soon == -ENOMEM && later == -ENOMEM && safe == -ENOMEM && with_handle == 0);
    CHECK_INT(bide_sleep(2), 0);
    CHECK_LOG("handle");
    return 0;
}

static int calls_made;

static void for_ever(void *arg)
{
    calls_made++;
    if (bide_call_soon(arg, for_ever, arg) < 0) log_event("refused");
}

TASK(add_calls_for_ever)
{
    calls_made = 0;
    CHECK_INT(bide_call_soon(NULL, for_ever, NULL), 0);
    CHECK_INT(bide_call_soon(&own[0], for_ever, &own[0]), 0);
    CHECK_INT(bide_yield(), 0);
    CHECK(calls_made >= 2 && calls_made <= 4);
    CHECK_INT(bide_sleep(0.001), 0);
    CHECK(calls_made > 4);
    return 0; /* and they do not keep the loop from ending */
}

TASK(log_run)
{
    log_event("task");
    return bide_sleep(1);
}

static struct bide_task *self;

static void look_around(void *arg)
{
    int result = 99;
    int *codes = arg;
    codes[0] = bide_sleep(0);
    codes[1] = bide_yield();
    codes[2] = bide_await(self, &result);
    codes[3] = bide_to_thread(log_run, NULL, &result);
    codes[4] = bide_wait_for(log_run, NULL, 1, &result);
    codes[5] = bide_gather(&(struct bide_call){log_run, NULL}, 1, &result);
    codes[6] = bide_shield(self, &result);
    codes[7] = bide_signal_wait((const int[]){SIGUSR1}, 1);
    if (result != 99 || bide_current_task() || bide_cancelled()) log_event("wrong");
    if (!bide_current_loop() || bide_run(log_run, NULL) != -EALREADY) log_event("no-loop");
    const struct bide_task_options options = {.eager = true};
    bide_detach(bide_create_task(log_run, NULL));
    bide_detach(bide_create_task_with(&options, log_run, NULL));
    log_event("call");
}

TASK(a_call_must_not_wait_but_may_create_tasks)
{
    int codes[8] = {0};
    self = bide_current_task();
    CHECK_INT(bide_call_soon(NULL, look_around, codes), 0);
    CHECK_INT(bide_sleep(2), 0);
    for (int i = 0; i < 8; i++) CHECK_INT(codes[i], -EPERM);
    CHECK_LOG("call task task");
    return 0;
}

static void last_call(void *arg)
{
    log_event("last");
    bide_detach(bide_create_task(log_run, NULL)); /* it runs, born cancelled */
    bide_call_later(arg, 1, say, "never");
}

TASK(leave_calls_behind)
{
    CHECK_INT(bide_call_later(&own[0], 5, say, "never"), 0);
    CHECK_INT(bide_call_later(NULL, 5, say, "never"), 0);
    CHECK_INT(bide_call_later(&own[1], BIDE_FOREVER, say, "never"), 0);
    CHECK_INT(bide_call_at(NULL, BIDE_FOREVER, say, "never"), 0);
    CHECK_INT(bide_call_later(NULL, 1e300, say, "never"), 0);
    CHECK_INT(bide_call_soon(NULL, say, "due"), 0);
    return bide_call_soon(NULL, last_call, &own[2]);
}

TASK(nothing_is_left_of_them)
{
    for (int i = 0; i < 3; i++) CHECK_INT(bide_handle_cancel(&own[i]), 0);
    for (int i = 0; i < 3; i++) CHECK_INT(bide_call_later(&own[i], BIDE_FOREVER, say, "never"), 0);
    for (int i = 0; i < 3; i++) CHECK_INT(bide_handle_cancel(&own[i]), 1);
    return 0;
}

static void what_is_due_at_the_end_is_made_the_rest_cancelled(void **state)
{
    (void)state;
    log_clear();
    assert_int_equal(check_run(leave_calls_behind, NULL), 0);
    assert_string_equal(log_text(), "due last task");
    assert_int_equal(check_run(nothing_is_left_of_them, NULL), 0);
    assert_int_equal(bad_calls(-EPERM), 0);
}

static void calls_that_add_calls_hold_up_nothing(void **state)
{
    (void)state;
    log_clear();
    assert_int_equal(check_run_with(NULL, add_calls_for_ever, NULL), 0);
    assert_string_equal(log_text(), "");
    assert_int_equal(bide_handle_cancel(&own[0]), 0);
}

/* bugs.md row 45: no stack was needed for them, so no stack is there to be given back either. */
TASK(bug_45_the_memory_of_a_burst_of_calls_is_given_back)
{
    enum { MANY = 20000 };
    static struct bide_handle many[MANY];
    for (int i = 0; i < MANY; i++) CHECK_INT(bide_call_later(&many[i], 100 + i, say, "never"), 0);
    CHECK(timers_current->heap.capacity >= MANY);
    for (int i = 0; i < MANY; i++) CHECK_INT(bide_handle_cancel(&many[i]), 1);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(timers_current->heap.capacity <= 64);
    return 0;
}

static void run_in_a_loop(void **state)
{
    const bide_fn fn = (bide_fn)(uintptr_t)*state;
    log_clear();
    memset(own, 0, sizeof own);
    assert_int_equal(check_run(fn, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(calls_are_made_in_the_order_of_asking_in_the_next_turn),
        IN_A_LOOP(calls_have_their_time),
        IN_A_LOOP(a_handle_may_be_used_again_once_made_or_cancelled),
        IN_A_LOOP(a_call_may_cancel_one_that_is_due_with_it),
        IN_A_LOOP(bad_calls_are_refused_and_take_nothing),
        cmocka_unit_test(calls_that_add_calls_hold_up_nothing),
        IN_A_LOOP(a_call_must_not_wait_but_may_create_tasks),
        IN_A_LOOP(bug_45_the_memory_of_a_burst_of_calls_is_given_back),
        cmocka_unit_test(what_is_due_at_the_end_is_made_the_rest_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
