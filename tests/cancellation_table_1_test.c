/* SPDX-License-Identifier: MIT */
/*
 * The truth table of cancellation, rows 1 to 5: a task's cancel and deadlines, one at a time and
 * the cancel with each. The clock is virtual, so that times compare exactly.
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

/* Runs fn as a task and cancels it then; this timer is armed before those of fn. */
static int cancel_after(bide_fn fn, double seconds)
{
    struct bide_task *task = bide_create_task(fn, NULL);
    CHECK_INT(bide_sleep(seconds), 0);
    CHECK_INT(bide_cancel(task), 1);
    return bide_await(task, NULL);
}

static int waits(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    CHECK_AT(1);
    CHECK_INT(bide_sleep(5), -ECANCELED);
    CHECK_INT(bide_yield(), -ECANCELED);
    CHECK_AT(1);
    return 0;
}

static int cancelled_while_it_waits(void *arg)
{
    (void)arg;
    return cancel_after(waits, 1);
}

static int cancelled_before_its_call(void *arg)
{
    (void)arg;
    cancel_me();
    CHECK_INT(bide_sleep(5), -ECANCELED);
    CHECK_AT(0);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_sleep(5), 0);
    return 0;
}

static int first_call_fails(void *arg)
{
    *(int *)arg = 1;
    CHECK_INT(bide_sleep(5), -ECANCELED);
    CHECK_AT(0);
    return 0;
}

static int cancelled_before_its_first_run(void *arg)
{
    (void)arg;
    int ran = 0;
    struct bide_task *task = bide_create_task(first_call_fails, &ran);
    CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(ran, 0);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(ran, 1);
    return 0;
}

static void row_01_no_scope_cancel(void **state)
{
    (void)state;
    runs(cancelled_while_it_waits);
    runs(cancelled_before_its_call);
    runs(cancelled_before_its_first_run);
}

static int own_deadline(void *arg)
{
    (void)arg;
    int first = 1, second = 1;
    BIDE_TIMEOUT(1) {
        first = bide_sleep(5);
        second = bide_sleep(5);
    }
    CHECK(bide_expired());
    CHECK_INT(first, -ETIMEDOUT);
    CHECK_INT(second, -ETIMEDOUT);
    CHECK_AT(1);
    CHECK_INT(bide_sleep(5), 0);
    return 0;
}

static int own_deadline_by_hand(void *arg)
{
    (void)arg;
    struct bide_scope scope;
    bide_timeout_enter(&scope, 1);
    const int early = bide_sleep(0.5), late = bide_sleep(5);
    const bool expired = bide_scope_exit(&scope);
    CHECK(expired && bide_expired());
    CHECK_INT(early, 0);
    CHECK_INT(late, -ETIMEDOUT);
    CHECK_AT(1);
    return 0;
}

static void row_02_own_deadline(void **state)
{
    (void)state;
    runs(own_deadline);
    runs(own_deadline_by_hand);
}

static int outer_deadline(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        BIDE_TIMEOUT(5) {
            CHECK_INT(bide_sleep(9), -ECANCELED);
            CHECK_INT(bide_yield(), -ECANCELED);
        }
        CHECK(!bide_expired());
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
        CHECK_AT(1);
    }
    CHECK(bide_expired());
    CHECK_INT(bide_sleep(1), 0);
    return 0;
}

static int outer_deadline_seen_only_inside(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        BIDE_TIMEOUT(BIDE_FOREVER) {
            CHECK_INT(bide_sleep(9), -ECANCELED);
        }
        CHECK(!bide_expired());
    }
    CHECK(bide_expired());
    return 0;
}

static int middle_deadline_of_three(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(9) {
        BIDE_TIMEOUT(1) {
            BIDE_TIMEOUT(5) {
                CHECK_INT(bide_sleep(7), -ECANCELED);
            }
            CHECK(!bide_expired());
        }
        CHECK(bide_expired());
        CHECK_INT(bide_sleep(1), 0);
    }
    CHECK(!bide_expired());
    return 0;
}

static void row_03_outer_deadline(void **state)
{
    (void)state;
    runs(outer_deadline);
    runs(outer_deadline_seen_only_inside);
    runs(middle_deadline_of_three);
}

static int scope_entered_while_cancelled(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_TIMEOUT(5) {
        CHECK_INT(bide_sleep(1), -ECANCELED);
        CHECK_INT(bide_sleep(9), -ECANCELED);
    }
    CHECK(!bide_expired());
    CHECK_AT(0);
    return 0;
}

static void row_04_cancel_then_scope(void **state)
{
    (void)state;
    runs(scope_entered_while_cancelled);
}

static int cancel_then_deadline(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_sleep(1), -ECANCELED);
    }
    CHECK(!bide_expired());
    return 0;
}

static int deadline_then_cancel(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(5), -ETIMEDOUT);
        cancel_me();
        CHECK_INT(bide_sleep(5), -ECANCELED);
    }
    CHECK(bide_expired());
    return 0;
}

static int cancel_wins(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(5), -ECANCELED);
        CHECK_AT(1);
    }
    CHECK(!bide_expired());
    return 0;
}

/* One turn wakes the canceller, then the task by its deadline; the cancel is there when it runs. */
static int canceller_runs_first(void *arg)
{
    (void)arg;
    return cancel_after(cancel_wins, 1);
}

/* Taking the cancel back does not change what the call that it cut short had failed for. */
static int cancel_wins_and_is_taken_back(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(5), -ECANCELED);
        CHECK_INT(bide_uncancel(), 0);
    }
    CHECK(!bide_expired());
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_sleep(5), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    return 0;
}

static int canceller_runs_first_and_is_taken_back(void *arg)
{
    (void)arg;
    return cancel_after(cancel_wins_and_is_taken_back, 1);
}

static int deadline_wins(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(5), -ETIMEDOUT);
        CHECK_AT(1);
        (void)bide_yield(); /* lets the canceller run; either code is right for this one */
        CHECK_INT(bide_sleep(5), -ECANCELED);
    }
    CHECK(bide_expired());
    return 0;
}

/* The same turn in the other order: the deadline was armed first, so its task runs first. */
static int deadline_runs_first(void *arg)
{
    (void)arg;
    struct bide_task *task = bide_create_task(deadline_wins, NULL);
    CHECK_INT(bide_sleep(0.5), 0);
    CHECK_INT(bide_sleep(0.5), 0);
    CHECK_INT(bide_cancel(task), 1);
    return bide_await(task, NULL);
}

static void row_05_own_deadline_and_cancel(void **state)
{
    (void)state;
    runs(cancel_then_deadline);
    runs(deadline_then_cancel);
    runs(canceller_runs_first);
    runs(canceller_runs_first_and_is_taken_back);
    runs(deadline_runs_first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_01_no_scope_cancel),         cmocka_unit_test(row_02_own_deadline),
        cmocka_unit_test(row_03_outer_deadline),          cmocka_unit_test(row_04_cancel_then_scope),
        cmocka_unit_test(row_05_own_deadline_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
