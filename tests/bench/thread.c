/* SPDX-License-Identifier: MIT */
/*
 * bide_to_thread of a function that returns at once: one at a time, and by 100,000 tasks at once.
 * The baseline is the plainest pool: one thread, a lock, a condition, and an eventfd in an epoll.
 */
#include "bench.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int none(void *arg)
{
    (void)arg;
    return 0;
}

/* ---- by hand ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    long queued; /* jobs that wait for the thread; -1: it shall end */
    long done;   /* and that wait for the loop */
    int eventfd;
    int epfd;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static void *pool_thread(void *arg)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (pool.queued == 0) pthread_cond_wait(&pool.work, &pool.lock);
        if (pool.queued < 0) break;
        pool.queued--;
        pthread_mutex_unlock(&pool.lock);
        none(arg);
        pthread_mutex_lock(&pool.lock);
        if (pool.done++ == 0) must(write(pool.eventfd, &one, sizeof one) > 0, "write");
    }
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

static void pool_submit(long queued)
{
    pthread_mutex_lock(&pool.lock);
    pool.queued = queued < 0 ? queued : pool.queued + queued;
    pthread_mutex_unlock(&pool.lock);
    pthread_cond_signal(&pool.work);
}

static void pool_collect(long n)
{
    while (n > 0) {
        struct epoll_event event;
        uint64_t events;
        must(epoll_wait(pool.epfd, &event, 1, -1) == 1, "epoll_wait");
        must(read(pool.eventfd, &events, sizeof events) > 0, "read");
        pthread_mutex_lock(&pool.lock);
        n -= pool.done;
        pool.done = 0;
        pthread_mutex_unlock(&pool.lock);
    }
}

/* So many rounds of so many jobs at once: nanoseconds for each job. */
static double pool_ns(long rounds, long jobs)
{
    pthread_t thread;
    struct epoll_event event = {.events = EPOLLIN};
    pool.eventfd = eventfd(0, EFD_NONBLOCK);
    pool.epfd = epoll_create1(0);
    pool.queued = 0;
    must(epoll_ctl(pool.epfd, EPOLL_CTL_ADD, pool.eventfd, &event) == 0, "epoll_ctl");
    must(pthread_create(&thread, NULL, pool_thread, NULL) == 0, "pthread_create");
    const double start = wall_ns();
    for (long i = 0; i < rounds; i++) {
        for (long j = 0; j < jobs; j++) pool_submit(1);
        pool_collect(jobs);
    }
    const double ns = (wall_ns() - start) / (double)(rounds * jobs);
    pool_submit(-1);
    pthread_join(thread, NULL);
    close(pool.epfd);
    close(pool.eventfd);
    return ns;
}

/* ---- bide ---- */

static int one_at_a_time(void *arg)
{
    double *ns = arg;
    const long n = scaled(20000, 200);
    for (long i = 0; i < 10; i++) must(bide_to_thread(none, NULL, NULL) == 0, "bide_to_thread");
    const double start = wall_ns();
    for (long i = 0; i < n; i++) bide_to_thread(none, NULL, NULL);
    *ns = (wall_ns() - start) / (double)n;
    return 0;
}

struct crowd {
    double start;
    double end;
};

/* All are there, their stacks touched, before the first one submits. */
static int one_of_many(void *arg)
{
    struct crowd *crowd = arg;
    bide_yield();
    if (crowd->start == 0) crowd->start = wall_ns();
    must(bide_to_thread(none, NULL, NULL) == 0, "bide_to_thread");
    crowd->end = wall_ns();
    return 0;
}

static int many_at_once(void *arg)
{
    double *ns = arg;
    const long n = scaled(100000, 2000);
    struct crowd crowd = {0, 0};
    struct bide_group group;
    BIDE_GROUP(group) {
        for (long i = 0; i < n; i++) must(bide_group_spawn(&group, one_of_many, &crowd) == 0, "spawn");
    }
    *ns = (crowd.end - crowd.start) / (double)n;
    return bide_group_result(&group);
}

int main(void)
{
    double ns;
    must(bide_run(one_at_a_time, &ns) == 0, "bide_run");
    report_against("thread/one-at-a-time", ns / 1e3, "us", "pool", pool_ns(scaled(20000, 200), 1) / 1e3);
    must(bide_run(many_at_once, &ns) == 0, "bide_run");
    report_against("thread/100000-at-once", ns, "ns", "pool", pool_ns(1, scaled(100000, 2000)));
    return 0;
}
