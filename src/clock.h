/* SPDX-License-Identifier: MIT */
/*
 * Durations and deadlines: int64_t nanoseconds inside, double seconds at the API's edge. All
 * arithmetic saturates; CLOCK_NEVER is later than everything.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER INT64_MAX
#define CLOCK_SECOND ((int64_t)1000000000)

/* A duration in nanoseconds, to the nearest; NaN is never, as no limit was given. */
static inline int64_t clock_ns(double seconds)
{
    const double ns = seconds * 1e9;
    if (!(ns < 9.2e18)) return CLOCK_NEVER;
    if (ns < -9.2e18) return -CLOCK_NEVER;
    return (int64_t)(ns + (ns < 0 ? -0.5 : 0.5));
}

static inline double clock_seconds(int64_t ns)
{
    return ns == CLOCK_NEVER ? __builtin_inf() : (double)ns / 1e9;
}

/* The moment that is `ns` after `now`, which is never negative. */
static inline int64_t clock_after(int64_t now, int64_t ns)
{
    return ns > CLOCK_NEVER - now ? CLOCK_NEVER : now + ns;
}

#endif
