/* SPDX-License-Identifier: MIT */
/*
 * A loop of one's own, run again and again: asyncio.Runner. There is at most one running loop
 * in a thread, and any number of threads.
 *
 * A loop may be made in one thread and used in another, by one at a time. But a task never changes
 * its thread: as long as there are tasks that have begun and not ended, it is to be run, stepped and
 * freed where they began.
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
 * Returns 0. Errors: -EALREADY where a loop runs in this thread, -EINVAL for NULL, -ENOMEM. Other
 * threads may know the loop, so tasks that all wait for each other are not reported.
 */
BIDE_API int bide_loop_run(struct bide_loop *loop, bide_fn fn, void *arg, int *result);

/*
 * Starts fn(arg) as a task of the loop from outside of it, before or between runs or steps, or
 * from its own tasks and callbacks. The handle is the caller's: bide_detach, bide_cancel and
 * bide_task_* work between steps too. Errors (NULL and errno): EINVAL for NULL, ENOMEM.
 */
BIDE_API struct bide_task *bide_loop_start(struct bide_loop *loop, bide_fn fn, void *arg);

/*
 * A descriptor that is readable when a step has something to do, for the poll of a foreign loop;
 * timers do not show in it:
 *
 *     struct pollfd fds[] = {{bide_loop_fd(loop), POLLIN, 0}, ...};
 *     double seconds = bide_loop_timeout(loop);
 *     poll(fds, n, seconds > 1e6 ? -1 : (int)(seconds * 1000) + 1);
 *     bide_loop_step(loop);
 *
 * It stays the loop's. Errors: -EINVAL for NULL.
 */
BIDE_API int bide_loop_fd(struct bide_loop *loop);

/*
 * Seconds until a step has something to do at the latest: 0 for now, BIDE_FOREVER for no timer. A
 * step that finds nothing gives memory back after a burst.
 */
BIDE_API double bide_loop_timeout(struct bide_loop *loop);

/*
 * Takes what has happened and runs the ready tasks, once around: it never blocks and is bounded.
 * Returns how many tasks have not ended. Errors: -EALREADY where a loop runs in this thread,
 * -EINVAL for NULL.
 */
BIDE_API int bide_loop_step(struct bide_loop *loop);

/*
 * Cancels and joins all tasks that are left, and frees the loop: no thread may use it afterwards.
 * NULL does nothing; while a loop runs in this thread it aborts.
 */
BIDE_API void bide_loop_free(struct bide_loop *loop);

/*
 * The loop that runs in this thread, or NULL. Other threads may use the pointer for the calls of
 * bide/call.h, also after the loop has ended; from now on it stays quiet when all tasks wait.
 */
BIDE_API struct bide_loop *bide_current_loop(void);

#ifdef __cplusplus
}
#endif

#endif
