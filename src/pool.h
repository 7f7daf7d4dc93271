/* SPDX-License-Identifier: MIT */
/*
 * The threads of a loop, started when first needed. A job is a wait: it is woken, with 0, once
 * its function has returned. Threads touch nothing of the loop but the pool.
 */
#ifndef POOL_H
#define POOL_H

#include "poller.h"

#include <pthread.h>
#include <stdatomic.h>

struct worker;

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct node queue; /* jobs that no thread has begun */
    struct worker *workers;
    unsigned threads;
    unsigned idle; /* of these, those that wait for work, under the lock */
    size_t queued; /* jobs in the queue, under the lock */
    unsigned most;
    bool stopping;
    _Atomic(struct job *) over; /* jobs that have run: a stack, the loop takes it whole */
    int wake_fd;                /* an eventfd, written when `over` becomes non-empty; -1: not started */
    struct fd_wait wake;
    bool called; /* the eventfd was written */
    size_t jobs; /* submitted, not yet over: the loop's count */
};

struct job {
    struct wait wait;
    struct job *next_over;
    bide_fn fn;
    void *arg;
    int result;
    bool begun;              /* under the lock */
    struct failure *failure; /* the text of its failure, or NULL */
};

extern _Thread_local struct pool *pool_current INITIAL_EXEC; /* of the loop that runs in this thread */

int pool_init(struct pool *pool, unsigned most);

/* Waits until all threads have ended. No job may be left. */
void pool_done(struct pool *pool);

/* Wakes the jobs that are over, if the poller has seen a thread's call: after the events of descriptors. */
void pool_collect(struct pool *pool);

/* Hands a job to the threads. Negative: it could not be started at all. */
int pool_submit(struct pool *pool, struct job *job);

/* Takes a job back that no thread has begun; else -EBUSY. */
int pool_withdraw(struct pool *pool, struct job *job);

#endif
