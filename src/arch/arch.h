/* SPDX-License-Identifier: MIT */
/*
 * The switch between stacks, one file of assembly for each architecture, chosen by the build.
 * It saves what a called function must preserve, and the control words of the floating-point
 * unit, so that a rounding mode never leaks from one task into another.
 */
#ifndef ARCH_H
#define ARCH_H

#include <stdint.h>

/* Where a flow of control goes on. The assembly knows the offsets of the first two fields. */
struct context {
    void *sp;
    int value;      /* what arch_switch returns there */
    uint32_t flags; /* the owner's own */
};

/*
 * Saves the running flow in `from` and goes on in `to`, which may be the same. Returns once
 * another switch goes to `from`: the value that then stands there.
 */
int arch_switch(struct context *from, struct context *to);

/*
 * The same for a flow that is over, and not returned to. It ends in a return, which is predicted well if
 * `to` has begun this flow; so it must be jumped to: the last call of a function without a result.
 */
void arch_return(struct context *to);

/*
 * Makes a flow that, at the first switch to it, calls entry() on the stack below `top` (which
 * is rounded down to 16 bytes), with these control words. entry must not return; a backtrace
 * ends there.
 */
void arch_prepare(struct context *context, void *top, void (*entry)(void), uint64_t control_words);

/* The control words of the floating-point unit as they are now. */
uint64_t arch_control_words(void);
void arch_set_control_words(uint64_t control_words);

/* For a loop that waits for another processor: lets the other half of this one go ahead. */
void arch_relax(void);

#endif
