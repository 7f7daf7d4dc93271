/* SPDX-License-Identifier: MIT */
/*
 * AArch64: the switch in guarded pages, where an indirect jump to anything but a landing pad ends
 * the process. It has no C library, as not every one has landing pads, and one object without
 * them would leave all pages unguarded.
 */
#include "../../src/arch/arch.h"

enum { EXIT = 93, ROUNDS = 5 };

static struct context self, other;
static char stack[16384];

/* Through a pointer, so that arch_switch and arch_prepare need landing pads, too. */
static int (*volatile go)(struct context *from, struct context *to) = arch_switch;
static void (*volatile prepare)(struct context *, void *, void (*)(void), uint64_t) = arch_prepare;

static void count(void)
{
    for (self.value = 1;; self.value++) go(&other, &self);
}

static int run(void)
{
    prepare(&other, stack + sizeof stack, count, arch_control_words());
    for (int i = 1; i <= ROUNDS; i++)
        if (go(&self, &other) != i) return i;
    return 0;
}

_Noreturn void _start(void);
_Noreturn void _start(void)
{
    const int result = run(); /* before the registers are set */
    register long number __asm__("x8") = EXIT;
    register long code __asm__("x0") = result;
    __asm__ volatile("svc #0" : : "r"(number), "r"(code));
    __builtin_unreachable();
}
