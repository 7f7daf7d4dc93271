/* SPDX-License-Identifier: MIT */
/*
 * A 4-ary heap of nodes by (key, order of insertion). It is made for nodes that are mostly taken out
 * again before they come first: such a node leaves its entry behind, which costs nothing, and the
 * entry goes when it comes to the top, or when most entries are such. Sifting touches no node.
 */
#ifndef HEAP_H
#define HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    size_t place; /* 1 + its slot; 0: in no heap */
};

/* What is sifted. */
struct heap_entry {
    int64_t key;
    uint32_t order;
    uint32_t slot;
};

/* What an entry stands for, at a fixed place. */
union heap_slot {
    struct heap_node *node; /* NULL: it was taken out */
    size_t next_free;       /* of a free slot: 1 + the next free one */
};

struct heap {
    void *memory; /* of both arrays */
    struct heap_entry *entries;
    union heap_slot *slots;
    size_t count;    /* entries, and slots that they use */
    size_t dead;     /* those whose node was taken out */
    size_t capacity; /* of both */
    size_t carved;   /* slots that were ever used */
    size_t free;     /* 1 + the first free one of these; 0: none */
    uint32_t next_order;
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
    return heap->count ? heap->slots[heap->entries[0].slot].node : NULL;
}

/* Its key, if there is one. */
static inline int64_t heap_first_key(const struct heap *heap)
{
    return heap->entries[0].key;
}

/* Has it much more memory than needed? */
bool heap_excess(const struct heap *heap);

/* Gives memory back that is far more than needed. */
void heap_trim(struct heap *heap);

#endif
