/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include <pthread.h>
#include <time.h>

static sigset_t only_sigpipe(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

static bool is_pending(void)
{
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
}

void signals_enter(struct signals *signals)
{
    const sigset_t set = only_sigpipe();
    signals->was_pending = is_pending();
    pthread_sigmask(SIG_BLOCK, &set, &signals->old_mask);
}

void signals_leave(const struct signals *signals)
{
    const sigset_t set = only_sigpipe();
    const struct timespec now = {0, 0};
    if (!signals->was_pending && is_pending()) (void)sigtimedwait(&set, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &signals->old_mask, NULL);
}
