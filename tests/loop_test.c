/* SPDX-License-Identifier: MIT */
/* The loop: the order of a turn, time, the end of a run, and that all tasks wait. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
/* A task of one expression. The last word takes the semicolon. */
#define TASK_OF(name, expression)                                                                            \
    static int name(void *arg __attribute__((unused)))                                                       \
    {                                                                                                        \
        return expression;                                                                                   \
    }                                                                                                        \
    struct name##_

static int seven = 7;

TASK_OF(give, *(int *)arg);
TASK_OF(nap, bide_sleep(1));
TASK_OF(await_it, bide_await(arg, NULL));

static struct bide_task *named(const char *name, bide_fn fn, void *arg)
{
    return bide_create_task_with(&(struct bide_task_options){.name = name}, fn, arg);
}

TASK(say_three_times)
{
    for (int i = 1; i <= 3; i++) {
        log_event("%s%d", (const char *)arg, i);
        CHECK_INT(bide_yield(), 0);
    }
    return 0;
}

TASK(rule_01_ready_tasks_run_first_in_first_out)
{
    const struct bide_call calls[] = {{say_three_times, "a"}, {say_three_times, "b"}, {say_three_times, "c"}};
    CHECK_INT(bide_gather(calls, 3, NULL), 0);
    CHECK_LOG("a1 b1 c1 a2 b2 c2 a3 b3 c3");
    return 0;
}

enum { ALARMS = 10000 };

static double alarms[ALARMS]; /* when each rings, in the order in which they are set */
static const double *last;

TASK(ring_in_order)
{
    const double *alarm = arg;
    const int code = bide_sleep(*alarm);
    if (code < 0) return code == -ECANCELED ? 0 : code;
    CHECK(!last || *alarm > *last || (*alarm == *last && alarm > last));
    last = alarm;
    return 0;
}

TASK(rule_01_bug_40_timers_fire_by_deadline_then_by_order_of_arming)
{
    static struct bide_task *tasks[ALARMS];
    unsigned seed = 1;
    for (int i = 0; i < ALARMS; i++) {
        seed = seed * 1103515245 + 12345;
        alarms[i] = 1 + (seed >> 16) % 1000;
        tasks[i] = bide_create_task(ring_in_order, &alarms[i]);
    }
    CHECK_INT(bide_sleep(500.5), 0);
    for (int i = 0; i < ALARMS; i += 3) bide_cancel(tasks[i]);
    CHECK_INT(bide_gather_tasks(tasks, ALARMS, NULL), 0);
    CHECK(last && *last > 900);
    return 0;
}

TASK(bug_37_38_every_duration_lasts_as_long_as_it_says)
{
    const double year = 365.25 * 86400, far[] = {9223372036.0, 9.3e18, 1e300, BIDE_FOREVER};
    const double durations[] = {0.001, 2147483.647, 2147483648.0, year};
    double now = 0;
    for (int i = 0; i < 4; i++) {
        CHECK_INT(bide_sleep(durations[i]), 0);
        now += durations[i];
        CHECK(bide_time() > now - 1e-5 && bide_time() < now + 1e-5);
    }
    const double start = bide_time();
    CHECK(bide_sleep(0) == 0 && bide_sleep(-1e300) == 0 && bide_sleep(-BIDE_FOREVER) == 0);
    CHECK(bide_sleep(__builtin_nan("")) == -EINVAL && bide_time() == start);
    for (int i = 0; i < 4; i++) {
        BIDE_TIMEOUT(10) {
            CHECK_INT(bide_sleep(far[i]), -ETIMEDOUT);
        }
        CHECK(bide_expired());
    }
    CHECK(bide_time() > start + 39.9 && bide_time() < start + 40.1);
    return 0;
}

TASK_OF(say_late, (log_event("late"), bide_sleep(BIDE_FOREVER)));

TASK(clean_up_and_create)
{
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    BIDE_SHIELD(10) {
        CHECK_INT(bide_sleep(3), 0);
    }
    log_event("clean");
    return bide_create_task(say_late, NULL) ? 0 : -ENOMEM;
}

TASK(leave_tasks_behind)
{
    (void)bide_create_task(clean_up_and_create, NULL);
    bide_detach(bide_create_task(clean_up_and_create, NULL));
    CHECK_INT(bide_yield(), 0);
    (void)bide_create_task(say_late, NULL);
    return 5;
}

static void rule_11_the_end_cancels_and_joins_every_task_also_new_ones(void **state)
{
    (void)state;
    log_clear();
    assert_int_equal(check_run(leave_tasks_behind, NULL), 5);
    assert_string_equal(log_text(), "late clean clean late late");
}

TASK(hang_and_clean_up)
{
    const int code = bide_sleep(BIDE_FOREVER);
    fprintf(stderr, "cleaned up after %d\n", code);
    return code;
}

TASK(stay_stuck)
{
    BIDE_SHIELD(BIDE_FOREVER) {
        bide_sleep(BIDE_FOREVER);
    }
    return 0;
}

TASK(wait_in_a_chain)
{
    struct bide_task *beta = named("beta", hang_and_clean_up, NULL);
    return bide_await(named("alpha", await_it, beta), NULL);
}

TASK_OF(wait_for_a_stuck_task, bide_await(named("gamma", stay_stuck, NULL), NULL));

/* It exits, so that a leak checker has its say. */
static int run_into_a_deadlock(void *arg)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    const struct bide_call *call = arg;
    const int fds = check_open_fds();
    const bool real = bide_run(call->fn, NULL) == -EDEADLK;
    const bool virtual = bide_run_with(&options, call->fn, NULL) == -EDEADLK;
    exit(real && virtual && check_open_fds() == fds ? 0 : 1);
}

static void rule_12_a_deadlock_is_reported_and_everything_freed(void **state)
{
    (void)state;
    char err[8192];
    struct bide_call chain = {wait_in_a_chain, NULL}, stuck = {wait_for_a_stuck_task, NULL};
    assert_int_equal(check_child(run_into_a_deadlock, &chain, err, sizeof err), 0);
    assert_true(strstr(err, "alpha") && strstr(err, "beta") && strstr(err, "cleaned up after -125"));
    assert_int_equal(check_child(run_into_a_deadlock, &stuck, err, sizeof err), 0);
    assert_non_null(strstr(err, "gamma"));
}

static int blocked_signals(sigset_t *set)
{
    return pthread_sigmask(SIG_SETMASK, NULL, set);
}

static bool sigpipe_is_in(int (*get)(sigset_t *set))
{
    sigset_t set;
    return get(&set) == 0 && sigismember(&set, SIGPIPE);
}

TASK(write_to_a_broken_pipe)
{
    int ends[2];
    CHECK(sigpipe_is_in(blocked_signals) && pipe(ends) == 0 && close(ends[0]) == 0);
    CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
    return close(ends[1]);
}

static void sigpipe_is_blocked_in_the_loop_and_left_as_it_was(void **state)
{
    (void)state;
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    signal(SIGPIPE, SIG_DFL);
    assert_false(sigpipe_is_in(blocked_signals));
    assert_int_equal(check_run(write_to_a_broken_pipe, NULL), 0);
    assert_false(sigpipe_is_in(blocked_signals) || sigpipe_is_in(sigpending));
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &pipe_only, NULL), 0);
    assert_int_equal(raise(SIGPIPE), 0);
    assert_int_equal(check_run(give, &seven), 7);
    assert_true(sigpipe_is_in(blocked_signals) && sigpipe_is_in(sigpending));
    assert_int_equal(sigtimedwait(&pipe_only, NULL, &(struct timespec){0, 0}), SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &pipe_only, NULL), 0);
}

static struct bide_loop *own;

TASK_OF(nap_and_say, (bide_sleep(1) < 0 ? log_event("cut") : log_event("napped"), 0));

TASK(leave_a_nap_behind)
{
    CHECK(bide_current_loop() == own);
    CHECK_INT(bide_loop_run(own, give, &seven, NULL), -EALREADY);
    bide_detach(bide_create_task(nap_and_say, NULL));
    return 3;
}

static void a_loop_of_one_s_own_runs_again_and_again(void **state)
{
    (void)state;
    const int fds = check_open_fds();
    int result = 99;
    log_clear();
    own = bide_loop_new(&(struct bide_options){.clock = BIDE_CLOCK_VIRTUAL});
    assert_non_null(own);
    assert_int_equal(bide_loop_run(own, NULL, NULL, &result), -EINVAL);
    assert_int_equal(bide_loop_run(NULL, give, &seven, &result), -EINVAL);
    assert_int_equal(result, 99);
    assert_int_equal(bide_loop_run(own, leave_a_nap_behind, NULL, &result), 0);
    assert_int_equal(result, 3);
    assert_string_equal(log_text(), "");
    assert_int_equal(bide_loop_run(own, nap, NULL, NULL), 0);
    assert_int_equal(bide_loop_run(own, leave_a_nap_behind, NULL, &result), 0);
    assert_true(bide_current_loop() == NULL);
    bide_loop_free(own);
    bide_loop_free(NULL);
    assert_string_equal(log_text(), "napped cut");
    assert_int_equal(check_open_fds(), fds);
}

TASK(say_ten_names)
{
    static char names[10][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    struct bide_call calls[10];
    for (int i = 0; i < 10; i++) calls[i] = (struct bide_call){say_three_times, names[i]};
    return bide_gather(calls, 10, NULL);
}

static void order_of(uint64_t seed, char *order, size_t size)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL, .shuffle_seed = seed};
    log_clear();
    assert_int_equal(check_run_with(&options, say_ten_names, NULL), 0);
    snprintf(order, size, "%s", log_text());
}

static void shuffle_seed_fixes_an_order_and_another_seed_another(void **state)
{
    (void)state;
    char orders[4][256];
    const uint64_t seeds[] = {0, 1, 1, UINT64_MAX};
    for (int i = 0; i < 4; i++) order_of(seeds[i], orders[i], sizeof orders[i]);
    assert_string_equal(orders[1], orders[2]);
    assert_string_not_equal(orders[0], orders[1]);
    assert_string_not_equal(orders[1], orders[3]);
    assert_string_not_equal(orders[0], orders[3]);
}

/* Memory that only a suspended task knows of, when the program exits. */
TASK(hang_with_memory)
{
    void *memory = malloc(100);
    const int code = bide_sleep(BIDE_FOREVER);
    free(memory);
    return code;
}

TASK(leave_memory_behind)
{
    bide_detach(bide_create_task(hang_with_memory, NULL));
    return bide_yield();
}

static int exit_with_a_suspended_task(void *arg)
{
    own = bide_loop_new(arg);
    exit(bide_loop_run(own, leave_memory_behind, NULL, NULL));
}

static void bug_18_what_suspended_tasks_hold_is_no_leak(void **state)
{
    (void)state;
    char err[4096];
    if (check_child(exit_with_a_suspended_task, NULL, err, sizeof err) != 0) fail_msg("%s", err);
}

static int forked(bool returns)
{
    const pid_t pid = fork();
    if (pid != 0) return pid;
    const bool refused = bide_sleep(0) == -EPERM && !bide_create_task(give, &seven) && errno == EPERM;
    if (!returns) _exit(refused && bide_run(give, &seven) == 7 ? 0 : 1);
    return close(STDERR_FILENO);
}

TASK(rule_15_in_the_child_of_a_fork_no_loop_runs)
{
    int status = 0;
    const struct rlimit no_core = {0, 0};
    CHECK_INT(waitpid(forked(false), &status, 0) > 0 ? status : -1, 0);
    const int pid = forked(true);
    if (pid == 0) return setrlimit(RLIMIT_CORE, &no_core);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    return bide_sleep(0.001);
}

static void run_in_a_loop(void **state)
{
    log_clear();
    assert_int_equal(check_run((bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(rule_01_ready_tasks_run_first_in_first_out),
        IN_A_LOOP(rule_01_bug_40_timers_fire_by_deadline_then_by_order_of_arming),
        IN_A_LOOP(bug_37_38_every_duration_lasts_as_long_as_it_says),
        cmocka_unit_test(rule_11_the_end_cancels_and_joins_every_task_also_new_ones),
        cmocka_unit_test(rule_12_a_deadlock_is_reported_and_everything_freed),
        cmocka_unit_test(sigpipe_is_blocked_in_the_loop_and_left_as_it_was),
        cmocka_unit_test(a_loop_of_one_s_own_runs_again_and_again),
        cmocka_unit_test(shuffle_seed_fixes_an_order_and_another_seed_another),
        cmocka_unit_test(bug_18_what_suspended_tasks_hold_is_no_leak),
        IN_A_LOOP(rule_15_in_the_child_of_a_fork_no_loop_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
