/* SPDX-License-Identifier: MIT */
/* bugs.md row 41: neither busy tasks nor descriptors that are always ready starve anybody. */
#include "ends.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUSY = 1000, TRIPS = 200, CALLS = 10000, PATIENCE = 100000000 };

static bool over; /* busy tasks end when it is set */

/* ---- busy tasks ---- */

static long turns; /* of the first busy task: how often all of them have run */

static int be_busy(void *arg)
{
    while (!over) {
        if (arg) turns++;
        CHECK_INT(bide_yield(), 0);
    }
    return 0;
}

static int echo(void *arg)
{
    (void)arg;
    char byte;
    ssize_t n;
    while ((n = bide_read(ends[0], &byte, 1)) == 1) CHECK_INT(bide_write(ends[0], &byte, 1), 1);
    return (int)n;
}

static int compare(const void *a, const void *b)
{
    const long one = *(const long *)a, two = *(const long *)b;
    return (one > two) - (one < two);
}

/* How many turns of all the others a round trip takes, which needs two events of descriptors. */
static int measure(void)
{
    static long took[TRIPS];
    char byte = 'x';
    for (int i = 0; i < TRIPS; i++) {
        const long before = turns;
        CHECK_INT(bide_write(ends[1], &byte, 1), 1);
        CHECK_INT(bide_read(ends[1], &byte, 1), 1);
        took[i] = turns - before;
    }
    qsort(took, TRIPS, sizeof *took, compare);
    CHECK(took[TRIPS * 99 / 100] < 200);
    return 0;
}

TASK(bug_41_busy_tasks_do_not_starve_descriptors_and_timers)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        struct bide_group group;
        int code = -1;
        over = false;
        turns = 0;
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        BIDE_GROUP(group) {
            for (int i = 0; i < BUSY; i++) bide_group_start(&group, be_busy, i == 0 ? &over : NULL);
            bide_group_start(&group, echo, NULL);
            code = measure();
            const double start = bide_time();
            if (code == 0) code = bide_sleep(0.01);
            if (bide_time() - start > 5) code = -ETIME;
            over = true;
            shutdown(ends[1], SHUT_WR);
        }
        CHECK_INT(code, 0);
        CHECK_INT(bide_group_result(&group), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* ---- always ready ---- */

struct loop {
    int (*call)(void); /* one that finds what it needs at once */
    long n;            /* how often it was made */
};

static int write_and_read(void)
{
    char byte = 'x';
    CHECK_INT(bide_write(ends[1], &byte, 1), 1);
    CHECK_INT(bide_read(ends[0], &byte, 1), 1);
    return 0;
}

static int send_and_receive(void)
{
    char byte = 'x';
    CHECK_INT(bide_send(ends[1], &byte, 1, 0), 1);
    CHECK_INT(bide_recv(ends[0], &byte, 1, 0), 1);
    return 0;
}

static int poll_again(void)
{
    return bide_poll(ends[1], POLLOUT) == POLLOUT ? 0 : -EPROTO;
}

static int write_nothing(void)
{
    return (int)bide_write(ends[1], "", 0);
}

static int receive_an_error(void)
{
    char byte;
    return bide_recv(ends[0], &byte, 1, 0) == -ENOTSOCK ? 0 : -EPROTO;
}

static int keep_calling(void *arg)
{
    struct loop *loop = arg;
    for (; !over; loop->n++) CHECK_INT(loop->call(), 0);
    return 0;
}

static int tick(void *arg)
{
    long *ticks = arg;
    while (bide_yield() == 0) ++*ticks;
    return 0;
}

static const struct {
    int (*call)(void);
    int kind;
} loops[] = {{write_and_read, UNIX_STREAM}, {write_and_read, PIPE}, {write_and_read, FIFO},
             {send_and_receive, TCP},       {poll_again, TCP},      {write_nothing, PIPE},
             {receive_an_error, PIPE}};

enum { LOOPS = sizeof loops / sizeof *loops };

TASK(bug_41_an_always_ready_descriptor_lets_others_run)
{
    for (int i = 0; i < LOOPS * MANNERS; i++) {
        long ticks = 0;
        CHECK_INT(open_ends(&kinds[loops[i / MANNERS].kind], (enum manner)(i % MANNERS)), 0);
        struct bide_task *ticker = bide_create_task(tick, &ticks);
        for (int j = 0; j < CALLS; j++) CHECK_INT(loops[i / MANNERS].call(), 0);
        CHECK(bide_cancel(ticker) == 1 && bide_await(ticker, NULL) == 0);
        CHECK(ticks >= CALLS / 200);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* A timer and another descriptor are seen while a task never has to wait. */
TASK(bug_41_an_always_ready_descriptor_lets_events_in)
{
    for (int i = 0; i < LOOPS * MANNERS; i++) {
        int other[2];
        char byte;
        over = false;
        CHECK_INT(open_ends(&kinds[loops[i / MANNERS].kind], (enum manner)(i % MANNERS)), 0);
        CHECK_INT(bide_pipe(other), 0);
        struct loop loop = {loops[i / MANNERS].call, 0};
        struct bide_task *caller = bide_create_task(keep_calling, &loop);
        BIDE_TIMEOUT(0.001) {
            CHECK_INT(bide_read(other[0], &byte, 1), -ETIMEDOUT);
        }
        CHECK_INT(bide_write(other[1], "x", 1), 1);
        CHECK_INT(bide_read(other[0], &byte, 1), 1);
        over = true;
        CHECK(bide_await(caller, NULL) == 0 && loop.n > 0);
        CHECK(bide_close(other[0]) == 0 && bide_close(other[1]) == 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* Two that never have to wait share the time. */
TASK(bug_41_two_always_ready_descriptors_take_turns)
{
    static const struct loop fresh = {poll_again, 0};
    struct loop two[2] = {fresh, fresh};
    over = false;
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], OWN), 0);
    struct bide_task *tasks[2];
    for (int i = 0; i < 2; i++) tasks[i] = bide_create_task(keep_calling, &two[i]);
    for (long i = 0; two[0].n + two[1].n < 2 * CALLS; i++) CHECK(i < PATIENCE && bide_yield() == 0);
    over = true;
    for (int i = 0; i < 2; i++) CHECK_INT(bide_await(tasks[i], NULL), 0);
    CHECK(two[0].n > CALLS / 2 && two[1].n > CALLS / 2);
    return close_ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_41_busy_tasks_do_not_starve_descriptors_and_timers, real),
        RUN(bug_41_an_always_ready_descriptor_lets_others_run, real),
        RUN(bug_41_an_always_ready_descriptor_lets_events_in, real),
        RUN(bug_41_two_always_ready_descriptors_take_turns, real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
