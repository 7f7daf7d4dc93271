/* SPDX-License-Identifier: MIT */
/*
 * A loop of one's own, run again and again: asyncio.Runner. There is at most one running loop
 * in a thread, and any number of threads.
 */
#ifndef BIDE_LOOP_H
#define BIDE_LOOP_H

#include <bide/base.h>
#include <bide/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Makes a loop.
 *
 *     struct bide_loop *loop = bide_loop_new(NULL);
 *     int result;
 *     int code = bide_loop_run(loop, first, NULL, &result);
 *     code = bide_loop_run(loop, second, NULL, &result);
 *     bide_loop_free(loop);
 *
 * Errors (NULL and errno): EINVAL for options that make no sense, ENOMEM, EMFILE and the like.
 */
BIDE_API struct bide_loop *bide_loop_new(const struct bide_options *opt);

/*
 * Runs fn(arg) as a task of the loop until it has ended; tasks that it left behind wait for the
 * next run. result: what fn returned, or NULL.
 * Returns 0. Errors: -EALREADY where a loop runs in this thread, -EINVAL for NULL, -EDEADLK as
 * for bide_run, -ENOMEM.
 */
BIDE_API int bide_loop_run(struct bide_loop *loop, bide_fn fn, void *arg, int *result);

/* Cancels and joins all tasks that are left, and frees the loop. NULL does nothing. */
BIDE_API void bide_loop_free(struct bide_loop *loop);

/* The loop that runs in this thread, or NULL. */
BIDE_API struct bide_loop *bide_current_loop(void);

#ifdef __cplusplus
}
#endif

#endif
