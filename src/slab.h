/* SPDX-License-Identifier: MIT */
/*
 * A slab is one mapping of many slots, each a guard and above it a stack. From slot to slot it is
 * an odd number of pages, and the tops are staggered by cache lines: addresses that differ by
 * powers of two compete for the same places of the caches.
 *
 * Slots below `carved` have a guard. order[0 .. free) are the free ones of these, the one that was
 * given back last at the end; those in order[0 .. clean) have no pages of their own. A slot stands
 * there as the place of its record: the distance from the slab's start in cache lines.
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
    uint32_t *order;   /* the places of the free slots, the coldest first */
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
 * many, at least one; or -ENOMEM, with *why as guard_make.
 */
int slab_carve(struct slab *slab, const char **why);

/* The record of a slot. */
struct stack *slab_record(const struct slab *slab, uint32_t slot);

/* Writes what stays in a record as long as it has a page. */
void slab_describe(struct slab *slab, struct stack *stack, uint32_t class);

/* Gives back the pages of the coldest dirty slots, at most so many. Returns how many they were. */
uint32_t slab_clean(struct slab *slab, size_t most);

static inline uint32_t slab_dirty(const struct slab *slab)
{
    return slab->free - slab->clean;
}

static inline uint32_t slab_place(const struct slab *slab, const struct stack *stack)
{
    return (uint32_t)((size_t)((const char *)stack - slab->memory) / SLAB_LINE);
}

static inline struct stack *slab_at(const struct slab *slab, uint32_t place)
{
    return (struct stack *)(void *)(slab->memory + (size_t)place * SLAB_LINE);
}

/* The words of a record that belong to its owner are zero, and nothing of the last one is poison. */
static inline void slab_wipe(struct stack *stack)
{
    stack->fiber = NULL;
    stack->fake = NULL;
    stack->exceptions[0] = NULL;
    stack->exceptions[1] = NULL;
    stack->kept.prev = NULL;
    stack->kept.next = NULL;
    stack->flow = NULL;
    sanitizer_unpoison(stack->base, stack->size);
}

#endif
