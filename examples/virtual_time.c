/* SPDX-License-Identifier: MIT */
/* An hour in no time: a virtual clock jumps to the next deadline whenever all tasks wait. */
#include <bide.h>
#include <stdio.h>
#include <time.h>

/* The time of the world outside: bide_time() follows the loop's own clock. */
static double real_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int sleep_an_hour(void *arg)
{
    (void)arg;
    double start = bide_time(), real_start = real_time();
    int code = bide_sleep(3600.0);
    if (code < 0) return code;
    printf("slept %.0f s in %.3f s\n", bide_time() - start, real_time() - real_start);
    return 0;
}

int main(void)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, sleep_an_hour, NULL) < 0;
}
