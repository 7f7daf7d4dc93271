/* SPDX-License-Identifier: MIT */
/*
 * Cancellation is a level, not an event: from bide_cancel on, every call in the task that may
 * wait fails with -ECANCELED, until the task returns or takes the cancel back. So an error
 * code that is ignored once is seen at the next call, and a clean-up that must wait says so
 * with BIDE_SHIELD (bide/scope.h).
 */
#ifndef BIDE_CANCEL_H
#define BIDE_CANCEL_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Cancels the task: it is woken where it waits, and its calls fail from now on. Never waits;
 * await the task to see it end. What was handed to the task already stays given: its present
 * call may still succeed, the next one fails. Cancels are counted.
 *
 *     bide_cancel(task);
 *     bide_await(task, NULL);
 *
 * Returns 1, or 0 if the task had ended or is NULL.
 */
BIDE_API int bide_cancel(struct bide_task *task);

/* Whether the running task's next call that may wait would fail. False outside a task. */
BIDE_API bool bide_cancelled(void);

/*
 * Takes one bide_cancel of the running task back. Deadlines and cancelled groups stay as they
 * are. Returns how many are left; 0 outside a task.
 */
BIDE_API int bide_uncancel(void);

/*
 * Waits for the task without passing a cancel on, and without taking its handle. May wait;
 * when cut short it returns at once, the task runs on, *result is untouched.
 *
 * result: where the task's result goes when it has ended, or NULL.
 * Returns 0, -ECANCELED or -ETIMEDOUT. Errors: -EPERM outside a task, -EDEADLK for oneself
 * or a ring of tasks that wait for each other.
 */
BIDE_API int bide_shield(struct bide_task *task, int *result);

#ifdef __cplusplus
}
#endif

#endif
