/* SPDX-License-Identifier: MIT */
/*
 * A thousand jobs, ten at a time: a semaphore of ten permits. BIDE_PERMIT is the block that holds
 * one, and gives it back however the block is left; what taking it gave is in `code`.
 */
#include <bide.h>
#include <stdio.h>

enum { JOBS = 1000, AT_A_TIME = 10 };

static struct bide_sem permits;
static int running, peak, done;

static int job(void *arg)
{
    (void)arg;
    int code;
    BIDE_PERMIT(&permits, code)
    {
        if (++running > peak) peak = running;
        code = bide_sleep(0.1); /* stands for a request */
        running--;
        done++;
    }
    return code;
}

static int run_jobs(void *arg)
{
    (void)arg;
    struct bide_group group;
    bide_sem_init(&permits, AT_A_TIME);
    double start = bide_time();
    BIDE_GROUP(group) {
        for (int i = 0; i < JOBS; i++) bide_group_start(&group, job, NULL);
    }
    printf("peak %d\n", peak);
    printf("%d jobs of 0.1 s in %.1f s\n", done, bide_time() - start);
    return bide_group_result(&group);
}

int main(void)
{
    /* So that nobody has to wait for it, let the clock jump. */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, run_jobs, NULL) < 0;
}
