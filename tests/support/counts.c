/* SPDX-License-Identifier: MIT */
#include "counts.h"

#include <stdatomic.h>

static atomic_long counts[SYS_CALLS];

static int count(enum sys_call call)
{
    atomic_fetch_add(&counts[call], 1);
    return 0;
}

void counts_start(void)
{
    for (int i = 0; i < SYS_CALLS; i++) atomic_store(&counts[i], 0);
    sys_fault = count;
}

void counts_stop(void)
{
    sys_fault = NULL;
}

long counts_of(enum sys_call kind)
{
    return atomic_load(&counts[kind]);
}

long counts_all(void)
{
    long all = 0;
    for (int i = 0; i < SYS_CALLS; i++) all += i == SYS_ALLOC ? 0 : counts_of((enum sys_call)i);
    return all;
}
