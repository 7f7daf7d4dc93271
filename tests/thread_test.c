/* SPDX-License-Identifier: MIT */
/* Jobs in threads: results, cancels before and while a job runs, few threads, and the end. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "sys.h"

#define TASK(name) static int name(void *arg __attribute__((unused)))

static int seven = 7, io_error = -EIO;
static atomic_int go, begun, running, started, done;

TASK(give)
{
    return *(int *)arg;
}

/* A job that ends once it is told to, or after 10 seconds if a test has gone wrong. */
TASK(work_until_told)
{
    begun++;
    for (int i = 0; !go && i < 100000; i++) usleep(100);
    done++;
    return arg ? *(int *)arg : 0;
}

/* Waits in a task until that many jobs have begun; the loop runs on meanwhile. */
static int until_begun(int jobs)
{
    while (begun < jobs) CHECK_INT(bide_sleep(0.001), 0);
    return 0;
}

struct wait_for_job {
    bide_fn fn;
    int code, result;
};

TASK(wait_for_a_job)
{
    struct wait_for_job *job = arg;
    job->result = 99;
    job->code = bide_to_thread(job->fn, &seven, &job->result);
    return 0;
}

TASK(a_job_gives_the_code_of_the_wait_and_its_result_apart)
{
    int result = 99;
    CHECK(bide_to_thread(NULL, &seven, &result) == -EINVAL && result == 99);
    CHECK_INT(bide_to_thread(give, &seven, &result), 0);
    CHECK_INT(result, 7);
    CHECK_INT(bide_to_thread(give, &io_error, &result), 0);
    CHECK_INT(result, -EIO);
    CHECK_INT(bide_to_thread(give, &seven, NULL), 0);
    CHECK_INT(bide_to_thread(give, &io_error, NULL), -EIO);
    return 0;
}

TASK(other_tasks_run_while_a_job_does)
{
    struct wait_for_job job = {work_until_told, 0, 0};
    struct bide_task *task = bide_create_task(wait_for_a_job, &job);
    CHECK_INT(until_begun(1), 0);
    CHECK(!bide_task_done(task));
    go = 1;
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK(job.code == 0 && job.result == 7);
    return 0;
}

static double patience; /* until the deadline */

TASK(let_it_go)
{
    CHECK_INT(until_begun(1), 0);
    CHECK_INT(bide_sleep(2 * patience), 0);
    CHECK_INT(done, 0);
    go = 1;
    return 0;
}

TASK(row_43_a_deadline_returns_once_the_job_has_ended)
{
    int result = 99;
    struct bide_task *task = bide_create_task(let_it_go, NULL);
    for (patience = 0.01; !begun; patience *= 2) { /* a thread may be late, and its job withdrawn */
        BIDE_TIMEOUT(patience) {
            CHECK_INT(bide_to_thread(work_until_told, &seven, &result), -ETIMEDOUT);
        }
        CHECK(bide_expired());
    }
    CHECK(result == 7 && done == 1);
    return bide_await(task, NULL);
}

TASK(rule_13_a_cancel_returns_once_the_job_has_ended)
{
    struct wait_for_job job = {work_until_told, 0, 0};
    struct bide_task *task = bide_create_task(wait_for_a_job, &job);
    CHECK_INT(until_begun(1), 0);
    CHECK_INT(bide_cancel(task), 1);
    for (int i = 0; i < 10; i++) CHECK_INT(bide_yield(), 0);
    CHECK(!bide_task_done(task) && job.result == 99);
    go = 1;
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK(job.code == -ECANCELED && job.result == 7);
    return 0;
}

TASK(row_44_a_job_that_has_not_begun_is_withdrawn)
{
    struct wait_for_job first = {work_until_told, 0, 0}, second = {work_until_told, 0, 0};
    struct bide_task *one = bide_create_task(wait_for_a_job, &first);
    CHECK_INT(until_begun(1), 0);
    struct bide_task *two = bide_create_task(wait_for_a_job, &second);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_cancel(two), 1);
    CHECK_INT(bide_await(two, NULL), 0);
    CHECK(second.code == -ECANCELED && second.result == -ECANCELED && done == 0);
    int result = 99;
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_to_thread(work_until_told, &seven, &result), -ECANCELED);
    CHECK_INT(result, -ECANCELED);
    CHECK_INT(bide_to_thread(work_until_told, &seven, NULL), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    go = 1;
    CHECK_INT(bide_await(one, NULL), 0);
    CHECK(first.code == 0 && first.result == 7);
    CHECK_INT(begun, 1);
    return 0;
}

TASK(count_itself)
{
    running++;
    if (done % 2) usleep(10);
    running--;
    done++;
    return 0;
}

TASK(count_in_a_thread)
{
    return bide_to_thread(count_itself, NULL, NULL);
}

static int count_threads(enum sys_call call)
{
    if (call == SYS_THREAD) started++;
    return 0;
}

enum { JOBS = 1000 };

TASK(a_thousand_jobs_run_on_few_threads)
{
    static struct bide_call calls[JOBS];
    int results[JOBS];
    for (int i = 0; i < JOBS; i++) calls[i].fn = count_in_a_thread;
    sys_fault = count_threads;
    const int code = bide_gather(calls, JOBS, results);
    sys_fault = NULL;
    CHECK_INT(code, 0);
    for (int i = 0; i < JOBS; i++) CHECK_INT(results[i], 0);
    CHECK(done == JOBS && running == 0 && started <= 2);
    return 0;
}

enum { TOGETHER = 4 };

static pthread_barrier_t together;

TASK(meet_the_others)
{
    pthread_barrier_wait(&together);
    return 0;
}

TASK(meet_in_a_thread)
{
    return bide_to_thread(meet_the_others, NULL, NULL);
}

/* None of the jobs ends before all have begun: whoever is asleep must be woken, however many are busy. */
TASK(every_thread_takes_part)
{
    struct bide_call calls[TOGETHER];
    pthread_barrier_init(&together, NULL, TOGETHER);
    for (int i = 0; i < TOGETHER; i++) calls[i] = (struct bide_call){meet_in_a_thread, NULL};
    for (int round = 0; round < 200; round++) {
        CHECK_INT(bide_gather(calls, TOGETHER, NULL), 0);
        if (round % 20 == 0) CHECK_INT(bide_sleep(0.001), 0);
    }
    pthread_barrier_destroy(&together);
    return 0;
}

static struct wait_for_job pending[100];

TASK(leave_jobs_behind)
{
    for (int i = 0; i < 100; i++) {
        pending[i].fn = i < 2 ? work_until_told : count_itself;
        bide_detach(bide_create_task(wait_for_a_job, &pending[i]));
    }
    CHECK_INT(until_begun(2), 0);
    go = 1;
    return 5;
}

static void bug_43_each_job_at_the_end_has_run_or_is_withdrawn(void **state)
{
    (void)state;
    const struct bide_options options = {.threads = 2};
    int withdrawn = 0;
    go = begun = running = done = 0;
    assert_int_equal(check_run_with(&options, leave_jobs_behind, NULL), 5);
    for (int i = 0; i < 100; i++) {
        if (i < 2) assert_int_equal(pending[i].result, 7);
        if (pending[i].result == -ECANCELED) assert_int_equal(pending[i].code, -ECANCELED);
        withdrawn += pending[i].result == -ECANCELED;
        assert_true(pending[i].result != 99);
    }
    assert_int_equal(done + withdrawn, 100);
    assert_int_equal(running, 0);
}

TASK(use_bide_in_a_thread)
{
    int result = 99;
    sigset_t blocked;
    CHECK_INT(bide_sleep(0), -EPERM);
    CHECK_INT(bide_to_thread(give, &seven, &result), -EPERM);
    CHECK_INT(bide_await(arg, &result), -EPERM);
    CHECK_INT(result, 99);
    CHECK(!bide_create_task(give, &seven) && errno == EPERM);
    CHECK(!bide_current_task() && !bide_current_loop() && !bide_cancelled());
    BIDE_TIMEOUT(0) {
        BIDE_SHIELD(1) {
            result = 5;
        }
    }
    CHECK(result == 5 && !bide_expired());
    CHECK_INT(bide_run(give, &seven), 7);
    CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    CHECK(sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGPIPE) && sigismember(&blocked, SIGCHLD));
    return 0;
}

TASK(a_waiting_call_in_a_job_is_refused)
{
    CHECK_INT(bide_to_thread(use_bide_in_a_thread, bide_current_task(), NULL), 0);
    return 0;
}

static int refuse_threads(enum sys_call call)
{
    return call == SYS_THREAD ? EAGAIN : 0;
}

TASK(a_job_without_a_thread_gives_enomem)
{
    int result = 0;
    sys_fault = refuse_threads;
    const int code = bide_to_thread(give, &seven, &result), folded = bide_to_thread(give, &seven, NULL);
    sys_fault = NULL;
    CHECK(code == 0 && result == -ENOMEM && folded == -ENOMEM);
    CHECK_INT(bide_to_thread(give, &seven, &result), 0);
    CHECK_INT(result, 7);
    return 0;
}

TASK(a_thread_that_cannot_start_leaves_the_jobs_to_the_others)
{
    struct bide_call calls[20];
    CHECK_INT(bide_to_thread(give, &seven, NULL), 0);
    for (int i = 0; i < 20; i++) calls[i].fn = count_in_a_thread;
    sys_fault = refuse_threads;
    const int code = bide_gather(calls, 20, NULL);
    sys_fault = NULL;
    return code;
}

struct run {
    bide_fn fn;
    struct bide_options options;
};

static void run_in_a_loop(void **state)
{
    const struct run *run = *state;
    go = begun = running = started = done = 0;
    assert_int_equal(check_run_with(&run->options, run->fn, NULL), 0);
}

#define IN_A_LOOP(fn, ...)                                                                                   \
    ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, &(struct run){fn, {__VA_ARGS__}}})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(a_job_gives_the_code_of_the_wait_and_its_result_apart, .threads = 0),
        IN_A_LOOP(other_tasks_run_while_a_job_does, .threads = 0),
        IN_A_LOOP(row_43_a_deadline_returns_once_the_job_has_ended, .threads = 0),
        IN_A_LOOP(rule_13_a_cancel_returns_once_the_job_has_ended, .threads = 0),
        IN_A_LOOP(row_44_a_job_that_has_not_begun_is_withdrawn, .threads = 1),
        IN_A_LOOP(a_thousand_jobs_run_on_few_threads, .threads = 2),
        IN_A_LOOP(every_thread_takes_part, .threads = TOGETHER),
        cmocka_unit_test(bug_43_each_job_at_the_end_has_run_or_is_withdrawn),
        IN_A_LOOP(a_waiting_call_in_a_job_is_refused, .threads = 0),
        IN_A_LOOP(a_job_without_a_thread_gives_enomem, .threads = 0),
        IN_A_LOOP(a_thread_that_cannot_start_leaves_the_jobs_to_the_others, .threads = 0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
