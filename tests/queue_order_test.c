/* SPDX-License-Identifier: MIT */
/* The queues that are not first in, first out: the last first, and the least first. */
#include "check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

struct item {
    int key;
    int number;
};

static int by_key(const void *a, const void *b)
{
    const struct item *first = a, *second = b;
    return (first->key > second->key) - (first->key < second->key);
}

static int put_now(struct bide_queue *queue, int key, int number)
{
    return bide_queue_put_nowait(queue, &(struct item){key, number});
}

/* The number of the item that comes out. */
static int get_now(struct bide_queue *queue)
{
    struct item item;
    const int code = bide_queue_get_nowait(queue, &item);
    return code < 0 ? code : item.number;
}

TASK(last_in_first_out)
{
    struct bide_queue *queue = bide_lifo_queue_new(sizeof(struct item), 3);
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i <= 3; i++) CHECK_INT(put_now(queue, 0, i), 0);
        CHECK_INT(put_now(queue, 0, 4), -EAGAIN);
        CHECK_INT(get_now(queue), 3);
        CHECK_INT(put_now(queue, 0, 5), 0);
        CHECK_INT(get_now(queue), 5);
        CHECK_INT(get_now(queue), 2);
        CHECK_INT(get_now(queue), 1);
        CHECK_INT(get_now(queue), -EAGAIN);
    }
    bide_queue_free(queue);
    return 0;
}

struct put {
    struct bide_queue *queue;
    struct item item;
};

static int put(void *arg)
{
    struct put *job = arg;
    return bide_queue_put(job->queue, &job->item);
}

/* Who waits with an item puts it once there is room: it is then the last that came. */
TASK(putters_of_a_full_stack_are_served_in_line)
{
    struct bide_queue *queue = bide_lifo_queue_new(sizeof(struct item), 1);
    struct put puts[] = {{queue, {0, 1}}, {queue, {0, 2}}, {queue, {0, 3}}};
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 3; i++) bide_group_start(&group, put, &puts[i]);
        CHECK_INT(bide_yield(), 0);
        for (int i = 1; i <= 3; i++) CHECK_INT(get_now(queue), i);
    }
    bide_queue_free(queue);
    return bide_group_result(&group);
}

TASK(the_least_comes_first)
{
    struct bide_queue *queue = bide_priority_queue_new(sizeof(struct item), BIDE_UNBOUNDED, by_key);
    const int keys[] = {5, 3, 8, 1, 9, 2, 7};
    for (int i = 0; i < 7; i++) CHECK_INT(put_now(queue, keys[i], keys[i]), 0);
    const int sorted[] = {1, 2, 3, 5, 7, 8, 9};
    for (int i = 0; i < 7; i++) CHECK_INT(get_now(queue), sorted[i]);
    bide_queue_free(queue);
    return 0;
}

TASK(equals_come_as_they_went)
{
    struct bide_queue *queue = bide_priority_queue_new(sizeof(struct item), BIDE_UNBOUNDED, by_key);
    for (int i = 0; i < 300; i++) CHECK_INT(put_now(queue, i % 3, i), 0);
    for (int key = 0; key < 3; key++)
        for (int i = key; i < 300; i += 3) CHECK_INT(get_now(queue), i);
    bide_queue_free(queue);
    return 0;
}

/* A putter's item joins the others when it is its turn, whatever its key. */
TASK(putters_of_a_full_priority_queue_are_served_in_line)
{
    struct bide_queue *queue = bide_priority_queue_new(sizeof(struct item), 2, by_key);
    struct put puts[] = {{queue, {5, 5}}, {queue, {4, 4}}, {queue, {9, 9}}, {queue, {1, 1}}};
    const int expected[] = {4, 5, 1, 9};
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 4; i++) bide_group_start(&group, put, &puts[i]);
        CHECK_INT(bide_yield(), 0);
        for (int i = 0; i < 4; i++) CHECK_INT(get_now(queue), expected[i]);
    }
    bide_queue_free(queue);
    return bide_group_result(&group);
}

/* Items that must be aligned when compare sees them, and such that are no multiple of anything. */
struct wide {
    long double key;
};

static int by_width(const void *a, const void *b)
{
    if ((uintptr_t)a % _Alignof(struct wide) || (uintptr_t)b % _Alignof(struct wide)) abort();
    const struct wide *first = a, *second = b;
    return (first->key > second->key) - (first->key < second->key);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 5);
}

TASK(items_of_odd_and_of_wide_types_are_compared)
{
    struct bide_queue *wide = bide_priority_queue_new(sizeof(struct wide), BIDE_UNBOUNDED, by_width);
    struct bide_queue *odd = bide_priority_queue_new(5, 100, by_bytes);
    char bytes[5] = "abcd";
    struct wide item;
    for (int i = 0; i < 100; i++) {
        item = (struct wide){.key = i * 37 % 100};
        CHECK_INT(bide_queue_put(wide, &item), 0);
        bytes[4] = (char)(i * 37 % 100);
        CHECK_INT(bide_queue_put(odd, bytes), 0);
    }
    for (int i = 0; i < 100; i++) {
        CHECK_INT(bide_queue_get(wide, &item), 0);
        CHECK_INT(bide_queue_get(odd, bytes), 0);
        CHECK(item.key == i && bytes[4] == i && memcmp(bytes, "abcd", 4) == 0);
    }
    bide_queue_free(wide);
    bide_queue_free(odd);
    return 0;
}

/* With capacity 0 there is nothing to be ordered: hands meet in the order in which they came. */
TASK(a_rendezvous_has_no_order_but_the_line_s)
{
    struct bide_queue *queues[] = {bide_lifo_queue_new(sizeof(struct item), 0),
                                   bide_priority_queue_new(sizeof(struct item), 0, by_key)};
    for (int kind = 0; kind < 2; kind++) {
        struct put puts[] = {{queues[kind], {2, 1}}, {queues[kind], {1, 2}}};
        struct bide_group group;
        BIDE_GROUP(group) {
            for (int i = 0; i < 2; i++) bide_group_start(&group, put, &puts[i]);
            CHECK_INT(bide_yield(), 0);
            for (int i = 1; i <= 2; i++) CHECK_INT(get_now(queues[kind]), i);
        }
        CHECK_INT(bide_group_result(&group), 0);
        bide_queue_free(queues[kind]);
    }
    return 0;
}

/* Against a sorted array, with many equals, up and down. */
TASK(a_hundred_thousand_against_a_sorted_array)
{
    static struct item model[600];
    size_t count = 0;
    uint64_t random = 88172645463325252u;
    struct bide_queue *queue = bide_priority_queue_new(sizeof(struct item), BIDE_UNBOUNDED, by_key);
    for (int step = 0; step < 100000; step++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        const bool grows = step / 500 % 2 == 0;
        if (count < 600 && (random >> 8) % 10 < (grows ? 7 : 3)) {
            const struct item item = {(int)(random >> 20 & 31), step};
            size_t at = count++;
            for (; at > 0 && model[at - 1].key > item.key; at--) model[at] = model[at - 1];
            model[at] = item;
            CHECK_INT(bide_queue_put(queue, &item), 0);
        } else if (count > 0) {
            CHECK_INT(get_now(queue), model[0].number);
            memmove(model, model + 1, --count * sizeof *model);
        } else {
            CHECK_INT(get_now(queue), -EAGAIN);
        }
        CHECK_INT(bide_queue_size(queue), count);
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
        IN_A_LOOP(last_in_first_out),
        IN_A_LOOP(putters_of_a_full_stack_are_served_in_line),
        IN_A_LOOP(the_least_comes_first),
        IN_A_LOOP(equals_come_as_they_went),
        IN_A_LOOP(putters_of_a_full_priority_queue_are_served_in_line),
        IN_A_LOOP(items_of_odd_and_of_wide_types_are_compared),
        IN_A_LOOP(a_rendezvous_has_no_order_but_the_line_s),
        IN_A_LOOP(a_hundred_thousand_against_a_sorted_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
