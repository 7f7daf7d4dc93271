/* SPDX-License-Identifier: MIT */
/*
 * The truth table of cancellation, rows 23 to 29: shields whose grace is over, bide_uncancel,
 * and groups as scopes. The clock is virtual, so that times compare exactly.
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

static int deadline_then_grace(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        BIDE_SHIELD(1) {
            CHECK_INT(bide_sleep(9), -ECANCELED);
            CHECK_AT(2);
        }
        CHECK(bide_expired());
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(bide_sleep(1), 0);
    return 0;
}

/* The deadline was the cause of the call that failed in the shield: that is enough. */
static int deadline_cuts_only_inside(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        BIDE_SHIELD(1) {
            CHECK_INT(bide_sleep(9), -ECANCELED);
        }
        CHECK(bide_expired());
    }
    CHECK(bide_expired());
    return 0;
}

static void row_23_grace_over_inside_a_deadline(void **state)
{
    (void)state;
    runs(deadline_then_grace);
    runs(deadline_cuts_only_inside);
}

static int entered_after_the_grace(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(1) {
        CHECK_INT(bide_sleep(9), -ECANCELED);
        BIDE_SHIELD(2) {
            CHECK_INT(bide_sleep(9), -ECANCELED);
            CHECK_AT(3);
        }
        CHECK(bide_expired());
        CHECK_INT(bide_sleep(9), -ECANCELED);
    }
    CHECK(bide_expired());
    return 0;
}

static int entered_within_the_grace(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(1) {
        BIDE_SHIELD(2) {
            CHECK_INT(bide_sleep(2.5), 0);
            CHECK_INT(bide_sleep(9), -ECANCELED);
            CHECK_AT(3);
        }
        CHECK(bide_expired());
        CHECK_INT(bide_sleep(9), -ECANCELED);
    }
    CHECK(bide_expired());
    return 0;
}

static void row_24_second_shield_waits_its_own_grace(void **state)
{
    (void)state;
    runs(entered_after_the_grace);
    runs(entered_within_the_grace);
}

static int cancels_are_counted(void *arg)
{
    (void)arg;
    cancel_me();
    cancel_me();
    CHECK_INT(bide_sleep(1), -ECANCELED);
    CHECK_INT(bide_uncancel(), 1);
    CHECK_INT(bide_sleep(1), -ECANCELED);
    CHECK_AT(0);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

static int counts_from_others(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(9), -ECANCELED);
    CHECK_INT(bide_uncancel(), 1);
    CHECK_INT(bide_sleep(9), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_sleep(9), 0);
    CHECK_AT(10);
    return 0;
}

static int cancelled_twice_while_it_waits(void *arg)
{
    (void)arg;
    struct bide_task *task = bide_create_task(counts_from_others, NULL);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(bide_cancel(task), 1);
    return bide_await(task, NULL);
}

static void row_25_two_cancels_one_uncancel(void **state)
{
    (void)state;
    runs(cancels_are_counted);
    runs(cancelled_twice_while_it_waits);
}

static int taken_back_in_time(void *arg)
{
    (void)arg;
    BIDE_SHIELD(2) {
        cancel_me();
        CHECK_INT(bide_sleep(1), 0);
        CHECK_INT(bide_uncancel(), 0);
        CHECK_INT(bide_sleep(5), 0);
    }
    CHECK(!bide_expired());
    CHECK_INT(bide_sleep(1), 0);
    CHECK_AT(7);
    return 0;
}

static int held_off_then_taken_back(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(2) {
        CHECK_INT(bide_sleep(1), 0);
    }
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_sleep(1), 0);
    return 0;
}

static void row_26_cancel_in_shield_taken_back(void **state)
{
    (void)state;
    runs(taken_back_in_time);
    runs(held_off_then_taken_back);
}

static int deadline_stays(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        BIDE_TIMEOUT(5) {
            CHECK_INT(bide_sleep(9), -ECANCELED);
            CHECK_INT(bide_uncancel(), 0);
            CHECK_INT(bide_sleep(9), -ECANCELED);
        }
        CHECK_INT(bide_uncancel(), 0);
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    return 0;
}

static int stays_cancelled(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(9), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_sleep(9), -ECANCELED);
    return 0;
}

static int group_cancel_stays(void *arg)
{
    (void)arg;
    struct bide_group group;
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, stays_cancelled, NULL));
        CHECK_INT(bide_yield(), 0);
        bide_group_cancel(&group);
        CHECK_INT(bide_uncancel(), 0);
        CHECK_INT(bide_sleep(9), -ECANCELED);
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_AT(1);
    return 0;
}

static void row_27_uncancel_of_deadline_or_group(void **state)
{
    (void)state;
    runs(deadline_stays);
    runs(group_cancel_stays);
}

static int fails_after_1(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(1), 0);
    return -EIO;
}

static int fails_at_once(void *arg)
{
    (void)arg;
    return -EIO;
}

static int child_fails_while_i_wait(void *arg)
{
    (void)arg;
    struct bide_group group;
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, fails_after_1, NULL));
        CHECK_INT(bide_sleep(9), -ECANCELED);
        CHECK_AT(1);
        CHECK_INT(bide_yield(), -ECANCELED);
    }
    CHECK(!bide_expired());
    CHECK_INT(bide_group_result(&group), -EIO);
    CHECK_INT(bide_sleep(1), 0);
    return 0;
}

static int child_fails_before_i_wait(void *arg)
{
    (void)arg;
    struct bide_group group;
    bide_group_enter(&group);
    const bool started = bide_group_start(&group, fails_at_once, NULL);
    (void)bide_yield(); /* lets the child fail; either code is right for this one */
    const int first_after = bide_sleep(9);
    const int code = bide_group_exit(&group);
    CHECK(started);
    CHECK_INT(first_after, -ECANCELED);
    CHECK_INT(code, -EIO);
    CHECK_AT(0);
    return 0;
}

static void row_28_child_of_my_group_fails(void **state)
{
    (void)state;
    runs(child_fails_while_i_wait);
    runs(child_fails_before_i_wait);
}

static int sleeps_9(void *arg)
{
    (void)arg;
    return bide_sleep(9);
}

static int fails_in_clean_up(void *arg)
{
    (void)arg;
    return bide_sleep(9) < 0 ? -EIO : 0;
}

/* Falls due in the body's own call, or, without one, while the end of the block joins. */
static int group_in_timeout(bide_fn child, bool waits, int expected)
{
    struct bide_group group;
    const double start = bide_time();
    BIDE_TIMEOUT(1) {
        BIDE_GROUP(group) {
            CHECK(bide_group_start(&group, child, NULL));
            if (waits) CHECK_INT(bide_sleep(9), -ECANCELED);
        }
        CHECK(!bide_expired());
        CHECK_INT(bide_group_result(&group), expected);
    }
    CHECK(bide_expired());
    CHECK_AT(start + 1);
    return 0;
}

static int group_in_timeout_every_way(void *arg)
{
    (void)arg;
    CHECK_INT(group_in_timeout(sleeps_9, true, -ETIMEDOUT), 0);
    CHECK_INT(group_in_timeout(sleeps_9, false, -ETIMEDOUT), 0);
    CHECK_INT(group_in_timeout(fails_in_clean_up, true, -EIO), 0);
    CHECK_INT(group_in_timeout(fails_in_clean_up, false, -EIO), 0);
    return 0;
}

static void row_29_group_in_timeout(void **state)
{
    (void)state;
    runs(group_in_timeout_every_way);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_23_grace_over_inside_a_deadline),
        cmocka_unit_test(row_24_second_shield_waits_its_own_grace),
        cmocka_unit_test(row_25_two_cancels_one_uncancel),
        cmocka_unit_test(row_26_cancel_in_shield_taken_back),
        cmocka_unit_test(row_27_uncancel_of_deadline_or_group),
        cmocka_unit_test(row_28_child_of_my_group_fails),
        cmocka_unit_test(row_29_group_in_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
