/* SPDX-License-Identifier: MIT */
/* Corners of loops: runs without a place for the result, ends, virtual time beside threads, slow tasks. */
#include "check.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- a run's result ---- */

static int fail_with_text(void *arg)
{
    (void)arg;
    return bide_fail(EIO, "the disk is gone");
}

static int seven(void *arg)
{
    (void)arg;
    return 7;
}

static void a_run_without_result_gives_the_failure(void **state)
{
    (void)state;
    struct bide_loop *loop = bide_loop_new(NULL);
    assert_non_null(loop);
    int result = 0;
    assert_int_equal(bide_loop_run(loop, fail_with_text, NULL, NULL), -EIO);
    assert_string_equal(bide_error_text(-EIO), "the disk is gone");
    assert_int_equal(bide_loop_run(loop, seven, NULL, NULL), 0);
    assert_int_equal(bide_loop_run(loop, fail_with_text, NULL, &result), 0);
    assert_int_equal(result, -EIO);
    bide_loop_free(loop);
}

/* ---- the end of a loop whose task cannot be cancelled ---- */

static int sleep_shielded(void *arg)
{
    (void)arg;
    BIDE_SHIELD(BIDE_FOREVER) bide_sleep(BIDE_FOREVER);
    return 0;
}

static int leave_it_behind(void *arg)
{
    (void)arg;
    bide_detach(bide_create_task(sleep_shielded, NULL));
    return bide_yield();
}

/* In a child, which an alarm ends should it hang. */
static int free_with_shielded_task(void *arg)
{
    alarm(20);
    struct bide_loop *loop = bide_loop_new(NULL);
    int result = -1;
    if (!loop || bide_loop_run(loop, leave_it_behind, arg, &result) != 0 || result != 0) return 1;
    bide_loop_free(loop);
    return 7;
}

static void loop_free_ends_though_a_task_sleeps_shielded_for_ever(void **state)
{
    (void)state;
    char err[4096];
    const int status = check_child(free_with_shielded_task, NULL, err, sizeof err);
    assert_false(WIFSIGNALED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

/* ---- virtual time beside a thread job ---- */

struct gate {
    sem_t open;
    int job_result;
};

static int wait_for_gate(void *gate)
{
    while (sem_wait(&((struct gate *)gate)->open) < 0) continue;
    return 1;
}

static int job_behind_gate(void *gate)
{
    return bide_to_thread(wait_for_gate, gate, &((struct gate *)gate)->job_result);
}

static void open_gate(void *gate)
{
    sem_post(&((struct gate *)gate)->open);
}

/* The job ends only after timers that are due now, so these cannot wait for it. */
static int due_beside_job(void *gate)
{
    struct bide_handle handle = {0};
    const struct bide_call job = {job_behind_gate, gate};
    struct bide_task *task = bide_create_task(job.fn, job.arg);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_sleep(1e-12), 0);
    CHECK(!bide_task_done(task));
    CHECK_INT(bide_call_later(&handle, 1e-12, open_gate, gate), 0);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK(bide_time() == 0);
    return 0;
}

static int run_due_beside_job(void *arg)
{
    (void)arg;
    alarm(20);
    struct gate gate = {.job_result = -1};
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    sem_init(&gate.open, 0, 0);
    const int code = bide_run_with(&options, due_beside_job, &gate);
    sem_destroy(&gate.open);
    return code == 0 && gate.job_result == 1 ? 7 : 1;
}

static void a_timer_due_now_does_not_wait_for_a_thread(void **state)
{
    (void)state;
    char err[4096];
    const int status = check_child(run_due_beside_job, NULL, err, sizeof err);
    assert_false(WIFSIGNALED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

/* ---- tasks that hold the loop ---- */

static int hold(void *arg)
{
    (void)arg;
    struct timespec left = {.tv_nsec = 50 * 1000 * 1000};
    while (nanosleep(&left, &left) < 0) continue;
    return 0;
}

static int hold_and_wait(void *arg)
{
    const int code = hold(arg);
    return code < 0 ? code : bide_sleep(0.001);
}

/* One ends at once, the other waits after it. */
static int hold_in_tasks(void *arg)
{
    const struct bide_task_options ends = {.name = "holds and ends"}, waits = {.name = "holds and waits"};
    struct bide_task *tasks[] = {bide_create_task_with(&ends, hold, arg),
                                 bide_create_task_with(&waits, hold_and_wait, arg)};
    return bide_gather_tasks(tasks, 2, NULL);
}

static int run_with_limit(void *limit)
{
    const struct bide_options options = {.slow_after = *(double *)limit};
    return bide_run_with(&options, hold_in_tasks, NULL);
}

static void slow_after_names_tasks_that_hold_the_loop(void **state)
{
    (void)state;
    char err[4096];
    double limit = 0.02;
    assert_int_equal(check_child(run_with_limit, &limit, err, sizeof err), 0);
    assert_non_null(strstr(err, "task 'holds and ends' held the loop for 0."));
    assert_non_null(strstr(err, "task 'holds and waits' held the loop for 0."));
    limit = 100;
    assert_int_equal(check_child(run_with_limit, &limit, err, sizeof err), 0);
    assert_string_equal(err, "");
    limit = 0;
    assert_int_equal(check_child(run_with_limit, &limit, err, sizeof err), 0);
    assert_string_equal(err, "");
}

/* ---- a shielded clean-up at the end may still start what it joins ---- */

static int nap(void *arg)
{
    (void)arg;
    return bide_sleep(1);
}

static int clean_up_with_others(void *arg)
{
    (void)arg;
    struct bide_call calls[] = {{nap, NULL}, {nap, NULL}};
    int results[2] = {-1, -1}, alone = -1;
    CHECK_INT(bide_sleep(10), -ECANCELED);
    BIDE_SHIELD(5) {
        CHECK_INT(bide_gather(calls, 2, results), 0);
        (void)bide_await(bide_create_task(nap, NULL),
                         &alone); /* nobody's member: cancelled as all that are left */
    }
    log_event("%d %d %d", results[0], results[1], alone);
    BIDE_SHIELD(0.5) {
        CHECK_INT(bide_gather(calls, 2, results), -ECANCELED);
    }
    log_event("%d", results[1]);
    return 0;
}

static int leave_one_that_cleans_up(void *arg)
{
    (void)arg;
    bide_detach(bide_create_task(clean_up_with_others, NULL));
    return bide_yield();
}

static void rule_11_a_shield_at_the_end_may_start_what_it_joins(void **state)
{
    (void)state;
    char expected[80];
    snprintf(expected, sizeof expected, "0 0 %d %d", -ECANCELED, -ECANCELED);
    log_clear();
    assert_int_equal(check_run(leave_one_that_cleans_up, NULL), 0);
    assert_string_equal(log_text(), expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_without_result_gives_the_failure),
        cmocka_unit_test(loop_free_ends_though_a_task_sleeps_shielded_for_ever),
        cmocka_unit_test(a_timer_due_now_does_not_wait_for_a_thread),
        cmocka_unit_test(rule_11_a_shield_at_the_end_may_start_what_it_joins),
        cmocka_unit_test(slow_after_names_tasks_that_hold_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
