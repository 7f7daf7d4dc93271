/* SPDX-License-Identifier: MIT */
/*
 * A group of tasks ends as one: the first failure cancels the others, the block is left only
 * when all have ended, and every failure can be read afterwards.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct job {
    const char *name;
    double seconds;
    bool fails;
};

static int work(void *arg)
{
    const struct job *job = arg;
    int code = bide_sleep(job->seconds);
    if (code < 0) {
        printf("%s: cancelled\n", job->name);
        return code;
    }
    if (job->fails) return bide_fail(EIO, "%s: the disk is gone", job->name);
    printf("%s: done\n", job->name);
    return 0;
}

static void run_group(struct job *jobs, int n)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < n; i++) bide_group_start(&group, work, &jobs[i]);
    }

    struct bide_error errors[4];
    size_t failures = bide_group_errors(&group, errors, 4);
    printf("group: %s, %zu failed\n", bide_group_result(&group) == -EIO ? "EIO" : "no EIO", failures);
    for (size_t i = 0; i < failures && i < 4; i++) printf("  %s\n", errors[i].text);
}

static int run_groups(void *arg)
{
    (void)arg;
    struct job one_fails[] = {{"a", 3.0, false}, {"b", 1.0, true}, {"c", 2.0, false}};
    run_group(one_fails, 3);

    /* Both are due at the same moment: what has happened cannot be cancelled any more. */
    struct job two_fail[] = {{"d", 1.0, true}, {"e", 1.0, true}, {"f", 2.0, false}};
    run_group(two_fail, 3);
    return 0;
}

int main(void)
{
    /* The moment has to be exactly the same: with a virtual clock it is. */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, run_groups, NULL) < 0;
}
