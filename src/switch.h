/* SPDX-License-Identifier: MIT */
/* A switch between two stacks with all that may have to be told, for task.c and flow.c. */
#ifndef SWITCH_H
#define SWITCH_H

#include "sanitizer.h"
#include "task.h"

#include <string.h>

#define LIKELY(condition) __builtin_expect((condition), 1)

/* C++ keeps the exceptions being handled in two words of the thread; tasks have their own. */
static inline void exceptions_switch(struct sched *sched, struct stack *from, struct stack *to)
{
    memcpy(from->exceptions, sched->exceptions, sizeof from->exceptions);
    memcpy(sched->exceptions, to->exceptions, sizeof to->exceptions);
}

/* Goes on in `to`, with all that may have to be told. */
static inline int switch_stacks(struct sched *sched, struct context *from, struct stack *from_stack,
                                struct context *to, struct stack *to_stack, bool ended)
{
    if (sched->exceptions) exceptions_switch(sched, from_stack, to_stack);
    sanitizer_switch_begin(ended ? NULL : from_stack, to_stack);
    const int value = arch_switch(from, to);
    sanitizer_switch_end(from_stack);
    return value;
}

#endif
