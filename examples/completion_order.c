/* SPDX-License-Identifier: MIT */
/*
 * Tasks end in an order of their own, results stand in the order of the calls. The tasks share
 * a log and need no lock: another task runs only where one waits.
 */
#include <bide.h>
#include <stdio.h>

struct log {
    int numbers[3];
    int count;
};

struct job {
    int number;
    double seconds;
    struct log *log;
};

static int work(void *arg)
{
    struct job *job = arg;
    int code = bide_sleep(job->seconds);
    if (code < 0) return code;
    job->log->numbers[job->log->count++] = job->number;
    return job->number; /* >= 0 is a result, < 0 would be a failure */
}

static int compare_orders(void *arg)
{
    (void)arg;
    struct log log = {.count = 0};
    struct job jobs[] = {{1, 0.3, &log}, {2, 0.1, &log}, {3, 0.2, &log}};
    struct bide_call calls[] = {{work, &jobs[0]}, {work, &jobs[1]}, {work, &jobs[2]}};
    int results[3];

    int code = bide_gather(calls, 3, results);
    if (code < 0) return code;
    printf("log %d %d %d\n", log.numbers[0], log.numbers[1], log.numbers[2]);
    printf("results %d %d %d\n", results[0], results[1], results[2]);
    return 0;
}

int main(void)
{
    /* Only the order matters here, so let the clock jump instead of waiting. */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, compare_orders, NULL) < 0;
}
