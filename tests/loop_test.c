/* SPDX-License-Identifier: MIT */
/* The loop: the order of a turn, time, the end of a run, and that all tasks wait. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds) * 1e6)

static int seven = 7;

TASK(give) { return *(int *)arg; }
TASK(nap) { return bide_sleep(1); }
TASK(hang) { return bide_sleep(BIDE_FOREVER); }
TASK(await_it) { return bide_await(arg, NULL); }

static struct bide_task *named(const char *name, bide_fn fn, void *arg)
{
    return bide_create_task_with(&(struct bide_task_options){.name = name}, fn, arg);
}

TASK(say_three_times)
{
    for (int i = 1; i <= 3; i++) {
        log_event("%s%d", (const char *)arg, i);
        CHECK_INT(bide_yield(), 0);
    }
    return 0;
}

TASK(rule_01_ready_tasks_run_first_in_first_out)
{
    const struct bide_call calls[] = {{say_three_times, "a"}, {say_three_times, "b"}, {say_three_times, "c"}};
    CHECK_INT(bide_gather(calls, 3, NULL), 0);
    CHECK_LOG("a1 b1 c1 a2 b2 c2 a3 b3 c3");
    return 0;
}

struct alarm {
    double seconds;
    int number;
};

static int last_number;
static double last_seconds;

TASK(ring_in_order)
{
    const struct alarm *alarm = arg;
    const int code = bide_sleep(alarm->seconds);
    if (code == -ECANCELED) return 0;
    CHECK_INT(code, 0);
    CHECK(alarm->seconds > last_seconds || (alarm->seconds == last_seconds && alarm->number > last_number));
    last_seconds = alarm->seconds;
    last_number = alarm->number;
    return 0;
}

enum { ALARMS = 10000 };

TASK(rule_01_bug_40_timers_fire_by_deadline_then_by_order_of_arming)
{
    static struct alarm alarms[ALARMS];
    static struct bide_task *tasks[ALARMS];
    unsigned seed = 1;
    last_seconds = 0;
    for (int i = 0; i < ALARMS; i++) {
        seed = seed * 1103515245 + 12345;
        alarms[i] = (struct alarm){1 + (seed >> 16) % 1000, i};
        tasks[i] = bide_create_task(ring_in_order, &alarms[i]);
    }
    CHECK_INT(bide_sleep(500.5), 0);
    for (int i = 0; i < ALARMS; i += 3) bide_cancel(tasks[i]);
    CHECK_INT(bide_gather_tasks(tasks, ALARMS, NULL), 0);
    CHECK(last_seconds <= 1000 && last_seconds > 900);
    return 0;
}

struct outcomes {
    struct bide_task *target;
    int code;
};

TASK(wait_once)
{
    struct outcomes *outcomes = arg;
    BIDE_TIMEOUT(1) {
        outcomes->code = bide_await(outcomes->target, NULL);
    }
    BIDE_SHIELD(100) {
        CHECK_INT(bide_sleep(5), 0);
    }
    CHECK_AT(6);
    return 0;
}

/* In one turn the target ends, the deadline passes, and the waiter is cancelled twice. */
TASK(rule_02_a_wait_ends_once)
{
    struct outcomes outcomes = {bide_create_task(nap, NULL), 99};
    struct bide_task *waiter = bide_create_task(wait_once, &outcomes);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(bide_cancel(waiter) == 1 && bide_cancel(waiter) == 1);
    CHECK_INT(bide_await(waiter, NULL), 0);
    CHECK_INT(outcomes.code, 0);
    return 0;
}

TASK(bug_37_38_every_duration_lasts_as_long_as_it_says)
{
    const double year = 365.25 * 86400, far[] = {9223372036.0, 9.3e18, 1e300, BIDE_FOREVER};
    const double durations[] = {0.001, 2147483.647, 2147483648.0, year};
    double now = 0;
    for (int i = 0; i < 4; i++) {
        CHECK_INT(bide_sleep(durations[i]), 0);
        now += durations[i];
        CHECK(bide_time() > now - 1e-5 && bide_time() < now + 1e-5);
    }
    const double start = bide_time();
    CHECK(bide_sleep(0) == 0 && bide_sleep(-1) == 0 && bide_sleep(-1e300) == 0 && bide_sleep(-BIDE_FOREVER) == 0);
    CHECK_INT(bide_sleep(__builtin_nan("")), -EINVAL);
    CHECK(bide_time() == start);
    for (int i = 0; i < 4; i++) {
        BIDE_TIMEOUT(10) {
            CHECK_INT(bide_sleep(far[i]), -ETIMEDOUT);
        }
        CHECK(bide_expired());
    }
    CHECK(bide_time() > start + 39.9 && bide_time() < start + 40.1);
    return 0;
}

