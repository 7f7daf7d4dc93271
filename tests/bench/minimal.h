/* SPDX-License-Identifier: MIT */
/*
 * The baseline of everything that switches: flows switched by hand-minimal assembly, with no
 * scheduler but a counter. For x86-64; elsewhere the times are 0, which means that none is known.
 *
 * The switch saves six registers and both floating-point control words and ends in a jump. One
 * variant loads the control words always, one only if they differ, one leaves them alone. Which is
 * best depends on the processor: ldmxcsr takes 40 ns on some of Intel's, under 2 on AMD's.
 */
#ifndef MINIMAL_H
#define MINIMAL_H

#include "bench.h"

#include <sys/mman.h>

/* Both are the address of a word with a stack pointer. */
typedef void (*switch_fn)(void *from, void *to);

#if defined(__x86_64__)

#define MINIMAL_SWITCH(name, store, load)                                                                    \
    __asm__(".text\n.p2align 4\n.type " #name ", @function\n" #name ":\n"                                    \
            "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"                       \
            "subq $8, %rsp\n" store "movq %rsp, (%rdi)\nmovq (%rsi), %rsp\n" load "addq $8, %rsp\n"          \
            "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\npopq %rcx\n"                  \
            "jmp *%rcx\n.size " #name ", . - " #name "\n");                                                  \
    void name(void *from, void *to) __attribute__((visibility("hidden")))

#define STORE_WORDS "stmxcsr (%rsp)\nfnstcw 4(%rsp)\n"
MINIMAL_SWITCH(minimal_registers, "", "");
MINIMAL_SWITCH(minimal_plain, STORE_WORDS, "ldmxcsr (%rsp)\nfldcw 4(%rsp)\n");
MINIMAL_SWITCH(minimal_compared, STORE_WORDS "movl (%rsp), %ecx\nmovzwl 4(%rsp), %edx\n",
               "xorl (%rsp), %ecx\nxorw 4(%rsp), %dx\nandl $0xffc0, %ecx\norl %edx, %ecx\njz 1f\n"
               "ldmxcsr (%rsp)\nfldcw 4(%rsp)\n1:\n");

/* The one that stands for all in other benchmarks: bide's own switch is of this kind. */
static const switch_fn minimal_baseline = minimal_compared;

/* A flow that begins in entry() when it is first switched to, with the usual control words. */
static inline void *minimal_prepare(char *top, void (*entry)(void))
{
    uint64_t *sp = (uint64_t *)(void *)(top - 72); /* so that the stack is aligned as after a call */
    sp[0] = 0x037f00001f80;
    sp[7] = (uint64_t)(uintptr_t)entry;
    sp[8] = 0; /* nobody to return to */
    return sp;
}

#else
static const switch_fn minimal_baseline = NULL;
static inline void *minimal_prepare(char *top, void (*entry)(void))
{
    (void)entry;
    return top;
}
#endif

/* An odd number of pages apart, as stacks that are a power of two apart fall on the same cache lines. */
enum { MINIMAL_STRIDE = 17 * 4096 };

static struct {
    switch_fn go;
    void *main; /* stack pointers: of whoever measures, and of each flow */
    void **flows;
    size_t n;
    size_t current;
    long left;
    char *stacks;
} minimal;

/* The top of the nth stack, moved by cache lines for the same reason. */
static inline char *minimal_top(size_t nth)
{
    return minimal.stacks + (nth + 1) * MINIMAL_STRIDE - nth % 16 * 64;
}

static inline void minimal_open(switch_fn go, size_t n)
{
    minimal.go = go;
    minimal.n = n;
    minimal.flows = calloc(n, sizeof *minimal.flows);
    minimal.stacks = mmap(NULL, n * MINIMAL_STRIDE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(minimal.flows && minimal.stacks != MAP_FAILED, "memory for the baseline");
}

static inline void minimal_close(void)
{
    munmap(minimal.stacks, minimal.n * MINIMAL_STRIDE);
    free(minimal.flows);
}

/* Each flow switches to the next one, in a ring. */
static inline void minimal_ring_flow(void)
{
    for (;;) {
        const size_t self = minimal.current;
        const size_t next = self + 1 == minimal.n ? 0 : self + 1;
        void **to = &minimal.flows[next];
        if (minimal.left-- == 0)
            to = &minimal.main;
        else
            minimal.current = next;
        minimal.go(&minimal.flows[self], to);
    }
}

/* A switch from one to the next of n flows, in nanoseconds. */
static inline double minimal_ring_ns(switch_fn go, size_t n, long switches)
{
    if (!go) return 0;
    minimal_open(go, n);
    for (size_t i = 0; i < n; i++) minimal.flows[i] = minimal_prepare(minimal_top(i), minimal_ring_flow);
    minimal.current = 0;
    minimal.left = (long)n; /* all have begun, and are in the cache as far as they fit */
    go(&minimal.main, &minimal.flows[0]);
    minimal.left = switches;
    const double start = cpu_ns();
    go(&minimal.main, &minimal.flows[minimal.current]);
    const double ns = (cpu_ns() - start) / (double)switches;
    minimal_close();
    return ns;
}

/* The unit by which numbers of different machines can be compared. */
static inline double minimal_switch_ns(void)
{
    return minimal_ring_ns(minimal_baseline, 2, scaled(10000000, 100000));
}

static inline void minimal_flow_that_returns(void)
{
    for (;;) minimal.go(&minimal.flows[minimal.current], &minimal.main);
}

/* Beginning n flows, having them alive at once if there are several, and ending them; for each of them. */
static inline double minimal_spawn_ns(size_t n, long flows)
{
    if (!minimal_baseline) return 0;
    minimal_open(minimal_baseline, n);
    double start = 0;
    for (long round = -1; round < flows / (long)n; round++) {
        if (round == 0) start = cpu_ns(); /* the first one touched the stacks */
        for (size_t i = 0; i < n; i++)
            minimal.flows[i] = minimal_prepare(minimal_top(i), minimal_flow_that_returns);
        for (int leg = 0; leg < (n > 1 ? 2 : 1); leg++) {
            for (size_t i = 0; i < n; i++) {
                minimal.current = i;
                minimal.go(&minimal.main, &minimal.flows[i]);
            }
        }
    }
    const double ns = (cpu_ns() - start) / (double)(flows / (long)n * (long)n);
    minimal_close();
    return ns;
}

#endif
