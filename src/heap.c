/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - Each entry has a slot of its own; slots[node->place - 1].node is the node. No entry is before
 *    its parent, entries[(i - 1) / 4], by key and then by order, which is counted up with each insertion.
 *    Before the count runs over, all get new ones, from 0 on.
 *  - The first entry's node is there: an entry whose node was taken out goes when it comes first.
 *  - Both arrays are one piece of memory. The entries begin so that four siblings share a cache line.
 */
#include "heap.h"

#include "array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ARITY = 4, FIRST_CAPACITY = 64, ASIDE = ARITY - 1, FEW = 64, LARGE = 4096, MOST = 1 << 30 };

/* ---- order ---- */

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static int compare(const void *a, const void *b)
{
    return before(a, b) ? -1 : 1;
}

/* Once in 2^32 insertions. Sorted entries are a heap too. */
static __attribute__((noinline, cold)) void count_anew(struct heap *heap)
{
    qsort(heap->entries, heap->count, sizeof *heap->entries, compare);
    for (size_t i = 0; i < heap->count; i++) heap->entries[i].order = (uint32_t)i;
    heap->next_order = (uint32_t)heap->count;
}

/* Puts the entry at i or, while its parent is after it, further up. */
static void sift_up(struct heap *heap, size_t i, struct heap_entry entry)
{
    while (i > 0) {
        const size_t parent = (i - 1) / ARITY;
        if (!before(&entry, &heap->entries[parent])) break;
        heap->entries[i] = heap->entries[parent];
        i = parent;
    }
    heap->entries[i] = entry;
}

static size_t first_child(const struct heap *heap, size_t i)
{
    size_t best = i * ARITY + 1;
    const size_t end = best + ARITY < heap->count ? best + ARITY : heap->count;
    for (size_t child = best + 1; child < end; child++)
        if (before(&heap->entries[child], &heap->entries[best])) best = child;
    return best;
}

/* A large heap is in no cache: all that may be looked at two levels further down is on its way by then. */
static inline __attribute__((always_inline)) void fetch_grandchildren(const struct heap *heap, size_t i)
{
    const size_t first = (i * ARITY + 1) * ARITY + 1;
    if (first + ARITY * ARITY > heap->count || heap->count < LARGE) return;
    for (size_t line = 0; line < ARITY; line++) __builtin_prefetch(&heap->entries[first + line * ARITY]);
}

/* Puts the entry at i or, while a child is before it, further down. */
static void sift_down(struct heap *heap, size_t i, struct heap_entry entry)
{
    while (i * ARITY + 1 < heap->count) {
        fetch_grandchildren(heap, i);
        const size_t child = first_child(heap, i);
        if (!before(&heap->entries[child], &entry)) break;
        heap->entries[i] = heap->entries[child];
        i = child;
    }
    heap->entries[i] = entry;
}

/* ---- memory ---- */

static size_t size_of(size_t capacity)
{
    return (ASIDE + capacity) * sizeof(struct heap_entry) + capacity * sizeof(union heap_slot);
}

static void release(struct heap *heap)
{
    if (heap->memory) (void)array_resize(heap->memory, size_of(heap->capacity), 0);
}

/* Other memory, with room for so many. The arrays stay as they are where that is not to be had. */
static int move(struct heap *heap, size_t capacity)
{
    if (capacity > MOST) return -ENOMEM;
    struct heap_entry *memory = array_resize(NULL, 0, size_of(capacity));
    if (!memory) return -ENOMEM;
    struct heap_entry *entries = memory + ASIDE;
    union heap_slot *slots = (union heap_slot *)(void *)(entries + capacity);
    if (heap->entries) {
        memcpy(entries, heap->entries, heap->count * sizeof *entries);
        memcpy(slots, heap->slots, heap->carved * sizeof *slots);
        release(heap);
    }
    heap->memory = memory;
    heap->entries = entries;
    heap->slots = slots;
    heap->capacity = capacity;
    return 0;
}

/* ---- slots ---- */

static size_t slot_take(struct heap *heap)
{
    if (!heap->free) return heap->carved++;
    const size_t slot = heap->free - 1;
    heap->free = heap->slots[slot].next_free;
    return slot;
}

static void slot_give(struct heap *heap, size_t slot)
{
    heap->slots[slot].next_free = heap->free;
    heap->free = slot + 1;
    heap->dead--;
}

/* ---- entries without a node ---- */

static bool is_dead(const struct heap *heap, size_t i)
{
    return !heap->slots[heap->entries[i].slot].node;
}

/*
 * What comes first next is fetched ahead, as with many nodes it is in no cache: the slots of those that may,
 * one of which was fetched last time and leads to the node. Always inlined: see look_ahead in task.c.
 */
static inline __attribute__((always_inline)) void fetch_ahead(const struct heap *heap)
{
    if (heap->count <= ARITY) return;
    __builtin_prefetch(heap->slots[heap->entries[first_child(heap, 0)].slot].node, 1);
    for (size_t i = 1; i <= ARITY; i++) __builtin_prefetch(&heap->slots[heap->entries[i].slot], 1);
}

static void drop_first(struct heap *heap)
{
    slot_give(heap, heap->entries[0].slot);
    const struct heap_entry last = heap->entries[--heap->count];
    if (heap->count > 0) sift_down(heap, 0, last);
    fetch_ahead(heap);
}

/* All of them go at once. */
static void purge(struct heap *heap)
{
    size_t kept = 0;
    for (size_t i = 0; i < heap->count; i++) {
        if (is_dead(heap, i))
            slot_give(heap, heap->entries[i].slot);
        else
            heap->entries[kept++] = heap->entries[i];
    }
    heap->count = kept;
    for (size_t i = kept / ARITY + 1; i-- > 0;)
        if (i < kept) sift_down(heap, i, heap->entries[i]);
}

/* ---- the heap ---- */

int heap_insert(struct heap *heap, struct heap_node *node, int64_t key)
{
    if (heap->count == heap->capacity) {
        const int code = move(heap, heap->capacity ? heap->capacity * 2 : FIRST_CAPACITY);
        if (code < 0 && heap->dead == 0) return code;
        if (code < 0) purge(heap);
    }
    if (heap->next_order == UINT32_MAX) count_anew(heap);
    const size_t slot = slot_take(heap);
    const struct heap_entry entry = {key, heap->next_order++, (uint32_t)slot};
    heap->slots[slot].node = node;
    node->place = slot + 1;
    sift_up(heap, heap->count++, entry);
    return 0;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    const size_t slot = node->place - 1;
    node->place = 0;
    heap->slots[slot].node = NULL;
    heap->dead++;
    if (heap->entries[heap->count - 1].slot == slot) {
        heap->count--; /* armed last, to be due last: the usual case of a timeout */
        slot_give(heap, slot);
    } else if (heap->entries[0].slot == slot) {
        while (heap->count > 0 && is_dead(heap, 0)) drop_first(heap);
    } else if (heap->dead > FEW && heap->dead > heap->count / 2) {
        purge(heap);
    }
}

static bool is_mostly_unused(const struct heap *heap)
{
    return heap->count - heap->dead <= heap->capacity / 8;
}

bool heap_excess(const struct heap *heap)
{
    return heap->capacity > LARGE && is_mostly_unused(heap);
}

void heap_trim(struct heap *heap)
{
    if (heap->capacity <= FIRST_CAPACITY || !is_mostly_unused(heap)) return;
    purge(heap);
    struct heap smaller = {.count = heap->count, .carved = heap->count, .next_order = heap->next_order};
    if (move(&smaller, heap->count * 2 > FIRST_CAPACITY ? heap->count * 2 : FIRST_CAPACITY) < 0) return;
    for (size_t i = 0; i < heap->count; i++) {
        smaller.slots[i] = heap->slots[heap->entries[i].slot];
        smaller.slots[i].node->place = i + 1;
        smaller.entries[i] = heap->entries[i];
        smaller.entries[i].slot = (uint32_t)i;
    }
    release(heap);
    *heap = smaller;
}

void heap_done(struct heap *heap)
{
    release(heap);
    *heap = (struct heap){0};
}
