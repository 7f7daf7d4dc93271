/* SPDX-License-Identifier: MIT */
/*
 * A 4-ary heap of nodes by (key, order of insertion). The keys stand in the heap's array, so
 * that sifting touches no node but those it moves.
 */
#ifndef HEAP_H
#define HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    size_t place; /* 1 + the index in the array; 0: in no heap */
};

struct heap_entry {
    int64_t key;
    uint64_t order;
    struct heap_node *node;
};

struct heap {
    struct heap_entry *entries;
    size_t count;
    size_t capacity;
    uint64_t next_order;
};

/* All zero is an empty heap. */
void heap_done(struct heap *heap);

/* Inserts a node that is in no heap. -ENOMEM: it is still in none. */
int heap_insert(struct heap *heap, struct heap_node *node, int64_t key);

/* Takes a node out that is in this heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* The node with the smallest key, the oldest of equals; NULL of an empty heap. */
static inline struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count ? heap->entries[0].node : NULL;
}

/* Gives memory back that is far more than needed. */
void heap_trim(struct heap *heap);

#endif
