/* SPDX-License-Identifier: MIT */
/*
 * Three workers share a queue. Each job goes to exactly one of them; shutting the queue down, once all
 * jobs are put, lets them finish what is there and then end.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

enum { WORKERS = 3, JOBS = 20 };

struct pool {
    struct bide_queue *jobs;
    int done[JOBS];
};

static int worker(void *arg)
{
    struct pool *pool = arg;
    int job, code;
    while ((code = bide_queue_get(pool->jobs, &job)) == 0) {
        code = bide_sleep(0.001 * (job % 4)); /* some take longer */
        if (code < 0) return code;
        pool->done[job]++;
        bide_queue_task_done(pool->jobs);
    }
    return code == -EPIPE ? 0 : code; /* shut down, and nothing left */
}

static int run_pool(void *arg)
{
    struct pool *pool = arg;
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < WORKERS; i++) bide_group_start(&group, worker, pool);
        for (int job = 0; job < JOBS; job++)
            if (bide_queue_put(pool->jobs, &job) < 0) break; /* waits while four are there */
        bide_queue_join(pool->jobs);                         /* until all are done */
        bide_queue_shutdown(pool->jobs, false);
    }
    return bide_group_result(&group);
}

int main(void)
{
    struct pool pool = {.jobs = bide_queue_new(sizeof(int), 4)};
    if (!pool.jobs || bide_run(run_pool, &pool) < 0) return 1;
    int done = 0, lost = 0;
    for (int i = 0; i < JOBS; i++) {
        done += pool.done[i];
        if (pool.done[i] == 0) lost++;
    }
    printf("%d done %d lost\n", done, lost);
    bide_queue_free(pool.jobs);
    return 0;
}
