/* SPDX-License-Identifier: MIT */
/*
 * Scopes: stretches of a task's code with a deadline (asyncio.timeout), or shielded from what
 * comes from outside. They nest at will, belong to the task that entered them and are left in
 * the reverse order. Outside a task they do nothing, so that the same function may also run in
 * a thread.
 *
 * A call in nested scopes fails for the outermost cause that it can see: the task's own
 * cancel, then the scopes from the outside in; nothing that a shield holds off is seen. The
 * code is -ETIMEDOUT if that cause is the innermost scope's own deadline, else -ECANCELED. So
 * ask the scope, not the code, whether its time was up.
 */
#ifndef BIDE_SCOPE_H
#define BIDE_SCOPE_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A scope; its place must not move until it is left. Its inside is the library's own. */
struct bide_scope {
    void *opaque[16];
};

/*
 * A block whose calls fail once that many seconds are over:
 *
 *     BIDE_TIMEOUT(5.0) {
 *         n = bide_read(fd, buf, sizeof buf);
 *     }
 *     if (bide_expired()) return bide_fail(ETIMEDOUT, "no answer within 5 s");
 *
 * break, continue, return and goto leave it properly; `break` leaves this block, not a loop
 * around it. Never jump into it, never longjmp out of it. <= 0 is due at once, BIDE_FOREVER
 * and NaN never.
 */
#define BIDE_TIMEOUT(seconds) BIDE_BLOCK_(bide_timeout_enter, seconds, __COUNTER__)

/*
 * A block that holds off every cancel and deadline from outside. Once one is pending, or if
 * one is at entry, the block has `grace` seconds left; then its calls fail with -ECANCELED,
 * and bide_expired() after it is true. What was held off meets the first call after it. Calls
 * that join (a job in a thread, tasks that end) still wait for what they join. Until a cancel is
 * pending it sets no limit: for that, put a BIDE_TIMEOUT inside.
 *
 *     BIDE_SHIELD(2.0) {
 *         rollback(connection);
 *     }
 */
#define BIDE_SHIELD(grace) BIDE_BLOCK_(bide_shield_enter, grace, __COUNTER__)

/*
 * Enters a scope that lasts that many seconds: BIDE_TIMEOUT by hand, for the functions below. It
 * must be left by bide_scope_exit before the task returns, else the program aborts.
 */
BIDE_API void bide_timeout_enter(struct bide_scope *scope, double seconds);

/* Enters a shield with that many seconds of grace: BIDE_SHIELD by hand. */
BIDE_API void bide_shield_enter(struct bide_scope *scope, double grace);

/*
 * Leaves the scope. Returns true if its deadline (a shield: the end of its grace) cut a call
 * short; false for a body that succeeded, however late. Works while cancelled. Leaving a scope
 * while one inside it is open aborts the program, with both named.
 */
BIDE_API bool bide_scope_exit(struct bide_scope *scope);

/* What bide_scope_exit said of the scope or block that the running task left last. */
BIDE_API bool bide_expired(void);

/*
 * Gives the open timeout scope a new deadline, that many seconds from now. Errors: -EINVAL for
 * NaN or a shield, -ETIMEDOUT if its deadline has been reached: it then stays reached. Outside
 * a task it does nothing and returns 0.
 */
BIDE_API int bide_timeout_reschedule(struct bide_scope *scope, double seconds);

/* When the open scope's deadline is, in the seconds of bide_time(); BIDE_FOREVER for none. */
BIDE_API double bide_timeout_when(const struct bide_scope *scope);

/* Whether the open scope's deadline has been reached, as far as the loop has seen. */
BIDE_API bool bide_timeout_expired(const struct bide_scope *scope);

/*
 * Calls fn(arg) with a deadline: BIDE_TIMEOUT around a plain call. May wait; fn is called even
 * while cancelled, its calls then fail.
 *
 * result: what fn returned, always written; or NULL.
 * Returns 0, -ETIMEDOUT if the deadline cut a call in fn short, -ECANCELED if a cause from
 * outside did. Errors: -EPERM outside a task, -EINVAL for NaN or a NULL fn: fn was not called.
 */
BIDE_API int bide_wait_for(bide_fn fn, void *arg, double seconds, int *result);

/* Its two halves, of which C++ makes one that an exception of fn leaves properly. */
BIDE_API int bide_wait_for_begin_(struct bide_scope *scope, bide_fn fn, double seconds);
BIDE_API int bide_wait_for_end_(struct bide_scope *scope, int pending, int work, int *result);

/* The insides of the macros: a loop that runs once, whose scope is left by its clean-up. */
#define BIDE_PASTE_(a, b) a##b
#define BIDE_BLOCK_(enter, seconds, id)                                                                      \
    BIDE_BLOCK_NAMED_(enter, seconds, BIDE_PASTE_(bide_scope_, id), BIDE_PASTE_(bide_once_, id))
#define BIDE_BLOCK_NAMED_(enter, seconds, scope, once)                                                       \
    for (struct bide_scope scope __attribute__((cleanup(bide_scope_leave_))),                                \
         *once = (enter(&scope, (seconds)), &scope);                                                         \
         once; once = NULL)
BIDE_API void bide_scope_leave_(struct bide_scope *scope);

#ifdef __cplusplus
}

/* In C++ what fn throws leaves the scope on its way. */
struct bide_wait_for_guard_ {
    struct bide_scope scope;
    bool open;
    ~bide_wait_for_guard_()
    {
        if (open) bide_scope_leave_(&scope);
    }
};
inline int bide_wait_for_cpp_(bide_fn fn, void *arg, double seconds, int *result)
{
    struct bide_wait_for_guard_ guard;
    const int pending = bide_wait_for_begin_(&guard.scope, fn, seconds);
    guard.open = pending >= 0;
    if (!guard.open) return pending;
    const int work = fn(arg);
    guard.open = false;
    return bide_wait_for_end_(&guard.scope, pending, work, result);
}
#define bide_wait_for bide_wait_for_cpp_
#endif

#endif
