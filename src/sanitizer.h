/* SPDX-License-Identifier: MIT */
/*
 * What tools that watch memory and threads must be told about stacks, in one place: the address,
 * leak and thread sanitizers (at compile time) and valgrind (at run time, where its headers are
 * known). In a plain build without those headers all of it compiles to nothing. Where frames are kept apart
 * from the stacks (detect_stack_use_after_return=1), what only those of waiting tasks know counts as leaked,
 * if the program ends meanwhile by exit().
 *
 * The order around a switch, on the stack that is left and on the one that is reached:
 *
 *     sanitizer_switch_begin(from, to);   // NULL for from: its task has ended
 *     ... the switch ...
 *     sanitizer_switch_end(self);         // also first thing on a fresh stack
 */
#ifndef SANITIZER_H
#define SANITIZER_H

#include "stack.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZER_ADDRESS 1
#endif
#if __has_feature(thread_sanitizer)
#define SANITIZER_THREAD 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(SANITIZER_ADDRESS)
#define SANITIZER_ADDRESS 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(SANITIZER_THREAD)
#define SANITIZER_THREAD 1
#endif
#ifndef SANITIZER_ADDRESS
#define SANITIZER_ADDRESS 0
#endif
#ifndef SANITIZER_THREAD
#define SANITIZER_THREAD 0
#endif

/* Do the hooks around a switch do anything? */
#define SANITIZER_FIBERS (SANITIZER_ADDRESS || SANITIZER_THREAD)

#if SANITIZER_ADDRESS
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if SANITIZER_THREAD
#include <sanitizer/tsan_interface.h>
#endif
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

static inline bool sanitizer_valgrind(void)
{
#ifdef RUNNING_ON_VALGRIND
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

/* Would a tool trip over a page that looks readable and is not? Then guards must be mappings. */
static inline bool sanitizer_reads_all(void)
{
    return SANITIZER_FIBERS || sanitizer_valgrind();
}

/* A range is a stack for valgrind, from now until sanitizer_stack_end with what this returned. */
static inline unsigned sanitizer_stack_begin(char *low, char *high)
{
    (void)low, (void)high; /* also where valgrind knows nothing of the architecture */
#ifdef RUNNING_ON_VALGRIND
    return VALGRIND_STACK_REGISTER(low, high);
#else
    return 0;
#endif
}

static inline void sanitizer_stack_end(unsigned id)
{
#ifdef RUNNING_ON_VALGRIND
    VALGRIND_STACK_DEREGISTER(id);
#endif
    (void)id;
}

/* What an ended task left there is no error for the next one that uses it. */
static inline void sanitizer_unpoison(void *address, size_t size)
{
#if SANITIZER_ADDRESS
    __asan_unpoison_memory_region(address, size);
#endif
    (void)address, (void)size;
}

/* Memory that is reached only from the stacks of suspended tasks is not leaked. */
static inline void sanitizer_root_begin(void *address, size_t size)
{
#if SANITIZER_ADDRESS
    __lsan_register_root_region(address, size);
#endif
    (void)address, (void)size;
}

static inline void sanitizer_root_end(void *address, size_t size)
{
#if SANITIZER_ADDRESS
    __lsan_unregister_root_region(address, size);
#endif
    (void)address, (void)size;
}

#if SANITIZER_FIBERS
/* A thread's last switch, from sanitizer_switch_begin to sanitizer_switch_end; one for all files. */
struct sanitizer_switch {
    struct stack *left; /* the stack that was left, or NULL */
    void *ended;        /* the fiber to destroy, or NULL */
};
extern _Thread_local struct sanitizer_switch sanitizer_switch;
__attribute__((weak, visibility("hidden"))) _Thread_local struct sanitizer_switch sanitizer_switch;
#endif

/* A stack on which a task begins. */
static inline void sanitizer_fiber_new(struct stack *stack)
{
#if SANITIZER_THREAD
    stack->fiber = __tsan_create_fiber(0);
#endif
    (void)stack;
}

/* A stack whose task is given up where it stands. One whose task ends needs only the switch. */
static inline void sanitizer_fiber_end(struct stack *stack)
{
#if SANITIZER_THREAD
    if (stack->fiber) __tsan_destroy_fiber(stack->fiber);
    stack->fiber = NULL;
#endif
    (void)stack;
}

/* The record of the running stack that is of no pool, the thread's own; a switch tells its bounds. */
static inline void sanitizer_fiber_own(struct stack *self)
{
#if SANITIZER_ADDRESS
    self->base = NULL;
    self->fake = NULL;
#endif
#if SANITIZER_THREAD
    self->fiber = __tsan_get_current_fiber();
#endif
    (void)self;
}

/* It is the thread's alone again. */
static inline void sanitizer_fiber_disown(struct stack *self)
{
#if SANITIZER_ADDRESS
    if (self->base) sanitizer_root_end(self->base, self->size);
#endif
    (void)self;
}

/* Always part of the function that switches: one of its own would begin on one fiber and end on another. */
__attribute__((always_inline)) static inline void sanitizer_switch_begin(struct stack *from, struct stack *to)
{
#if SANITIZER_ADDRESS
    sanitizer_switch.left = from;
    __sanitizer_start_switch_fiber(from ? &from->fake : NULL, to->base, to->size);
#endif
#if SANITIZER_THREAD
    sanitizer_switch.ended = from ? NULL : __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    (void)from, (void)to;
}

__attribute__((always_inline)) static inline void sanitizer_switch_end(struct stack *self)
{
#if SANITIZER_ADDRESS
    const void *base = NULL;
    size_t size = 0;
    __sanitizer_finish_switch_fiber(self->fake, &base, &size);
    struct stack *left = sanitizer_switch.left;
    if (left && !left->base) {
        left->base = (char *)(uintptr_t)base;
        left->size = size;
        sanitizer_root_begin(left->base, size); /* of a thread its present stack is looked at only */
    }
#endif
#if SANITIZER_THREAD
    if (sanitizer_switch.ended) __tsan_destroy_fiber(sanitizer_switch.ended);
    sanitizer_switch.ended = NULL;
#endif
    (void)self;
}

#endif
