/* SPDX-License-Identifier: MIT */
/*
 * The truth table of cancellation, rows 35 to 39: failures beside cancels in gather and groups.
 * The clock is virtual, so that times compare exactly.
 */
#include "check.h"

#include <string.h>

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)

static void runs(bide_fn fn)
{
    assert_int_equal(check_run(fn, NULL), 0);
}

static void cancel_me(void)
{
    bide_cancel(bide_current_task());
}

/* Runs fn as a task and cancels it after a second; this timer is armed before those of fn. */
static int cancel_after_1(void *fn)
{
    struct bide_task *task = bide_create_task(*(bide_fn *)fn, NULL);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_cancel(task), 1);
    return bide_await(task, NULL);
}

/* The same with a timer that is armed after those of fn. */
static int cancel_after_1_last(void *fn)
{
    struct bide_task *task = bide_create_task(*(bide_fn *)fn, NULL);
    CHECK_INT(bide_sleep(0.5), 0);
    CHECK_INT(bide_sleep(0.5), 0);
    CHECK_INT(bide_cancel(task), 1);
    return bide_await(task, NULL);
}

static void runs_cancelled(bide_fn fn)
{
    assert_int_equal(check_run(cancel_after_1, &fn), 0);
}

static void runs_cancelled_last(bide_fn fn)
{
    assert_int_equal(check_run(cancel_after_1_last, &fn), 0);
}

static int sleeps_100(void *arg)
{
    (void)arg;
    return bide_sleep(100);
}

static int fails_in_clean_up(void *arg)
{
    (void)arg;
    return bide_sleep(100) < 0 ? -EIO : 0;
}

static int fails_after_1(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(1), 0);
    return -EIO;
}

static int fails_after_half(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(0.5), 0);
    return -EIO;
}

static int cleans_up_for_3(void *arg)
{
    (void)arg;
    BIDE_SHIELD(9) {
        CHECK_INT(bide_sleep(3), 0);
    }
    return 0;
}

static int says_cancelled(void *arg)
{
    (void)arg;
    return -ECANCELED;
}

static int call_fails_then_cancel(void *arg)
{
    (void)arg;
    const struct bide_call calls[] = {{sleeps_100, NULL}, {fails_after_half, NULL}, {cleans_up_for_3, NULL}};
    CHECK_INT(bide_gather(calls, 3, NULL), -EIO);
    CHECK_AT(3);
    CHECK_INT(bide_yield(), -ECANCELED);
    return 0;
}

static int cancel_then_call_fails(void *arg)
{
    (void)arg;
    const struct bide_call calls[] = {{sleeps_100, NULL}, {fails_in_clean_up, NULL}, {sleeps_100, NULL}};
    CHECK_INT(bide_gather(calls, 3, NULL), -EIO);
    CHECK_AT(1);
    CHECK_INT(bide_yield(), -ECANCELED);
    return 0;
}

static int call_fails_in_the_turn_of_the_cancel(void *arg)
{
    (void)arg;
    const struct bide_call calls[] = {{sleeps_100, NULL}, {fails_after_1, NULL}, {sleeps_100, NULL}};
    CHECK_INT(bide_gather(calls, 3, NULL), -EIO);
    CHECK_AT(1);
    return 0;
}

static void row_35_gather_null_call_fails_and_cancel(void **state)
{
    (void)state;
    runs_cancelled(call_fails_then_cancel);
    runs_cancelled(cancel_then_call_fails);
    runs_cancelled(call_fails_in_the_turn_of_the_cancel);
    runs_cancelled_last(call_fails_in_the_turn_of_the_cancel);
}

static int leaves_a_group(bide_fn child, int expected)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, sleeps_100, NULL));
        CHECK(bide_group_start(&group, child, NULL));
    }
    CHECK_INT(bide_group_result(&group), expected);
    return 0;
}

static int child_fails_in_clean_up(void *arg)
{
    (void)arg;
    CHECK_INT(leaves_a_group(fails_in_clean_up, -EIO), 0);
    CHECK_AT(1);
    CHECK_INT(bide_yield(), -ECANCELED);
    return 0;
}

/* The child has not run yet: it does, and its first call fails. */
static int cancelled_before_the_exit(void *arg)
{
    (void)arg;
    struct bide_group group;
    bide_group_enter(&group);
    bide_group_start(&group, fails_in_clean_up, NULL);
    cancel_me();
    const int code = bide_group_exit(&group);
    CHECK_INT(code, -EIO);
    CHECK_INT(bide_group_result(&group), -EIO);
    CHECK_AT(0);
    return 0;
}

/* The last children end between the cancel and the next run of the task that leaves the group. */
static int child_fails_in_the_turn_of_the_cancel(void *arg)
{
    (void)arg;
    CHECK_INT(leaves_a_group(fails_after_1, -EIO), 0);
    CHECK_AT(1);
    CHECK_INT(bide_sleep(1), -ECANCELED);
    return 0;
}

static void row_36_group_exit_cancelled_child_fails_in_clean_up(void **state)
{
    (void)state;
    runs_cancelled(child_fails_in_clean_up);
    runs(cancelled_before_the_exit);
    runs_cancelled(child_fails_in_the_turn_of_the_cancel);
    runs_cancelled_last(child_fails_in_the_turn_of_the_cancel);
}

static int children_only_cancelled(void *arg)
{
    (void)arg;
    CHECK_INT(leaves_a_group(sleeps_100, -ECANCELED), 0);
    CHECK_AT(1);
    return 0;
}

static int children_only_cancelled_by_deadline(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        CHECK_INT(leaves_a_group(sleeps_100, -ETIMEDOUT), 0);
    }
    CHECK(bide_expired());
    CHECK_AT(1);
    return 0;
}

static int cancelled_already(void *arg)
{
    (void)arg;
    cancel_me();
    CHECK_INT(leaves_a_group(sleeps_100, -ECANCELED), 0);
    CHECK_AT(0);
    return 0;
}

static void row_37_group_exit_cancelled_children_only_cancelled(void **state)
{
    (void)state;
    runs_cancelled(children_only_cancelled);
    runs(children_only_cancelled_by_deadline);
    runs(cancelled_already);
}

static int child_says_cancelled(void *arg)
{
    (void)arg;
    struct bide_group group;
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, says_cancelled, NULL));
        CHECK(bide_group_start(&group, cleans_up_for_3, NULL));
        CHECK_INT(bide_sleep(1), 0);
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_AT(3);
    return 0;
}

static int gathered_call_says_cancelled(void *arg)
{
    (void)arg;
    const struct bide_call calls[] = {{sleeps_100, NULL}, {says_cancelled, NULL}};
    int results[2] = {-1, -1};
    CHECK_INT(bide_gather(calls, 2, NULL), -ECANCELED);
    CHECK_AT(0);
    CHECK_INT(bide_gather(calls, 2, results), 0);
    CHECK_AT(100);
    CHECK_INT(results[0], 0);
    CHECK_INT(results[1], -ECANCELED);
    return 0;
}

static void row_38_child_returns_cancelled_by_itself(void **state)
{
    (void)state;
    runs(child_says_cancelled);
    runs(gathered_call_says_cancelled);
}

static int logs_its_end(void *arg)
{
    const int code = bide_sleep(100);
    log_event("%s%d", (const char *)arg, code == -ECANCELED);
    return code;
}

static int cancels_its_group(void *arg)
{
    (void)arg;
    struct bide_group group;
    log_clear();
    bide_group_enter(&group);
    bide_group_start(&group, logs_its_end, "a");
    bide_group_start(&group, logs_its_end, "b");
    const int before = bide_sleep(1);
    bide_group_cancel(&group);
    const int after = bide_sleep(1);
    const int code = bide_group_exit(&group);
    CHECK_INT(before, 0);
    CHECK_INT(after, -ECANCELED);
    CHECK_INT(code, 0);
    CHECK_LOG("a1 b1");
    CHECK_AT(1);
    CHECK_INT(bide_sleep(1), 0);
    return 0;
}

static int cancels_its_group_last(void *arg)
{
    (void)arg;
    struct bide_group group;
    log_clear();
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, logs_its_end, "a"));
        bide_group_cancel(&group);
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_LOG("a1");
    CHECK_AT(0);
    return 0;
}

static void row_39_group_cancel_then_exit(void **state)
{
    (void)state;
    runs(cancels_its_group);
    runs(cancels_its_group_last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_35_gather_null_call_fails_and_cancel),
        cmocka_unit_test(row_36_group_exit_cancelled_child_fails_in_clean_up),
        cmocka_unit_test(row_37_group_exit_cancelled_children_only_cancelled),
        cmocka_unit_test(row_38_child_returns_cancelled_by_itself),
        cmocka_unit_test(row_39_group_cancel_then_exit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
