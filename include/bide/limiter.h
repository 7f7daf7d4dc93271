/* SPDX-License-Identifier: MIT */
/* A rate limiter: so many per second and no more, whoever asks. */
#ifndef BIDE_LIMITER_H
#define BIDE_LIMITER_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A bucket of tokens: it holds `burst` of them, is full at first, and gets `rate` new ones a
 * second. It needs no memory but this, and must stay in its place while tasks wait for it; it then
 * belongs to their loop: use in another one aborts. Its inside is the library's own.
 */
struct bide_limiter {
    void *opaque[24];
};

/*
 * Makes a limiter of `rate` tokens per second, of which up to `burst` may be saved up.
 *
 *     static struct bide_limiter limiter;
 *     bide_limiter_init(&limiter, 10.0, 5);        // ten requests a second, five at once
 *     ...
 *     int code = bide_limiter_acquire(&limiter);   // in each task, before each request
 *     if (code < 0) return code;
 *
 * Returns 0. Errors: -EINVAL for a rate that is not above 0 and finite, or a burst of 0.
 */
BIDE_API int bide_limiter_init(struct bide_limiter *limiter, double rate, unsigned burst);

/*
 * Takes a token; waits for one if there is none. First come, first served. May wait. A task that
 * was cut short has taken nothing, and those behind it move up.
 * Returns 0, -ECANCELED or -ETIMEDOUT. Errors: -EPERM outside a task, -EINVAL for a limiter that
 * bide_limiter_init has not made.
 */
BIDE_API int bide_limiter_acquire(struct bide_limiter *limiter);

/*
 * Takes one without waiting, in a task. Returns 0, or -EAGAIN if there is none or others wait. Errors: as
 * above.
 */
BIDE_API int bide_limiter_acquire_nowait(struct bide_limiter *limiter);

#ifdef __cplusplus
}
#endif

#endif
