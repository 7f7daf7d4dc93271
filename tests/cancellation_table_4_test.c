/* SPDX-License-Identifier: MIT */
/*
 * The truth table of cancellation, rows 14 to 22: what a shield holds off and for how long. The
 * clock is virtual, so that times compare exactly.
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

/* Runs fn as a task, cancels it then, and returns what it returned. */
static int cancel_after(bide_fn fn, double seconds)
{
    struct bide_task *task = bide_create_task(fn, NULL);
    CHECK_INT(bide_sleep(seconds), 0);
    CHECK_INT(bide_cancel(task), 1);
    return bide_await(task, NULL);
}

static int waits_while_cancelled(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(5) {
        CHECK_INT(bide_sleep(2), 0);
        CHECK_INT(bide_yield(), 0);
    }
    CHECK(!bide_expired());
    CHECK_AT(2);
    CHECK_INT(bide_sleep(1), -ECANCELED);
    return 0;
}

static int waits_on(void *arg)
{
    (void)arg;
    BIDE_SHIELD(5) {
        CHECK_INT(bide_sleep(3), 0);
        CHECK_AT(3);
    }
    CHECK(!bide_expired());
    CHECK_INT(bide_sleep(1), -ECANCELED);
    return 0;
}

static int cancelled_while_it_waits(void *arg)
{
    (void)arg;
    return cancel_after(waits_on, 1);
}

static void row_14_cancel_within_grace(void **state)
{
    (void)state;
    runs(waits_while_cancelled);
    runs(cancelled_while_it_waits);
}

static int grace_ends(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(1) {
        CHECK_INT(bide_sleep(5), -ECANCELED);
        CHECK_AT(1);
        CHECK_INT(bide_sleep(5), -ECANCELED);
    }
    CHECK(bide_expired());
    CHECK_INT(bide_sleep(5), -ECANCELED);
    CHECK_AT(1);
    return 0;
}

static int no_grace(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(0) {
        CHECK_INT(bide_sleep(5), -ECANCELED);
    }
    CHECK(bide_expired());
    CHECK_AT(0);
    return 0;
}

static void row_15_cancel_after_grace(void **state)
{
    (void)state;
    runs(grace_ends);
    runs(no_grace);
}

static int nobody_cancels(void *arg)
{
    (void)arg;
    const double graces[] = {1, 0, -1};
    for (int i = 0; i < 3; i++) {
        BIDE_SHIELD(graces[i]) {
            CHECK_INT(bide_sleep(5), 0);
        }
        CHECK(!bide_expired());
    }
    CHECK_AT(15);
    return 0;
}

static void row_16_nobody_cancels(void **state)
{
    (void)state;
    runs(nobody_cancels);
}

static int cancelled_much_later(void *arg)
{
    (void)arg;
    BIDE_SHIELD(2) {
        CHECK_INT(bide_sleep(8), 0);
        CHECK_INT(bide_sleep(99), -ECANCELED);
        CHECK_AT(12);
    }
    CHECK(bide_expired());
    return 0;
}

static int grace_from_the_cancel(void *arg)
{
    (void)arg;
    return cancel_after(cancelled_much_later, 10);
}

static void row_17_grace_counts_from_the_cancel(void **state)
{
    (void)state;
    runs(grace_from_the_cancel);
}

static int deadline_inside(void *arg)
{
    (void)arg;
    BIDE_SHIELD(9) {
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_sleep(5), -ETIMEDOUT);
        }
        CHECK(bide_expired());
        CHECK_INT(bide_sleep(1), 0);
    }
    CHECK(!bide_expired());
    return 0;
}

static int deadline_inside_while_cancelled(void *arg)
{
    cancel_me();
    CHECK_INT(deadline_inside(arg), 0);
    CHECK_AT(2);
    return 0;
}

static void row_18_deadline_in_shield_within_grace(void **state)
{
    (void)state;
    runs(deadline_inside);
    runs(deadline_inside_while_cancelled);
}

static int grace_before_the_deadline(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(1) {
        BIDE_TIMEOUT(5) {
            CHECK_INT(bide_sleep(9), -ECANCELED);
            CHECK_AT(1);
        }
        CHECK(!bide_expired());
    }
    CHECK(bide_expired());
    return 0;
}

static void row_19_grace_over_deadline_not_due(void **state)
{
    (void)state;
    runs(grace_before_the_deadline);
}

static int grace_and_deadline_at_once(void *arg)
{
    (void)arg;
    cancel_me();
    const double seconds[] = {0, 1};
    for (int i = 0; i < 2; i++) {
        BIDE_SHIELD(seconds[i]) {
            BIDE_TIMEOUT(seconds[i]) {
                CHECK_INT(bide_sleep(5), -ECANCELED);
            }
            CHECK(!bide_expired());
        }
        CHECK(bide_expired());
    }
    CHECK_AT(1);
    return 0;
}

/* A second shield lets both pass, in either order, before the call. */
static int grace_and_deadline_passed(double grace, double seconds)
{
    BIDE_SHIELD(grace) {
        BIDE_TIMEOUT(seconds) {
            BIDE_SHIELD(9) {
                CHECK_INT(bide_sleep(3), 0);
            }
            CHECK_INT(bide_sleep(1), -ECANCELED);
        }
        CHECK(!bide_expired());
    }
    CHECK(bide_expired());
    return 0;
}

static int grace_and_deadline_in_either_order(void *arg)
{
    (void)arg;
    cancel_me();
    CHECK_INT(grace_and_deadline_passed(1, 2), 0);
    CHECK_INT(grace_and_deadline_passed(2, 1), 0);
    return 0;
}

static void row_20_grace_over_and_deadline_due(void **state)
{
    (void)state;
    runs(grace_and_deadline_at_once);
    runs(grace_and_deadline_in_either_order);
}

static int outer_deadline_is_not_seen(void *arg)
{
    (void)arg;
    const double seconds[] = {0, 1};
    for (int i = 0; i < 2; i++) {
        BIDE_TIMEOUT(seconds[i]) {
            BIDE_SHIELD(9) {
                BIDE_TIMEOUT(seconds[i]) {
                    CHECK_INT(bide_sleep(5), -ETIMEDOUT);
                }
                CHECK(bide_expired());
            }
            CHECK(!bide_expired());
        }
        CHECK(!bide_expired());
    }
    CHECK_AT(1);
    return 0;
}

static void row_21_shield_between_two_due_deadlines(void **state)
{
    (void)state;
    runs(outer_deadline_is_not_seen);
}

static int call_after_the_shield(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        BIDE_SHIELD(5) {
            CHECK_INT(bide_sleep(2), 0);
        }
        CHECK(!bide_expired());
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
        CHECK_AT(2);
    }
    CHECK(bide_expired());
    return 0;
}

static void row_22_deadline_meets_the_call_after_the_shield(void **state)
{
    (void)state;
    runs(call_after_the_shield);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_14_cancel_within_grace),
        cmocka_unit_test(row_15_cancel_after_grace),
        cmocka_unit_test(row_16_nobody_cancels),
        cmocka_unit_test(row_17_grace_counts_from_the_cancel),
        cmocka_unit_test(row_18_deadline_in_shield_within_grace),
        cmocka_unit_test(row_19_grace_over_deadline_not_due),
        cmocka_unit_test(row_20_grace_over_and_deadline_due),
        cmocka_unit_test(row_21_shield_between_two_due_deadlines),
        cmocka_unit_test(row_22_deadline_meets_the_call_after_the_shield),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
