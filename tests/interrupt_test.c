/* SPDX-License-Identifier: MIT */
/* ^C as a cancel of the main task; and what child processes inherit of a loop's signals. */
#include "check.h"
#include "sanitizer.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static const struct bide_options interruptible = {.cancel_on_interrupt = true};

/* ---- ^C, in child processes ---- */

enum { CLEAN = 3 };

/* Ends as `fn` says, or by SIGINT. */
static int status_of(int (*fn)(void *arg))
{
    char err[1024];
    return check_child(fn, NULL, err, sizeof err);
}

static bool died_of_interrupt(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGINT;
}

static bool ended_cleanly(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == CLEAN;
}

TASK(rest_and_clean_up)
{
    raise(SIGINT);
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    CHECK_INT(bide_sleep(0), -ECANCELED); /* a level, as ever */
    BIDE_SHIELD(1) {
        CHECK_INT(bide_sleep(0.001), 0);
    }
    return CLEAN;
}

TASK(interrupt_again_in_the_clean_up)
{
    raise(SIGINT);
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    raise(SIGINT);
    return CLEAN;
}

TASK(take_it_back)
{
    raise(SIGINT);
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    return bide_sleep(0.001) == 0 ? CLEAN : 0;
}

TASK(wait_beside_it)
{
    const int number = SIGINT;
    struct bide_task *main_task = arg;
    CHECK_INT(bide_signal_wait(&number, 1), SIGINT);
    return bide_task_done(main_task) ? 0 : CLEAN;
}

TASK(interrupt_two_who_wait)
{
    int result;
    struct bide_task *task = bide_create_task(wait_beside_it, bide_current_task());
    CHECK_INT(bide_yield(), 0);
    raise(SIGINT);
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    bide_uncancel();
    CHECK_INT(bide_await(task, &result), 0);
    return result;
}

static int run_default(bide_fn fn, const struct bide_options *options)
{
    signal(SIGINT, SIG_DFL);
    return bide_run_with(options, fn, NULL);
}

TASK(once)
{
    return run_default(rest_and_clean_up, &interruptible);
}

TASK(twice)
{
    return run_default(interrupt_again_in_the_clean_up, &interruptible);
}

TASK(off_by_default)
{
    return run_default(rest_and_clean_up, NULL);
}

TASK(taken_back)
{
    return run_default(take_it_back, &interruptible);
}

TASK(both)
{
    return run_default(interrupt_two_who_wait, &interruptible);
}

TASK(blocked_before)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return run_default(rest_and_clean_up, &interruptible);
}

TASK(after_the_run)
{
    run_default(rest_and_clean_up, &interruptible);
    return raise(SIGINT);
}

static void the_first_interrupt_cancels_main_the_second_has_its_old_effect(void **state)
{
    (void)state;
    assert_true(ended_cleanly(status_of(once)));
    assert_true(died_of_interrupt(status_of(twice)));
    assert_true(died_of_interrupt(status_of(off_by_default)));
    assert_true(ended_cleanly(status_of(taken_back)));
    assert_true(ended_cleanly(status_of(both)));
    assert_true(ended_cleanly(status_of(blocked_before)));
    assert_true(died_of_interrupt(status_of(after_the_run)));
}

static int run_again(bide_fn first, bool between)
{
    int result = 0;
    signal(SIGINT, SIG_DFL);
    struct bide_loop *loop = bide_loop_new(&interruptible);
    CHECK_INT(bide_loop_run(loop, first, NULL, &result), 0);
    if (between) raise(SIGINT);
    CHECK_INT(bide_loop_run(loop, rest_and_clean_up, NULL, &result), 0);
    bide_loop_free(loop);
    return result;
}

TASK(give_none)
{
    return 0;
}

TASK(each_run)
{
    return run_again(rest_and_clean_up, false);
}

TASK(between_runs)
{
    return run_again(give_none, true);
}

static void each_run_of_a_loop_has_a_first_interrupt(void **state)
{
    (void)state;
    assert_true(ended_cleanly(status_of(each_run)));
    assert_true(died_of_interrupt(status_of(between_runs)));
}

/* ---- children ---- */

enum way { SPAWN, SPAWN_WITH_MASK, FORK };

struct child {
    enum way way;
    char signals[512]; /* what /proc says of its signals */
};

/* Not by way of a shell, which may unblock what it inherits. */
static char *const grep[] = {"/bin/grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status", NULL};

static int start(enum way way, int out, pid_t *pid)
{
    if (way == FORK) {
        *pid = fork();
        if (*pid != 0) return *pid < 0 ? -errno : 0;
        dup2(out, STDOUT_FILENO);
        execv(grep[0], grep);
        _exit(127);
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    if (way == SPAWN_WITH_MASK) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    const int code = posix_spawn(pid, grep[0], &actions, &attributes, grep, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -code;
}

TASK(ask_a_child)
{
    struct child *child = arg;
    int pipe_ends[2], status;
    pid_t pid;
    size_t used = 0;
    CHECK_INT(pipe2(pipe_ends, O_CLOEXEC), 0);
    CHECK_INT(start(child->way, pipe_ends[1], &pid), 0);
    close(pipe_ends[1]);
    for (ssize_t n; (n = read(pipe_ends[0], child->signals + used, sizeof child->signals - 1 - used)) > 0;)
        used += (size_t)n;
    child->signals[used] = '\0';
    close(pipe_ends[0]);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    return 0;
}

/* While the loop handles some signals, one of which was blocked. */
TASK(ask_in_a_task)
{
    const int handled[] = {SIGUSR1, SIGTERM, SIGINT};
    BIDE_TIMEOUT(0.001) {
        CHECK_INT(bide_signal_wait(handled, 3), -ETIMEDOUT);
    }
    return ask_a_child(arg);
}

static unsigned long long blocked(const struct child *child)
{
    const char *line = strstr(child->signals, "SigBlk:");
    assert_non_null(line);
    return strtoull(line + strlen("SigBlk:"), NULL, 16);
}

static void bug_24_a_child_inherits_no_blocked_signal_and_no_handler(void **state)
{
    (void)state;
    for (enum way way = SPAWN; way <= FORK; way++) {
        struct child before = {.way = way}, child = {.way = way};
        assert_int_equal(ask_a_child(&before), 0);
        assert_int_equal(blocked(&before), 0);
        assert_int_equal(check_run_with(&interruptible, ask_in_a_task, &child), 0);
        if (way == SPAWN) /* it does not run what fork does, and hands SIGPIPE on as the loop has it */
            assert_int_equal(blocked(&child), 1ULL << (SIGPIPE - 1));
        else
            assert_string_equal(child.signals, before.signals);
    }
}

/* Of a process that forked while its loop handled SIGTERM and SIGINT. */
static struct bide_remote *inherited;

TASK(wait_for_term)
{
    return bide_signal_wait((const int[]){SIGTERM}, 1) == SIGTERM ? 0 : -EPROTO;
}

TASK(raise_and_wait)
{
    struct bide_task *task = bide_create_task(wait_for_term, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(raise(SIGTERM), 0);
    return bide_await(task, NULL);
}

static int use_what_the_parent_has(void *arg)
{
    int result = 99;
    CHECK_INT(bide_call_soon_threadsafe(arg, NULL, NULL, NULL), -EINVAL);
    CHECK_INT(bide_call_soon_threadsafe(arg, NULL, free, NULL), -EPERM);
    CHECK_INT(bide_run_threadsafe(arg, give_none, NULL, &result), -EPERM);
    CHECK(!bide_start_threadsafe(arg, give_none, NULL) && errno == EPERM);
    CHECK_INT(bide_remote_wait(inherited, BIDE_FOREVER, &result), -EPERM);
    CHECK_INT(bide_remote_cancel(inherited), 0);
    bide_remote_free(inherited);
    CHECK_INT(result, 99);
    /* A new loop handles it, and then no longer. The thread sanitizer calls no handlers in such a child. */
    if (!SANITIZER_THREAD) CHECK_INT(bide_run(raise_and_wait, NULL), 0);
    return raise(SIGTERM);
}

TASK(fork_and_look)
{
    int status;
    CHECK_INT(ask_in_a_task(&(struct child){.way = FORK}), 0);
    struct bide_loop *loop = bide_current_loop();
    inherited = bide_start_threadsafe(loop, give_none, NULL);
    const pid_t pid = fork();
    if (pid == 0) _exit(use_what_the_parent_has(loop));
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK_INT(bide_sleep(0.001), 0);
    CHECK_INT(bide_remote_wait(inherited, 0, NULL), 0);
    bide_remote_free(inherited);
    CHECK(raise(SIGTERM) == 0 && wait_for_term(NULL) == 0); /* the parent is unharmed */
    return 0;
}

static void rule_15_in_a_forked_child_no_loop_handles_signals_or_takes_posts(void **state)
{
    (void)state;
    struct sigaction old;
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = SIG_DFL}, &old);
    assert_int_equal(check_run_with(&interruptible, fork_and_look, NULL), 0);
    sigaction(SIGTERM, &old, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_interrupt_cancels_main_the_second_has_its_old_effect),
        cmocka_unit_test(each_run_of_a_loop_has_a_first_interrupt),
        cmocka_unit_test(rule_15_in_a_forked_child_no_loop_handles_signals_or_takes_posts),
        cmocka_unit_test(bug_24_a_child_inherits_no_blocked_signal_and_no_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
