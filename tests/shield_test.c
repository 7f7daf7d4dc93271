/* SPDX-License-Identifier: MIT */
/*
 * Shields: when their grace begins and ends, alone and nested, and what meets the first call
 * after them. The clock is virtual, so that times compare exactly. The function bide_shield has
 * a program of its own.
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

struct cancels {
    bide_fn fn;
    double at[2];
};

/* Runs a task and cancels it at each of the times. */
static int cancel_at(void *arg)
{
    const struct cancels *cancels = arg;
    struct bide_task *task = bide_create_task(cancels->fn, NULL);
    for (int i = 0; i < 2 && cancels->at[i] > 0; i++) {
        CHECK_INT(bide_sleep(cancels->at[i] - bide_time()), 0);
        CHECK_INT(bide_cancel(task), 1);
    }
    return bide_await(task, NULL);
}

static void runs_cancelled(bide_fn fn, double first, double second)
{
    struct cancels cancels = {fn, {first, second}};
    assert_int_equal(check_run(cancel_at, &cancels), 0);
}

/* Cancelled at 1: the grace of a shield that is entered at 5 counts from 5. */
static int pending_at_entry(void *arg)
{
    (void)arg;
    BIDE_SHIELD(9) {
        CHECK_INT(bide_sleep(5), 0);
    }
    BIDE_SHIELD(2) {
        CHECK_INT(bide_sleep(1.5), 0);
        CHECK_INT(bide_sleep(9), -ECANCELED);
        CHECK_AT(7);
    }
    CHECK(bide_expired());
    BIDE_SHIELD(2) {
        CHECK_INT(bide_sleep(1.5), 0);
    }
    CHECK(!bide_expired());
    CHECK_INT(bide_sleep(9), -ECANCELED);
    return 0;
}

/* Cancelled at 1 and at 2. */
static int first_cause_counts(void *arg)
{
    (void)arg;
    BIDE_SHIELD(3) {
        CHECK_INT(bide_sleep(9), -ECANCELED);
        CHECK_AT(4);
    }
    CHECK(bide_expired());
    return 0;
}

/* Cancelled at 2, after the deadline outside. */
static int first_cause_is_a_deadline(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        BIDE_SHIELD(3) {
            CHECK_INT(bide_sleep(9), -ECANCELED);
            CHECK_AT(4);
        }
        CHECK(bide_expired());
        CHECK_INT(bide_sleep(9), -ECANCELED);
    }
    CHECK(!bide_expired());
    return 0;
}

/* Cancelled at 1 and at 2, of which one is taken back at 2.5. */
static int one_cancel_is_left(void *arg)
{
    (void)arg;
    BIDE_SHIELD(3) {
        CHECK_INT(bide_sleep(2.5), 0);
        CHECK_INT(bide_uncancel(), 1);
        CHECK_INT(bide_sleep(9), -ECANCELED);
        CHECK_AT(4);
    }
    CHECK(bide_expired());
    return 0;
}

/* Cancelled at 1, which is taken back at 2, and again at 10. */
static int cancelled_anew(void *arg)
{
    (void)arg;
    BIDE_SHIELD(3) {
        CHECK_INT(bide_sleep(2), 0);
        CHECK_INT(bide_uncancel(), 0);
        CHECK_INT(bide_sleep(99), -ECANCELED);
        CHECK_AT(13);
    }
    CHECK(bide_expired());
    return 0;
}

static int without_limit(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(BIDE_FOREVER) {
        CHECK_INT(bide_sleep(1e6), 0);
    }
    CHECK(!bide_expired());
    return 0;
}

static void grace(void **state)
{
    (void)state;
    runs_cancelled(pending_at_entry, 1, 0);
    runs_cancelled(first_cause_counts, 1, 2);
    runs_cancelled(first_cause_is_a_deadline, 2, 0);
    runs_cancelled(one_cancel_is_left, 1, 2);
    runs_cancelled(cancelled_anew, 1, 10);
    runs(without_limit);
}

/* The exit tells of a call that was cut short, not of time. */
static int over_but_harmless(void *arg)
{
    (void)arg;
    struct bide_scope shield;
    cancel_me();
    BIDE_SHIELD(0) {
        CHECK(bide_cancelled());
    }
    CHECK(!bide_expired());
    bide_shield_enter(&shield, 1);
    int code = 1;
    BIDE_SHIELD(9) {
        code = bide_sleep(3);
    }
    CHECK_INT(bide_scope_exit(&shield), false);
    CHECK_INT(bide_expired(), false);
    CHECK_INT(code, 0);
    return 0;
}

static int cut_by_hand(void *arg)
{
    (void)arg;
    struct bide_scope shield;
    cancel_me();
    bide_shield_enter(&shield, 1);
    const int code = bide_sleep(9);
    CHECK_INT(bide_scope_exit(&shield), true);
    CHECK_INT(bide_expired(), true);
    CHECK_INT(code, -ECANCELED);
    return 0;
}

static void exit_value(void **state)
{
    (void)state;
    runs(over_but_harmless);
    runs(cut_by_hand);
}

/* Cancelled at 5: each shield has its own grace, one after the other, from the outside in. */
static int three_nested(void *arg)
{
    (void)arg;
    BIDE_SHIELD(1) {
        BIDE_SHIELD(2) {
            BIDE_SHIELD(4) {
                CHECK_INT(bide_sleep(99), -ECANCELED);
                CHECK_AT(12);
            }
            CHECK(bide_expired());
            CHECK_INT(bide_sleep(99), -ECANCELED);
        }
        CHECK_INT(bide_sleep(99), -ECANCELED);
        CHECK_AT(12);
    }
    CHECK(bide_expired());
    return 0;
}

/* The inner grace, as long as it is, does not lengthen the outer one. */
static int inner_left_early(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(3) {
        BIDE_SHIELD(99) {
            CHECK_INT(bide_sleep(1), 0);
        }
        CHECK_INT(bide_sleep(9), -ECANCELED);
        CHECK_AT(3);
    }
    CHECK(bide_expired());
    return 0;
}

static int outer_over_meanwhile(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(3) {
        CHECK_INT(bide_sleep(2), 0);
        BIDE_SHIELD(BIDE_FOREVER) {
            CHECK_INT(bide_sleep(3), 0);
        }
        CHECK(!bide_expired());
        CHECK_INT(bide_sleep(9), -ECANCELED);
        CHECK_AT(5);
    }
    CHECK(bide_expired());
    return 0;
}

/* A deadline between the two is a cause for the inner shield, from the moment when it is due. */
static int deadline_between(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(99) {
        BIDE_TIMEOUT(1) {
            BIDE_SHIELD(2) {
                CHECK_INT(bide_sleep(9), -ECANCELED);
                CHECK_AT(3);
            }
            CHECK(bide_expired());
            CHECK_INT(bide_sleep(9), -ETIMEDOUT);
        }
        CHECK(bide_expired());
        CHECK_INT(bide_sleep(1), 0);
    }
    CHECK(!bide_expired());
    return 0;
}

static void nested(void **state)
{
    (void)state;
    runs_cancelled(three_nested, 5, 0);
    runs(inner_left_early);
    runs(outer_over_meanwhile);
    runs(deadline_between);
}

static int fails_after_1(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(1), 0);
    return -EIO;
}

static int sleeps_9(void *arg)
{
    (void)arg;
    return bide_sleep(9);
}

static int shield_in_group(void *arg)
{
    (void)arg;
    struct bide_group group;
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, fails_after_1, NULL));
        BIDE_SHIELD(9) {
            CHECK_INT(bide_sleep(3), 0);
        }
        CHECK_INT(bide_sleep(9), -ECANCELED);
        CHECK_AT(3);
    }
    CHECK_INT(bide_group_result(&group), -EIO);
    return 0;
}

static int group_in_shield(void *arg)
{
    (void)arg;
    struct bide_group group;
    cancel_me();
    BIDE_SHIELD(9) {
        BIDE_GROUP(group) {
            CHECK(bide_group_start(&group, fails_after_1, NULL));
            CHECK_INT(bide_sleep(5), -ECANCELED);
            CHECK_AT(1);
        }
        CHECK_INT(bide_group_result(&group), -EIO);
        CHECK_INT(bide_sleep(1), 0);
    }
    CHECK(!bide_expired());
    return 0;
}

static int group_in_shield_that_is_over(void *arg)
{
    (void)arg;
    struct bide_group group;
    cancel_me();
    BIDE_SHIELD(1) {
        BIDE_GROUP(group) {
            CHECK(bide_group_start(&group, sleeps_9, NULL));
        }
        CHECK_INT(bide_group_result(&group), -ECANCELED);
        CHECK_AT(1);
    }
    CHECK(bide_expired());
    return 0;
}

static void with_groups(void **state)
{
    (void)state;
    runs(shield_in_group);
    runs(group_in_shield);
    runs(group_in_shield_that_is_over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grace),
        cmocka_unit_test(exit_value),
        cmocka_unit_test(nested),
        cmocka_unit_test(with_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
