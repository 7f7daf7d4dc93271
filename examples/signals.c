/* SPDX-License-Identifier: MIT */
/*
 * Signals are something to wait for: the first ^C (or SIGTERM) has the workers finish the jobs that
 * they have begun, a second one makes them stop at once.
 *
 *     signals         until ^C
 *     signals self    shows both, sending the signals itself
 */
#define _GNU_SOURCE
#include <bide.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const int stop[] = {SIGINT, SIGTERM};
static bool closing;

struct worker {
    const char *name;
    double seconds; /* that a job takes */
};

static int work(void *arg)
{
    const struct worker *worker = arg;
    for (int job = 1; !closing; job++) {
        printf("%s begins job %d\n", worker->name, job);
        int code = bide_sleep(worker->seconds);
        printf("%s %s job %d\n", worker->name, code < 0 ? "gives up" : "has done", job);
        if (code < 0) return code;
    }
    return 0;
}

static int stop_at_once(void *arg)
{
    int number = bide_signal_wait(stop, 2);
    if (number < 0) return number; /* cancelled: nobody was that impatient */
    printf("%s: now\n", strsignal(number));
    bide_group_cancel(arg);
    return 0;
}

static int serve(void *arg)
{
    (void)arg;
    struct worker workers[] = {{"Ann", 1.0}, {"Bob", 1.5}};
    struct bide_group jobs;
    closing = false;
    BIDE_GROUP(jobs) {
        for (int i = 0; i < 2; i++) bide_group_start(&jobs, work, &workers[i]);
        int number = bide_signal_wait(stop, 2);
        if (number < 0) break;
        printf("%s: no new jobs\n", strsignal(number));
        closing = true;
        struct bide_task *second = bide_create_task(stop_at_once, &jobs);
        bide_group_wait(&jobs);
        bide_cancel(second);
        bide_await(second, NULL);
    }
    puts("closed");
    return bide_group_result(&jobs);
}

static int send_signals(void *arg)
{
    for (const double *pause = arg; *pause > 0; pause++) {
        bide_sleep(*pause);
        raise(SIGINT);
    }
    return 0;
}

static int serve_and_send(void *arg)
{
    struct bide_task *sender = bide_create_task(send_signals, arg);
    int code = serve(NULL);
    bide_detach(sender);
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "self") != 0) return bide_run(serve, NULL) < 0;
    double once[] = {1.2, 0}, twice[] = {1.2, 0.1, 0};
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL}; /* nobody has to wait for the show */
    return bide_run_with(&options, serve_and_send, once) < 0 ||
           bide_run_with(&options, serve_and_send, twice) < 0;
}
