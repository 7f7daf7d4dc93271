/* SPDX-License-Identifier: MIT */
/*
 * Deadlines: a block whose calls fail once its time is up, and deadlines within deadlines.
 * Ask bide_expired() right after a block, not the code of a call, whether its time was up.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

/* Stands for reading from a peer that answers after a minute. */
static int receive(void *arg)
{
    (void)arg;
    return bide_sleep(60.0);
}

static void own_deadline(void)
{
    BIDE_TIMEOUT(5.0) {
        receive(NULL);
    }
    if (bide_expired()) puts("5초 안에 못 받음"); /* "nothing received within 5 seconds" */
}

/* The cause that counts is the outermost: of two equal deadlines, the outer one wins, once. */
static void nested_deadlines(double outer, double inner)
{
    bool inner_expired = false;
    BIDE_TIMEOUT(outer) {
        BIDE_TIMEOUT(inner) {
            receive(NULL);
        }
        inner_expired = bide_expired();
    }
    bool outer_expired = bide_expired();
    printf("outer %.0f s: %s, inner %.0f s: %s\n", outer, outer_expired ? "expired" : "not over", inner,
           inner_expired ? "expired" : "not over");
}

/* For a single call there is a function: two channels, how my wait ended and what fn returned. */
static void one_call(void)
{
    int result;
    int code = bide_wait_for(receive, NULL, 5.0, &result);
    printf("bide_wait_for: %s\n", code == -ETIMEDOUT ? "ETIMEDOUT" : "in time");
}

static int show_deadlines(void *arg)
{
    (void)arg;
    own_deadline();
    nested_deadlines(5.0, 1.0);
    nested_deadlines(1.0, 5.0);
    nested_deadlines(5.0, 5.0);
    one_call();
    return 0;
}

int main(void)
{
    /* Nobody has to wait for these seconds: the virtual clock jumps over them. */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, show_deadlines, NULL) < 0;
}
