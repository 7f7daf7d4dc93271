/* SPDX-License-Identifier: MIT */
/* .cancel_on_interrupt: ^C cancels the main task; a second one has its old effect. */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include "signals.h"

struct interrupt {
    struct signal_wait wait;
    struct bide_task *task;
};

int interrupt_begin(struct interrupt *interrupt, struct signals *signals, struct bide_task *task);
void interrupt_end(struct interrupt *interrupt);

#endif
