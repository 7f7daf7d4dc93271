/* SPDX-License-Identifier: MIT */
/*
 * Events: something has happened, or not yet. Any number of tasks wait for one; it stays set until
 * it is cleared, so who comes late does not wait.
 */
#include <bide.h>
#include <stdio.h>

static struct bide_event doors_open; /* zeros: not set */

static int guest(void *arg)
{
    const char *name = arg;
    printf("%.0f s: %s comes\n", bide_time(), name);
    bool in = false;
    BIDE_TIMEOUT(2.0) {
        in = bide_event_wait(&doors_open) == 0;
    }
    printf("%.0f s: %s %s\n", bide_time(), name, in ? "goes in" : "goes home");
    return 0;
}

static int evening(void *arg)
{
    (void)arg;
    static char *const names[] = {"Ann", "Ben", "Cid", "Dan"};
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 4; i++) {
            bide_group_start(&group, guest, names[i]);
            bide_sleep(1.0);
            if (i == 1) {
                printf("%.0f s: the doors open\n", bide_time());
                bide_event_set(&doors_open);
            }
            if (i == 2) {
                printf("%.0f s: the doors close\n", bide_time());
                bide_event_clear(&doors_open);
            }
        }
    }
    return bide_group_result(&group);
}

int main(void)
{
    /* The virtual clock begins at 0, and jumps. */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, evening, NULL) < 0;
}
