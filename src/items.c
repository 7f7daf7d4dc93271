/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - FIFO: the items stand from head on, round the end, up to tail. LIFO: from slots up to tail.
 *  - PRIORITY: a binary heap from slots on, each with its order behind it; no item is before its
 *    parent, at (i - 1) / 2. No two are equal, as the order is counted up.
 *  - While the user's compare runs, nobody may store or take: the heap has a hole.
 *  - Room that does not grow never moves: neither storing nor taking allocates.
 */
#include "items.h"

#include "array.h"
#include "misuse.h"

#include <errno.h>

enum { FIRST_BYTES = 512, SPARE_BYTES = 16 * 1024 };

static size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* Of an item in the heap, which compare wants to see where its type may stand; behind it is the order. */
static size_t heap_stride(size_t size)
{
    const size_t natural = size & (~size + 1);
    const size_t alignment = natural < 8 ? 8 : natural > 16 ? 16 : natural;
    return round_up(round_up(size, 8) + sizeof(uint64_t), alignment);
}

/* Enough for a few items, however large. */
static size_t first_room(const struct items *items)
{
    const size_t room = FIRST_BYTES / items->stride;
    return room < 4 ? 4 : room;
}

static void release(struct items *items)
{
    if (items->slots) (void)array_resize(items->slots, items->room * items->stride, 0); /* gives NULL */
}

/* Copies what is stored, straightened. */
static void copy_all(const struct items *items, char *slots)
{
    const size_t used = items->count * items->stride, first = (size_t)(items->end - items->head);
    const size_t straight = items->kind != ITEMS_FIFO || used < first ? used : first;
    memcpy(slots, items->head, straight);
    memcpy(slots + straight, items->slots, used - straight);
}

/* Moves to `room` slots, at least one; there must be enough for all. */
static int set_room(struct items *items, size_t room)
{
    if (room > ITEMS_MOST / items->stride) return -ENOMEM;
    char *slots = array_resize(NULL, 0, room * items->stride);
    if (!slots) return -ENOMEM;
    if (items->count > 0) copy_all(items, slots);
    release(items);
    items->room = room;
    items->slots = items->head = slots;
    items->end = slots + room * items->stride;
    items->tail = slots + items->count * items->stride;
    return 0;
}

int items_init(struct items *items, enum items_kind kind, size_t size, size_t room,
               int (*compare)(const void *, const void *))
{
    if (size == 0 || size > ITEMS_MOST / 8) return -EINVAL;
    *items = (struct items){.size = size, .kind = (unsigned char)kind, .compare = compare};
    items->stride = kind == ITEMS_PRIORITY ? heap_stride(size) : size;
    items->words = kind == ITEMS_FIFO && size == 8;
    items->grows = room == SIZE_MAX;
    if (items->grows) room = first_room(items);
    if (room > ITEMS_MOST / items->stride) return -EINVAL;
    return room > 0 ? set_room(items, room) : 0;
}

/* The heap has a hole while its order is looked at. */
static void check_idle(const struct items *items)
{
    if (items->comparing) misuse("the queue at %p is used by its own compare function", (const void *)items);
}

void items_done(struct items *items)
{
    check_idle(items);
    release(items);
}

int items_grow(struct items *items)
{
    check_idle(items);
    return set_room(items, items->room * 2);
}

/* After a burst, the memory goes back once it is over. */
void items_shrink(struct items *items)
{
    if (items->room * items->stride <= SPARE_BYTES || items->room <= first_room(items)) return;
    (void)set_room(items, first_room(items)); /* without memory for less, the larger room serves as well */
}

void items_clear(struct items *items)
{
    check_idle(items);
    items->count = 0;
    items->head = items->tail = items->slots;
    if (items->grows) items_shrink(items);
}

/* ---- the heap ---- */

static char *slot(const struct items *items, size_t i)
{
    return items->slots + i * items->stride;
}

static uint64_t order_of(const struct items *items, const char *entry)
{
    uint64_t order;
    memcpy(&order, entry + round_up(items->size, 8), sizeof order);
    return order;
}

/* Is an item in the heap before another, which has that order? */
static bool is_before(const struct items *items, const char *entry, const void *item, uint64_t order)
{
    const int sign = items->compare(entry, item);
    return sign < 0 || (sign == 0 && order_of(items, entry) < order);
}

static void compare_begin(struct items *items)
{
    check_idle(items);
    items->comparing = true;
}

/* A hole wanders up from the end until the item may stand there. */
static void heap_push(struct items *items, const void *item)
{
    compare_begin(items);
    size_t hole = items->count;
    while (hole > 0) {
        const size_t parent = (hole - 1) / 2;
        if (is_before(items, slot(items, parent), item, items->next_order)) break;
        memcpy(slot(items, hole), slot(items, parent), items->stride);
        hole = parent;
    }
    items_copy(slot(items, hole), item, items->size);
    memcpy(slot(items, hole) + round_up(items->size, 8), &items->next_order, sizeof items->next_order);
    items->next_order++;
    items->count++;
    items->comparing = false;
}

/* The one of a hole's children that is before the other; there is at least one. */
static size_t first_child(const struct items *items, size_t hole, size_t count)
{
    const size_t left = hole * 2 + 1, right = left + 1;
    if (right >= count) return left;
    const char *entry = slot(items, left);
    return is_before(items, slot(items, right), entry, order_of(items, entry)) ? right : left;
}

/* A hole wanders down from the top until the last item may stand there. */
static void heap_pop(struct items *items, void *item)
{
    compare_begin(items);
    items_copy(item, items->slots, items->size);
    const size_t count = items->count - 1;
    const char *last = slot(items, count);
    size_t hole = 0;
    while (hole * 2 + 1 < count) {
        const size_t child = first_child(items, hole, count);
        if (!is_before(items, slot(items, child), last, order_of(items, last))) break;
        memcpy(slot(items, hole), slot(items, child), items->stride);
        hole = child;
    }
    if (hole != count) memcpy(slot(items, hole), last, items->stride);
    items->count = count;
    items->comparing = false;
}

void items_push_other(struct items *items, const void *item)
{
    if (items->kind == ITEMS_PRIORITY) {
        heap_push(items, item);
        return;
    }
    items->count++;
    items_copy(items->tail, item, items->size);
    items->tail += items->stride;
}

void items_pop_other(struct items *items, void *item)
{
    if (items->kind == ITEMS_PRIORITY) {
        heap_pop(items, item);
        return;
    }
    items->count--;
    items->tail -= items->stride;
    items_copy(item, items->tail, items->size);
}
