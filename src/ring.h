/* SPDX-License-Identifier: MIT */
/* A queue of pointers in a ring, open at both ends. Room is made beforehand: pushing cannot fail. */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty ring without room. */
struct ring {
    void **slots;
    size_t mask; /* slots - 1; a power of two of them */
    size_t head;
    size_t count;
};

static inline bool ring_has_room(const struct ring *ring, size_t count)
{
    return ring->slots && count <= ring->mask + 1;
}

/* Makes room for `count` pointers in all, at most one more than there was room for. 0 or -ENOMEM. */
int ring_reserve(struct ring *ring, size_t count);

/* Gives memory back that is far more than `count` pointers need. */
void ring_trim(struct ring *ring, size_t count);

void ring_done(struct ring *ring);

static inline void ring_push(struct ring *ring, void *pointer)
{
    ring->slots[(ring->head + ring->count++) & ring->mask] = pointer;
}

static inline void ring_push_front(struct ring *ring, void *pointer)
{
    ring->head = (ring->head - 1) & ring->mask;
    ring->slots[ring->head] = pointer;
    ring->count++;
}

static inline void *ring_pop(struct ring *ring)
{
    void *pointer = ring->slots[ring->head];
    ring->head = (ring->head + 1) & ring->mask;
    ring->count--;
    return pointer;
}

/* The i-th pointer from the head, of those there are. */
static inline void *ring_at(const struct ring *ring, size_t i)
{
    return ring->slots[(ring->head + i) & ring->mask];
}

/* Brings the i-th pointer to the head. */
static inline void ring_swap_front(struct ring *ring, size_t i)
{
    void **front = &ring->slots[ring->head];
    void **other = &ring->slots[(ring->head + i) & ring->mask];
    void *pointer = *front;
    *front = *other;
    *other = pointer;
}

#endif
