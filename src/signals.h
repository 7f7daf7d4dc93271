/* SPDX-License-Identifier: MIT */
/* While a loop runs, SIGPIPE is blocked in its thread: a write to a broken pipe is just -EPIPE. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>
#include <stdbool.h>

struct signals {
    sigset_t old_mask;
    bool was_pending; /* a SIGPIPE that is not ours: it stays */
};

void signals_enter(struct signals *signals);
void signals_leave(const struct signals *signals);

#endif
