/* SPDX-License-Identifier: MIT */
/*
 * Waiting for another thread without sleeping, for a short time: to put a thread to sleep and to wake
 * it on another processor takes several times as long. An idle program never comes here.
 */
#ifndef SPIN_H
#define SPIN_H

#include "arch/arch.h"
#include "sys.h"

enum { SPIN_NS = 15000, SPINS_BETWEEN_LOOKS = 16 };

/* Until the condition holds, or it is over. Never where the other would need this processor. */
#define SPIN_UNTIL(condition)                                                                                \
    do {                                                                                                     \
        const int64_t over_ = sys_clock_ns() + SPIN_NS;                                                      \
        for (unsigned n_ = 1; !(condition); n_++) {                                                          \
            if (n_ % SPINS_BETWEEN_LOOKS == 0 && sys_clock_ns() > over_) break;                              \
            arch_relax();                                                                                    \
        }                                                                                                    \
    } while (0)

#endif
