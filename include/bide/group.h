/* SPDX-License-Identifier: MIT */
/*
 * Groups: tasks that end before the block does (asyncio.TaskGroup, a nursery). Its first
 * failure cancels the other tasks and the rest of the block; -ECANCELED is no failure.
 */
#ifndef BIDE_GROUP_H
#define BIDE_GROUP_H

#include <bide/base.h>
#include <bide/error.h>
#include <bide/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A group; its place must not move until it is left. Its inside is the library's own. */
struct bide_group {
    void *opaque[32];
};

/*
 * A block that ends when all tasks started in the group have. Falling out of it, or `continue`,
 * joins them; break, return and goto cancel them, then join. The macro takes the group itself, the
 * functions take its address.
 *
 *     struct bide_group g;
 *     BIDE_GROUP(g) {
 *         for (int i = 0; i < n; i++) bide_group_start(&g, fetch, &pages[i]);
 *     }
 *     return bide_group_result(&g);
 */
#define BIDE_GROUP(group) BIDE_GROUP_(group, __COUNTER__)

/* Opens the group: BIDE_GROUP by hand. Every group must be left by bide_group_exit. */
BIDE_API void bide_group_enter(struct bide_group *group);

/*
 * Starts fn(arg) as a task of the open group; any task of the loop, or function that the loop calls
 * between tasks, may do so until the last of the group's tasks has ended. In a cancelled group the
 * task starts cancelled. The handle is the group's, and good for bide_await (which takes nothing),
 * bide_cancel and bide_task_* until bide_group_exit returns.
 * Errors (NULL and errno): ENOMEM, which is a failure of the group too; EPERM where no loop
 * runs, or for a group that was never entered, or was entered outside of tasks; EINVAL for a NULL
 * fn or a group that was left. In the group of another loop it aborts.
 */
BIDE_API struct bide_task *bide_group_start(struct bide_group *group, bide_fn fn, void *arg);

/*
 * Starts fn(arg) in the group without a handle, as a server does for each connection: its
 * memory is given back when it ends, its failure goes to .on_error and cancels nobody.
 * Returns 0. Errors: as above, negative; fn then never ran and arg is still the caller's, and
 * the group has not failed.
 */
BIDE_API int bide_group_spawn(struct bide_group *group, bide_fn fn, void *arg);

/*
 * Starts fn(arg) in the group, as a service that others can use only once it is ready, and waits until
 * it says so by bide_started. May wait; it is started even while cancelled. Until it is ready its failure
 * is this caller's alone; when the wait is cut short it is cancelled, and joined.
 *
 *     static int serve(void *arg)
 *     {
 *         int port = open_listener(arg);
 *         if (port < 0) return port;
 *         bide_started(port);
 *         ... accept, until cancelled ...
 *     }
 *     int port;
 *     int code = bide_group_start_ready(&group, serve, &options, &port);
 *
 * value: where what it gave to bide_started goes; or NULL.
 * Returns 0: it is ready and runs on, a task of the group as any other. Else it has ended, and *value is
 * untouched: its failure; -ECHILD if it returned without one; else -ECANCELED or -ETIMEDOUT for the wait.
 * Errors, where it never ran: -EPERM outside a task, -ENOMEM and -EINVAL as bide_group_start, but neither
 * is a failure of the group.
 */
BIDE_API int bide_group_start_ready(struct bide_group *group, bide_fn fn, void *arg, int *value);

/*
 * The running task, started by bide_group_start_ready, is ready: its starter gets the value and goes on.
 * Does not wait. Returns 0, also where nobody asked for that, so that the function may be started in other
 * ways too. Errors: -EALREADY the second time, -ECANCELED if the starter has given up: then the task is
 * cancelled too.
 */
BIDE_API int bide_started(int value);

/*
 * Waits until no task of the group runs, without leaving it. May wait; when cut short the
 * tasks go on. For the task that opened the group.
 * Returns the first failure, else -ECANCELED or -ETIMEDOUT for the wait, else 0. Errors: -EPERM
 * outside that task.
 */
BIDE_API int bide_group_wait(struct bide_group *group);

/* Cancels all tasks of the group and the rest of its block. Not a failure. */
BIDE_API void bide_group_cancel(struct bide_group *group);

/*
 * Waits until all tasks of the group have ended, and leaves it. May wait; when cut short it
 * cancels them and still joins them.
 * Returns the first failure, else -ECANCELED or -ETIMEDOUT for the wait, else 0. Errors: -EPERM
 * outside a task. Leaving a group while a scope inside it is open aborts, with both named.
 */
BIDE_API int bide_group_exit(struct bide_group *group);

/* What bide_group_exit returned, for after a block. */
BIDE_API int bide_group_result(const struct bide_group *group);

/*
 * All failures of the group that this task left last, in the order in which they happened (those of
 * tasks that could not be started stand together, as the first ones or the last): writes up to n of
 * them to errors. Returns how many there are, which may be more than n; 0 for another group. They
 * stay valid until this task leaves another group or ends.
 */
BIDE_API size_t bide_group_errors(const struct bide_group *group, struct bide_error *errors, size_t n);

/* The insides of the macro: closing joins; leaving an open one cancels, then joins. */
#define BIDE_GROUP_(group, id)                                                                               \
    BIDE_GROUP_NAMED_(group, BIDE_PASTE_(bide_group_, id), BIDE_PASTE_(bide_once_, id))
#define BIDE_GROUP_NAMED_(group, open, once)                                                                 \
    for (struct bide_group *once = bide_group_open_(&(group)),                                               \
                           *open __attribute__((cleanup(bide_group_leave_))) = once;                         \
         once; once = NULL, open = bide_group_close_(open))
BIDE_API struct bide_group *bide_group_open_(struct bide_group *group);
BIDE_API struct bide_group *bide_group_close_(struct bide_group *group);
BIDE_API void bide_group_leave_(struct bide_group **block);

#ifdef __cplusplus
}
#endif

#endif
