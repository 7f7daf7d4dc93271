/* SPDX-License-Identifier: MIT */
/* Trying again what may succeed later, with growing pauses. */
#ifndef BIDE_RETRY_H
#define BIDE_RETRY_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How to go about it. All zero is the default, as is a NULL pointer to it. */
struct bide_retry_options {
    unsigned attempts; /* how often the function is called at most; 0: 5 */
    double delay;      /* seconds before the second attempt; 0: 0.1 */
    double factor;     /* by which each pause is longer than the one before it; 0: 2 */
    double max_delay;  /* the longest pause, in seconds; 0: no limit */
    double jitter;     /* from 0 to 1: that part of each pause is random, so that many who failed
                        * together do not come back together */
    uint64_t seed;     /* of the randomness: the same one gives the same pauses. 0: any */
    /* Whether to try again after this failure; NULL: after all but -ECANCELED. */
    bool (*retry)(void *arg, int code);
    /* Told before each pause, in seconds, which attempt has failed (1 is the first), and how; or NULL. */
    void (*on_retry)(void *arg, unsigned attempt, int code, double pause);
    uint64_t reserved[4]; /* zero */
};

/*
 * Calls fn(arg) until it does not fail, or has been called `attempts` times, with a pause between
 * two calls. May wait: fn is called even while cancelled, but not again.
 *
 *     const struct bide_retry_options patient = {.attempts = 8, .max_delay = 5.0, .jitter = 0.5};
 *     int code = bide_retry(&patient, fetch, &page, NULL);
 *
 * opt's callbacks get the same arg.
 * result: what the last call of fn returned; with NULL its failure is the call's.
 * Returns 0, -ECANCELED or -ETIMEDOUT if a pause was cut short. Errors: -EPERM outside a task,
 * -EINVAL for a NULL fn, or for options that make no sense: negative or NaN, a jitter above 1.
 */
BIDE_API int bide_retry(const struct bide_retry_options *opt, bide_fn fn, void *arg, int *result);

#ifdef __cplusplus
}
#endif

#endif
