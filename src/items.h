/* SPDX-License-Identifier: MIT */
/*
 * Items by value, of one size: first in first out, last in first out, or the least first (of equals
 * the oldest). They are stored and taken; nobody waits here.
 */
#ifndef ITEMS_H
#define ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum items_kind { ITEMS_FIFO, ITEMS_LIFO, ITEMS_PRIORITY };

struct items {
    size_t count;
    size_t room; /* slots */
    char *slots; /* NULL without room */
    char *end;   /* of the slots */
    char *head;  /* FIFO: the oldest item */
    char *tail;  /* FIFO and LIFO: the slot of the next one */
    size_t size; /* of an item */
    bool words;  /* FIFO of 8 bytes each, and nothing else to be looked at: items_push_word will do */
    unsigned char kind;
    bool grows;          /* makes room as it needs it */
    bool comparing;      /* in the user's compare */
    size_t stride;       /* from slot to slot */
    uint64_t next_order; /* PRIORITY: of the next item, for what compare calls equal */
    int (*compare)(const void *, const void *);
};

/* Most items of a kind: what cannot be counted in bytes is refused before. */
#define ITEMS_MOST ((size_t)PTRDIFF_MAX / 2)

/*
 * Room for so many items, all of it at once; SIZE_MAX: it grows. 0, -ENOMEM, -EINVAL for sizes that
 * overflow.
 */
int items_init(struct items *items, enum items_kind kind, size_t size, size_t room,
               int (*compare)(const void *, const void *));
void items_done(struct items *items);

/* Makes more room, of items that grow. 0 or -ENOMEM. */
int items_grow(struct items *items);

/* The parts of the functions below that are rare, or not FIFO. */
void items_shrink(struct items *items);
void items_push_other(struct items *items, const void *item);
void items_pop_other(struct items *items, void *item);

static inline bool items_full(const struct items *items)
{
    return items->count == items->room;
}

/* Constant sizes make a move of what is a call else: most items are a word. */
static inline void items_copy(void *to, const void *from, size_t size)
{
    if (__builtin_expect(size == 8, 1))
        memcpy(to, from, 8);
    else if (size == 4)
        memcpy(to, from, 4);
    else if (size == 16)
        memcpy(to, from, 16);
    else
        memcpy(to, from, size);
}

/* Stores a copy. There must be room. */
static inline void items_push(struct items *items, const void *item)
{
    if (items->kind != ITEMS_FIFO) {
        items_push_other(items, item);
        return;
    }
    items->count++;
    items_copy(items->tail, item, items->size);
    items->tail += items->stride;
    if (items->tail == items->end) items->tail = items->slots;
}

/* Takes the next one. There must be one. */
static inline void items_pop(struct items *items, void *item)
{
    if (items->kind != ITEMS_FIFO) {
        items_pop_other(items, item);
    } else {
        items->count--;
        items_copy(item, items->head, items->size);
        items->head += items->stride;
        if (items->head == items->end) items->head = items->slots;
    }
    if (__builtin_expect(items->count == 0 && items->grows, 0)) items_shrink(items);
}

/*
 * The short way for the commonest queues, without a call: where there are some items, but not as many
 * as there is room for. False: nothing was done.
 */
static inline bool items_push_word(struct items *items, const void *item)
{
    if (!items->words || items->count == 0 || items->count >= items->room) return false;
    items->count++;
    memcpy(items->tail, item, 8);
    items->tail += 8;
    if (items->tail == items->end) items->tail = items->slots;
    return true;
}

/* The same; one item at least is left. */
static inline bool items_pop_word(struct items *items, void *item)
{
    if (!items->words || items->count <= 1 || items->count >= items->room) return false;
    items->count--;
    memcpy(item, items->head, 8);
    items->head += 8;
    if (items->head == items->end) items->head = items->slots;
    return true;
}

/* Drops them all. */
void items_clear(struct items *items);

#endif
