/* SPDX-License-Identifier: MIT */
/*
 * Functions that the loop calls between tasks: asyncio's call_soon, call_later, call_at, add_reader
 * and add_writer; and how other threads and signal handlers reach a loop. Such a function runs outside
 * of any task and must not wait (-EPERM), but may create tasks.
 *
 * These calls, and no others, may be made to a loop from any thread, with the pointer that
 * bide_current_loop gave while it ran, or one from bide_loop_new:
 *
 *     bide_call_soon_threadsafe (also in a signal handler, with a handle of one's own)
 *     bide_run_threadsafe, bide_start_threadsafe, bide_remote_wait, bide_remote_cancel,
 *     bide_remote_free
 *
 * Those of a thread-safe future (bide/future.h) are the only others that cross threads. bide_time,
 * bide_fail, bide_error_text and what makes, but does not yet use, a queue, a lock or a future work
 * in any thread.
 *
 * They give -ESHUTDOWN once the loop has ended: what was taken before is still done. In the child
 * of a fork they give -EPERM for the loops of its parent.
 */
#ifndef BIDE_CALL_H
#define BIDE_CALL_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A call that was asked for, to be zeroed before its first use: it may be used again once it has
 * been made or cancelled, and must stay in its place until then. Where a function takes NULL
 * instead, the library allocates one, which nobody can cancel.
 */
struct bide_handle {
    void *opaque[20];
};

/*
 * Has fn(arg) called in the next turn of the running loop, in the order of asking.
 *
 *     struct bide_handle handle = {0};
 *     bide_call_later(&handle, 5.0, give_up, request);
 *     ...
 *     bide_handle_cancel(&handle);
 *
 * Returns 0. Errors: -EPERM where no loop runs, -EINVAL for a NULL fn, -EBUSY for a handle that is
 * pending, -ENOMEM with a NULL handle.
 */
BIDE_API int bide_call_soon(struct bide_handle *handle, void (*fn)(void *arg), void *arg);

/* The same after that many seconds; <= 0 is soon, BIDE_FOREVER never. Errors: also -EINVAL for NaN. */
BIDE_API int bide_call_later(struct bide_handle *handle, double seconds, void (*fn)(void *arg), void *arg);

/* The same at a time of bide_time(). */
BIDE_API int bide_call_at(struct bide_handle *handle, double when, void (*fn)(void *arg), void *arg);

/*
 * Has fn(arg) called once when the descriptor is ready for one of the events, POLLIN or POLLOUT, or has
 * an error or an end (asyncio's add_reader and add_writer, for one time; inside fn it can be asked for
 * anew). fn must not wait: it reads or writes by libc's calls, with MSG_DONTWAIT on what would block.
 *
 *     static void on_input(void *arg)                     // of a library with callbacks
 *     {
 *         struct client *client = arg;
 *         if (library_read(client->library) == 0)
 *             bide_call_on_fd(&client->handle, client->fd, POLLIN, on_input, client);
 *     }
 *
 * The descriptor may be bide's own or any other, and tasks may wait for it, too. bide_close and
 * bide_release of it end this without a call; whoever closes it by close(2) cancels first.
 * Returns 0. Errors: -EPERM where no loop runs, -EINVAL for NULL, the handle too, or other events, -EBADF,
 * -EBUSY for a handle that is pending, -ENOMEM, those of epoll_ctl(2).
 */
BIDE_API int bide_call_on_fd(struct bide_handle *handle, int fd, int events, void (*fn)(void *arg),
                             void *arg);

/*
 * Takes the call back. In the loop's thread. Returns 1, or 0 if it has been made, was cancelled
 * or is NULL. Calls that are pending when their loop ends are cancelled, but for those that are
 * due at once: they are made, though not without end the ones that they ask for in turn.
 */
BIDE_API int bide_handle_cancel(struct bide_handle *handle);

/*
 * bide_call_soon from another thread. With a handle it takes no lock and no memory, and may be
 * used in a signal handler. Errors: -ESHUTDOWN, -EINVAL for NULL, -EBUSY, -ENOMEM.
 */
BIDE_API int bide_call_soon_threadsafe(struct bide_loop *loop, struct bide_handle *handle,
                                       void (*fn)(void *arg), void *arg);

/* A task that another thread started, as that thread sees it. */
struct bide_remote;

/*
 * Runs fn(arg) as a task of another thread's loop and blocks this thread until it has ended
 * (asyncio.run_coroutine_threadsafe(...).result()). result: what fn returned, or NULL.
 * Returns 0. Errors: -EDEADLK in that loop's own thread, -ESHUTDOWN, -EINVAL for NULL, -ENOMEM:
 * fn did not run.
 */
BIDE_API int bide_run_threadsafe(struct bide_loop *loop, bide_fn fn, void *arg, int *result);

/* Starts it without waiting. Errors (NULL and errno): as above. Give it to bide_remote_free. */
BIDE_API struct bide_remote *bide_start_threadsafe(struct bide_loop *loop, bide_fn fn, void *arg);

/*
 * Blocks this thread until the task has ended, for at most that many seconds. result: as above.
 * Returns 0. Errors: -ETIMEDOUT, -EDEADLK in that loop's own thread unless it has ended, -EINVAL.
 */
BIDE_API int bide_remote_wait(struct bide_remote *remote, double seconds, int *result);

/* bide_cancel for it; does not wait. Returns 1, or 0 if it has ended. */
BIDE_API int bide_remote_cancel(struct bide_remote *remote);

/* Lets it go; the task runs on. NULL does nothing. */
BIDE_API void bide_remote_free(struct bide_remote *remote);

#ifdef __cplusplus
}
#endif

#endif
