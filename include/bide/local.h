/* SPDX-License-Identifier: MIT */
/*
 * Task locals: values that a task has for itself, and that the tasks it creates inherit (Python's
 * contextvars). What is known of the present request, such as its id or its user, need not be
 * passed through every function.
 *
 *     static struct bide_local request_id;                 // NULL where nothing was set
 *
 *     static int handle(void *arg)                         // a task for each connection
 *     {
 *         struct request *request = arg;
 *         bide_local_set(&request_id, request->id, NULL);
 *         return answer(request);                          // and all that it calls and creates
 *     }
 *
 *     printf("[%s] ...\n", (const char *)bide_local_get(&request_id));
 *
 * A task begins with the values that its creator had at that moment: whoever called
 * bide_create_task, bide_gather, bide_group_start and the like. What either sets later, the other
 * does not see. A generator has those of who asks it. A function in a thread (bide_to_thread,
 * bide_executor_submit) reads those of the task that waits for it. What the loop calls between
 * tasks has none, nor have tasks made there or from other threads.
 */
#ifndef BIDE_LOCAL_H
#define BIDE_LOCAL_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A name for a value, to be shared by all who use it; usually static. All zero is good. It may be
 * made anywhere, used in several loops at once, and must stay in its place as long as a task has a
 * value for it.
 */
struct bide_local {
    void *initial;                /* what bide_local_get gives where nothing was set */
    void (*destroy)(void *value); /* called once for each value that was set, when no task has it any
                                   * more; outside of tasks: it must not wait. Or NULL. */
    void *reserved[2];            /* zero */
};

/* What bide_local_reset needs to bring the former value back. */
struct bide_local_token {
    void *opaque[3];
};

/*
 * Gives the running task a value. With a token the former value is kept, so that bide_local_reset
 * can bring it back. With NULL the value takes the place of the present one, and tokens that were
 * filled before stay good.
 * Returns 0. Errors: -EPERM outside a task, -EINVAL for a NULL local, -ENOMEM: the value is then
 * still yours, and the former one in place.
 */
BIDE_API int bide_local_set(struct bide_local *local, void *value, struct bide_local_token *token);

/* The running task's value, or an inherited one, or the initial one. Usable everywhere. */
BIDE_API void *bide_local_get(const struct bide_local *local);

/*
 * Brings back what there was before the bide_local_set that filled the token, once; tokens of later
 * calls for this local are then used up, too. A task that ends need not reset anything.
 * Returns 0. Errors: -EPERM outside a task, -EINVAL for a NULL token, one that is used up, or one
 * that another task has filled; -ENOMEM, only where others have inherited the present values: they
 * then stay.
 */
BIDE_API int bide_local_reset(struct bide_local_token *token);

#ifdef __cplusplus
}
#endif

#endif
