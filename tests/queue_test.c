/* SPDX-License-Identifier: MIT */
/*
 * Queues: who waits for what, in which order it is served, and join. Cancels
 * are in queue_cancel_test, the other kinds in queue_order_test, shutdown in queue_shutdown_test.
 */
#include "check.h"

#include <string.h>

/* A task that has the queue for its argument, or none. */
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

static int yield_often(int times)
{
    while (times-- > 0) CHECK_INT(bide_yield(), 0);
    return 0;
}

TASK(first_in_first_out)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), 3);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++) CHECK_INT(bide_queue_put(queue, &(int){i}), 0);
        CHECK_INT(bide_queue_size(queue), 3);
        CHECK_INT(put_now(queue, 3), -EAGAIN);
        for (int i = 0; i <= round % 3; i++) CHECK_INT(get_now(queue), i);
        for (int i = 0; i <= round % 3; i++) CHECK_INT(put_now(queue, 3 + i), 0);
        for (int i = 0; i < 3; i++) CHECK_INT(get_now(queue), i + round % 3 + 1);
        CHECK_INT(get_now(queue), -EAGAIN);
    }
    bide_queue_free(queue);
    return 0;
}

TASK(a_full_queue_makes_putters_wait_in_line)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), 1);
    struct job jobs[] = {{queue, 1, 0}, {queue, 2, 0}, {queue, 3, 0}};
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 3; i++) bide_group_start(&group, putter, &jobs[i]);
        CHECK_INT(yield_often(2), 0);
        for (int i = 1; i <= 3; i++) {
            CHECK_INT(bide_queue_size(queue), 1);
            CHECK_INT(get_now(queue), i);
            log_event("got%d", i);
        }
        CHECK_INT(bide_queue_size(queue), 0);
    }
    CHECK_LOG("put1 put1=0 put2 put3 got1 got2 got3 put2=0 put3=0");
    bide_queue_free(queue);
    return 0;
}

TASK(getters_are_served_in_line)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), 5);
    struct job jobs[] = {{queue, 1, 0}, {queue, 2, 0}, {queue, 3, 0}};
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 3; i++) bide_group_start(&group, getter, &jobs[i]);
        CHECK_INT(yield_often(2), 0);
        for (int i = 7; i <= 10; i++) CHECK_INT(put_now(queue, i), 0);
        CHECK_INT(bide_queue_size(queue), 1); /* the others were handed over */
        CHECK_INT(get_now(queue), 10);
    }
    CHECK_LOG("1:got7 2:got8 3:got9");
    bide_queue_free(queue);
    return 0;
}

TASK(capacity_0_is_a_rendezvous)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), 0);
    struct job put[] = {{queue, 1, 0}, {queue, 2, 0}}, get = {queue, 9, 0};
    CHECK_INT(put_now(queue, 5), -EAGAIN);
    CHECK_INT(get_now(queue), -EAGAIN);
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 2; i++) bide_group_start(&group, putter, &put[i]);
        CHECK_INT(yield_often(2), 0);
        CHECK_INT(bide_queue_size(queue), 0);
        CHECK_LOG("put1 put2");
        CHECK_INT(get_now(queue), 1); /* from the hand of the task that waits */
        CHECK_INT(get_now(queue), 2);
        bide_group_start(&group, getter, &get);
        CHECK_INT(yield_often(2), 0);
        CHECK_INT(put_now(queue, 6), 0); /* a getter waits */
        CHECK_INT(put_now(queue, 7), -EAGAIN);
    }
    CHECK_LOG("put1 put2 put1=0 put2=0 9:got6");
    bide_queue_free(queue);
    return 0;
}

/* Sizes that are copied one way or another; the queue turns round its end many times. */
TASK(items_of_any_size_are_copied)
{
    const size_t sizes[] = {1, 2, 3, 4, 7, 8, 9, 16, 24, 100, 900};
    unsigned char in[900], out[900];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bide_queue *queue = bide_queue_new(sizes[i], i % 2 ? 5 : BIDE_UNBOUNDED);
        CHECK(queue);
        unsigned char next = 0, expected = 0;
        for (int n = 0; n < 300; n++) {
            memset(in, next++, sizeof in);
            CHECK_INT(bide_queue_put(queue, in), 0);
            if (n % 4 == 0) continue;
            memset(in, expected++, sizes[i]);
            CHECK_INT(bide_queue_get(queue, out), 0);
            CHECK(memcmp(in, out, sizes[i]) == 0);
            if (bide_queue_size(queue) < 4) continue;
            memset(in, expected++, sizes[i]);
            CHECK_INT(bide_queue_get_nowait(queue, out), 0);
            CHECK(memcmp(in, out, sizes[i]) == 0);
        }
        bide_queue_free(queue);
    }
    return 0;
}

TASK(an_unbounded_queue_takes_all)
{
    enum { MANY = 200000 };
    struct bide_queue *queue = bide_queue_new(sizeof(long), BIDE_UNBOUNDED);
    for (int round = 0; round < 3; round++) {
        long item;
        for (long i = 0; i < 10; i++) CHECK_INT(bide_queue_put(queue, &i), 0);
        for (long i = 0; i < 7; i++) CHECK(bide_queue_get(queue, &item) == 0 && item == i);
        for (long i = 10; i < MANY; i++) CHECK_INT(bide_queue_put_nowait(queue, &i), 0);
        CHECK_INT(bide_queue_size(queue), MANY - 7);
        for (long i = 7; i < MANY; i++) CHECK(bide_queue_get(queue, &item) == 0 && item == i);
        CHECK_INT(bide_queue_get_nowait(queue, &item), -EAGAIN);
    }
    bide_queue_free(queue);
    return 0;
}

/* ---- join ---- */

static int join(void *arg)
{
    const int code = bide_queue_join(arg);
    log_event("joined%d", code);
    return code;
}

TASK(join_waits_until_all_items_are_done)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), BIDE_UNBOUNDED);
    CHECK_INT(bide_queue_join(queue), 0);
    for (int i = 0; i < 3; i++) CHECK_INT(put_now(queue, i), 0);
    struct bide_task *tasks[] = {bide_create_task(join, queue), bide_create_task(join, queue)};
    for (int i = 0; i < 3; i++) {
        CHECK_INT(get_now(queue), i);
        CHECK_INT(bide_yield(), 0);
        CHECK_LOG("");
        bide_queue_task_done(queue);
    }
    CHECK_INT(put_now(queue, 9), 0); /* too late to hold them up */
    CHECK_INT(bide_gather_tasks(tasks, 2, NULL), 0);
    CHECK_LOG("joined0 joined0");
    CHECK_INT(get_now(queue), 9);
    bide_queue_task_done(queue);
    bide_queue_free(queue);
    return 0;
}

static int make_and_fill(void *arg)
{
    struct bide_queue *queue = *(struct bide_queue **)arg;
    int item;
    CHECK_INT(bide_queue_get(queue, &item), 0);
    CHECK_INT(item, 3);
    return put_now(queue, 4);
}

static void a_queue_outlives_loops(void **state)
{
    (void)state;
    struct bide_queue *queue = bide_queue_new(sizeof(int), 2);
    int item = 3;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bide_queue_put(queue, &item), -EPERM);
        assert_int_equal(bide_queue_get(queue, &item), -EPERM);
        assert_int_equal(bide_queue_join(queue), -EPERM);
        assert_int_equal(bide_queue_put_nowait(queue, &item), 0);
        assert_int_equal(check_run(make_and_fill, &queue), 0);
        assert_int_equal(get_now(queue), 4);
    }
    bide_queue_free(queue);
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
        IN_A_LOOP(first_in_first_out),
        IN_A_LOOP(a_full_queue_makes_putters_wait_in_line),
        IN_A_LOOP(getters_are_served_in_line),
        IN_A_LOOP(capacity_0_is_a_rendezvous),
        IN_A_LOOP(items_of_any_size_are_copied),
        IN_A_LOOP(an_unbounded_queue_takes_all),
        IN_A_LOOP(join_waits_until_all_items_are_done),
        cmocka_unit_test(a_queue_outlives_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
