/* SPDX-License-Identifier: MIT */
/* Executors: threads of one's own, with a limit to what is queued behind them. */
#include "check.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

static atomic_int running, peak;
static sem_t gate;

static int work(void *arg)
{
    const int now = atomic_fetch_add(&running, 1) + 1;
    int seen = atomic_load(&peak);
    while (seen < now && !atomic_compare_exchange_weak(&peak, &seen, now)) {
    }
    sem_wait(&gate); /* held by the test while it wants jobs to stay */
    sem_post(&gate);
    atomic_fetch_sub(&running, 1);
    return *(int *)arg;
}

struct job {
    struct bide_executor *executor;
    int number;
    int code;
    int result;
};

static int submit(void *arg)
{
    struct job *job = arg;
    job->code = bide_executor_submit(job->executor, work, &job->number, &job->result);
    return 0;
}

static int gather_jobs(struct bide_executor *executor, struct job *jobs, size_t n)
{
    struct bide_call calls[16];
    for (size_t i = 0; i < n; i++) {
        jobs[i] = (struct job){executor, (int)i, 1, -1};
        calls[i] = (struct bide_call){submit, &jobs[i]};
    }
    return bide_gather(calls, n, NULL);
}

static int one_thread_runs_one_job(void *arg)
{
    (void)arg;
    struct job jobs[16];
    struct bide_executor *executor = bide_executor_new(1, 0);
    CHECK(executor);
    atomic_store(&peak, 0);
    CHECK_INT(gather_jobs(executor, jobs, 16), 0);
    CHECK_INT(atomic_load(&peak), 1);
    for (int i = 0; i < 16; i++) {
        CHECK_INT(jobs[i].code, 0);
        CHECK_INT(jobs[i].result, i);
    }
    bide_executor_free(executor);
    return 0;
}

static int open_the_gate(void *arg)
{
    (void)arg;
    sem_post(&gate);
    return 0;
}

/*
 * Each thread has one job and two are queued behind them, whether or not the threads have begun; the
 * others are refused and nothing of them is written.
 */
static int refused_beyond(unsigned threads)
{
    struct job jobs[6];
    struct bide_call calls[7];
    struct bide_executor *executor = bide_executor_new(threads, 2);
    sem_wait(&gate);
    for (int i = 0; i < 6; i++) {
        jobs[i] = (struct job){executor, i, 1, -1};
        calls[i] = (struct bide_call){submit, &jobs[i]};
    }
    calls[6] = (struct bide_call){open_the_gate, NULL}; /* runs when the others have submitted */
    CHECK_INT(bide_gather(calls, 7, NULL), 0);
    for (int i = 0; i < 6; i++) {
        const bool taken = i < (int)threads + 2;
        CHECK_INT(jobs[i].code, taken ? 0 : -EAGAIN);
        CHECK_INT(jobs[i].result, taken ? i : -1);
    }
    return 0; /* the loop frees the executor */
}

static int more_than_the_limit_is_refused(void *arg)
{
    (void)arg;
    for (unsigned threads = 1; threads < 4; threads++) CHECK_INT(refused_beyond(threads), 0);
    return 0;
}

static int withdrawing_a_job_makes_room(void *arg)
{
    (void)arg;
    struct job jobs[4];
    struct bide_task *tasks[4];
    struct bide_executor *executor = bide_executor_new(1, 1);
    sem_wait(&gate);
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct job){executor, i, 1, -1};
        tasks[i] = bide_create_task(submit, &jobs[i]);
    }
    CHECK_INT(bide_yield(), 0);
    while (atomic_load(&running) == 0)
        CHECK_INT(bide_yield(), 0); /* so that it is the second that is queued */
    CHECK_INT(bide_cancel(tasks[1]), 1);
    CHECK_INT(bide_await(tasks[1], NULL), 0);
    CHECK_INT(jobs[1].code, -ECANCELED);
    jobs[3] = (struct job){executor, 3, 1, -1};
    tasks[3] = bide_create_task(submit, &jobs[3]);
    CHECK_INT(bide_yield(), 0);
    sem_post(&gate);
    for (int i = 0; i < 4; i++)
        if (i != 1) CHECK_INT(bide_await(tasks[i], NULL), 0);
    CHECK_INT(jobs[0].code, 0);
    CHECK_INT(jobs[2].code, -EAGAIN);
    CHECK_INT(jobs[3].code, 0);
    bide_executor_free(executor);
    return 0;
}

static int bad_input(void *arg)
{
    int result = 7;
    CHECK_INT(bide_executor_submit(NULL, work, arg, &result), -EINVAL);
    struct bide_executor *executor = bide_executor_new(0, 0);
    CHECK(executor);
    CHECK_INT(bide_executor_submit(executor, NULL, arg, &result), -EINVAL);
    CHECK_INT(result, 7);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_executor_submit(executor, work, arg, &result), -ECANCELED);
    CHECK_INT(result, -ECANCELED);
    bide_executor_free(NULL);
    return 0;
}

static int frees_one_in_use(void *arg)
{
    struct bide_executor *executor = bide_executor_new(1, 0);
    struct job job = {executor, 0, 1, -1};
    struct bide_task *task = bide_create_task(submit, &job);
    sem_wait(&gate);
    (void)bide_yield();
    bide_executor_free(executor);
    return bide_await(task, arg);
}

static int misuse_in_child(void *arg)
{
    return bide_run(frees_one_in_use, arg);
}

#define TEST(name, fn)                                                                                       \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        assert_int_equal(check_run(fn, NULL), 0);                                                            \
    }

TEST(an_executor_has_no_more_threads_than_it_was_given, one_thread_runs_one_job)
TEST(an_executor_refuses_more_jobs_than_its_limit, more_than_the_limit_is_refused)
TEST(an_executor_has_room_for_another_job_when_one_is_withdrawn, withdrawing_a_job_makes_room)
TEST(bad_input_gives_errors, bad_input)

static void misuse_aborts(void **state)
{
    (void)state;
    errno = 0;
    assert_null(bide_executor_new(1, 1));
    assert_int_equal(errno, EPERM);
    check_aborts(misuse_in_child, NULL, "is freed while 1 tasks wait for it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_executor_has_no_more_threads_than_it_was_given),
        cmocka_unit_test(an_executor_refuses_more_jobs_than_its_limit),
        cmocka_unit_test(an_executor_has_room_for_another_job_when_one_is_withdrawn),
        cmocka_unit_test(bad_input_gives_errors),
        cmocka_unit_test(misuse_aborts),
    };
    sem_init(&gate, 0, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
