/* SPDX-License-Identifier: MIT */
/* Waiting for time to pass, and for nothing but one's turn. */
#include "cancel.h"

#include <bide/task.h>
#include <errno.h>
#include <stdio.h>

static void describe_sleep(const struct wait *wait, char *text, size_t size)
{
    const struct timer *timer = CONTAINER(wait, struct timer, wait);
    if (timer->deadline == CLOCK_NEVER)
        snprintf(text, size, "sleeps for ever");
    else
        snprintf(text, size, "sleeps until %.6f", clock_seconds(timer->deadline));
}

static const struct wait_ops sleep_ops = {.drop = timer_drop, .describe = describe_sleep};

int bide_yield(void)
{
    const int code = cancel_check();
    return code < 0 ? code : park_yield();
}

int bide_sleep(double seconds)
{
    if (task_current && seconds != seconds) return -EINVAL;
    if (seconds <= 0) return bide_yield();
    const int code = cancel_check();
    if (code < 0) return code;
    cancel_arm(); /* the scopes' deadlines were there first */
    struct timer timer;
    timer_init(&timer, &sleep_ops);
    timer_start(&timer, clock_after(timers_now(timers_current), clock_ns(seconds)));
    return park(&timer.wait);
}
