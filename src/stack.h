/* SPDX-License-Identifier: MIT */
/*
 * The stacks of one loop's tasks: slabs of guarded slots in a few size classes, handed out last
 * in, first out. It knows nothing of tasks; one thread uses it.
 *
 * A task promises itself a stack when it is made and gets it at its first run, so that what was
 * started can always run: between stack_promise and stack_get (or stack_unpromise) a guarded
 * slot is set aside for it.
 */
#ifndef STACK_H
#define STACK_H

#include "list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab;

/*
 * The record at the top of a stack, on the stack's own first page: what only a task that has
 * begun to run needs. It begins at a cache line, and frames grow down from it. The words below
 * the line belong to whoever got the stack; they are zero when stack_get returns.
 */
struct stack {
    struct slab *slab;
    uint32_t class; /* the size class, STACK_OWN for a mapping of its own */
    char *base;     /* the lowest usable byte; the guard ends here */
    size_t size;    /* usable bytes from base up to this record: see STACK_OVERHEAD */
    /* ---- */
    void *fiber;         /* the thread sanitizer's view of it */
    void *fake;          /* the address sanitizer's fake stack while it does not run */
    void *exceptions[2]; /* C++: the words of __cxa_get_globals while it does not run */
    struct node kept;    /* the task's own; see task_keep */
    struct flow *flow;   /* whose it is; NULL: a task's own */
};

/*
 * A stack of n bytes has at least n - STACK_OVERHEAD usable ones: the record, and what the tops
 * are staggered by, are part of the n bytes, as the thread's own data are part of a thread's stack.
 */
enum { STACK_OVERHEAD = 1088, STACK_CLASSES = 5, STACK_OWN = STACK_CLASSES };

/*
 * The counters that promises, gets and puts change do not lie side by side: compilers would join
 * them, and a load of two words that were stored one by one is slow.
 */
struct stack_class {
    struct node slabs;  /* those to take from next in front */
    size_t spare;       /* guarded slots that are free and not promised */
    struct slab *fresh; /* the only slab that has slots without a guard yet, or NULL */
    size_t promised;    /* guarded slots that are free and set aside */
    size_t carved;      /* guarded slots */
    size_t dirty;       /* free slots that were used since their pages were last given back */
    size_t size;        /* of a stack: 16, 32, 64, 128, 256 KiB */
};

struct stack_pool {
    struct stack_class classes[STACK_CLASSES];
    uint32_t used;        /* a bit for each class that has ever had a stack */
    struct node own_free; /* slabs of one slot: mappings of their own that are over, until stack_trim */
    size_t own_in_use;    /* promised ones included */
};

/* The smallest size a caller may ask for: a signal's frame and some room. 16 KiB on most machines. */
size_t stack_min(void);

/* Never fails: memory is taken when first needed. A pool stays where it is. */
void stack_pool_init(struct stack_pool *pool);

/* Every stack must have been put back, no promise left (checked always). */
void stack_pool_done(struct stack_pool *pool);

/* The class for a size; STACK_OWN for more than the largest. */
uint32_t stack_class(size_t size);

/*
 * Sets a stack aside. For STACK_OWN a stack of at least `size` bytes is mapped at once and *own
 * is it; else *own is NULL.
 * Returns 0, or -ENOMEM; where vm.max_map_count is the reason *why then is a text that names it.
 */
int stack_promise(struct stack_pool *pool, uint32_t class, size_t size, struct stack **own, const char **why);
void stack_unpromise(struct stack_pool *pool, uint32_t class, struct stack *own);

/* Can a stack of this class, not STACK_OWN, be had by stack_set_aside, with no more ado? */
static inline bool stack_has_spare(const struct stack_pool *pool, uint32_t class)
{
    return pool->classes[class].spare > 0;
}

static inline void stack_set_aside(struct stack_pool *pool, uint32_t class)
{
    pool->classes[class].spare--;
    pool->classes[class].promised++;
}

/* Takes the stack that was promised, the one that was given back last. Cannot fail. Not for STACK_OWN. */
struct stack *stack_get(struct stack_pool *pool, uint32_t class);

/*
 * Gives a stack back. It may be the one that runs: nothing is unmapped or given back here. But
 * the next stack_get (of STACK_OWN: stack_promise) may return it, so it must be left before that.
 */
void stack_put(struct stack_pool *pool, struct stack *stack);

/*
 * A promise of its class is kept with a stack that has just ended its task, instead of a put and
 * a get. The words of its record stay as they are.
 */
static inline void stack_reuse(struct stack_pool *pool, const struct stack *stack)
{
    pool->classes[stack->class].promised--;
    pool->classes[stack->class].spare++;
}

/*
 * Gives memory back to the system, from a stack that is not of the pool: `idle` when the loop
 * has had nothing to do for a while: all but a handful of stacks; else only what is far more
 * than is in use, and not much at a time. stack_excess tells cheaply whether a call of that
 * kind would do something.
 */
bool stack_excess(const struct stack_pool *pool, bool idle);
void stack_trim(struct stack_pool *pool, bool idle);

#endif
