/* SPDX-License-Identifier: MIT */
/*
 * A slab is one mapping of many slots, each a guard and above it a stack. From slot to slot it is
 * an odd number of pages, and the tops are staggered by cache lines: addresses that differ by
 * powers of two compete for the same places of the caches.
 *
 * Slots below `carved` have a guard. order[0 .. free) are the free ones of these, the one that was
 * given back last at the end; those in order[0 .. clean) have no pages of their own.
 */
#ifndef SLAB_H
#define SLAB_H

#include "sanitizer.h"
#include "stack.h"

struct slab {
    struct node link; /* its owner's */
    char *memory;
    size_t stride;     /* from slot to slot */
    size_t guard;      /* bytes of a guard */
    uint32_t slots;    /* all there are */
    uint32_t carved;   /* how many have a guard */
    uint32_t free;     /* how many of these are free */
    uint32_t clean;    /* how many of these have no pages */
    uint32_t skew;     /* of the first top, in cache lines */
    uint32_t mappings; /* how many guards are mappings */
    bool light;        /* are the next ones lightweight? */
    unsigned *ids;     /* valgrind's, of each carved slot; NULL without it */
    uint64_t *marks;   /* a bit for each slot, used by slab_clean */
    uint32_t *order;   /* the free slots, the coldest first */
    uint64_t arrays[];
};

enum {
    SLAB_LINE = 64,  /* bytes of a cache line */
    SLAB_LINES = 16, /* by which tops differ */
    SLAB_RECORD = (sizeof(struct stack) + SLAB_LINE - 1) / SLAB_LINE * SLAB_LINE,
};

/* The bytes from slot to slot, for stacks of that size. */
size_t slab_stride(size_t size);

/* Maps a slab; none of its slots is carved. NULL without memory. */
struct slab *slab_new(size_t stride, uint32_t slots);
void slab_free(struct slab *slab);

/*
 * Makes guards for the next slots, which are then free, and colder than all that are. Returns how
 * many, at least one; or -ENOMEM with *why as guard_make.
 */
int slab_carve(struct slab *slab, const char **why);

/* Gives back the pages of the coldest dirty slots, at most so many. Returns how many they were. */
uint32_t slab_clean(struct slab *slab, size_t most);

static inline uint32_t slab_dirty(const struct slab *slab)
{
    return slab->free - slab->clean;
}

/* The record of a slot, for a new owner. */
static inline struct stack *slab_stack(struct slab *slab, uint32_t slot)
{
    char *start = slab->memory + slot * slab->stride;
    const size_t above = (slot + slab->skew) % SLAB_LINES * SLAB_LINE + SLAB_RECORD;
    struct stack *stack = (struct stack *)(void *)(start + slab->stride - above);
    sanitizer_unpoison(start + slab->guard, slab->stride - slab->guard);
    stack->fiber = NULL;
    stack->fake = NULL;
    stack->exceptions[0] = NULL;
    stack->exceptions[1] = NULL;
    stack->kept.prev = NULL;
    stack->kept.next = NULL;
    return stack;
}

/* Writes what stays as long as the stack has pages. */
static inline void slab_describe(struct slab *slab, struct stack *stack, uint32_t slot, uint32_t class)
{
    stack->slab = slab;
    stack->slot = slot;
    stack->class = class;
    stack->base = slab->memory + slot * slab->stride + slab->guard;
    stack->size = (size_t)((char *)stack - stack->base);
}

#endif
