/* SPDX-License-Identifier: MIT */
#include "slab.h"

#include "guard.h"
#include "sys.h"

#include <string.h>
#include <sys/mman.h>

_Static_assert((SLAB_LINES - 1) * SLAB_LINE + SLAB_RECORD <= STACK_OVERHEAD, "more than stack.h says");

size_t slab_stride(size_t size)
{
    const size_t page = sys_page_size();
    const size_t pages = (size + guard_size() + page - 1) / page;
    return (pages | 1) * page;
}

static struct slab *slab_alloc(uint32_t slots)
{
    const size_t marks = (slots + 63) / 64;
    const size_t ids = sanitizer_valgrind() ? slots : 0;
    struct slab *slab =
        sys_alloc(sizeof *slab + marks * sizeof *slab->marks + (slots + ids) * sizeof *slab->order);
    if (!slab) return NULL;
    *slab = (struct slab){.slots = slots, .guard = guard_size(), .marks = slab->arrays};
    slab->order = (uint32_t *)(slab->marks + marks);
    slab->ids = ids ? slab->order + slots : NULL;
    return slab;
}

struct slab *slab_new(size_t stride, uint32_t slots)
{
    struct slab *slab = slab_alloc(slots);
    if (!slab) return NULL;
    slab->memory = sys_mmap(slots * stride, PROT_READ | PROT_WRITE, MAP_NORESERVE | MAP_STACK);
    if (!slab->memory) {
        sys_free(slab);
        return NULL;
    }
    slab->stride = stride;
    slab->skew = (uint32_t)((uintptr_t)slab->memory / sys_page_size() % SLAB_LINES);
    slab->light = guard_light();
    (void)sys_madvise(slab->memory, slots * stride, MADV_NOHUGEPAGE); /* refused where there are none */
    sanitizer_root_begin(slab->memory, slots * stride);
    return slab;
}

void slab_free(struct slab *slab)
{
    const size_t size = slab->slots * slab->stride;
    for (uint32_t i = 0; slab->ids && i < slab->carved; i++) sanitizer_stack_end(slab->ids[i]);
    sanitizer_root_end(slab->memory, size);
    sanitizer_unpoison(slab->memory, slab->carved * slab->stride);
    sys_munmap(slab->memory, size);
    guard_forget(slab->mappings);
    sys_free(slab);
}

struct stack *slab_record(const struct slab *slab, uint32_t slot)
{
    const size_t above = (slot + slab->skew) % SLAB_LINES * SLAB_LINE + SLAB_RECORD;
    return (struct stack *)(void *)(slab->memory + (slot + 1) * slab->stride - above);
}

void slab_describe(struct slab *slab, struct stack *stack, uint32_t class)
{
    const size_t slot = (size_t)((char *)stack - slab->memory) / slab->stride;
    stack->slab = slab;
    stack->class = class;
    stack->base = slab->memory + slot * slab->stride + slab->guard;
    stack->size = (size_t)((char *)stack - stack->base);
}

/* The next slots have got their guards. The one at the lowest address is taken first. */
static void slab_add(struct slab *slab, uint32_t n)
{
    uint32_t *fresh = slab->order + slab->clean;
    memmove(fresh + n, fresh, slab_dirty(slab) * sizeof *fresh);
    for (uint32_t i = 0; i < n; i++) fresh[n - 1 - i] = slab_place(slab, slab_record(slab, slab->carved + i));
    for (uint32_t i = slab->carved; slab->ids && i < slab->carved + n; i++) {
        char *low = slab->memory + i * slab->stride + slab->guard;
        slab->ids[i] = sanitizer_stack_begin(low, slab->memory + (i + 1) * slab->stride - 1);
    }
    slab->carved += n;
    slab->clean += n;
    slab->free += n;
    if (!slab->light) slab->mappings += n;
}

int slab_carve(struct slab *slab, const char **why)
{
    const uint32_t left = slab->slots - slab->carved;
    const int wanted = left < GUARD_BATCH ? (int)left : GUARD_BATCH;
    char *first = slab->memory + slab->carved * slab->stride;
    const int n = guard_make(first, slab->stride, wanted, &slab->light, why);
    if (n > 0) slab_add(slab, (uint32_t)n);
    return n;
}

/*
 * Gives back the pages of the slots whose bit is set, neighbours in one call; their guards stay.
 * Where that is refused (locked memory), it would be again, so the answer does not matter.
 */
static void slab_discard(struct slab *slab)
{
    uint32_t start = 0;
    for (uint32_t slot = 0; slot <= slab->carved; slot++) {
        if (slot < slab->carved && slab->marks[slot / 64] >> slot % 64 & 1) continue;
        char *low = slab->memory + start * slab->stride;
        if (start < slot) (void)sys_madvise(low, (slot - start) * slab->stride, MADV_DONTNEED);
        start = slot + 1;
    }
}

uint32_t slab_clean(struct slab *slab, size_t most)
{
    const uint32_t n = slab_dirty(slab) < most ? slab_dirty(slab) : (uint32_t)most;
    if (n == 0) return 0;
    memset(slab->marks, 0, (slab->slots + 63) / 64 * sizeof *slab->marks);
    for (uint32_t i = slab->clean; i < slab->clean + n; i++) {
        const size_t slot = (size_t)slab->order[i] * SLAB_LINE / slab->stride;
        slab->marks[slot / 64] |= (uint64_t)1 << slot % 64;
    }
    slab_discard(slab);
    slab->clean += n;
    return n;
}
