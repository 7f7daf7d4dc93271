/* SPDX-License-Identifier: MIT */
/*
 * Waiting for some of many tasks: bide_wait is asyncio.wait, bide_as_completed asyncio.as_completed.
 * Both only look: the handles stay the caller's, who awaits or detaches each of them afterwards, and
 * tasks run on when the wait is cut short.
 */
#ifndef BIDE_WAIT_H
#define BIDE_WAIT_H

#include <bide/base.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * When bide_wait returns: at the first end; at the first failure, of which -ECANCELED is none, else once all
 * have ended; only once all have ended.
 */
enum bide_wait_mode { BIDE_FIRST_COMPLETED, BIDE_FIRST_EXCEPTION, BIDE_ALL_COMPLETED };

/*
 * Waits until as many of the n tasks have ended as the mode says, for at most timeout seconds
 * (BIDE_FOREVER: no limit; <= 0: as they are once the other ready tasks have run). May wait.
 *
 *     struct bide_task *tasks[] = {bide_create_task(ask, &near), bide_create_task(ask, &far)};
 *     ssize_t done = bide_wait(tasks, 2, BIDE_FIRST_COMPLETED, 5.0);
 *     for (int i = 0; i < 2; i++) {
 *         if (!bide_task_done(tasks[i])) bide_cancel(tasks[i]);
 *         bide_await(tasks[i], &results[i]);
 *     }
 *
 * That the time is up is no error. A NULL task counts as one that has failed with -ENOMEM; a task that
 * stands in the list twice counts twice.
 * Returns how many have ended: bide_task_done tells which. -ECANCELED or -ETIMEDOUT when cut short;
 * the tasks are then as they were. Errors: -EPERM outside a task, -EINVAL for an empty list, NaN or an
 * unknown mode, -EDEADLK for oneself, -ENOMEM (not for 8 tasks or fewer).
 */
BIDE_API ssize_t bide_wait(struct bide_task *const *tasks, size_t n, enum bide_wait_mode mode,
                           double timeout);

/* Tasks in the order in which they end. */
struct bide_completions;

/*
 * Has n tasks given out one by one by bide_next, in the order in which they end; those that have
 * ended already come first, in the order of the list. The list itself is not needed afterwards.
 *
 *     struct bide_completions *order = bide_as_completed(tasks, n);
 *     struct bide_task *task;
 *     int code, result;
 *     while ((code = bide_next(order, &task)) > 0)
 *         if (bide_await(task, &result) == 0) use(result);
 *     bide_completions_free(order);
 *     if (code < 0) ...        // -ENOMEM, or my wait was cut short: the rest runs on
 *
 * One may stop early: tasks not yet given out are still the caller's to await, cancel or detach. NULL
 * tasks are given out as such, and a task that stands in the list twice is given out twice, so its handle
 * must not be taken at the first time. Does not wait.
 * Errors (NULL and errno): EPERM outside a task, EINVAL for an empty list, EDEADLK for oneself, ENOMEM.
 * NULL may be passed on: bide_next then gives -ENOMEM.
 */
BIDE_API struct bide_completions *bide_as_completed(struct bide_task *const *tasks, size_t n);

/*
 * Waits for the next task to end. May wait. Several tasks may ask at once; they are served in the order
 * of asking.
 *
 * task: where the task goes, which has ended; untouched unless 1 is returned.
 * Returns 1; 0 when all have been given out; -ECANCELED or -ETIMEDOUT when cut short: nothing is lost, and
 * one may ask again. Errors: -EPERM outside a task, -EINVAL for NULL, -ENOMEM for NULL completions.
 */
BIDE_API int bide_next(struct bide_completions *completions, struct bide_task **task);

/* Forgets the order, not the tasks. While a task waits in bide_next it aborts. NULL does nothing. */
BIDE_API void bide_completions_free(struct bide_completions *completions);

#ifdef __cplusplus
}
#endif

#endif
