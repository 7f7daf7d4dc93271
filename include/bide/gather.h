/* SPDX-License-Identifier: MIT */
/* Many at once: bide_gather is asyncio.gather. */
#ifndef BIDE_GATHER_H
#define BIDE_GATHER_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Runs n calls at once, each as a task, and waits until all have ended. May wait; the calls
 * are started even while cancelled. When the wait is cut short they are cancelled, and joined.
 *
 *     struct bide_call calls[] = {{fetch, &a}, {fetch, &b}, {fetch, &c}};
 *     int results[3];
 *     int code = bide_gather(calls, 3, results);
 *
 * results: n results in the order of the calls, all of them written: failures stand among
 * them, and -ENOMEM for a call that could not start. The return value is then the wait's: 0,
 * -ECANCELED or -ETIMEDOUT. bide_error_text has one text for each code; who wants every failure's
 * own makes tasks and asks after each bide_await.
 * NULL: the first failure cancels the rest and is returned once all have ended; else the code
 * of the wait; else 0. A call's own -ECANCELED is a failure too, unless gather cancelled it.
 * Errors: -EPERM outside a task, -EINVAL for NULL calls or a NULL fn: nothing was started.
 */
BIDE_API int bide_gather(const struct bide_call *calls, size_t n, int *results);

/*
 * The same for tasks that run already: takes their handles. A NULL task counts as one that
 * failed with -ENOMEM. Errors, with no handle taken: -EPERM outside a task, -EINVAL for a NULL
 * array, a task that stands in it twice or belongs to a group, -EDEADLK for oneself.
 */
BIDE_API int bide_gather_tasks(struct bide_task *const *tasks, size_t n, int *results);

#ifdef __cplusplus
}
#endif

#endif
