/* SPDX-License-Identifier: MIT */
/*
 * Signals as something to wait for. While a loop runs, SIGPIPE is blocked in its thread. The child
 * of a fork has the mask from before; that of posix_spawn too where POSIX_SPAWN_SETSIGMASK gives
 * it one, else it inherits the blocked SIGPIPE.
 */
#ifndef BIDE_SIGNAL_H
#define BIDE_SIGNAL_H

#include <bide/base.h>
#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Waits until one of the signals comes. May wait.
 *
 *     const int signals[] = {SIGINT, SIGTERM};
 *     int signal = bide_signal_wait(signals, 2);
 *
 * All tasks that wait for a signal get it, in all loops. From the first wait on the loop handles
 * the signal until it is freed: one that comes while nobody waits is kept, once, for the next
 * wait. One that comes before the first wait does what it did before; block it (sigprocmask) before
 * bide_run, and the first wait gets it. Then the disposition and the thread's mask are as they were. A
 * signal that was blocked in the thread is not while the loop handles it.
 *
 * Returns which one came. Errors: -EPERM outside a task, -EINVAL for a signal that cannot be
 * handled (SIGKILL, SIGSTOP, numbers out of range), SIGPIPE, a fault (SIGSEGV, SIGBUS, SIGFPE,
 * SIGILL, SIGTRAP), or none; -ENOMEM.
 */
BIDE_API int bide_signal_wait(const int *signals, size_t n);

#ifdef __cplusplus
}
#endif

#endif
