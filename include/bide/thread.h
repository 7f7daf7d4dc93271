/* SPDX-License-Identifier: MIT */
/* Threads, for what blocks or computes long: bide_to_thread is asyncio.to_thread. */
#ifndef BIDE_THREAD_H
#define BIDE_THREAD_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Runs fn(arg) in a thread of the loop's pool and waits for it; other tasks run meanwhile. May
 * wait. A job that runs cannot be interrupted: when the wait is cut short it still returns
 * only once the job has ended, so that arg may live on this stack. So whoever wants to stop a job
 * early sets a flag that the job looks at, from another task than the one that waits for it. A job
 * that no thread has begun is withdrawn, and never runs.
 *
 *     int digits;
 *     if (bide_to_thread(compute, &number, &digits) < 0) ...
 *
 * fn: calls nothing of bide that may wait (-EPERM there); bide_fail works.
 * result: what fn returned; -ECANCELED for a job that was withdrawn, -ENOMEM for one that no
 * thread could be started for; or NULL.
 * Returns 0, -ECANCELED or -ETIMEDOUT. Errors: -EPERM outside a task, -EINVAL for a NULL fn.
 */
BIDE_API int bide_to_thread(bide_fn fn, void *arg, int *result);

/* Threads of one's own, for work that must not hold up the loop's, or must not run all at once. */
struct bide_executor;

/*
 * Makes an executor of the running loop with at most that many threads (0: as many as the loop
 * may have), started when first needed. limit: how many jobs may be queued behind those that have a
 * thread each, so that threads + limit calls at a time are taken; 0 for any number.
 *
 *     struct bide_executor *one_by_one = bide_executor_new(1, 100);
 *     code = bide_executor_submit(one_by_one, append_to_log, &entry, &result);
 *
 * Errors (NULL and errno): EPERM where no loop runs, ENOMEM.
 */
BIDE_API struct bide_executor *bide_executor_new(unsigned threads, size_t limit);

/* bide_to_thread in that executor. Errors: also -EAGAIN for more than `limit` jobs: nothing was started. */
BIDE_API int bide_executor_submit(struct bide_executor *executor, bide_fn fn, void *arg, int *result);

/*
 * Frees an executor whose jobs have all ended (else it aborts). Not needed before the end of the
 * loop, which frees those that are left. NULL does nothing.
 */
BIDE_API void bide_executor_free(struct bide_executor *executor);

#ifdef __cplusplus
}
#endif

#endif
