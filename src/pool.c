/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - A job is in the queue (not begun), with a thread (begun), in `over`, or with the loop.
 *    Whoever moves it on does not touch it afterwards: the loop's task may free it at once.
 *  - A thread writes the eventfd only when it finds `over` empty; the loop empties the eventfd
 *    before it takes `over`. So each job that is over is followed by a wake-up or taken before.
 *  - No function of the user's runs with the lock held.
 */
#include "pool.h"

#include "misuse.h"
#include "sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct worker {
    struct worker *next;
    pthread_t thread;
};

_Thread_local struct pool *pool_current INITIAL_EXEC;

/* ---- in the threads ---- */

static void run_job(struct job *job)
{
    const unsigned forks = task_forks;
    failure_of_thread()->code = 0;
    job->result = job->fn(job->arg);
    if (forks != task_forks) misuse("the thread job at %p returned in the child of a fork", (void *)job);
    job->failure = job->result < 0 ? failure_copy(failure_of_thread(), job->result) : NULL;
}

static void hand_back(struct pool *pool, struct job *job)
{
    struct job *first = atomic_load_explicit(&pool->over, memory_order_relaxed);
    do {
        job->next_over = first;
    } while (!atomic_compare_exchange_weak_explicit(&pool->over, &first, job, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (first) return;
    const uint64_t one = 1;
    const ssize_t n = sys_write(pool->wake_fd, &one, sizeof one);
    if (n < 0 && n != -EAGAIN) /* which would mean that it is set already */
        misuse("the pool's eventfd %d was closed or replaced: %s", pool->wake_fd, strerror((int)-n));
}

static void *worker_main(void *arg)
{
    struct pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (list_empty(&pool->queue) && !pool->stopping) {
            pool->idle++;
            pthread_cond_wait(&pool->work, &pool->lock);
            pool->idle--;
        }
        struct node *node = list_pop(&pool->queue);
        if (!node) break;
        struct job *job = CONTAINER(node, struct job, wait.link);
        pool->queued--;
        job->begun = true;
        pthread_mutex_unlock(&pool->lock);
        run_job(job);
        hand_back(pool, job);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* ---- in the loop ---- */

int pool_init(struct pool *pool, unsigned most)
{
    *pool = (struct pool){.most = most, .wake_fd = -1};
    list_init(&pool->queue);
    const int code = pthread_mutex_init(&pool->lock, NULL);
    if (code) return -code;
    const int cond_code = pthread_cond_init(&pool->work, NULL);
    if (cond_code) pthread_mutex_destroy(&pool->lock);
    return -cond_code;
}

/* The jobs that are over, the first to end first. */
static struct job *take_over(struct pool *pool)
{
    struct job *job = atomic_exchange_explicit(&pool->over, NULL, memory_order_acq_rel);
    struct job *in_order = NULL;
    while (job) {
        struct job *next = job->next_over;
        job->next_over = in_order;
        in_order = job;
        job = next;
    }
    return in_order;
}

static void pool_fire(struct wait *wait, int result)
{
    struct pool *pool = CONTAINER(wait, struct pool, wake.wait);
    if (result < 0) return;
    pool->called = true;
    /* It is registered: this only links the wait again. */
    (void)poller_watch(poller_current, poller_get(poller_current, pool->wake_fd), &pool->wake);
}

void pool_collect(struct pool *pool)
{
    if (!pool->called) return;
    pool->called = false;
    uint64_t count;
    (void)sys_read(pool->wake_fd, &count, sizeof count); /* empties it; that it was empty is as good */
    struct job *next;
    for (struct job *job = take_over(pool); job; job = next) {
        next = job->next_over;
        pool->jobs--;
        wake(&job->wait, 0);
    }
}

static const struct wait_ops wake_ops = {.fire = pool_fire};

/* The eventfd, registered as one of the loop's own descriptors. */
static int open_wake_fd(struct pool *pool)
{
    const int fd = sys_eventfd();
    if (fd < 0) return fd;
    struct descriptor *descriptor = poller_get(poller_current, fd);
    int code = descriptor ? 0 : -ENOMEM;
    if (descriptor) {
        if (descriptor->registered || descriptor->own) poller_forget(poller_current, descriptor);
        descriptor->own = true;
        wait_init(&pool->wake.wait, &wake_ops);
        pool->wake.events = EPOLLIN;
        pool->wake.background = true;
        code = poller_watch(poller_current, descriptor, &pool->wake);
    }
    if (code < 0) {
        if (descriptor) descriptor->own = false;
        (void)sys_close(fd);
        return code;
    }
    pool->wake_fd = fd;
    return 0;
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
    if (pool->wake_fd < 0) {
        const int code = open_wake_fd(pool);
        if (code < 0) return code;
    }
    job->begun = false;
    job->failure = NULL;
    pthread_mutex_lock(&pool->lock);
    list_append(&pool->queue, &job->wait.link);
    const bool enough = ++pool->queued <= pool->idle;
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_signal(&pool->work);
    const int code = enough || pool->threads == pool->most ? 0 : start_worker(pool);
    if (code < 0 && pool->threads == 0) { /* with other threads it would only be later */
        list_remove(&job->wait.link);
        pool->queued--;
        return code;
    }
    pool->jobs++;
    return 0;
}

int pool_withdraw(struct pool *pool, struct job *job)
{
    pthread_mutex_lock(&pool->lock);
    const bool begun = job->begun;
    if (!begun) {
        list_remove(&job->wait.link);
        pool->queued--;
    }
    pthread_mutex_unlock(&pool->lock);
    if (begun) return -EBUSY;
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
    if (pool->wake_fd >= 0) (void)sys_close(pool->wake_fd); /* an eventfd has nothing to lose */
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
}
