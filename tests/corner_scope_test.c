/* SPDX-License-Identifier: MIT */
/* Corners of scopes: wait_for where a cause is pending already, scopes entered twice, children of a fork. */
#include "check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- wait_for in a task that is cancelled ---- */

static int three(void *arg)
{
    (void)arg;
    return 3;
}

static int raise_flag(void *flag)
{
    *(bool *)flag = true;
    return 0;
}

/* A refusal lets others run, so this ends. */
static int retry_wait_for(void *arg)
{
    const bool *flag = arg;
    int rounds = 0;
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    while (!*flag && rounds < 1000) {
        int result = 0;
        CHECK_INT(bide_wait_for(three, NULL, 1, &result), -ECANCELED);
        CHECK_INT(result, 3);
        rounds++;
    }
    CHECK(*flag);
    CHECK_INT(bide_wait_for(three, NULL, 1, NULL), -ECANCELED);
    return 0;
}

static int retry_beside_other(void *arg)
{
    (void)arg;
    bool flag = false;
    const struct bide_call calls[] = {{retry_wait_for, &flag}, {raise_flag, &flag}};
    return bide_gather(calls, 2, NULL);
}

static void wait_for_lets_others_run_when_cancelled(void **state)
{
    (void)state;
    assert_int_equal(check_run(retry_beside_other, NULL), 0);
}

/* The outer deadline passes unseen under a shield: wait_for is the first that it cuts short. */
static int wait_for_in_due_scope(void *arg)
{
    (void)arg;
    int code = 0, result = 0;
    BIDE_TIMEOUT(1) {
        BIDE_SHIELD(5) CHECK_INT(bide_sleep(2), 0);
        code = bide_wait_for(three, NULL, 1, &result);
    }
    CHECK(bide_expired());
    CHECK_INT(code, -ECANCELED);
    CHECK_INT(result, 3);
    return 0;
}

static void wait_for_is_cut_short_by_the_scope_around_it(void **state)
{
    (void)state;
    assert_int_equal(check_run(wait_for_in_due_scope, NULL), 0);
}

/* ---- entered twice ---- */

static int enter_timeout_twice(void *arg)
{
    (void)arg;
    static struct bide_scope scope;
    bide_timeout_enter(&scope, 1);
    bide_timeout_enter(&scope, 1);
    return 0;
}

static int enter_shield_twice(void *arg)
{
    (void)arg;
    static struct bide_scope scope;
    bide_shield_enter(&scope, 1);
    bide_shield_enter(&scope, 1);
    return 0;
}

static int enter_group_twice(void *arg)
{
    (void)arg;
    static struct bide_group group;
    bide_group_enter(&group);
    bide_group_enter(&group);
    return 0;
}

static int enter_again_within_another(void *arg)
{
    (void)arg;
    static struct bide_scope outer, inner;
    bide_timeout_enter(&outer, 1);
    bide_timeout_enter(&inner, 1);
    bide_timeout_enter(&outer, 1);
    return bide_sleep(2);
}

static int run_in_child(void *fn)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    alarm(20);
    return bide_run_with(&options, *(bide_fn *)fn, NULL);
}

static void entering_an_open_scope_again_aborts(void **state)
{
    (void)state;
    static bide_fn wrong[] = {enter_timeout_twice, enter_shield_twice, enter_group_twice,
                              enter_again_within_another};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_aborts(run_in_child, &wrong[i], "which is open");
}

/* One that is left may be entered again. */
static int enter_one_after_the_other(void *arg)
{
    (void)arg;
    struct bide_scope scope;
    for (int i = 0; i < 3; i++) {
        bide_timeout_enter(&scope, 1);
        CHECK_INT(bide_sleep(2), -ETIMEDOUT);
        CHECK(bide_scope_exit(&scope));
    }
    return 0;
}

static void a_scope_that_was_left_may_be_entered_again(void **state)
{
    (void)state;
    assert_int_equal(check_run(enter_one_after_the_other, NULL), 0);
}

/* ---- in the child of a fork, where no loop runs ---- */

/* In the parent: what became of the child, as exit status or 1000 + the signal. */
static int outcome_of(pid_t child)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A hang is ended by the alarm, a crash by its signal, which cmocka would take for a failed test. */
static pid_t fork_child(void)
{
    const pid_t pid = fork();
    if (pid != 0) return pid;
    alarm(20);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    return 0;
}

static int child_leaves_timeout(void *arg)
{
    (void)arg;
    pid_t child = -1;
    bool expired = false;
    BIDE_TIMEOUT(5) child = fork_child();
    if (child == 0) _exit(bide_expired() || bide_cancelled() ? 1 : 7);
    CHECK_INT(outcome_of(child), 7);
    BIDE_SHIELD(5) child = fork_child();
    if (child == 0) _exit(7);
    CHECK_INT(outcome_of(child), 7);
    struct bide_scope scope;
    bide_timeout_enter(&scope, 0);
    CHECK_INT(bide_sleep(1), -ETIMEDOUT);
    child = fork_child();
    if (child == 0) _exit(bide_scope_exit(&scope) ? 1 : 7);
    expired = bide_scope_exit(&scope);
    CHECK(expired);
    CHECK_INT(outcome_of(child), 7);
    return 0;
}

static int child_reschedules(void *arg)
{
    (void)arg;
    struct bide_scope scope;
    bide_timeout_enter(&scope, 5);
    const pid_t child = fork_child();
    if (child == 0) {
        const int code = bide_timeout_reschedule(&scope, 0);
        _exit(code == 0 && !bide_timeout_expired(&scope) && !bide_scope_exit(&scope) ? 7 : 1);
    }
    const int outcome = outcome_of(child), early = bide_sleep(4), late = bide_sleep(2);
    CHECK(bide_scope_exit(&scope));
    CHECK_INT(outcome, 7);
    CHECK_INT(early, 0);
    CHECK_INT(late, -ETIMEDOUT);
    return 0;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return bide_sleep(100);
}

static int child_uses_group(struct bide_group *group)
{
    bide_group_cancel(group);
    if (bide_group_start(group, three, NULL) || errno != EPERM) return 1;
    if (bide_group_spawn(group, three, NULL) != -EPERM) return 2;
    if (bide_group_wait(group) != -EPERM) return 3;
    if (bide_group_exit(group) != -EPERM) return 4;
    return 7;
}

static int child_leaves_group(void *arg)
{
    (void)arg;
    struct bide_group group;
    pid_t child = -1;
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, sleep_long, NULL));
        CHECK_INT(bide_yield(), 0);
        child = fork_child();
        if (child == 0) break;
    }
    if (child == 0) _exit(7);
    CHECK_INT(outcome_of(child), 7);
    CHECK_INT(bide_group_result(&group), 0);
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, sleep_long, NULL));
        child = fork_child();
        if (child == 0) _exit(child_uses_group(&group));
        CHECK_INT(outcome_of(child), 7);
        CHECK(!bide_cancelled());
        CHECK_INT(bide_sleep(1), 0);
        child = fork_child();
    }
    if (child == 0) _exit(7);
    CHECK_INT(outcome_of(child), 7);
    CHECK_INT(bide_group_result(&group), 0);
    return 0;
}

static int child_runs_anew(void *arg)
{
    pid_t child = -1;
    BIDE_TIMEOUT(5) child = fork_child();
    if (child == 0) {
        const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
        _exit(bide_run_with(&options, enter_one_after_the_other, arg) == 0 ? 7 : 1);
    }
    CHECK_INT(outcome_of(child), 7);
    return 0;
}

static void a_forked_child_leaves_timeouts(void **state)
{
    (void)state;
    assert_int_equal(check_run(child_leaves_timeout, NULL), 0);
}

static void a_forked_child_reschedules_nothing(void **state)
{
    (void)state;
    assert_int_equal(check_run(child_reschedules, NULL), 0);
}

static void a_forked_child_leaves_groups(void **state)
{
    (void)state;
    assert_int_equal(check_run(child_leaves_group, NULL), 0);
}

static void a_forked_child_runs_a_loop_of_its_own_after_a_block(void **state)
{
    (void)state;
    assert_int_equal(check_run(child_runs_anew, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_for_lets_others_run_when_cancelled),
        cmocka_unit_test(wait_for_is_cut_short_by_the_scope_around_it),
        cmocka_unit_test(entering_an_open_scope_again_aborts),
        cmocka_unit_test(a_scope_that_was_left_may_be_entered_again),
        cmocka_unit_test(a_forked_child_leaves_timeouts),
        cmocka_unit_test(a_forked_child_reschedules_nothing),
        cmocka_unit_test(a_forked_child_leaves_groups),
        cmocka_unit_test(a_forked_child_runs_a_loop_of_its_own_after_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
