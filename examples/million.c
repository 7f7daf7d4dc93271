/* SPDX-License-Identifier: MIT */
/*
 * Many tasks that sleep at the same time, each on a stack of its own with a guard page: what that
 * takes of memory.
 *
 *     million [TASKS]    a million, for which about 4.5 GB are needed
 */
#include <bide.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct crowd {
    long n;
    long awake;
};

/* Memory that the process has, with its page tables, in bytes. */
static double memory(void)
{
    char line[128];
    double bytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "VmRSS:", 6) == 0 || strncmp(line, "VmPTE:", 6) == 0)
            bytes += strtod(line + 6, NULL) * 1024;
    if (status) fclose(status);
    return bytes;
}

static int sleeper(void *arg)
{
    struct crowd *crowd = arg;
    int code = bide_sleep(3600.0);
    if (code < 0) return code;
    crowd->awake++;
    return 0;
}

/* Starts as many as there is room for: kernels before Linux 6.13 spend two mappings on each guard. */
static int start_all(struct bide_group *group, struct crowd *crowd)
{
    for (long i = 0; i < crowd->n; i++) {
        int code = bide_group_spawn(group, sleeper, crowd);
        if (code == 0) continue;
        crowd->n = i;
        return code;
    }
    return 0;
}

static int gather_crowd(void *arg)
{
    struct crowd *crowd = arg;
    struct bide_group group;
    double before = memory();
    BIDE_GROUP(group) {
        int code = start_all(&group, crowd);
        printf("%ld tasks sleep", crowd->n);
        if (code < 0) printf(", no more: %s", bide_error_text(code));
        bide_sleep(1.0); /* by then all have begun */
        printf("\n%.0f bytes each\n", (memory() - before) / (double)crowd->n);
    }
    printf("%ld woke up\n", crowd->awake);
    return bide_group_result(&group);
}

int main(int argc, char **argv)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL}; /* an hour in no time */
    struct crowd crowd = {.n = argc > 1 ? atol(argv[1]) : 1000000};
    if (crowd.n <= 0) {
        fputs("usage: million [TASKS]\n", stderr);
        return 1;
    }
    return bide_run_with(&options, gather_crowd, &crowd) < 0;
}
