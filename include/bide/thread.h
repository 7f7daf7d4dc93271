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
 * only once the job has ended, so that arg may live on this stack. A job that no thread has
 * begun is withdrawn, and never runs.
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

#ifdef __cplusplus
}
#endif

#endif
