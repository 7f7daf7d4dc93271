/* SPDX-License-Identifier: MIT */
/*
 * What keeps tasks in step, against plain models. A few workers do one operation at a time, as a
 * controller tells them; between two of its yields it starts, cancels and wakes as it likes. The
 * model has a ready queue and lines of its own and foretells exactly who runs next, and what his call
 * returns: whenever a worker begins or ends a call it must be the one whose turn it is.
 *
 * A kind of object is described by a struct sync_kind; its functions work on the model of that
 * object with the verbs below. BIDE_SEEDS says how many random programs, BIDE_SEED the first.
 */
#ifndef SYNC_MODEL_H
#define SYNC_MODEL_H

#include "check.h"

enum { SYNC_WORKERS = 5, SYNC_CONTROLLER = SYNC_WORKERS };

struct sync_kind {
    const char *name;
    int ops;    /* what workers do is numbered from 0 */
    int direct; /* as many of the first of them may also be done by the controller: they never wait */
    void (*reset)(int workers);          /* a fresh object, and its model */
    bool (*allowed)(int worker, int op); /* may the worker, who is idle, do this? */
    int (*perform)(int worker, int op);  /* does it */
    void (*begin)(int worker, int op);   /* the same in the model, which ends in one of the verbs */
    void (*leave)(int worker);           /* the model: cancelled while it waits */
    void (*inner)(int worker);           /* the model: goes on after sync_inner */
    int (*drain)(int worker);            /* what gives back what it holds, or -1 */
    bool (*agrees)(void);                /* is what can be seen of the object as in the model? */
};

/* The verbs: its call returns without a switch; it waits; somebody woke it, and its call will return. */
void sync_now(int worker, int code);
void sync_waits(int worker);
void sync_returns(int worker, int code);
void sync_inner(int worker); /* it is woken, or yields, and has more to do before its call returns */

/* Is it refused, as it is cancelled? Then it yields, and its call will return -ECANCELED. */
bool sync_refused(int worker);
bool sync_is_cancelled(int worker);

/* A line of workers. */
struct sync_line {
    int who[SYNC_WORKERS + 1];
    int length;
};
void sync_line_push(struct sync_line *line, int worker);
int sync_line_pop(struct sync_line *line); /* -1: nobody is there */
bool sync_line_remove(struct sync_line *line, int worker);

/* Random programs of two to five workers, as many as seeds. For the main stack, as it asserts. */
void sync_run_random(const struct sync_kind *kind);

/* Every program of so many workers with up to so many operations, and all ways to yield between them. */
void sync_run_all(const struct sync_kind *kind, int workers, int operations);

#endif
