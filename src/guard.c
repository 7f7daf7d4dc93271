/* SPDX-License-Identifier: MIT */
/*
 * Invariants, for the whole process
 *  - `made` is the number of guards that are mappings now; it never exceeds what is allowed, so that
 *    half of the process's mappings and some more stay free for everything else.
 *  - `lightweight` says YES only after the kernel itself has failed to write to such a guard:
 *    an emulator may accept the advice and do nothing.
 */
#include "guard.h"

#include "sanitizer.h"
#include "sys.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* The build says more where stacks are not probed page by page. */
#ifndef GUARD_BYTES
#define GUARD_BYTES 4096
#endif

enum { UNKNOWN, YES, NO };
enum { OTHER_MAPPINGS = 2048, LEAST_GUARDS = 64, VALGRIND_GUARDS = 12000 };

static atomic_int lightweight;
static atomic_long made;
static atomic_long most; /* 0: not known yet */

size_t guard_size(void)
{
    const size_t page = sys_page_size();
    return (GUARD_BYTES + page - 1) / page * page;
}

/* UNKNOWN where there was no memory to try it. */
static int probe(void)
{
    const size_t size = guard_size();
    char *memory = sys_mmap(size, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    if (!memory) return UNKNOWN;
    const struct iovec range = {memory, size};
    const int error = sys_madvise_ranges(&range, 1, MADV_GUARD_INSTALL);
    const bool works = error == 0 && !sys_writable(memory) && !sys_writable(memory + size - 1);
    sys_munmap(memory, size);
    return error == -ENOMEM ? UNKNOWN : works ? YES : NO;
}

/* Two threads may both try; they find the same. */
bool guard_light(void)
{
    if (sanitizer_reads_all()) return false;
    int known = atomic_load(&lightweight);
    if (known == UNKNOWN) {
        known = probe();
        atomic_store(&lightweight, known);
    }
    return known == YES;
}

/* Each guard in the midst of a mapping costs two: its own, and the rest of what it cuts. */
static long allowed(void)
{
    long guards = atomic_load(&most);
    if (guards > 0) return guards;
    guards = (sys_max_map_count() - OTHER_MAPPINGS) / 2;
    if (guards < LEAST_GUARDS) guards = LEAST_GUARDS;
    if (sanitizer_valgrind() && guards > VALGRIND_GUARDS) guards = VALGRIND_GUARDS; /* its table is small */
    atomic_store(&most, guards);
    return guards;
}

static int make_mapping(char *address)
{
    int error = -ENOMEM;
    if (atomic_fetch_add(&made, 1) < allowed()) error = sys_mprotect(address, guard_size(), PROT_NONE);
    if (error < 0) atomic_fetch_sub(&made, 1);
    return error;
}

static int make_mappings(char *first, size_t stride, int n, const char **why)
{
    for (int i = 0; i < n; i++) {
        const int error = make_mapping(first + (size_t)i * stride);
        if (error == 0) continue;
        if (i > 0) return i;
        if (error == -ENOMEM) *why = "out of memory mappings for stack guards: raise vm.max_map_count";
        return -ENOMEM;
    }
    return n;
}

static int make_light(char *first, size_t stride, int n)
{
    struct iovec ranges[GUARD_BATCH];
    for (int i = 0; i < n; i++) ranges[i] = (struct iovec){first + (size_t)i * stride, guard_size()};
    return sys_madvise_ranges(ranges, n, MADV_GUARD_INSTALL);
}

int guard_make(char *first, size_t stride, int n, bool *light, const char **why)
{
    if (*light && make_light(first, stride, n) == 0) return n;
    *light = false;
    return make_mappings(first, stride, n, why);
}

void guard_forget(size_t n)
{
    atomic_fetch_sub(&made, (long)n);
}

void guard_reset(long limit)
{
    atomic_store(&lightweight, UNKNOWN);
    atomic_store(&most, limit);
}
