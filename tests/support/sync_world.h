/* SPDX-License-Identifier: MIT */
/* What the two halves of the models share: who is at what (sync_model.c), what is to be done (sync_programs.c). */
#ifndef SYNC_WORLD_H
#define SYNC_WORLD_H

#include "cancel.h"
#include "sync_model.h"

enum stage { IDLE, STARTS, WAITS, INNER, RETURNS, NOW };
enum { CLEAR = -1, STOP = -2, CANCEL = -3, YIELD = -4 }; /* beside a kind's own operations */
enum { MOST_OPTIONS = 64, MOST_CHOICES = 64, MOST_QUEUED = 16, MOST_ROUNDS = 100, MOST_STEPS = 40 };

struct worker {
    struct wait seat; /* where it waits for its next operation */
    struct bide_task *task;
    int op;
    enum stage stage;
    int result; /* as foretold */
    bool cancelled;
};

struct sync_model {
    const struct sync_kind *kind;
    int workers;
    struct worker worker[SYNC_WORKERS + 1]; /* the last is the controller, which never waits */
    int queue[MOST_QUEUED];                 /* ready ones */
    unsigned head, tail;
    bool used[SYNC_WORKERS]; /* who has acted in this program */
    bool failed;
    uint64_t seed, random;                                  /* of a random program */
    int choices[MOST_CHOICES], options[MOST_CHOICES], made; /* of one of all programs */
    int operations;                                         /* how many it may have */
    unsigned long programs;
};
extern struct sync_model sync_state;

void wrong(const char *format, ...) BIDE_PRINTF(1, 2);
void sync_make_ready(int who);

/* Somebody runs: is it his turn? What others do inside of their calls cannot be seen, but has come before. */
void sync_runs(int who);

/* A worker's task. */
int sync_work(void *arg);

#endif
