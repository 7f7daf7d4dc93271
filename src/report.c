/* SPDX-License-Identifier: MIT */
/*
 * Each line is put together in a small buffer and written at once: stdio would take 8 KiB of a task's stack.
 */
#include "report.h"

#include "sys.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((format(printf, 1, 2))) static void print_line(const char *format, ...)
{
    char line[600];
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (n < 0) return;
    size_t length = (size_t)n < sizeof line - 2 ? (size_t)n : sizeof line - 2;
    line[length++] = '\n';
    const ssize_t written = write(STDERR_FILENO, line, length);
    (void)written; /* nobody is left to be told */
}

void report_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    if (error->file)
        print_line("bide: task '%.100s' failed: %s (%s:%d)", error->task, error->text, error->file,
                   error->line);
    else
        print_line("bide: task '%.100s' failed: %s", error->task, error->text);
}

void report_slow(const char *name, double seconds)
{
    print_line("bide: task '%s' held the loop for %.3f s", name, seconds);
}

static void report_task(struct bide_task *task, void *arg)
{
    (void)arg;
    char text[160] = "is ready";
    const struct wait *wait = task_wait(task);
    if (wait && wait->ops->describe) wait->ops->describe(wait, text, sizeof text);
    print_line("bide:   task '%.100s' %s", task_name(task), text);
}

void report_stuck(struct sched *sched)
{
    print_line("bide: every task waits for another; all are cancelled:");
    sched_each(sched, report_task, NULL);
}
