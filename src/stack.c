/* SPDX-License-Identifier: MIT */
/*
 * Owns the classes of a pool: which slabs they have, which one a stack is taken from, when slabs
 * are mapped and when memory goes back.
 *
 * Invariants
 *  - A class's carved and dirty, and spare + promised, the free ones, are the sums over its slabs.
 *  - At most one slab of a class is not wholly carved: class->fresh. A new one is mapped only
 *    when there is none, and is as large as all the others together, within limits.
 *  - stack_get and stack_put touch one slab's own arrays; nothing is unmapped or given back but
 *    by stack_trim and stack_pool_done.
 */
#include "stack.h"

#include "guard.h"
#include "misuse.h"
#include "slab.h"
#include "sys.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <unistd.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

enum {
    SMALLEST_SHIFT = 14, /* the smallest class: 16 KiB */
    FIRST_SLOTS = 16,    /* of a class's first slab */
    MOST_SLOTS = 16384,
    HANDLER = 4096,    /* what a signal handler may need besides the kernel's frame */
    IDLE_KEPT = 16,    /* dirty stacks of a class that an idle loop keeps */
    BUSY_KEPT = 1024,  /* and a busy one, besides as many as are in use */
    BUSY_BATCH = 4096, /* stacks that a busy loop gives back at once: about a millisecond */
};

/* What is rarely called stays out of the functions that are called for each task. */
#define RARE __attribute__((noinline, cold))

static struct slab *slab_of(struct node *link)
{
    return CONTAINER(link, struct slab, link);
}

/* ---- classes ---- */

static size_t class_in_use(const struct stack_class *class)
{
    return class->carved - class->spare - class->promised;
}

/* Maps a slab as large as all that are there; smaller if the system has not that much. */
static struct slab *class_map(struct stack_class *class)
{
    size_t slots = class->carved;
    if (slots > MOST_SLOTS) slots = MOST_SLOTS;
    for (;;) {
        if (slots < FIRST_SLOTS) slots = FIRST_SLOTS;
        struct slab *slab = slab_new(slab_stride(class->size), (uint32_t)slots);
        if (slab) {
            list_prepend(&class->slabs, &slab->link);
            return slab;
        }
        if (slots == FIRST_SLOTS) return NULL;
        slots /= 2;
    }
}

/* Makes at least one more free slot. */
RARE static int class_grow(struct stack_class *class, const char **why)
{
    if (!class->fresh) class->fresh = class_map(class);
    const int n = class->fresh ? slab_carve(class->fresh, why) : -ENOMEM;
    if (n < 0) return n;
    class->carved += (size_t)n;
    class->spare += (size_t)n;
    if (class->fresh->carved == class->fresh->slots) class->fresh = NULL;
    return 0;
}

/* The slab to take from: one with a dirty slot if there is any, else one with a free slot. */
__attribute__((noinline)) static struct slab *class_choose(struct stack_class *class)
{
    for (;;) {
        struct slab *slab = slab_of(class->slabs.next);
        if (slab->free > (class->dirty ? slab->clean : 0)) return slab;
        list_remove(&slab->link);
        list_append(&class->slabs, &slab->link);
    }
}

static void class_unmap(struct stack_class *class, struct slab *slab)
{
    class->carved -= slab->carved;
    class->spare -= slab->free;
    class->dirty -= slab_dirty(slab);
    if (class->fresh == slab) class->fresh = NULL;
    list_remove(&slab->link);
    slab_free(slab);
}

/* Is the slab wholly free, and are there enough free slots for all promises without it? */
static bool class_spares(const struct stack_class *class, const struct slab *slab)
{
    return slab->free == slab->carved && class->spare >= slab->free;
}

/* An idle loop unmaps all it can; if nothing is in use there is more of that than one small slab. */
static bool class_excess(const struct stack_class *class, bool idle)
{
    if (!idle) return class->dirty > class_in_use(class) + BUSY_KEPT;
    return class->dirty > IDLE_KEPT || (class->spare == class->carved && class->carved > FIRST_SLOTS);
}

/*
 * From the coldest slab to the hottest. A busy loop goes down to half of what it may keep, so
 * that it does not come here again at once.
 */
static void class_trim(struct stack_class *class, bool idle)
{
    const size_t keep = idle ? IDLE_KEPT : (class_in_use(class) + BUSY_KEPT) / 2;
    size_t excess = class->dirty > keep ? class->dirty - keep : 0;
    if (!idle && excess > BUSY_BATCH) excess = BUSY_BATCH;
    bool has_small = false;
    struct node *warmer;
    for (struct node *node = class->slabs.prev; node != &class->slabs; node = warmer) {
        warmer = node->prev;
        struct slab *slab = slab_of(node);
        const uint32_t dirty = slab_dirty(slab);
        const bool kept = !has_small && slab->slots == FIRST_SLOTS;
        has_small |= kept;
        if (!kept && class_spares(class, slab) && (idle || dirty <= excess)) {
            class_unmap(class, slab);
            excess -= dirty < excess ? dirty : excess;
        } else {
            const uint32_t cleaned = slab_clean(slab, excess);
            class->dirty -= cleaned;
            excess -= cleaned;
        }
    }
}

/* ---- mappings of their own: slabs of one slot ---- */

static struct slab *own_take(struct stack_pool *pool, size_t stride)
{
    if (list_empty(&pool->own_free)) return NULL;
    struct slab *slab = slab_of(pool->own_free.next);
    if (slab->stride != stride) return NULL;
    list_remove(&slab->link);
    return slab;
}

static struct slab *own_map(size_t stride, const char **why)
{
    struct slab *slab = slab_new(stride, 1);
    if (!slab || slab_carve(slab, why) > 0) return slab;
    slab_free(slab);
    return NULL;
}

RARE static int own_promise(struct stack_pool *pool, size_t size, struct stack **own, const char **why)
{
    if (size > SIZE_MAX >> 16) return -ENOMEM; /* more than there are addresses; and sums do not overflow */
    const size_t stride = slab_stride(size);
    struct slab *slab = own_take(pool, stride);
    if (!slab) slab = own_map(stride, why);
    if (!slab) return -ENOMEM;
    *own = slab_record(slab, 0);
    slab_describe(slab, *own, STACK_OWN);
    slab_wipe(*own);
    pool->own_in_use++;
    return 0;
}

RARE static void own_put(struct stack_pool *pool, struct slab *slab)
{
    list_prepend(&pool->own_free, &slab->link);
    pool->own_in_use--;
}

static void own_unmap(struct stack_pool *pool)
{
    struct node *node;
    while ((node = list_pop(&pool->own_free))) slab_free(slab_of(node));
}

/* ---- the pool ---- */

static size_t stack_min_here(void)
{
    size_t frame = getauxval(AT_MINSIGSTKSZ);
#ifdef _SC_MINSIGSTKSZ
    const long known = sysconf(_SC_MINSIGSTKSZ); /* counts all registers where the kernel does not tell */
    if (known > 0 && (size_t)known > frame) frame = (size_t)known;
#endif
    const size_t page = sys_page_size();
    const size_t size = (frame + HANDLER + STACK_OVERHEAD + page - 1) / page * page;
    const size_t smallest = (size_t)1 << SMALLEST_SHIFT;
    return size > smallest ? size : smallest;
}

size_t stack_min(void)
{
    static _Atomic size_t known;
    size_t size = atomic_load_explicit(&known, memory_order_relaxed);
    if (size > 0) return size;
    size = stack_min_here();
    atomic_store_explicit(&known, size, memory_order_relaxed);
    return size;
}

uint32_t stack_class(size_t size)
{
    if (size <= (size_t)1 << SMALLEST_SHIFT) return 0;
    const uint32_t doublings = 64 - (uint32_t)__builtin_clzll((size - 1) >> SMALLEST_SHIFT);
    return doublings < STACK_OWN ? doublings : STACK_OWN;
}

void stack_pool_init(struct stack_pool *pool)
{
    *pool = (struct stack_pool){.own_in_use = 0};
    list_init(&pool->own_free);
    for (int i = 0; i < STACK_CLASSES; i++) {
        pool->classes[i].size = (size_t)1 << (SMALLEST_SHIFT + i);
        list_init(&pool->classes[i].slabs);
    }
}

static void class_done(struct stack_class *class)
{
    const size_t in_use = class_in_use(class);
    if (in_use || class->promised)
        misuse("%zu stacks of %zu KiB in use and %zu promised at the end of the pool", in_use,
               class->size / 1024, class->promised);
    while (!list_empty(&class->slabs)) class_unmap(class, slab_of(class->slabs.next));
}

void stack_pool_done(struct stack_pool *pool)
{
    if (pool->own_in_use) misuse("%zu large stacks in use at the end of the pool", pool->own_in_use);
    own_unmap(pool);
    for (int i = 0; i < STACK_CLASSES; i++) class_done(&pool->classes[i]);
}

int stack_promise(struct stack_pool *pool, uint32_t class, size_t size, struct stack **own, const char **why)
{
    if (class == STACK_OWN) return own_promise(pool, size, own, why);
    if (!stack_has_spare(pool, class)) {
        const int error = class_grow(&pool->classes[class], why);
        if (error < 0) return error;
        pool->used |= 1u << class;
    }
    stack_set_aside(pool, class);
    *own = NULL;
    return 0;
}

void stack_unpromise(struct stack_pool *pool, uint32_t class, struct stack *own)
{
    if (class == STACK_OWN) {
        own_put(pool, own->slab);
        return;
    }
    pool->classes[class].promised--;
    pool->classes[class].spare++;
}

struct stack *stack_get(struct stack_pool *pool, uint32_t class)
{
    struct stack_class *its = &pool->classes[class];
    if (__builtin_expect(its->promised == 0, 0)) misuse("a stack was taken that had not been promised");
    struct slab *slab = slab_of(its->slabs.next);
    if (slab->free == slab->clean) slab = class_choose(its);
    struct stack *stack = slab_at(slab, slab->order[--slab->free]);
    its->promised--;
    if (slab->free >= slab->clean) {
        its->dirty--;
    } else {
        slab->clean = slab->free;
        slab_describe(slab, stack, class);
    }
    slab_wipe(stack);
    return stack;
}

void stack_put(struct stack_pool *pool, struct stack *stack)
{
    struct slab *slab = stack->slab;
    if (stack->class == STACK_OWN) {
        own_put(pool, slab);
        return;
    }
    struct stack_class *its = &pool->classes[stack->class];
    if (__builtin_expect(slab->free == slab->carved, 0)) misuse("a stack was given back twice");
    slab->order[slab->free++] = slab_place(slab, stack);
    its->spare++;
    its->dirty++;
    if (its->slabs.next == &slab->link) return;
    list_remove(&slab->link);
    list_prepend(&its->slabs, &slab->link);
}

bool stack_excess(const struct stack_pool *pool, bool idle)
{
    if (!list_empty(&pool->own_free)) return true;
    for (uint32_t used = pool->used; used; used &= used - 1)
        if (class_excess(&pool->classes[__builtin_ctz(used)], idle)) return true;
    return false;
}

void stack_trim(struct stack_pool *pool, bool idle)
{
    own_unmap(pool);
    for (uint32_t used = pool->used; used; used &= used - 1) {
        struct stack_class *class = &pool->classes[__builtin_ctz(used)];
        if (class_excess(class, idle)) class_trim(class, idle);
    }
}
