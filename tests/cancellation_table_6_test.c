/* SPDX-License-Identifier: MIT */
/*
 * The truth table of cancellation, rows 30 to 34: what becomes of the wait and of the work when
 * await or gather is cut short. The clock is virtual, so that times compare exactly.
 */
#include "check.h"

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)

static void runs(bide_fn fn)
{
    assert_int_equal(check_run(fn, NULL), 0);
}

static void cancel_me(void)
{
    bide_cancel(bide_current_task());
}

/* Runs fn as a task and cancels it after a second. */
static int cancel_after_1(void *fn)
{
    struct bide_task *task = bide_create_task(*(bide_fn *)fn, NULL);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_cancel(task), 1);
    return bide_await(task, NULL);
}

static void runs_cancelled(bide_fn fn)
{
    assert_int_equal(check_run(cancel_after_1, &fn), 0);
}

static int seven(void *arg)
{
    (void)arg;
    return 7;
}

static int sleeps_100(void *arg)
{
    (void)arg;
    return bide_sleep(100);
}

/* The error code is ignored, the result is 5 all the same. */
static int ignores_it(void *arg)
{
    (void)arg;
    (void)bide_sleep(100);
    return 5;
}

static int ignores_it_until_3(void *arg)
{
    (void)arg;
    BIDE_SHIELD(9) {
        CHECK_INT(bide_sleep(3), 0);
    }
    return 5;
}

static int awaits_one_that_ignores(void *arg)
{
    (void)arg;
    int result = -1;
    CHECK_INT(bide_await(bide_create_task(ignores_it, NULL), &result), -ECANCELED);
    CHECK_INT(result, 5);
    CHECK_AT(1);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_await(bide_create_task(ignores_it, NULL), &result), 0);
    CHECK_AT(101);
    return 0;
}

static int awaits_one_that_takes_its_time(void *arg)
{
    (void)arg;
    int result = -1;
    CHECK_INT(bide_await(bide_create_task(ignores_it_until_3, NULL), &result), -ECANCELED);
    CHECK_INT(result, 5);
    CHECK_AT(3);
    return 0;
}

static int awaits_without_a_result(void *arg)
{
    (void)arg;
    CHECK_INT(bide_await(bide_create_task(ignores_it, NULL), NULL), -ECANCELED);
    CHECK_AT(1);
    return 0;
}

/* Due at 0.75, cancelled at 1 while it joins: the wait was cut short by its deadline already. */
static int joins_when_the_cancel_comes(void *arg)
{
    (void)arg;
    int code = 1, result = -1;
    CHECK_INT(bide_sleep(0.5), 0);
    BIDE_TIMEOUT(0.25) {
        code = bide_await(bide_create_task(ignores_it_until_3, NULL), &result);
    }
    CHECK(bide_expired());
    CHECK_INT(code, -ETIMEDOUT);
    CHECK_INT(result, 5);
    CHECK_AT(3.5);
    CHECK_INT(bide_sleep(1), -ECANCELED);
    return 0;
}

static void row_30_await_cancelled_target_ignores_it(void **state)
{
    (void)state;
    runs_cancelled(awaits_one_that_ignores);
    runs_cancelled(awaits_one_that_takes_its_time);
    runs_cancelled(awaits_without_a_result);
    runs_cancelled(joins_when_the_cancel_comes);
}

static int awaits_an_ended_task(void *arg)
{
    (void)arg;
    int results[2] = {-1, -1};
    struct bide_task *first = bide_create_task(seven, NULL), *second = bide_create_task(seven, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK(bide_task_done(first) && bide_task_done(second));
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_await(second, &results[1]), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    cancel_me();
    CHECK_INT(bide_await(first, &results[0]), -ECANCELED);
    CHECK_INT(results[0], 7);
    CHECK_INT(results[1], 7);
    return 0;
}

static void row_31_await_of_ended_task_cancel_before(void **state)
{
    (void)state;
    runs(awaits_an_ended_task);
}

struct parties {
    struct bide_task *waiter, *target;
    int expected;
};

static int awaits_the_target(void *arg)
{
    const struct parties *all = arg;
    int result = -1;
    CHECK_INT(bide_await(all->target, &result), all->expected);
    CHECK_INT(result, 7);
    CHECK_INT(bide_sleep(1), -ECANCELED);
    return 0;
}

static int shields_the_target(void *arg)
{
    const struct parties *all = arg;
    int result = -1;
    CHECK_INT(bide_shield(all->target, &result), all->expected);
    CHECK_INT(result, 7);
    CHECK_INT(bide_sleep(1), -ECANCELED);
    return 0;
}

static int cancels_the_waiter(void *arg)
{
    const struct parties *all = arg;
    CHECK_INT(bide_cancel(all->waiter), 1);
    return 0;
}

/* The waiter parks first; then the target ends and the canceller runs, in this order. */
static int target_ends_then_cancel(void *arg)
{
    (void)arg;
    struct parties all = {.expected = 0};
    all.waiter = bide_create_task(awaits_the_target, &all);
    all.target = bide_create_task(seven, NULL);
    struct bide_task *canceller = bide_create_task(cancels_the_waiter, &all);
    CHECK_INT(bide_await(canceller, NULL), 0);
    CHECK_INT(bide_await(all.waiter, NULL), 0);
    return 0;
}

/* In the other order nothing had been handed over: the wait was cut short, as in row 30. */
static int cancel_then_target_ends(void *arg)
{
    (void)arg;
    struct parties all = {.expected = -ECANCELED};
    all.waiter = bide_create_task(awaits_the_target, &all);
    struct bide_task *canceller = bide_create_task(cancels_the_waiter, &all);
    all.target = bide_create_task(seven, NULL);
    CHECK_INT(bide_await(canceller, NULL), 0);
    CHECK_INT(bide_await(all.waiter, NULL), 0);
    return 0;
}

static void cancels_at_the_end(void *arg, struct bide_task *task)
{
    (void)task;
    const struct parties *all = arg;
    if (bide_cancel(all->waiter) != 1) check_failed(__FILE__, __LINE__, "the waiter has ended");
}

/* The target has ended when its done callbacks run, though who awaits it is woken after them. */
static int cancel_by_a_done_callback(void *arg)
{
    bide_fn awaits = *(bide_fn *)arg;
    struct parties all = {.expected = 0};
    all.waiter = bide_create_task(awaits, &all);
    all.target = bide_create_task(seven, NULL);
    CHECK_INT(bide_task_on_done(all.target, cancels_at_the_end, &all), 0);
    CHECK_INT(bide_await(all.waiter, NULL), 0);
    if (awaits == shields_the_target) CHECK_INT(bide_await(all.target, NULL), 0);
    return 0;
}

static void row_32_target_ends_in_the_turn_of_the_cancel(void **state)
{
    (void)state;
    runs(target_ends_then_cancel);
    assert_int_equal(check_run(cancel_by_a_done_callback, &(bide_fn){awaits_the_target}), 0);
    assert_int_equal(check_run(cancel_by_a_done_callback, &(bide_fn){shields_the_target}), 0);
    runs(cancel_then_target_ends);
}

static int awaits_in_a_shield(void *arg)
{
    (void)arg;
    int result = -1;
    BIDE_SHIELD(1000) {
        CHECK_INT(bide_await(bide_create_task(sleeps_100, NULL), &result), 0);
    }
    CHECK_INT(result, 0);
    CHECK_AT(100);
    CHECK_INT(bide_yield(), -ECANCELED);
    return 0;
}

static void row_33_await_in_shield_target_not_cancelled(void **state)
{
    (void)state;
    runs_cancelled(awaits_in_a_shield);
}

static int gathers(int expected)
{
    const struct bide_call calls[] = {{sleeps_100, NULL}, {seven, NULL}, {ignores_it, NULL}};
    int results[3] = {-1, -1, -1};
    CHECK_INT(bide_gather(calls, 3, results), expected);
    CHECK_INT(results[0], -ECANCELED);
    CHECK_INT(results[1], 7);
    CHECK_INT(results[2], 5);
    return 0;
}

static int gathers_until_cancelled(void *arg)
{
    (void)arg;
    CHECK_INT(gathers(-ECANCELED), 0);
    CHECK_AT(1);
    return 0;
}

static int gather_while_cancelled(void *arg)
{
    (void)arg;
    cancel_me();
    CHECK_INT(gathers(-ECANCELED), 0);
    CHECK_AT(0);
    return 0;
}

static int gather_until_the_deadline(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        CHECK_INT(gathers(-ETIMEDOUT), 0);
    }
    CHECK(bide_expired());
    CHECK_AT(1);
    return 0;
}

static void row_34_gather_with_results_cut_short(void **state)
{
    (void)state;
    runs_cancelled(gathers_until_cancelled);
    runs(gather_while_cancelled);
    runs(gather_until_the_deadline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_30_await_cancelled_target_ignores_it),
        cmocka_unit_test(row_31_await_of_ended_task_cancel_before),
        cmocka_unit_test(row_32_target_ends_in_the_turn_of_the_cancel),
        cmocka_unit_test(row_33_await_in_shield_target_not_cancelled),
        cmocka_unit_test(row_34_gather_with_results_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
