/* SPDX-License-Identifier: MIT */
/*
 * Scopes as an API: entered by hand and as blocks, left in every way, moved, asked, and nested
 * deep. What a call gives in which scope is the matter of the cancellation tables, odd durations
 * that of scope_deadline_test. The clock is virtual, so that times compare exactly.
 */
#include "check.h"

#include <stdlib.h>

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)

static void runs(bide_fn fn)
{
    assert_int_equal(check_run(fn, NULL), 0);
}

enum way { TO_THE_END, BREAK, CONTINUE, GOTO, RETURN };

static int leaves(enum way way)
{
    int passed = 0;
    for (int i = 0; i < 2; i++) {
        BIDE_TIMEOUT(1) {
            if (way == BREAK) break;
            if (way == CONTINUE) continue;
            if (way == GOTO) goto out;
            if (way == RETURN) return 50;
            passed += 10;
        }
        passed++;
    }
out:
    return passed;
}

/* break and continue leave the block, and not the loop around it. */
static int blocks_left_in_every_way(void *arg)
{
    (void)arg;
    CHECK_INT(leaves(TO_THE_END), 22);
    CHECK_INT(leaves(BREAK), 2);
    CHECK_INT(leaves(CONTINUE), 2);
    CHECK_INT(leaves(GOTO), 0);
    CHECK_INT(leaves(RETURN), 50);
    CHECK_INT(bide_sleep(5), 0);
    CHECK(!bide_expired());
    return 0;
}

/* One jump leaves three blocks; the outermost is the one that is left last. */
static int leaves_three(enum way way)
{
    BIDE_TIMEOUT(0) {
        BIDE_SHIELD(BIDE_FOREVER) {
            BIDE_TIMEOUT(1) {
                if (bide_sleep(9) != -ETIMEDOUT) return -EPROTO;
                if (way == GOTO) goto out;
                return 50;
            }
        }
    }
out:
    return 0;
}

static int nested_blocks_left_at_once(void *arg)
{
    (void)arg;
    CHECK_INT(leaves_three(GOTO), 0);
    CHECK(!bide_expired());
    CHECK_INT(leaves_three(RETURN), 50);
    CHECK_INT(bide_sleep(9), 0);
    CHECK_AT(11);
    return 0;
}

static int expired_after_a_break(void *arg)
{
    (void)arg;
    for (enum way way = BREAK; way <= CONTINUE; way++) {
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_sleep(9), -ETIMEDOUT);
            if (way == BREAK) break;
            continue;
        }
        CHECK(bide_expired());
    }
    return 0;
}

static void blocks(void **state)
{
    (void)state;
    runs(blocks_left_in_every_way);
    runs(nested_blocks_left_at_once);
    runs(expired_after_a_break);
}

static int expires_not(void *arg)
{
    (void)arg;
    CHECK(!bide_expired());
    BIDE_TIMEOUT(5) {
        CHECK_INT(bide_sleep(1), 0);
    }
    CHECK(!bide_expired());
    return 0;
}

/* bide_expired tells of this task's last block, whatever others do and whatever comes between. */
static int expired_is_the_tasks_own(void *arg)
{
    (void)arg;
    CHECK(!bide_expired());
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(bide_await(bide_create_task(expires_not, NULL), NULL), 0);
    CHECK(bide_expired());
    BIDE_TIMEOUT(5) {
        BIDE_TIMEOUT(0) {
            CHECK_INT(bide_sleep(9), -ETIMEDOUT);
        }
        CHECK(bide_expired());
    }
    CHECK(!bide_expired());
    return 0;
}

static int expired_after_a_group(void *arg)
{
    (void)arg;
    struct bide_group group;
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    BIDE_GROUP(group) {
        CHECK(bide_expired());
    }
    CHECK(!bide_expired());
    return 0;
}

/* What comes after the call that was cut short, but before the exit, is another call's matter. */
static int later_causes_change_nothing(void *arg)
{
    (void)arg;
    struct bide_group group;
    struct bide_scope outer, inner;
    BIDE_GROUP(group) {
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_sleep(9), -ETIMEDOUT);
            bide_group_cancel(&group);
        }
        CHECK(bide_expired());
    }
    bide_timeout_enter(&outer, 9);
    bide_timeout_enter(&inner, 1);
    const int code = bide_sleep(9), moved = bide_timeout_reschedule(&outer, 0);
    const bool inner_cut = bide_scope_exit(&inner), outer_cut = bide_scope_exit(&outer);
    CHECK_INT(code, -ETIMEDOUT);
    CHECK_INT(moved, 0);
    CHECK_INT(inner_cut, true);
    CHECK_INT(outer_cut, false);
    return 0;
}

static void expired(void **state)
{
    (void)state;
    runs(later_causes_change_nothing);
    runs(expired_is_the_tasks_own);
    runs(expired_after_a_group);
}

#define MANY 1000

/* All deadlines are different; leaves from the inside out and counts the scopes that were right. */
static int leave_many(struct bide_scope *scopes, bool inner_first)
{
    int right = 0;
    for (int i = MANY - 1; i >= 0; i--) {
        const int code = inner_first || i == MANY - 1 ? bide_sleep(1e6) : 1;
        const int expected = inner_first ? -ETIMEDOUT : i == MANY - 1 ? -ECANCELED : 1;
        const bool cut = bide_scope_exit(&scopes[i]);
        right += code == expected && cut == (inner_first || i == 0);
    }
    return right;
}

static int nests(bool inner_first)
{
    struct bide_scope *scopes = calloc(MANY, sizeof *scopes);
    CHECK(scopes);
    for (int i = 0; i < MANY; i++) bide_timeout_enter(&scopes[i], inner_first ? MANY - i : 1 + i);
    const int right = leave_many(scopes, inner_first);
    free(scopes);
    CHECK_INT(right, MANY);
    CHECK_AT(inner_first ? MANY : 1);
    CHECK_INT(bide_sleep(MANY), 0);
    return 0;
}

static int nests_inner_first(void *arg)
{
    (void)arg;
    return nests(true);
}

static int nests_outer_first(void *arg)
{
    (void)arg;
    return nests(false);
}

static void many_deep(void **state)
{
    (void)state;
    runs(nests_inner_first);
    runs(nests_outer_first);
}

/* Enters with the first duration, moves the deadline after half a second, and sees when it comes. */
static int moves(double first, double second, double at)
{
    struct bide_scope scope;
    const double start = bide_time();
    bide_timeout_enter(&scope, first);
    const int half = bide_sleep(0.5), moved = bide_timeout_reschedule(&scope, second);
    const double when = bide_timeout_when(&scope);
    const bool reached = bide_timeout_expired(&scope);
    const int code = bide_sleep(1000);
    const bool reached_then = bide_timeout_expired(&scope), cut = bide_scope_exit(&scope);
    CHECK_INT(half, 0);
    CHECK_INT(moved, 0);
    CHECK(second < BIDE_FOREVER || when == BIDE_FOREVER);
    CHECK(second == BIDE_FOREVER || (when > start + at - 1e-6 && when < start + at + 1e-6));
    CHECK_INT(reached, second <= 0);
    CHECK_INT(code, at < 1000 ? -ETIMEDOUT : 0);
    CHECK_INT(reached_then, at < 1000);
    CHECK_INT(cut, at < 1000);
    CHECK_AT(start + at);
    return 0;
}

static int deadline_moved(void *arg)
{
    (void)arg;
    CHECK_INT(moves(1, 5, 5.5), 0);
    CHECK_INT(moves(9, 1, 1.5), 0);
    CHECK_INT(moves(BIDE_FOREVER, 1, 1.5), 0);
    CHECK_INT(moves(1, BIDE_FOREVER, 1000.5), 0);
    CHECK_INT(moves(1, 0, 0.5), 0);
    return 0;
}

/* Once it has been reached, a deadline stays. */
static int deadline_reached(void *arg)
{
    (void)arg;
    const double seconds[] = {0, 1};
    for (int i = 0; i < 2; i++) {
        struct bide_scope scope;
        bide_timeout_enter(&scope, seconds[i]);
        const int first = bide_sleep(9), moved = bide_timeout_reschedule(&scope, 5);
        const int second = bide_sleep(1);
        const bool cut = bide_scope_exit(&scope);
        CHECK_INT(first, -ETIMEDOUT);
        CHECK_INT(moved, -ETIMEDOUT);
        CHECK_INT(second, -ETIMEDOUT);
        CHECK_INT(cut, true);
    }
    return 0;
}

static int deadline_not_movable(void *arg)
{
    (void)arg;
    struct bide_scope shield, timeout;
    bide_shield_enter(&shield, 1);
    bide_timeout_enter(&timeout, 2);
    const int nan = bide_timeout_reschedule(&timeout, __builtin_nan(""));
    const int no_timeout = bide_timeout_reschedule(&shield, 1);
    const double when = bide_timeout_when(&timeout);
    const int code = bide_sleep(9);
    const bool cut = bide_scope_exit(&timeout), grace_over = bide_scope_exit(&shield);
    CHECK_INT(nan, -EINVAL);
    CHECK_INT(no_timeout, -EINVAL);
    CHECK(when > 2 - 1e-6 && when < 2 + 1e-6);
    CHECK_INT(code, -ETIMEDOUT);
    CHECK_INT(cut, true);
    CHECK_INT(grace_over, false);
    return 0;
}

static void reschedule(void **state)
{
    (void)state;
    runs(deadline_moved);
    runs(deadline_reached);
    runs(deadline_not_movable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks),
        cmocka_unit_test(expired),
        cmocka_unit_test(many_deep),
        cmocka_unit_test(reschedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
