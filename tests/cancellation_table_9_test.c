/* SPDX-License-Identifier: MIT */
/*
 * The truth table of cancellation, rows 45 and 47 to 50: bide_shield, calls that need not wait,
 * calls that never do, bide_cancelled, and a group that crosses a scope. The clock is virtual.
 * Row 46 is bide_wait's.
 */
#include "check.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)

static void runs(bide_fn fn)
{
    assert_int_equal(check_run(fn, NULL), 0);
}

static void cancel_me(void)
{
    bide_cancel(bide_current_task());
}

static int sleeps_3(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(3), 0);
    return 7;
}

static int shields(void *arg)
{
    int result = -1;
    CHECK_INT(bide_shield(arg, &result), -ECANCELED);
    CHECK_INT(result, -1);
    CHECK_AT(1);
    return 0;
}

static int shield_cancelled(void *arg)
{
    (void)arg;
    int result = -1;
    struct bide_task *task = bide_create_task(sleeps_3, NULL);
    struct bide_task *waiter = bide_create_task(shields, task);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_cancel(waiter), 1);
    CHECK_INT(bide_await(waiter, NULL), 0);
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, 7);
    CHECK_AT(3);
    return 0;
}

static int shield_while_cancelled(void *arg)
{
    (void)arg;
    int result = -1;
    struct bide_task *task = bide_create_task(sleeps_3, NULL);
    cancel_me();
    CHECK_INT(bide_shield(task, &result), -ECANCELED);
    CHECK_INT(result, -1);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_shield(task, &result), 0);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(result, 7);
    return 0;
}

static void row_45_shield_cancelled_handle_stays(void **state)
{
    (void)state;
    runs(shield_cancelled);
    runs(shield_while_cancelled);
}

static int ticks(void *arg)
{
    (void)arg;
    for (;;) {
        log_event("tick");
        if (bide_yield() < 0) return 0;
    }
}

static int calls_that_need_not_wait(void *arg)
{
    (void)arg;
    struct bide_task *ticker = bide_create_task(ticks, NULL);
    log_clear();
    cancel_me();
    const int code_yield = bide_yield();
    log_event("yield");
    const int code_0 = bide_sleep(0);
    log_event("sleep(0)");
    const int code_negative = bide_sleep(-1);
    log_event("sleep(-1)");
    CHECK_LOG("tick yield tick sleep(0) tick sleep(-1)");
    CHECK_INT(code_yield, -ECANCELED);
    CHECK_INT(code_0, -ECANCELED);
    CHECK_INT(code_negative, -ECANCELED);
    CHECK_AT(0);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_cancel(ticker), 1);
    return bide_await(ticker, NULL);
}

/* A loop that retries whatever fails does not freeze the others, here until they have all run. */
static int retry_loop(void *arg)
{
    (void)arg;
    struct bide_task *ticker = bide_create_task(ticks, NULL);
    log_clear();
    cancel_me();
    for (int i = 0; i < 3; i++) CHECK_INT(bide_sleep(9), -ECANCELED);
    CHECK_LOG("tick tick tick");
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_cancel(ticker), 1);
    return bide_await(ticker, NULL);
}

static void row_47_yield_and_sleep_0_cancelled(void **state)
{
    (void)state;
    runs(calls_that_need_not_wait);
    runs(retry_loop);
}

static int never_waits(void)
{
    int fds[2];
    struct bide_scope scope;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK_INT(bide_adopt(fds[0]), 0);
    CHECK_INT(bide_release(fds[0]), 0);
    CHECK_INT(bide_adopt(fds[1]), 0);
    CHECK_INT(bide_close(fds[1]), 0);
    CHECK_INT(bide_close(fds[0]), 0);
    const int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    CHECK_INT(bide_close(fd), 0);
    bide_timeout_enter(&scope, 0);
    CHECK(!bide_scope_exit(&scope));
    return 0;
}

/* None of these calls checks, and none lets the other task run. */
static int never_waits_while_cancelled(void *arg)
{
    (void)arg;
    struct bide_task *ticker = bide_create_task(ticks, NULL), *other = bide_create_task(ticks, NULL);
    log_clear();
    cancel_me();
    CHECK_INT(never_waits(), 0);
    BIDE_TIMEOUT(0) {
        CHECK_INT(never_waits(), 0);
    }
    CHECK_INT(bide_cancel(other), 1);
    bide_detach(other);
    CHECK_INT(bide_cancel(ticker), 1);
    CHECK_LOG("");
    CHECK_INT(bide_await(ticker, NULL), -ECANCELED);
    CHECK_LOG("tick tick");
    return 0;
}

static void row_48_close_and_release_cancelled(void **state)
{
    (void)state;
    runs(never_waits_while_cancelled);
}

static int cancelled_by_outer_deadline(void *arg)
{
    (void)arg;
    CHECK(!bide_cancelled());
    BIDE_TIMEOUT(1) {
        BIDE_TIMEOUT(5) {
            CHECK(!bide_cancelled());
            CHECK_INT(bide_sleep(9), -ECANCELED);
            CHECK(bide_cancelled());
        }
        CHECK(bide_cancelled());
    }
    CHECK(!bide_cancelled());
    BIDE_TIMEOUT(0) {
        CHECK(bide_cancelled());
    }
    CHECK(!bide_cancelled());
    return 0;
}

static int cancelled_in_a_shield(void *arg)
{
    (void)arg;
    cancel_me();
    CHECK(bide_cancelled());
    BIDE_SHIELD(1) {
        CHECK(!bide_cancelled());
        CHECK_INT(bide_sleep(9), -ECANCELED);
        CHECK(bide_cancelled());
    }
    BIDE_SHIELD(0) {
        CHECK(bide_cancelled());
    }
    CHECK(bide_cancelled());
    CHECK_INT(bide_uncancel(), 0);
    CHECK(!bide_cancelled());
    return 0;
}

static void row_49_cancelled(void **state)
{
    (void)state;
    runs(cancelled_by_outer_deadline);
    runs(cancelled_in_a_shield);
    assert_false(bide_cancelled());
}

static int group_left_inside_a_timeout(void *arg)
{
    (void)arg;
    struct bide_group group;
    struct bide_scope scope;
    bide_group_enter(&group);
    bide_timeout_enter(&scope, 1);
    return bide_group_exit(&group);
}

static int group_left_inside_a_shield(void *arg)
{
    (void)arg;
    struct bide_group group;
    struct bide_scope scope;
    bide_group_enter(&group);
    bide_shield_enter(&scope, 1);
    return bide_group_exit(&group);
}

static int in_child(void *fn)
{
    return bide_run(*(bide_fn *)fn, NULL);
}

static void row_50_group_left_inside_a_scope(void **state)
{
    (void)state;
    bide_fn crossed = group_left_inside_a_timeout;
    check_aborts(in_child, &crossed, "group");
    check_aborts(in_child, &crossed, "timeout");
    crossed = group_left_inside_a_shield;
    check_aborts(in_child, &crossed, "group");
    check_aborts(in_child, &crossed, "shield");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_45_shield_cancelled_handle_stays),
        cmocka_unit_test(row_47_yield_and_sleep_0_cancelled),
        cmocka_unit_test(row_48_close_and_release_cancelled),
        cmocka_unit_test(row_49_cancelled),
        cmocka_unit_test(row_50_group_left_inside_a_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
