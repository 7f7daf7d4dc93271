/* SPDX-License-Identifier: MIT */
/* bide_wait: its three modes, its time limit, what it counts. */
#include "check.h"

#include "faults.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6)

struct job {
    double seconds;
    int result;
};

/* Sleeps as long as it is said, and returns what it is said, cancelled or not. */
TASK(work)
{
    const struct job *job = arg;
    const int code = job->seconds > 0 ? bide_sleep(job->seconds) : 0;
    return code < 0 ? code : job->result;
}

static int start(struct bide_task **tasks, struct job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) CHECK(tasks[i] = bide_create_task(work, &jobs[i]));
    return 0;
}

static int await_result(struct bide_task *task)
{
    int result = -EPROTO;
    CHECK_INT(bide_await(task, &result), 0);
    return result;
}

static int await_all(struct bide_task **tasks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int result;
        bide_cancel(tasks[i]);
        CHECK_INT(bide_await(tasks[i], &result), 0);
    }
    return 0;
}

TASK(first_completed)
{
    struct bide_task *tasks[3];
    struct job jobs[] = {{3, 30}, {1, 10}, {2, 20}};
    CHECK_INT(start(tasks, jobs, 3), 0);
    CHECK_INT(bide_wait(tasks, 3, BIDE_FIRST_COMPLETED, BIDE_FOREVER), 1);
    CHECK_AT(1);
    CHECK(!bide_task_done(tasks[0]) && bide_task_done(tasks[1]) && !bide_task_done(tasks[2]));
    CHECK_INT(bide_wait(tasks, 3, BIDE_FIRST_COMPLETED, BIDE_FOREVER), 1); /* at once: it is there */
    CHECK_AT(1);
    CHECK_INT(bide_task_result(tasks[1]), 10);
    return await_all(tasks, 3);
}

TASK(first_exception)
{
    struct bide_task *tasks[4];
    struct job jobs[] = {{1, 10}, {2, -ECANCELED}, {3, -EIO}, {4, 40}};
    CHECK_INT(start(tasks, jobs, 4), 0);
    CHECK_INT(bide_wait(tasks, 4, BIDE_FIRST_EXCEPTION, BIDE_FOREVER), 3);
    CHECK_AT(3); /* that one was cancelled is no failure, as in asyncio */
    CHECK_INT(bide_wait(tasks, 2, BIDE_FIRST_EXCEPTION, BIDE_FOREVER), 2);
    CHECK_INT(bide_wait(tasks, 4, BIDE_FIRST_EXCEPTION, BIDE_FOREVER), 3);
    CHECK_AT(3);
    return await_all(tasks, 4);
}

TASK(without_a_failure_first_exception_waits_for_all)
{
    struct bide_task *tasks[2];
    struct job jobs[] = {{1, 10}, {2, 20}};
    CHECK_INT(start(tasks, jobs, 2), 0);
    CHECK_INT(bide_wait(tasks, 2, BIDE_FIRST_EXCEPTION, BIDE_FOREVER), 2);
    CHECK_AT(2);
    return await_all(tasks, 2);
}

TASK(all_completed)
{
    struct bide_task *tasks[3];
    struct job jobs[] = {{1, -EIO}, {2, 20}, {0, 0}};
    CHECK_INT(start(tasks, jobs, 3), 0);
    CHECK_INT(bide_wait(tasks, 3, BIDE_ALL_COMPLETED, BIDE_FOREVER), 3);
    CHECK_AT(2);
    return await_all(tasks, 3);
}

TASK(a_timeout_is_no_error)
{
    struct bide_task *tasks[3];
    struct job jobs[] = {{1, 10}, {5, 50}, {0, 0}};
    CHECK_INT(start(tasks, jobs, 3), 0);
    CHECK_INT(bide_wait(tasks, 3, BIDE_ALL_COMPLETED, 0), 1); /* the third needs no more than its turn */
    CHECK_INT(bide_wait(tasks, 2, BIDE_FIRST_COMPLETED, -1), 0);
    CHECK_AT(0);
    CHECK_INT(bide_wait(tasks, 3, BIDE_ALL_COMPLETED, 3), 2);
    CHECK_AT(3);
    CHECK_INT(bide_wait(tasks, 3, BIDE_ALL_COMPLETED, 2), 3); /* in one turn: the end beats the limit */
    CHECK_AT(5);
    return await_all(tasks, 3);
}

/* Truth table, row 46. */
TASK(row_46_cut_short_it_leaves_the_tasks)
{
    struct bide_task *tasks[1];
    struct job jobs[] = {{5, 50}};
    CHECK_INT(start(tasks, jobs, 1), 0);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_wait(tasks, 1, BIDE_ALL_COMPLETED, 9), -ETIMEDOUT);
        CHECK_INT(bide_wait(tasks, 1, BIDE_ALL_COMPLETED, 0), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_wait(tasks, 1, BIDE_ALL_COMPLETED, 0.5), 0);
        CHECK_INT(bide_wait(tasks, 1, BIDE_ALL_COMPLETED, 0.5), -ETIMEDOUT); /* the scope was there first */
    }
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_wait(tasks, 1, BIDE_ALL_COMPLETED, BIDE_FOREVER), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(await_result(tasks[0]), 50);
    CHECK_AT(5);
    return 0;
}

struct waiting {
    struct bide_task **tasks;
    size_t n;
    ssize_t done;
};

TASK(wait_for_all)
{
    struct waiting *waiting = arg;
    waiting->done = bide_wait(waiting->tasks, waiting->n, BIDE_ALL_COMPLETED, BIDE_FOREVER);
    return 0;
}

/* Whoever awaits the handles releases the tasks before those that only look run again. */
TASK(bug_12_the_tasks_may_be_gone_when_it_returns)
{
    struct bide_task *tasks[2], *lookers[2];
    struct job jobs[] = {{1, 10}, {1, 20}};
    CHECK_INT(start(tasks, jobs, 2), 0);
    struct waiting waiting[] = {{tasks, 2, 0}, {tasks, 2, 0}};
    for (int i = 0; i < 2; i++) lookers[i] = bide_create_task(wait_for_all, &waiting[i]);
    CHECK_INT(bide_yield(), 0);
    bide_detach(tasks[1]);
    CHECK_INT(await_result(tasks[0]), 10);
    bide_detach(bide_create_task(work, &jobs[0])); /* in its place */
    for (int i = 0; i < 2; i++) {
        CHECK_INT(bide_await(lookers[i], NULL), 0);
        CHECK_INT(waiting[i].done, 2);
    }
    return 0;
}

TASK(bug_12_who_was_cut_short_is_not_told_later)
{
    struct bide_task *tasks[12], *looker;
    struct job jobs[12];
    for (int i = 0; i < 12; i++) jobs[i] = (struct job){i, i};
    CHECK_INT(start(tasks, jobs, 12), 0);
    struct waiting waiting = {tasks, 12, 0};
    looker = bide_create_task(wait_for_all, &waiting);
    CHECK_INT(bide_sleep(3.5), 0);
    bide_cancel(looker);
    CHECK_INT(bide_await(looker, NULL), 0);
    CHECK_INT(waiting.done, -ECANCELED);
    CHECK_INT(bide_sleep(20), 0);
    return await_all(tasks, 12);
}

/* What happens in one turn: the end first, then the cancel; and the other way round. */
TASK(bug_09_end_and_cancel_in_one_turn)
{
    for (int first = 0; first < 2; first++) {
        struct job job = {1, 10};
        struct bide_task *task = bide_create_task(work, &job), *looker;
        struct waiting waiting = {&task, 1, 0};
        looker = bide_create_task(wait_for_all, &waiting);
        if (first == 0) CHECK_INT(bide_sleep(1), 0); /* armed before the task's own, or after it */
        if (first == 1) CHECK_INT(bide_sleep(0.5), 0);
        if (first == 1) CHECK_INT(bide_sleep(0.5), 0);
        bide_cancel(looker);
        CHECK_INT(bide_await(looker, NULL), 0);
        CHECK_INT(waiting.done, first == 1 ? 1 : -ECANCELED);
        CHECK_INT(await_result(task), 10);
    }
    return 0;
}

TASK(what_counts)
{
    struct bide_task *tasks[4];
    struct job jobs[] = {{1, 10}};
    CHECK_INT(start(tasks, jobs, 1), 0);
    tasks[1] = tasks[0]; /* twice, and counted twice */
    tasks[2] = NULL;     /* failed already */
    CHECK_INT(bide_wait(tasks, 3, BIDE_FIRST_COMPLETED, BIDE_FOREVER), 1);
    CHECK_INT(bide_wait(tasks, 3, BIDE_FIRST_EXCEPTION, BIDE_FOREVER), 1);
    CHECK_AT(0);
    CHECK_INT(bide_wait(tasks, 3, BIDE_ALL_COMPLETED, BIDE_FOREVER), 3);
    CHECK_AT(1);
    CHECK_INT(await_result(tasks[0]), 10);
    return 0;
}

TASK(wrong_use)
{
    struct bide_task *tasks[] = {NULL, bide_current_task()};
    CHECK_INT(bide_wait(NULL, 1, BIDE_ALL_COMPLETED, 1), -EINVAL);
    CHECK_INT(bide_wait(tasks, 0, BIDE_ALL_COMPLETED, 1), -EINVAL);
    CHECK_INT(bide_wait(tasks, 1, BIDE_ALL_COMPLETED, __builtin_nan("")), -EINVAL);
    CHECK_INT(bide_wait(tasks, 1, (enum bide_wait_mode)3, 1), -EINVAL);
    CHECK_INT(bide_wait(tasks, 2, BIDE_FIRST_COMPLETED, 1), -EDEADLK);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_wait(tasks, 0, BIDE_ALL_COMPLETED, 1),
              -EINVAL); /* as for all: before the cancel is seen */
    return 0;
}

TASK(many_need_memory)
{
    struct bide_task *tasks[9] = {NULL};
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
    const ssize_t few = bide_wait(tasks, 8, BIDE_ALL_COMPLETED, 1);
    const ssize_t many = bide_wait(tasks, 9, BIDE_ALL_COMPLETED, 1);
    faults_clear();
    CHECK_INT(few, 8);
    CHECK_INT(many, -ENOMEM);
    return 0;
}

TASK(each_waits_for_the_other)
{
    struct waiting *waiting = arg;
    CHECK_INT(bide_wait(waiting->tasks, 1, BIDE_ALL_COMPLETED, BIDE_FOREVER), -ECANCELED);
    return 0;
}

TASK(rule_12_a_ring)
{
    static struct bide_task *tasks[2];
    static struct waiting waiting[2];
    for (int i = 0; i < 2; i++) waiting[i] = (struct waiting){&tasks[1 - i], 1, 0};
    for (int i = 0; i < 2; i++) tasks[i] = bide_create_task(each_waits_for_the_other, &waiting[i]);
    CHECK_INT(bide_wait(tasks, 2, BIDE_FIRST_COMPLETED, BIDE_FOREVER), -ECANCELED);
    for (int i = 0; i < 2; i++) bide_detach(tasks[i]);
    return 0;
}

static int run_ring(void *arg)
{
    return bide_run(rule_12_a_ring, arg) == -EDEADLK ? 0 : 1;
}

static void a_ring_is_reported(void **state)
{
    (void)state;
    char err[4096];
    assert_int_equal(check_child(run_ring, NULL, err, sizeof err), 0);
    assert_non_null(strstr(err, "waits for all of 1 tasks"));
    assert_non_null(strstr(err, "waits for the first of 2 tasks"));
}

TASK(released)
{
    struct job job = {0, 0};
    struct bide_task *task = bide_create_task(work, &job);
    CHECK_INT(await_result(task), 0);
    return (int)bide_wait(&task, 1, BIDE_ALL_COMPLETED, 1);
}

static int run_released(void *arg)
{
    return bide_run(released, arg);
}

static void a_handle_that_was_taken_aborts(void **state)
{
    (void)state;
    check_aborts(run_released, NULL, "whose handle was taken or given up before");
}

static void outside_a_task(void **state)
{
    (void)state;
    struct bide_task *task = NULL;
    assert_int_equal(bide_wait(&task, 1, BIDE_ALL_COMPLETED, 1), -EPERM);
}

static void run_in_a_loop(void **state)
{
    assert_int_equal(check_run((bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(first_completed),
        IN_A_LOOP(first_exception),
        IN_A_LOOP(without_a_failure_first_exception_waits_for_all),
        IN_A_LOOP(all_completed),
        IN_A_LOOP(a_timeout_is_no_error),
        IN_A_LOOP(row_46_cut_short_it_leaves_the_tasks),
        IN_A_LOOP(bug_12_the_tasks_may_be_gone_when_it_returns),
        IN_A_LOOP(bug_12_who_was_cut_short_is_not_told_later),
        IN_A_LOOP(bug_09_end_and_cancel_in_one_turn),
        IN_A_LOOP(what_counts),
        IN_A_LOOP(wrong_use),
        IN_A_LOOP(many_need_memory),
        cmocka_unit_test(a_ring_is_reported),
        cmocka_unit_test(a_handle_that_was_taken_aborts),
        cmocka_unit_test(outside_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
