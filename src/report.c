/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "misuse.h"

#include <stdio.h>

void report_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    if (error->file)
        print_line("task '%.100s' failed: %s (%s:%d)", error->task, error->text, error->file, error->line);
    else
        print_line("task '%.100s' failed: %s", error->task, error->text);
}

void report_slow(const char *name, double seconds)
{
    print_line("task '%s' held the loop for %.3f s", name, seconds);
}

static void report_task(struct bide_task *task, void *arg)
{
    (void)arg;
    char text[160] = "is ready";
    const struct wait *wait = task_wait(task);
    if (wait && wait->ops->describe) wait->ops->describe(wait, text, sizeof text);
    print_line("  task '%.100s' %s", task_name(task), text);
}

void report_stuck(struct sched *sched)
{
    print_line("every task waits for another; all are cancelled:");
    sched_each(sched, report_task, NULL);
}
