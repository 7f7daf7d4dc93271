/* SPDX-License-Identifier: MIT */
/*
 * The truth table of cancellation, rows 40 to 44: bide_wait_for and jobs in threads. The clock
 * is virtual, but where a deadline must pass while a job runs.
 */
#include "check.h"

#include <semaphore.h>
#include <string.h>
#include <time.h>

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)

static void runs(bide_fn fn)
{
    assert_int_equal(check_run(fn, NULL), 0);
}

static void cancel_me(void)
{
    bide_cancel(bide_current_task());
}

static int seven(void *arg)
{
    (void)arg;
    return 7;
}

static int times_out_with_5(void *arg)
{
    (void)arg;
    log_event("ran");
    CHECK_INT(bide_sleep(9), -ETIMEDOUT);
    return 5;
}

static int times_out_with_eio(void *arg)
{
    return times_out_with_5(arg) == 5 ? -EIO : -EPROTO;
}

static int wait_for_due(void *arg)
{
    (void)arg;
    int result = -1;
    CHECK_INT(bide_wait_for(times_out_with_5, NULL, 1, &result), -ETIMEDOUT);
    CHECK_INT(result, 5);
    CHECK_AT(1);
    CHECK_INT(bide_wait_for(times_out_with_5, NULL, 1, NULL), -ETIMEDOUT);
    CHECK_AT(2);
    CHECK_INT(bide_wait_for(times_out_with_eio, NULL, 1, NULL), -EIO);
    CHECK_INT(bide_sleep(1), 0);
    return 0;
}

static void row_40_wait_for_due_fn_ignores_it(void **state)
{
    (void)state;
    runs(wait_for_due);
}

static int wait_for_0(void *arg)
{
    (void)arg;
    int result = -1;
    log_clear();
    CHECK_INT(bide_wait_for(times_out_with_5, NULL, 0, &result), -ETIMEDOUT);
    CHECK_INT(result, 5);
    CHECK_INT(bide_wait_for(times_out_with_5, NULL, -1, &result), -ETIMEDOUT);
    CHECK_LOG("ran ran");
    CHECK_AT(0);
    return 0;
}

/* Without a call nothing was cut short. */
static int wait_for_0_without_a_call(void *arg)
{
    (void)arg;
    int result = -1;
    CHECK_INT(bide_wait_for(seven, NULL, 0, &result), 0);
    CHECK_INT(result, 7);
    return 0;
}

static void row_41_wait_for_0(void **state)
{
    (void)state;
    runs(wait_for_0);
    runs(wait_for_0_without_a_call);
}

static int is_cancelled_with_5(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(9), -ECANCELED);
    return 5;
}

static int wait_for_in_a_deadline(void *arg)
{
    (void)arg;
    int result = -1;
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_wait_for(is_cancelled_with_5, NULL, 5, &result), -ECANCELED);
        CHECK_AT(1);
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(result, 5);
    return 0;
}

/* The call inside wait_for is the only one: it was cut short by the outer deadline. */
static int wait_for_is_the_only_call(void *arg)
{
    (void)arg;
    int results[2] = {-1, -1};
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_wait_for(is_cancelled_with_5, NULL, 5, &results[0]), -ECANCELED);
    }
    CHECK(bide_expired());
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_wait_for(is_cancelled_with_5, NULL, 0, &results[1]), -ECANCELED);
    }
    CHECK(bide_expired());
    CHECK_INT(results[0] + results[1], 10);
    return 0;
}

static int wait_for_while_cancelled(void *arg)
{
    (void)arg;
    int results[2] = {-1, -1};
    cancel_me();
    CHECK_INT(bide_wait_for(is_cancelled_with_5, NULL, 5, &results[0]), -ECANCELED);
    CHECK_INT(bide_wait_for(seven, NULL, 5, &results[1]), -ECANCELED);
    CHECK_INT(results[0], 5);
    CHECK_INT(results[1], 7);
    return 0;
}

static void row_42_wait_for_inside_outer_deadline(void **state)
{
    (void)state;
    runs(wait_for_in_a_deadline);
    runs(wait_for_is_the_only_call);
    runs(wait_for_while_cancelled);
}

struct job {
    sem_t begun, may_end;
};

/* In a thread: tells that it has begun, and ends when told to. */
static int job_runs(void *arg)
{
    struct job *job = arg;
    sem_post(&job->begun);
    while (sem_wait(&job->may_end) < 0) continue;
    log_event("job");
    return 9;
}

static int waits_for_the_job(void *arg)
{
    int code = 99, result = -1;
    BIDE_TIMEOUT(0.001) {
        code = bide_to_thread(job_runs, arg, &result);
    }
    CHECK(bide_expired());
    CHECK_INT(code, -ETIMEDOUT);
    CHECK_INT(result, 9);
    CHECK_LOG("due job");
    return 0;
}

/* The loop does not see the deadline before the job has begun; then it passes, then the job ends. */
static int job_outlasts_the_deadline(void *arg)
{
    struct job *job = arg;
    const struct bide_task_options eager = {.eager = true};
    const struct timespec longer = {0, 3000000};
    log_clear();
    struct bide_task *waiter = bide_create_task_with(&eager, waits_for_the_job, job);
    while (sem_wait(&job->begun) < 0) continue;
    nanosleep(&longer, NULL);
    for (int i = 0; i < 5; i++) CHECK_INT(bide_sleep(0.0005), 0);
    CHECK(!bide_task_done(waiter));
    log_event("due");
    sem_post(&job->may_end);
    return bide_await(waiter, NULL);
}

static void row_43_to_thread_running_own_deadline(void **state)
{
    (void)state;
    struct job job;
    sem_init(&job.begun, 0, 0);
    sem_init(&job.may_end, 0, 0);
    assert_int_equal(check_run_with(NULL, job_outlasts_the_deadline, &job), 0);
    sem_destroy(&job.begun);
    sem_destroy(&job.may_end);
}

static int job_never_runs(void *arg)
{
    *(int *)arg = 1;
    return 3;
}

static int holds_the_thread(void *arg)
{
    int result = -1;
    CHECK_INT(bide_to_thread(job_runs, arg, &result), 0);
    CHECK_INT(result, 9);
    return 0;
}

static int queues_a_job(void *arg)
{
    int result = -1;
    CHECK_INT(bide_to_thread(job_never_runs, arg, &result), -ECANCELED);
    CHECK_INT(result, -ECANCELED);
    return 0;
}

/* There is one thread, and it is busy. */
static int queued_job_cancelled(void *arg)
{
    struct job *job = arg;
    int ran = 0;
    struct bide_task *holder = bide_create_task(holds_the_thread, job);
    CHECK_INT(bide_yield(), 0);
    while (sem_wait(&job->begun) < 0) continue;
    struct bide_task *waiter = bide_create_task(queues_a_job, &ran);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_cancel(waiter), 1);
    CHECK_INT(bide_await(waiter, NULL), 0);
    sem_post(&job->may_end);
    CHECK_INT(bide_await(holder, NULL), 0);
    CHECK_INT(ran, 0);
    return 0;
}

static int job_while_cancelled(void *arg)
{
    (void)arg;
    int ran = 0;
    cancel_me();
    CHECK_INT(queues_a_job(&ran), 0);
    CHECK_INT(ran, 0);
    return 0;
}

static void row_44_to_thread_not_begun_cancel(void **state)
{
    (void)state;
    const struct bide_options one_thread = {.clock = BIDE_CLOCK_VIRTUAL, .threads = 1};
    struct job job;
    sem_init(&job.begun, 0, 0);
    sem_init(&job.may_end, 0, 0);
    assert_int_equal(check_run_with(&one_thread, queued_job_cancelled, &job), 0);
    sem_destroy(&job.begun);
    sem_destroy(&job.may_end);
    runs(job_while_cancelled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_40_wait_for_due_fn_ignores_it),
        cmocka_unit_test(row_41_wait_for_0),
        cmocka_unit_test(row_42_wait_for_inside_outer_deadline),
        cmocka_unit_test(row_43_to_thread_running_own_deadline),
        cmocka_unit_test(row_44_to_thread_not_begun_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
