/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - A job is in the queue (not begun), with a thread (begun), in the mailbox, or with the loop.
 *    Whoever moves it on does not touch it afterwards: the loop's task may free it at once.
 *  - There are as many threads as jobs in the queue that no idle thread will take, up to `most`.
 *  - While jobs are queued and threads idle, one thread is searching: it was woken, or has just ended a
 *    job and stays awake for a moment. Whoever takes a job has the next one woken; so a burst of jobs
 *    is not a burst of wake-ups, and one job after the other needs none.
 *  - No function of the user's runs with the lock held.
 */
#include "pool.h"

#include "misuse.h"
#include "spin.h"

#include <errno.h>

enum { LOCK_TRIES = 100 };

struct worker {
    struct worker *next;
    pthread_t thread;
};

/* ---- in the threads ---- */

static void run_job(struct job *job)
{
    const unsigned forks = task_forks;
    failure_of_thread()->code = 0;
    job->result = job->fn(job->arg);
    if (forks != task_forks) misuse("the thread job at %p returned in the child of a fork", (void *)job);
    job->failure = job->result < 0 ? failure_copy(task_failure(NULL, job->result)) : NULL;
}

/* The lock is held for some instructions only: it is cheaper to wait for it awake. */
static void lock_briefly(struct pool *pool)
{
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        if (pthread_mutex_trylock(&pool->lock) == 0) return;
        arch_relax();
    }
    pthread_mutex_lock(&pool->lock);
}

/* Under the lock: if there is work and nobody to look for it, somebody idle is to be woken. */
static bool must_wake(struct pool *pool)
{
    if (pool->searching || pool->idle == 0 || list_empty(&pool->queue)) return false;
    pool->searching = true;
    return true;
}

/* Under the lock, which is left meanwhile: more work may come soon, one thread stays awake for it. */
static void stay_awake(struct pool *pool)
{
    pool->searching = true;
    pthread_mutex_unlock(&pool->lock);
    SPIN_UNTIL(atomic_load_explicit(&pool->queued, memory_order_relaxed) > 0);
    lock_briefly(pool);
    pool->searching = false;
}

/* Under the lock: the next job, begun; NULL at the end. `worked`: this thread has just ended one. */
static struct job *next_job(struct pool *pool, bool worked)
{
    if (worked && list_empty(&pool->queue) && !pool->searching && pool->mailbox->can_spin) stay_awake(pool);
    while (list_empty(&pool->queue) && !pool->stopping) {
        pool->idle++;
        pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
        pool->searching = false;
    }
    struct node *node = list_pop(&pool->queue);
    if (!node) return NULL;
    struct job *job = CONTAINER(node, struct job, wait.link);
    pool->queued--;
    job->begun = true;
    return job;
}

static void *worker_main(void *arg)
{
    struct pool *pool = arg;
    struct job *job;
    bool worked = false;
    lock_briefly(pool);
    while ((job = next_job(pool, worked))) {
        const bool wakes = must_wake(pool);
        pthread_mutex_unlock(&pool->lock);
        if (wakes) pthread_cond_signal(&pool->work);
        run_job(job);
        mailbox_post(pool->mailbox, &job->letter);
        worked = true;
        lock_briefly(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* ---- in the loop ---- */

int pool_init(struct pool *pool, struct mailbox *mailbox, unsigned most)
{
    *pool = (struct pool){.mailbox = mailbox, .most = most};
    list_init(&pool->queue);
    const int code = pthread_mutex_init(&pool->lock, NULL);
    if (code) return -code;
    const int cond_code = pthread_cond_init(&pool->work, NULL);
    if (cond_code) pthread_mutex_destroy(&pool->lock);
    return -cond_code;
}

static void job_over(struct letter *letter)
{
    struct job *job = CONTAINER(letter, struct job, letter);
    job->pool->mailbox->expected--;
    job->pool->jobs--;
    wake(&job->wait, 0);
}

static int start_worker(struct pool *pool)
{
    struct worker *worker = sys_alloc(sizeof *worker);
    if (!worker) return -ENOMEM;
    const int code = sys_thread_start(&worker->thread, worker_main, pool);
    if (code < 0) {
        sys_free(worker);
        return code;
    }
    worker->next = pool->workers;
    pool->workers = worker;
    pool->threads++;
    return 0;
}

int pool_submit(struct pool *pool, struct job *job)
{
    job->pool = pool;
    job->begun = false;
    job->failure = NULL;
    job->letter.open = job_over;
    /* Counted by what the loop knows, not by how far the threads are: so it does not depend on them. */
    if (pool->limit && pool->jobs >= pool->most && pool->jobs - pool->most >= pool->limit) return -EAGAIN;
    lock_briefly(pool);
    list_append(&pool->queue, &job->wait.link);
    const bool enough = ++pool->queued <= pool->idle;
    const bool wakes = must_wake(pool); /* those that are busy look at the queue before they wait */
    pthread_mutex_unlock(&pool->lock);
    if (wakes) pthread_cond_signal(&pool->work);
    const int code = enough || pool->threads == pool->most ? 0 : start_worker(pool);
    if (code < 0 && pool->threads == 0) { /* with other threads it would only be later */
        list_remove(&job->wait.link);
        pool->queued--;
        return code;
    }
    pool->mailbox->expected++;
    pool->jobs++;
    return 0;
}

int pool_withdraw(struct job *job)
{
    struct pool *pool = job->pool;
    lock_briefly(pool);
    const bool begun = job->begun;
    if (!begun) {
        list_remove(&job->wait.link);
        pool->queued--;
    }
    pthread_mutex_unlock(&pool->lock);
    if (begun) return -EBUSY;
    pool->mailbox->expected--;
    pool->jobs--;
    return 0;
}

void pool_done(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_broadcast(&pool->work);
    while (pool->workers) {
        struct worker *worker = pool->workers;
        pool->workers = worker->next;
        pthread_join(worker->thread, NULL);
        sys_free(worker);
    }
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
}
