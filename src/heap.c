/* SPDX-License-Identifier: MIT */
/*
 * Invariants: entries[i].node->place is i + 1; no entry is before its parent, entries[(i - 1) / 4];
 * no two entries are equal, for `order` is counted up with each insertion.
 */
#include "heap.h"

#include "array.h"

#include <errno.h>

enum { ARITY = 4, FIRST_CAPACITY = 64 };

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->key < b->key || (a->key == b->key && a->order < b->order);
}

static void put(struct heap *heap, size_t i, const struct heap_entry *entry)
{
    heap->entries[i] = *entry;
    entry->node->place = i + 1;
}

/* Puts the entry at i or, while its parent is after it, further up. */
static void sift_up(struct heap *heap, size_t i, struct heap_entry entry)
{
    while (i > 0) {
        const size_t parent = (i - 1) / ARITY;
        if (!before(&entry, &heap->entries[parent])) break;
        put(heap, i, &heap->entries[parent]);
        i = parent;
    }
    put(heap, i, &entry);
}

static size_t first_child(const struct heap *heap, size_t i)
{
    size_t best = i * ARITY + 1;
    const size_t end = best + ARITY < heap->count ? best + ARITY : heap->count;
    for (size_t child = best + 1; child < end; child++)
        if (before(&heap->entries[child], &heap->entries[best])) best = child;
    return best;
}

/* Puts the entry at i or, while a child is before it, further down. */
static void sift_down(struct heap *heap, size_t i, struct heap_entry entry)
{
    while (i * ARITY + 1 < heap->count) {
        const size_t child = first_child(heap, i);
        if (!before(&heap->entries[child], &entry)) break;
        put(heap, i, &heap->entries[child]);
        i = child;
    }
    put(heap, i, &entry);
}

static int resize(struct heap *heap, size_t capacity)
{
    struct heap_entry *entries =
        array_resize(heap->entries, heap->capacity * sizeof *entries, capacity * sizeof *entries);
    if (!entries) return -ENOMEM;
    heap->entries = entries;
    heap->capacity = capacity;
    return 0;
}

int heap_insert(struct heap *heap, struct heap_node *node, int64_t key)
{
    if (heap->count == heap->capacity) {
        const int code = resize(heap, heap->capacity ? heap->capacity * 2 : FIRST_CAPACITY);
        if (code < 0) return code;
    }
    const struct heap_entry entry = {key, heap->next_order++, node};
    sift_up(heap, heap->count++, entry);
    return 0;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    const size_t i = node->place - 1;
    node->place = 0;
    const struct heap_entry last = heap->entries[--heap->count];
    if (i == heap->count) return;
    if (i > 0 && before(&last, &heap->entries[(i - 1) / ARITY]))
        sift_up(heap, i, last);
    else
        sift_down(heap, i, last);
}

void heap_trim(struct heap *heap)
{
    if (heap->capacity <= FIRST_CAPACITY || heap->count > heap->capacity / 8) return;
    const size_t capacity = heap->count * 2 > FIRST_CAPACITY ? heap->count * 2 : FIRST_CAPACITY;
    (void)resize(heap, capacity); /* without memory to move to, the larger array serves as well */
}

void heap_done(struct heap *heap)
{
    (void)array_resize(heap->entries, heap->capacity * sizeof *heap->entries, 0);
    *heap = (struct heap){0};
}
