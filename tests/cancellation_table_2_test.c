/* SPDX-License-Identifier: MIT */
/*
 * The truth table of cancellation, rows 6, 7, 8 and 13: two deadlines, those that are due at
 * once, and those that pass unnoticed. The clock is virtual, but where two different deadlines
 * must be due in one turn, or pass while the task computes.
 */
#include "check.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)

static void runs(bide_fn fn)
{
    assert_int_equal(check_run(fn, NULL), 0);
}

static void runs_in_real_time(bide_fn fn)
{
    assert_int_equal(check_run_with(NULL, fn, NULL), 0);
}

/* What computing does to the loop: no call, and real time goes by. */
static void compute(double seconds)
{
    const struct timespec time = {0, (long)(seconds * 1e9)};
    nanosleep(&time, NULL);
}

static int seven(void *arg)
{
    (void)arg;
    return 7;
}

static int both_due_at_once(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(0) {
        BIDE_TIMEOUT(0) {
            CHECK_INT(bide_sleep(1), -ECANCELED);
        }
        CHECK(!bide_expired());
    }
    CHECK(bide_expired());
    return 0;
}

/* The shield lets both deadlines pass, the inner or the outer one first, before the call. */
static int both_passed(double outer, double inner)
{
    BIDE_TIMEOUT(outer) {
        BIDE_TIMEOUT(inner) {
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

static int both_passed_in_either_order(void *arg)
{
    (void)arg;
    CHECK_INT(both_passed(2, 1), 0);
    CHECK_INT(both_passed(1, 2), 0);
    return 0;
}

static int inner_cut_a_call_before(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(2) {
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_sleep(5), -ETIMEDOUT);
            BIDE_SHIELD(9) {
                CHECK_INT(bide_sleep(5), 0);
            }
            CHECK_INT(bide_sleep(5), -ECANCELED);
        }
        CHECK(bide_expired());
    }
    CHECK(bide_expired());
    return 0;
}

/* In real time: the loop sees both in one turn, the inner or the outer one first. */
static int both_in_one_turn(double outer, double inner)
{
    BIDE_TIMEOUT(outer) {
        BIDE_TIMEOUT(inner) {
            compute(0.005);
            CHECK_INT(bide_sleep(60), -ECANCELED);
        }
        CHECK(!bide_expired());
    }
    CHECK(bide_expired());
    return 0;
}

static int both_in_one_turn_in_either_order(void *arg)
{
    (void)arg;
    CHECK_INT(both_in_one_turn(0.002, 0.001), 0);
    CHECK_INT(both_in_one_turn(0.001, 0.002), 0);
    return 0;
}

static void row_06_own_and_outer_deadline(void **state)
{
    (void)state;
    runs(both_due_at_once);
    runs(both_passed_in_either_order);
    runs(inner_cut_a_call_before);
    runs_in_real_time(both_in_one_turn_in_either_order);
}

static int equal_deadlines(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_sleep(5), -ECANCELED);
        }
        CHECK(!bide_expired());
        CHECK_AT(1);
        CHECK_INT(bide_sleep(5), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(bide_sleep(1), 0);
    return 0;
}

/* The inner one is entered later, for what is left of the outer one, as a careful callee would. */
static int equal_deadlines_later(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(0.5), 0);
        BIDE_TIMEOUT(0.5) {
            CHECK_INT(bide_sleep(5), -ECANCELED);
        }
        CHECK(!bide_expired());
        CHECK_AT(1);
    }
    CHECK(bide_expired());
    return 0;
}

/* The inner deadline was armed first, so it fires first, and the outer one before the task runs. */
static int equal_deadlines_inner_armed_first(void *arg)
{
    (void)arg;
    struct bide_scope outer, inner;
    bide_timeout_enter(&outer, 9);
    bide_timeout_enter(&inner, 1);
    const int moved = bide_timeout_reschedule(&outer, 1);
    const int code = bide_sleep(5);
    const bool inner_cut = bide_scope_exit(&inner), outer_cut = bide_scope_exit(&outer);
    CHECK_INT(moved, 0);
    CHECK_INT(code, -ECANCELED);
    CHECK_INT(inner_cut, false);
    CHECK_INT(outer_cut, true);
    CHECK_AT(1);
    return 0;
}

static int three_equal_deadlines(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        BIDE_TIMEOUT(1) {
            BIDE_TIMEOUT(1) {
                CHECK_INT(bide_sleep(5), -ECANCELED);
            }
            CHECK(!bide_expired());
        }
        CHECK(!bide_expired());
    }
    CHECK(bide_expired());
    return 0;
}

static void row_07_equal_deadlines(void **state)
{
    (void)state;
    runs(equal_deadlines);
    runs(equal_deadlines_later);
    runs(equal_deadlines_inner_armed_first);
    runs(three_equal_deadlines);
}

static int data_stays_unread(void *arg)
{
    (void)arg;
    const double due[] = {0, -1, -BIDE_FOREVER};
    int fds[2];
    char byte = 'y';
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK_INT(bide_adopt(fds[0]), 0);
    CHECK_INT(write(fds[1], "x", 1), 1);
    for (int i = 0; i < 3; i++) {
        BIDE_TIMEOUT(due[i]) {
            CHECK_INT(bide_read(fds[0], &byte, 1), -ETIMEDOUT);
        }
        CHECK(bide_expired());
    }
    CHECK_INT(byte, 'y');
    CHECK_INT(bide_read(fds[0], &byte, 1), 1);
    CHECK_INT(byte, 'x');
    CHECK_INT(bide_close(fds[0]), 0);
    CHECK_INT(close(fds[1]), 0);
    return 0;
}

static int ended_task_at_hand(void *arg)
{
    (void)arg;
    int result = -1;
    struct bide_task *task = bide_create_task(seven, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK(bide_task_done(task));
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_await(task, &result), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(result, 7);
    return 0;
}

static void row_08_timeout_0_with_data_at_hand(void **state)
{
    (void)state;
    runs(data_stays_unread);
    runs(ended_task_at_hand);
}

static int passed_before_the_exit(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(0.001) {
        compute(0.005);
    }
    CHECK(!bide_expired());
    return 0;
}

static int no_call_at_all(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(0) {
        CHECK(!bide_expired());
    }
    CHECK(!bide_expired());
    return 0;
}

/* The loop has seen the deadline, and still it cut nothing short. */
static int seen_but_harmless(void *arg)
{
    (void)arg;
    struct bide_scope scope;
    bide_timeout_enter(&scope, 1);
    int code = 1;
    BIDE_SHIELD(9) {
        code = bide_sleep(2);
    }
    const bool reached = bide_timeout_expired(&scope);
    const bool cut = bide_scope_exit(&scope);
    CHECK_INT(code, 0);
    CHECK_INT(reached, true);
    CHECK_INT(cut, false);
    CHECK_INT(bide_expired(), false);
    CHECK_AT(2);
    return 0;
}

static void row_13_body_succeeded_late(void **state)
{
    (void)state;
    runs_in_real_time(passed_before_the_exit);
    runs(no_call_at_all);
    runs(seen_but_harmless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_06_own_and_outer_deadline),
        cmocka_unit_test(row_07_equal_deadlines),
        cmocka_unit_test(row_08_timeout_0_with_data_at_hand),
        cmocka_unit_test(row_13_body_succeeded_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
