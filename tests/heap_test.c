/* SPDX-License-Identifier: MIT */
/* bugs.md row 40: the heap against a plain array, with random operations; and without memory. */
#include "../src/heap.h"

#include "check.h"
#include "faults.h"

#include <string.h>

enum { MOST = 400 };

struct item {
    struct heap_node node;
    int64_t key;
    uint64_t order;
    bool in;
};

static struct item items[MOST];
static struct heap heap;
static uint64_t order;
static uint64_t seed;

static size_t draw(size_t most)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (size_t)(seed % most);
}

static bool insert(struct item *item, int64_t key)
{
    if (heap_insert(&heap, &item->node, key) < 0) return false;
    item->key = key;
    item->order = order++;
    item->in = true;
    return true;
}

static void take_out(struct item *item)
{
    heap_remove(&heap, &item->node);
    item->in = false;
}

static struct item *first_of_model(void)
{
    struct item *best = NULL;
    for (struct item *item = items; item < items + MOST; item++) {
        if (!item->in) continue;
        if (!best || item->key < best->key || (item->key == best->key && item->order < best->order))
            best = item;
    }
    return best;
}

static void assert_first(void)
{
    struct item *expected = first_of_model();
    assert_ptr_equal(heap_first(&heap), expected ? &expected->node : NULL);
    if (expected) assert_int_equal(heap_first_key(&heap), expected->key);
}

static void begin(uint64_t start)
{
    memset(items, 0, sizeof items);
    memset(&heap, 0, sizeof heap);
    heap.next_order = UINT32_MAX - (uint32_t)(start * 37 % 1000); /* it runs over in the middle */
    seed = start * 0x9e3779b97f4a7c15 + 1;
}

/* In each phase more is put in, or taken out; keys are few, so that there are equals. */
static void one_step(size_t phase, size_t spread)
{
    struct item *item = &items[draw(MOST)];
    const bool first = draw(4) == 0 && heap_first(&heap);
    if (first) item = (struct item *)(void *)heap_first(&heap);
    if (!item->in && draw(4) >= phase)
        assert_true(insert(item, (int64_t)draw(spread)));
    else if (item->in && draw(4) <= phase)
        take_out(item);
    if (draw(1000) == 0) heap_trim(&heap);
}

static void bug_40_random_operations(void **state)
{
    (void)state;
    const size_t steps = check_emulated() ? 20000 : 300000;
    for (size_t round = 0; round < 4; round++) {
        begin(round);
        for (size_t i = 0; i < steps; i++) {
            one_step(i / 5000 % 4, round % 2 ? 10 : 1000000);
            if (i % 8 == 0) assert_first();
        }
        while (heap_first(&heap)) {
            assert_first();
            take_out((struct item *)(void *)heap_first(&heap));
        }
        assert_null(first_of_model());
        heap_done(&heap);
    }
}

/* What was taken out does not count: neither for room nor for memory. */
static void entries_left_behind_go(void **state)
{
    (void)state;
    begin(1);
    assert_true(insert(&items[0], 0));
    for (int i = 1; i < MOST; i++) assert_true(insert(&items[i], i));
    for (int round = 0; round < 1000; round++)
        for (int i = 1; i < MOST; i++) {
            take_out(&items[i]);
            assert_true(insert(&items[i], i + round));
        }
    assert_in_range(heap.capacity, MOST, 4 * MOST);
    for (int i = 1; i < MOST; i++) take_out(&items[i]);
    heap_trim(&heap);
    assert_in_range(heap.capacity, 1, 64);
    assert_first();
    heap_done(&heap);
}

/* Without memory for more the entries left behind are reused, and what is there stays. */
static void without_memory(void **state)
{
    (void)state;
    begin(1);
    int n = 0;
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
    assert_false(insert(&items[n], 1));
    faults_clear();
    while (heap.count < heap.capacity || heap.capacity == 0) {
        assert_true(insert(&items[n], MOST - n));
        n++;
    }
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
    assert_false(insert(&items[n], 5));
    take_out(&items[3]);
    assert_true(insert(&items[n], 5));
    assert_false(insert(&items[n + 1], 5));
    heap_trim(&heap);
    faults_clear();
    assert_first();
    heap_done(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bug_40_random_operations),
        cmocka_unit_test(entries_left_behind_go),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
