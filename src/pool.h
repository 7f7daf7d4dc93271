/* SPDX-License-Identifier: MIT */
/*
 * A set of threads, started when first needed. A job is a wait: it is woken, with 0, once its
 * function has returned. Threads touch nothing of the loop but the pool and the mailbox.
 */
#ifndef POOL_H
#define POOL_H

#include "mailbox.h"

#include <pthread.h>

struct worker;

struct pool {
    struct mailbox *mailbox; /* of the loop: where jobs come back */
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct node queue;    /* jobs that no thread has begun, under the lock */
    atomic_size_t queued; /* how many; changed under the lock */
    unsigned idle;        /* threads that wait for work, under the lock */
    bool searching;       /* a thread is on its way to look for work, under the lock */
    bool stopping;        /* under the lock */
    struct worker *workers;
    size_t jobs; /* handed over and not yet back: the loop's count */
    unsigned threads;
    unsigned most;
    size_t limit; /* jobs that may be queued behind the threads; 0: any number */
};

struct job {
    struct wait wait;
    struct letter letter;
    struct pool *pool;
    bide_fn fn;
    void *arg;
    int result;
    bool begun;              /* under the lock */
    struct failure *failure; /* the text of its failure, or NULL */
};

int pool_init(struct pool *pool, struct mailbox *mailbox, unsigned most);

/* Waits until all threads have ended. No job may be left. */
void pool_done(struct pool *pool);

/* Hands a job to the threads. Negative: -EAGAIN for too many, or it could not be started at all. */
int pool_submit(struct pool *pool, struct job *job);

/* Takes a job back that no thread has begun; else -EBUSY. */
int pool_withdraw(struct job *job);

#endif
