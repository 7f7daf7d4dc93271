/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include <stdatomic.h>

static enum sys_call kind;
static int error;
static long first;
static long count;
static atomic_long asked;

static int fault(enum sys_call call)
{
    if (call != kind) return 0;
    const long n = atomic_fetch_add(&asked, 1) - first;
    return n >= 0 && (count == FOR_EVER || n < count) ? error : 0;
}

void faults_set(enum sys_call call, int code, long after, long times)
{
    kind = call;
    error = code;
    first = after;
    count = times;
    atomic_store(&asked, 0);
    sys_fault = fault;
}

void faults_clear(void)
{
    sys_fault = NULL;
}

long faults_asked(void)
{
    return atomic_load(&asked);
}
