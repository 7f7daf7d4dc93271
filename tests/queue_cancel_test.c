/* SPDX-License-Identifier: MIT */
/* Queues and cancels: who checks, and that what was handed over stays given. */
#include "check.h"

#define TASK(name) static int name(void *arg __attribute__((unused)))

struct job {
    struct bide_queue *queue;
    int item;
    int result;
};

/* Each says when it begins to put or get, and what came of it. */
static int putter(void *arg)
{
    struct job *job = arg;
    log_event("put%d", job->item);
    job->result = bide_queue_put(job->queue, &job->item);
    log_event("put%d=%d", job->item, job->result);
    return job->result;
}

static int getter(void *arg)
{
    struct job *job = arg;
    int item = -1;
    job->result = bide_queue_get(job->queue, &item);
    log_event(job->result < 0 ? "%d:failed" : "%d:got%d", job->item, item);
    job->item = item;
    return job->result;
}

static int put_now(struct bide_queue *queue, int item)
{
    return bide_queue_put_nowait(queue, &item);
}

static int get_now(struct bide_queue *queue)
{
    int item = -1;
    const int code = bide_queue_get_nowait(queue, &item);
    return code < 0 ? code : item;
}

/* ---- rule 4: put, get and join check always, nothing else does ---- */

TASK(cancelled_calls_fail_and_change_nothing)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), 2);
    int item = 5;
    CHECK_INT(bide_queue_put(queue, &item), 0);
    bide_cancel(bide_current_task());
    CHECK_INT(bide_queue_put(queue, &item), -ECANCELED);
    CHECK_INT(bide_queue_get(queue, &item), -ECANCELED);
    CHECK_INT(bide_queue_join(queue), -ECANCELED);
    CHECK_INT(bide_queue_size(queue), 1);
    CHECK_INT(put_now(queue, 6), 0);
    CHECK_INT(get_now(queue), 5);
    bide_queue_task_done(queue);
    CHECK_INT(get_now(queue), 6);
    bide_queue_task_done(queue);
    CHECK_INT(bide_queue_join(queue), -ECANCELED); /* also where it need not wait */
    bide_queue_shutdown(queue, true);
    CHECK_INT(bide_queue_get(queue, &item), -ECANCELED);
    bide_queue_free(queue);
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

TASK(a_refusal_lets_others_run)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), 1);
    int item = 1;
    bide_cancel(bide_current_task());
    struct bide_task *other = bide_create_task((bide_fn)putter, &(struct job){queue, 2, 0});
    while (bide_queue_size(queue) == 0) CHECK_INT(bide_queue_get(queue, &item), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_await(other, NULL), 0);
    CHECK_INT(get_now(queue), 2);
    bide_queue_free(queue);
    return 0;
}

TASK(deadlines_cut_waits_short)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), 1);
    int item = 1;
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_queue_get(queue, &item), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(put_now(queue, 1), 0);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_queue_put(queue, &item), -ETIMEDOUT);
    }
    CHECK_INT(bide_queue_size(queue), 1);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_queue_join(queue), -ETIMEDOUT);
    }
    CHECK_INT(get_now(queue), 1);
    CHECK_INT(get_now(queue), -EAGAIN); /* a put that was cut short has not put */
    bide_queue_free(queue);
    return 0;
}

/* ---- rule 3 ---- */

/* A put hands over, and the getter is cancelled before it runs: it has the item, its next call fails. */
TASK(bug_08_an_item_handed_over_stays_given)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), 1);
    struct job job = {queue, 0, 0};
    struct bide_task *task = bide_create_task(getter, &job);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(put_now(queue, 4), 0);
    CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(job.item, 4);
    bide_queue_free(queue);
    return 0;
}

/* The other order: who was cancelled gets nothing, and the item goes to the next in line. */
TASK(bug_07_a_cancelled_getter_loses_no_item)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), 1);
    struct job jobs[] = {{queue, 1, 0}, {queue, 2, 0}};
    struct bide_task *first = bide_create_task(getter, &jobs[0]),
                     *second = bide_create_task(getter, &jobs[1]);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_cancel(first), 1);
    CHECK_INT(put_now(queue, 4), 0);
    CHECK_INT(bide_await(first, NULL), -ECANCELED);
    CHECK_INT(bide_await(second, NULL), 0);
    CHECK_INT(jobs[1].item, 4);
    CHECK_INT(bide_queue_size(queue), 0);
    bide_queue_free(queue);
    return 0;
}

static int put_twice(void *arg)
{
    struct job *job = arg;
    job->result = bide_queue_put(job->queue, &job->item);
    return bide_queue_put(job->queue, &job->item);
}

TASK(bug_09_a_put_that_was_taken_succeeds_though_cancelled)
{
    for (size_t capacity = 0; capacity < 2; capacity++) {
        struct bide_queue *queue = bide_queue_new(sizeof(int), capacity);
        struct job job = {queue, 8, -1};
        if (capacity) CHECK_INT(put_now(queue, 7), 0);
        struct bide_task *task = bide_create_task(put_twice, &job);
        CHECK_INT(bide_yield(), 0);
        CHECK_INT(get_now(queue), capacity ? 7 : 8);
        CHECK_INT(bide_cancel(task), 1);
        CHECK_INT(bide_await(task, NULL), -ECANCELED); /* the second put */
        CHECK_INT(job.result, 0);
        CHECK_INT(get_now(queue), capacity ? 8 : -EAGAIN);
        bide_queue_free(queue);
    }
    return 0;
}

TASK(bug_09_a_cancelled_put_has_not_put)
{
    for (size_t capacity = 0; capacity < 2; capacity++) {
        struct bide_queue *queue = bide_queue_new(sizeof(int), capacity);
        struct job job = {queue, 8, -1};
        if (capacity) CHECK_INT(put_now(queue, 7), 0);
        struct bide_task *task = bide_create_task(putter, &job);
        CHECK_INT(bide_yield(), 0);
        CHECK_INT(bide_cancel(task), 1);
        CHECK_INT(get_now(queue), capacity ? 7 : -EAGAIN);
        CHECK_INT(get_now(queue), -EAGAIN);
        CHECK_INT(bide_await(task, NULL), -ECANCELED);
        bide_queue_free(queue);
    }
    return 0;
}

/* The waits of those who left stood on stacks that are gone by now. */
TASK(bug_12_items_come_after_the_waiters_have_gone)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), 1);
    struct job jobs[4];
    struct bide_task *tasks[4];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++) jobs[i] = (struct job){queue, i, 0};
        for (int i = 0; i < 4; i++) tasks[i] = bide_create_task(round ? putter : getter, &jobs[i]);
        CHECK_INT(bide_yield(), 0);
        for (int i = 0; i < 4; i++) bide_cancel(tasks[i]);
        for (int i = 0; i < 4; i++) (void)bide_await(tasks[i], NULL); /* the first of the putters has put */
        CHECK_INT(round ? get_now(queue) : put_now(queue, 1), 0);
        CHECK_INT(round ? put_now(queue, 1) : get_now(queue), round ? 0 : 1);
    }
    bide_queue_free(queue);
    return 0;
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
        IN_A_LOOP(cancelled_calls_fail_and_change_nothing),
        IN_A_LOOP(a_refusal_lets_others_run),
        IN_A_LOOP(deadlines_cut_waits_short),
        IN_A_LOOP(bug_08_an_item_handed_over_stays_given),
        IN_A_LOOP(bug_07_a_cancelled_getter_loses_no_item),
        IN_A_LOOP(bug_09_a_put_that_was_taken_succeeds_though_cancelled),
        IN_A_LOOP(bug_09_a_cancelled_put_has_not_put),
        IN_A_LOOP(bug_12_items_come_after_the_waiters_have_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
