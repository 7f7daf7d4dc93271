/* SPDX-License-Identifier: MIT */
/*
 * Scopes where they do not belong: outside a task, crossed, and still open when the task
 * function returns.
 */
#include "check.h"

/* What would crash or abort in a task does nothing here, in whatever order. */
static int outside(void *arg)
{
    int *blocks_run = arg;
    struct bide_scope first, second;
    bide_timeout_enter(&first, 0);
    bide_shield_enter(&second, 0);
    CHECK_INT(bide_timeout_reschedule(&first, 1), 0);
    CHECK(!bide_scope_exit(&first));
    CHECK(!bide_scope_exit(&second));
    BIDE_TIMEOUT(0) {
        BIDE_SHIELD(0) {
            (*blocks_run)++;
            CHECK(!bide_cancelled());
            CHECK_INT(bide_sleep(1), -EPERM);
        }
    }
    CHECK(!bide_expired());
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

static int in_a_thread(void *arg)
{
    int result = -1;
    BIDE_TIMEOUT(100) {
        CHECK_INT(bide_to_thread(outside, arg, &result), 0);
    }
    CHECK_INT(result, 0);
    return 0;
}

static void outside_a_task(void **state)
{
    (void)state;
    int blocks_run = 0;
    assert_int_equal(outside(&blocks_run), 0);
    assert_int_equal(check_run(in_a_thread, &blocks_run), 0);
    assert_int_equal(blocks_run, 2);
}

static int in_child(void *fn)
{
    return bide_run(*(bide_fn *)fn, NULL);
}

static void aborts_naming(bide_fn fn, const char *one, const char *other)
{
    check_aborts(in_child, &fn, one);
    check_aborts(in_child, &fn, other);
}

static int timeout_across_shield(void *arg)
{
    (void)arg;
    struct bide_scope timeout, shield;
    bide_timeout_enter(&timeout, 1);
    bide_shield_enter(&shield, 2);
    bide_scope_exit(&timeout);
    return 0;
}

static int shield_across_timeout(void *arg)
{
    (void)arg;
    struct bide_scope timeout, shield;
    bide_shield_enter(&shield, 2);
    bide_timeout_enter(&timeout, 1);
    bide_scope_exit(&shield);
    return 0;
}

static int timeout_across_group(void *arg)
{
    (void)arg;
    struct bide_scope timeout;
    struct bide_group group;
    bide_timeout_enter(&timeout, 1);
    bide_group_enter(&group);
    bide_scope_exit(&timeout);
    return 0;
}

static int two_timeouts(void *arg)
{
    (void)arg;
    struct bide_scope outer, inner;
    bide_timeout_enter(&outer, 1);
    bide_timeout_enter(&inner, 2);
    bide_scope_exit(&outer);
    return 0;
}

static void crossed(void **state)
{
    (void)state;
    aborts_naming(timeout_across_shield, "timeout", "shield");
    aborts_naming(shield_across_timeout, "timeout", "shield");
    aborts_naming(timeout_across_group, "timeout", "group");
    aborts_naming(two_timeouts, "timeout", "timeout");
}

static struct bide_scope open_scope;
static struct bide_group open_group;

static int leaves_timeout_open(void *arg)
{
    (void)arg;
    bide_task_set_name(bide_current_task(), "careless");
    bide_timeout_enter(&open_scope, 1);
    return 0;
}

static int leaves_shield_open(void *arg)
{
    (void)arg;
    bide_task_set_name(bide_current_task(), "careless");
    bide_shield_enter(&open_scope, 1);
    return 0;
}

static int leaves_group_open(void *arg)
{
    (void)arg;
    bide_task_set_name(bide_current_task(), "careless");
    bide_group_enter(&open_group);
    return 0;
}

static void left_open(void **state)
{
    (void)state;
    aborts_naming(leaves_timeout_open, "open", "careless");
    aborts_naming(leaves_shield_open, "open", "careless");
    aborts_naming(leaves_group_open, "open", "careless");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outside_a_task),
        cmocka_unit_test(crossed),
        cmocka_unit_test(left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
