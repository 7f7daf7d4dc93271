/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdio.h>

void report_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    if (error->file)
        fprintf(stderr, "bide: task '%s' failed: %s (%s:%d)\n", error->task, error->text, error->file,
                error->line);
    else
        fprintf(stderr, "bide: task '%s' failed: %s\n", error->task, error->text);
}

static void report_task(struct bide_task *task, void *arg)
{
    (void)arg;
    char text[160] = "is ready";
    const struct wait *wait = task_wait(task);
    if (wait && wait->ops->describe) wait->ops->describe(wait, text, sizeof text);
    fprintf(stderr, "bide:   task '%s' %s\n", task_name(task), text);
}

void report_stuck(struct sched *sched)
{
    fputs("bide: every task waits for another; all are cancelled:\n", stderr);
    sched_each(sched, report_task, NULL);
}
