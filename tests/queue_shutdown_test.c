/* SPDX-License-Identifier: MIT */
/* bide_queue_shutdown, graceful and at once: what it lets through, whom it wakes, what it counts. */
#include "check.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static int put(void *queue)
{
    return bide_queue_put(queue, &(int){9});
}

static int get(void *queue)
{
    int item;
    const int code = bide_queue_get(queue, &item);
    return code < 0 ? code : item;
}

static int join(void *queue)
{
    return bide_queue_join(queue);
}

static int put_now(struct bide_queue *queue, int item)
{
    return bide_queue_put_nowait(queue, &item);
}

static int get_now(struct bide_queue *queue)
{
    int item;
    const int code = bide_queue_get_nowait(queue, &item);
    return code < 0 ? code : item;
}

static struct bide_queue *filled(size_t capacity, int n)
{
    struct bide_queue *queue = bide_queue_new(sizeof(int), capacity);
    for (int i = 0; i < n; i++) (void)put_now(queue, i); /* there is room */
    return queue;
}

TASK(a_graceful_one_lets_what_is_there_be_got)
{
    struct bide_queue *queue = filled(5, 3);
    bide_queue_shutdown(queue, false);
    CHECK_INT(put(queue), -EPIPE);
    CHECK_INT(put_now(queue, 1), -EPIPE);
    CHECK_INT(bide_queue_size(queue), 3);
    CHECK_INT(get(queue), 0);
    CHECK_INT(get_now(queue), 1);
    bide_queue_shutdown(queue, false); /* again */
    CHECK_INT(get(queue), 2);
    CHECK_INT(get(queue), -EPIPE);
    CHECK_INT(get_now(queue), -EPIPE);
    struct bide_task *joiner = bide_create_task(join, queue);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(bide_yield(), 0);
        CHECK(!bide_task_done(joiner));
        bide_queue_task_done(queue);
    }
    CHECK_INT(bide_await(joiner, NULL), 0);
    bide_queue_free(queue);
    return 0;
}

/* Items of 8 bytes go a shorter way. */
TASK(the_short_way_is_shut_too)
{
    struct bide_queue *queue = bide_queue_new(sizeof(long), 5);
    long item = 7;
    for (int i = 0; i < 3; i++) CHECK_INT(bide_queue_put(queue, &item), 0);
    bide_queue_shutdown(queue, false);
    CHECK_INT(bide_queue_put(queue, &item), -EPIPE);
    for (int i = 0; i < 3; i++) CHECK_INT(bide_queue_get(queue, &item), 0);
    CHECK_INT(bide_queue_get(queue, &item), -EPIPE);
    bide_queue_free(queue);
    return 0;
}

TASK(at_once_drops_what_is_there)
{
    struct bide_queue *queue = filled(5, 3);
    CHECK_INT(get(queue), 0);
    struct bide_task *joiner = bide_create_task(join, queue);
    CHECK_INT(bide_yield(), 0);
    bide_queue_shutdown(queue, true);
    CHECK_INT(bide_queue_size(queue), 0);
    CHECK_INT(get(queue), -EPIPE);
    CHECK_INT(put(queue), -EPIPE);
    CHECK_INT(bide_yield(), 0);
    CHECK(!bide_task_done(joiner)); /* the one that was got is not done */
    bide_queue_task_done(queue);
    CHECK_INT(bide_await(joiner, NULL), 0);
    bide_queue_free(queue);
    return 0;
}

TASK(at_once_ends_a_join_of_items_that_nobody_got)
{
    struct bide_queue *queue = filled(5, 3);
    struct bide_task *joiner = bide_create_task(join, queue);
    CHECK_INT(bide_yield(), 0);
    bide_queue_shutdown(queue, true);
    CHECK_INT(bide_await(joiner, NULL), 0);
    CHECK_INT(bide_queue_join(queue), 0);
    bide_queue_free(queue);
    return 0;
}

/* Some were called done before they were got: what is dropped counts no lower than that. */
TASK(at_once_after_too_early_a_task_done)
{
    struct bide_queue *queue = filled(5, 3);
    bide_queue_task_done(queue);
    bide_queue_task_done(queue);
    bide_queue_shutdown(queue, true);
    CHECK_INT(bide_queue_join(queue), 0);
    bide_queue_free(queue);
    return 0;
}

TASK(graceful_then_at_once)
{
    struct bide_queue *queue = filled(BIDE_UNBOUNDED, 30000);
    bide_queue_shutdown(queue, false);
    CHECK_INT(get(queue), 0);
    bide_queue_shutdown(queue, true);
    CHECK_INT(get(queue), -EPIPE);
    bide_queue_free(queue);
    return 0;
}

TASK(those_who_wait_are_told)
{
    for (int now = 0; now < 2; now++) {
        for (size_t capacity = 0; capacity < 2; capacity++) {
            struct bide_queue *queue = filled(capacity, 1);
            struct bide_task *putters[] = {bide_create_task(put, queue), bide_create_task(put, queue)};
            CHECK_INT(bide_yield(), 0);
            bide_queue_shutdown(queue, now);
            for (int i = 0; i < 2; i++) CHECK_INT(bide_await(putters[i], NULL), -EPIPE);
            CHECK_INT(get_now(queue), capacity && !now ? 0 : -EPIPE);
            bide_queue_free(queue);

            queue = filled(capacity, 0);
            struct bide_task *getters[] = {bide_create_task(get, queue), bide_create_task(get, queue)};
            CHECK_INT(bide_yield(), 0);
            bide_queue_shutdown(queue, now);
            for (int i = 0; i < 2; i++) CHECK_INT(bide_await(getters[i], NULL), -EPIPE);
            bide_queue_free(queue);
        }
    }
    return 0;
}

/* What came first in the turn counts: an item, a shutdown, a cancel. */
TASK(the_first_outcome_of_a_turn_stays)
{
    struct bide_queue *queue = filled(1, 0);
    struct bide_task *task = bide_create_task(get, queue);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(put_now(queue, 5), 0);
    bide_queue_shutdown(queue, true);
    int result = 0;
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, 5);
    bide_queue_free(queue);
    for (int cancel_first = 0; cancel_first < 2; cancel_first++) {
        queue = filled(1, 0);
        task = bide_create_task(get, queue);
        CHECK_INT(bide_yield(), 0);
        if (cancel_first) bide_cancel(task);
        bide_queue_shutdown(queue, true);
        if (!cancel_first) bide_cancel(task);
        CHECK_INT(bide_await(task, NULL), cancel_first ? -ECANCELED : -EPIPE);
        bide_queue_free(queue);
    }
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
        IN_A_LOOP(a_graceful_one_lets_what_is_there_be_got),
        IN_A_LOOP(the_short_way_is_shut_too),
        IN_A_LOOP(at_once_drops_what_is_there),
        IN_A_LOOP(at_once_ends_a_join_of_items_that_nobody_got),
        IN_A_LOOP(at_once_after_too_early_a_task_done),
        IN_A_LOOP(graceful_then_at_once),
        IN_A_LOOP(those_who_wait_are_told),
        IN_A_LOOP(the_first_outcome_of_a_turn_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
