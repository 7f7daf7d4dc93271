/* SPDX-License-Identifier: MIT */
/*
 * Futures: an outcome that is set once, by whoever has it, and waited for by any number of tasks
 * (asyncio.Future). A task is better where one function gives the outcome; a future is for what comes
 * from elsewhere: a callback of another library, the answer to a request, another thread.
 */
#ifndef BIDE_FUTURE_H
#define BIDE_FUTURE_H

#include <bide/base.h>
#include <bide/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An outcome as of a task: >= 0 is a result, < 0 (a negative errno) a failure. */
struct bide_future;

/*
 * Makes a future that is not set, for one loop: wherever a task waits for it first. It is counted: each
 * bide_future_new and bide_future_hold wants a bide_future_free.
 *
 *     struct bide_future *answer = bide_future_new();
 *     send_request(connection, on_answer, answer);      // which calls bide_future_set(answer, n)
 *     int n;
 *     int code = bide_future_wait(answer, &n);
 *     bide_future_free(answer);
 *
 * Errors (NULL and errno): ENOMEM. NULL may be passed on: it counts as a future that failed with -ENOMEM.
 */
BIDE_API struct bide_future *bide_future_new(void);

/*
 * The same for one that other threads set too. These calls may then be made from any thread: bide_future_set,
 * _cancel, _done, _result, _hold and _free; the rest in the loop's own. Each thread holds a count of its own,
 * taken by bide_future_hold before the thread gets the pointer, and frees it when it is done with the future:
 *
 *     start_thread(compute, bide_future_hold(answer));
 *     ... in the thread: bide_future_set(answer, n); bide_future_free(answer);
 *
 * The loop may end at any time: a future that is set later still is, though nobody hears of it. While a
 * task waits for such a future, or a done callback, it stays quiet when all tasks wait.
 */
BIDE_API struct bide_future *bide_future_new_threadsafe(void);

/* Counts one more who must free it. Returns the future. */
BIDE_API struct bide_future *bide_future_hold(struct bide_future *future);

/*
 * Lets go of it. The last one to do so cancels the future if it was not set: tasks that wait for it then get
 * -ECANCELED, as nobody could ever set it. NULL does nothing.
 */
BIDE_API void bide_future_free(struct bide_future *future);

/*
 * Sets the outcome, and wakes those that wait for it in the order in which they came. A failure takes
 * the text of the caller's bide_fail along:
 *
 *     bide_future_set(answer, bide_fail(EPROTO, "answer of %zu bytes", size));
 *
 * Works anywhere: in tasks, in callbacks, between the steps of an embedded loop; for a thread-safe one in
 * any thread, but not in a signal handler.
 * Returns 0. Errors: -EALREADY if it was set or cancelled before, -EINVAL for NULL, -EPERM in the child of
 * a fork.
 */
BIDE_API int bide_future_set(struct bide_future *future, int result);

/* Sets it to -ECANCELED. Returns 1, or 0 if it was set before or is NULL. */
BIDE_API int bide_future_cancel(struct bide_future *future);

/*
 * Waits until the future is set; when cut short, it stays as it is. May wait. Any number of tasks may. The
 * future must be held until it is set, or the wait was cut short, but not longer.
 *
 * result: where the outcome goes when it is set, -ECANCELED if it was cancelled; or NULL.
 * Returns 0, -ECANCELED or -ETIMEDOUT for the wait. With a NULL result also the failure that it was set to.
 * Errors: -EPERM outside a task.
 */
BIDE_API int bide_future_wait(struct bide_future *future, int *result);

/* Whether it is set, or was cancelled. True for NULL. */
BIDE_API bool bide_future_done(const struct bide_future *future);

/* What it was set to; -ECANCELED if it was cancelled, -EINPROGRESS while it is not set, -ENOMEM for NULL. */
BIDE_API int bide_future_result(const struct bide_future *future);

/*
 * What is known of the failure that it was set to, borrowed from it; `task` is "(none)". Returns true, or
 * false if it is not set, or to no failure, or is NULL: *error is then untouched.
 */
BIDE_API bool bide_future_error(const struct bide_future *future, struct bide_error *error);

/*
 * Has fn(arg, future) called once when it is set, before the tasks that wait for it go on, in the order of
 * registration; at once if it is set. fn runs outside of any task, in the loop's thread, and must not wait
 * (-EPERM). It may set other futures: their callbacks are called after it has returned. Where the loop ends
 * before a thread-safe one is set, its callbacks are forgotten.
 * Returns 0. Errors: -EINVAL for a NULL future or fn, -ENOMEM, -EPERM for a thread-safe one where no loop
 * runs.
 */
BIDE_API int bide_future_on_done(struct bide_future *future,
                                 void (*fn)(void *arg, struct bide_future *future), void *arg);

#ifdef __cplusplus
}
#endif

#endif
