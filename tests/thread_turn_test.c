/* SPDX-License-Identifier: MIT */
/* Jobs in threads, and the turns and clock of the loop that waits for them. */
#include "check.h"

#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static atomic_int done;

TASK(finish)
{
    usleep(1000);
    done++;
    return 0;
}

TASK(sleep_an_hour)
{
    CHECK_INT(bide_sleep(3600), 0);
    CHECK_INT(done, 1);
    return 0;
}

TASK(rule_16_the_virtual_clock_stands_while_a_job_runs)
{
    struct bide_task *sleeper = bide_create_task(sleep_an_hour, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_to_thread(finish, NULL, NULL), 0);
    CHECK(bide_time() < 3600);
    return bide_await(sleeper, NULL);
}

static int ends[2];

TASK(wait_and_say)
{
    const char *what = arg;
    const int code = *what == 't' ? bide_sleep(0.001) : bide_poll(ends[0], POLLIN);
    log_event("%s", what);
    return code < 0 ? code : 0;
}

TASK(job_and_say)
{
    CHECK_INT(bide_to_thread(finish, NULL, NULL), 0);
    log_event("thread");
    return 0;
}

/* A job may end a moment after its last statement, so the order has to be seen only once. */
TASK(rule_01_a_turn_takes_fd_events_then_what_threads_sent_then_timers)
{
    for (int i = 0; i < 100 && strcmp(log_text(), "fd thread timer") != 0; i++) {
        log_clear();
        CHECK(pipe(ends) == 0 && bide_adopt(ends[0]) == 0);
        const struct bide_call calls[] = {{wait_and_say, "timer"}, {job_and_say, NULL}, {wait_and_say, "fd"}};
        struct bide_task *tasks[3];
        for (int k = 0; k < 3; k++) tasks[k] = bide_create_task(calls[k].fn, calls[k].arg);
        const int before = done;
        CHECK_INT(bide_yield(), 0);
        while (done == before) continue;
        usleep(2000);
        CHECK_INT(write(ends[1], "x", 1), 1);
        CHECK_INT(bide_gather_tasks(tasks, 3, NULL), 0);
        CHECK(bide_close(ends[0]) == 0 && close(ends[1]) == 0);
    }
    CHECK_LOG("fd thread timer");
    return 0;
}

static void order_of_a_turn(void **state)
{
    (void)state;
    const struct bide_options options = {0}; /* real time: another thread takes part */
    assert_int_equal(
        check_run_with(&options, rule_01_a_turn_takes_fd_events_then_what_threads_sent_then_timers, NULL), 0);
}

static void virtual_clock(void **state)
{
    (void)state;
    done = 0;
    assert_int_equal(check_run(rule_16_the_virtual_clock_stands_while_a_job_runs, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"rule_01_a_turn_takes_fd_events_then_what_threads_sent_then_timers", order_of_a_turn, NULL, NULL,
         NULL},
        {"rule_16_the_virtual_clock_stands_while_a_job_runs", virtual_clock, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
