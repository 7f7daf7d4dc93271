/* SPDX-License-Identifier: MIT */
/*
 * A barrier: three tasks work at different speeds, and begin each round together. Whoever cannot
 * go on breaks it, so that nobody waits for him in vain.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

enum { TASKS = 3, ROUNDS = 2 };

static struct bide_barrier barrier;

struct runner {
    const char *name;
    double seconds; /* for a round */
    bool gives_up;  /* after the last one */
};

static int run(void *arg)
{
    const struct runner *runner = arg;
    for (int round = 1; round <= ROUNDS; round++) {
        bide_sleep(runner->seconds);
        printf("%s is through with round %d\n", runner->name, round);
        int index = bide_barrier_wait(&barrier); /* 0 for the one that came first */
        if (index < 0) return index;
        if (index == TASKS - 1) printf("%s came last, on they go\n", runner->name);
    }
    if (runner->gives_up) {
        printf("%s gives up\n", runner->name);
        bide_barrier_abort(&barrier);
        return 0;
    }
    int code = bide_barrier_wait(&barrier);
    printf("%s: %s\n", runner->name, code == -EPIPE ? "the barrier is broken" : "all were there");
    return 0;
}

static int race(void *arg)
{
    (void)arg;
    struct runner runners[TASKS] = {{"Ann", 1.0, false}, {"Ben", 3.0, true}, {"Cid", 2.0, false}};
    struct bide_group group;
    bide_barrier_init(&barrier, TASKS);
    BIDE_GROUP(group) {
        for (int i = 0; i < TASKS; i++) bide_group_start(&group, run, &runners[i]);
    }
    return bide_group_result(&group);
}

int main(void)
{
    /* Only the order matters here, so let the clock jump instead of waiting. */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, race, NULL) < 0;
}
