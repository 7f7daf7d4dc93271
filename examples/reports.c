/* SPDX-License-Identifier: MIT */
/*
 * bide_create_task for each report, then bide_await in turn: all are written at the same time,
 * and read in the order in which one wants them.
 */
#include <bide.h>
#include <stdio.h>

struct report {
    const char *subject;
    char text[64];
};

static int write_report(void *arg)
{
    struct report *report = arg;
    int code = bide_sleep(0.2); /* stands for collecting the figures */
    if (code < 0) return code;
    snprintf(report->text, sizeof report->text, "report on %s: ready", report->subject);
    return 0;
}

static int read_reports(void *arg)
{
    (void)arg;
    struct report reports[] = {{.subject = "sales"}, {.subject = "stock"}, {.subject = "staff"}};
    struct bide_task *tasks[3];
    int code = 0;

    double start = bide_time();
    for (int i = 0; i < 3; i++) tasks[i] = bide_create_task(write_report, &reports[i]);

    /* Await each of them, also after a failure: they write to the array on this stack. A task
     * that could not be created needs no check, bide_await tells. */
    for (int i = 0; i < 3; i++) {
        int failure = bide_await(tasks[i], NULL);
        if (failure < 0)
            code = failure;
        else
            puts(reports[i].text);
    }
    printf("3 reports in %.1f s\n", bide_time() - start);
    return code;
}

int main(void)
{
    return bide_run(read_reports, NULL) < 0;
}
