/* SPDX-License-Identifier: MIT */
/* bide's own switch, as it stands in the shared library, between this flow and a second one. */
#ifndef OWN_SWITCH_H
#define OWN_SWITCH_H

#include "hidden.h"

/* As in src/arch/arch.h. */
struct own_context {
    void *sp;
    uint64_t more;
};

static struct {
    void (*go)(void *from, void *to);
    struct own_context near, far;
} own;

static inline void own_far_flow(void)
{
    for (;;) own.go(&own.far, &own.near);
}

/* The second flow's stack ends at `top`. False where the functions cannot be found. */
static inline bool own_switch_open(char *top)
{
    typedef void (*prepare_fn)(struct own_context * context, void *top, void (*entry)(void), uint64_t words);
    typedef uint64_t (*words_fn)(void);
    own.go = (void (*)(void *, void *))(uintptr_t)hidden_function("arch_switch");
    const prepare_fn prepare = (prepare_fn)(uintptr_t)hidden_function("arch_prepare");
    const words_fn words = (words_fn)(uintptr_t)hidden_function("arch_control_words");
    if (!own.go || !prepare || !words) return false;
    prepare(&own.far, top, own_far_flow, words());
    return true;
}

/* There and back n times: 2 n switches. */
static inline void own_switch_there_and_back(long n)
{
    for (long i = 0; i < n; i++) own.go(&own.near, &own.far);
}

#endif
