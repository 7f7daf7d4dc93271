/* SPDX-License-Identifier: MIT */
/*
 * Clean-up that stands where what it cleans up begins: at the end of a block of C (BIDE_DEFER), or
 * of a task (bide_defer, Python's AsyncExitStack).
 */
#ifndef BIDE_DEFER_H
#define BIDE_DEFER_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Has fn(arg) called when the enclosing block is left, by whatever way: falling out, return,
 * break, goto, or a C++ exception. Several are called in the reverse order. It is a declaration,
 * and stands where one may stand; never jump over it into its block, never longjmp out.
 *
 *     char *text = malloc(n);
 *     BIDE_DEFER(free, text);
 *     int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
 *     if (fd < 0) return fd;
 *     BIDE_DEFER(close_it, &fd);
 *
 * fn: a bide_fn, whose result is ignored, or a void (*)(void *). It runs in the task and may wait;
 * while that is cancelled its waits fail, but in a BIDE_SHIELD. NULL does nothing;
 * C++ cannot tell which of the two it is: cast it there.
 * arg: evaluated here, at once.
 *
 * Usable everywhere, also outside of tasks. It takes no memory and cannot fail.
 */
#define BIDE_DEFER(fn, arg) BIDE_DEFER_(fn, arg, __COUNTER__)

/*
 * Has fn(arg) called when the running task's function has returned, as part of the task: it may
 * wait, and is the task's own code in all else. Several are called in the reverse order; the first
 * failure among them is the task's result if its function has not failed. In a generator it is
 * the end of the task that asks. A task that is freed as it stands ("every task waits for
 * another") calls nothing.
 *
 *     struct connection *connection = connection_open(arg);
 *     if (!connection || bide_defer(connection_close, connection) < 0) ...
 *
 * Returns 0. Errors: -EPERM outside a task, -EINVAL for a NULL fn, -ENOMEM: fn will not be called.
 */
BIDE_API int bide_defer(bide_fn fn, void *arg);

/* The insides of the macro: which kind of function it is, is found out by the compiler. */
struct bide_deferred {
    void (*quiet)(void *arg);
    bide_fn fn;
    void *arg;
};
BIDE_API void bide_deferred_run_(struct bide_deferred *deferred);

#ifdef __cplusplus
}
struct bide_deferred_cpp_ {
    struct bide_deferred deferred;
    bide_deferred_cpp_(void (*fn)(void *), void *arg) : deferred{fn, NULL, arg}
    {
    }
    bide_deferred_cpp_(bide_fn fn, void *arg) : deferred{NULL, fn, arg}
    {
    }
    bide_deferred_cpp_(const bide_deferred_cpp_ &) = delete;
    ~bide_deferred_cpp_()
    {
        bide_deferred_run_(&deferred);
    }
};
#define BIDE_DEFER_NAMED_(fn, arg, id) struct bide_deferred_cpp_ bide_deferred_##id((fn), (arg))
#else
#define BIDE_IS_QUIET_(fn) __builtin_types_compatible_p(__typeof__(&*(fn)), void (*)(void *))
#define BIDE_DEFER_NAMED_(fn, arg, id)                                                                       \
    struct bide_deferred bide_deferred_##id __attribute__((cleanup(bide_deferred_run_), unused)) = {         \
        __builtin_choose_expr(BIDE_IS_QUIET_(fn), (fn), (void (*)(void *))NULL),                             \
        __builtin_choose_expr(BIDE_IS_QUIET_(fn), (bide_fn)NULL, (fn)), (arg)}
#endif
#define BIDE_DEFER_(fn, arg, id) BIDE_DEFER_NAMED_(fn, arg, id)

#endif
