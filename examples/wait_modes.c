/* SPDX-License-Identifier: MIT */
/* bide_wait in its three modes and with a time limit. It only looks: the tasks stay ours to await. */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct job {
    const char *name;
    double seconds;
    int result;
};

static int work(void *arg)
{
    const struct job *job = arg;
    int code = bide_sleep(job->seconds);
    return code < 0 ? code : job->result;
}

enum { JOBS = 3 };
static struct job jobs[JOBS] = {{"tea", 3.0, 0}, {"toast", 1.0, 0}, {"eggs", 2.0, -EIO}};

static void start_all(struct bide_task **tasks)
{
    for (int i = 0; i < JOBS; i++) tasks[i] = bide_create_task(work, &jobs[i]);
}

static void show(const char *what, ssize_t done, double start, struct bide_task **tasks)
{
    printf("%-16s %zd done after %.1f s:", what, done, bide_time() - start);
    for (int i = 0; i < JOBS; i++)
        if (bide_task_done(tasks[i]))
            printf(" %s%s", jobs[i].name, bide_task_result(tasks[i]) < 0 ? " failed" : "");
    printf("\n");
}

/* Those that have not ended are cancelled; each handle is given back. */
static void clear_up(struct bide_task **tasks)
{
    for (int i = 0; i < JOBS; i++) {
        bide_cancel(tasks[i]);
        bide_await(tasks[i], NULL);
    }
}

static void try_mode(const char *what, enum bide_wait_mode mode, double timeout)
{
    struct bide_task *tasks[JOBS];
    double start = bide_time();
    start_all(tasks);
    ssize_t done = bide_wait(tasks, JOBS, mode, timeout);
    show(what, done, start, tasks);
    clear_up(tasks);
}

static int breakfast(void *arg)
{
    (void)arg;
    try_mode("first completed", BIDE_FIRST_COMPLETED, BIDE_FOREVER);
    try_mode("first exception", BIDE_FIRST_EXCEPTION, BIDE_FOREVER);
    try_mode("all completed", BIDE_ALL_COMPLETED, BIDE_FOREVER);
    try_mode("within 1.5 s", BIDE_ALL_COMPLETED, 1.5);
    return 0;
}

int main(void)
{
    /* Only the order matters here, so let the clock jump instead of waiting. */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, breakfast, NULL) < 0;
}
