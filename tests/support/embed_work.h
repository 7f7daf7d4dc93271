/* SPDX-License-Identifier: MIT */
/* What a loop that is stepped by a foreign one has to do in tests: timers, sockets, threads, posts. */
#ifndef EMBED_WORK_H
#define EMBED_WORK_H

#include "check.h"

#include <pthread.h>

enum { WORK_TASKS = 4, WORK_TICKS = 5 };

struct work {
    struct bide_loop *loop;
    struct bide_task *tasks[WORK_TASKS];
    pthread_t poster;
    int ends[2];
    int calls;    /* that the poster asked for, and that were made */
    int steps;    /* counted by work_step */
    int open_fds; /* before */
};

/* Makes the loop and starts everything. Asserts, as the next ones. */
void work_start(struct work *work);

/* A step. False once nothing is left to do. */
bool work_step(struct work *work);

/* All has happened, in not too many steps; frees the loop. */
void work_finish(struct work *work);

/* Milliseconds until the next step at the latest, as foreign loops want it; -1 for no limit. */
int work_timeout_ms(const struct work *work);

#endif
