/* SPDX-License-Identifier: MIT */
/*
 * What holds for every kind of descriptor, whether bide's own or foreign, blocking or not: who
 * waits for it lets others go on. Time is virtual, so a loop that blocks hangs the test.
 */
#include "ends.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FLOOD = 1 << 20, BLOCK = 4096 };

static const uint64_t eight = 8;
static const struct kind *kind;
static enum manner manner;

static int log_ticks(int n)
{
    for (int i = 0; i < n; i++) {
        CHECK_INT(bide_sleep(1), 0);
        log_event("tick");
    }
    return 0;
}

/* Eight bytes, which an eventfd takes for a number. Read in pieces if need be, as a tty may give them. */
static int pass_eight(void)
{
    uint64_t value = 0;
    size_t got = 0;
    CHECK_INT(bide_write(ends[1], &eight, sizeof eight), sizeof eight);
    while (got < sizeof value) {
        const ssize_t n = bide_read(ends[0], (char *)&value + got, sizeof value - got);
        CHECK(n > 0);
        got += (size_t)n;
    }
    CHECK_INT(value, eight);
    return 0;
}

TASK(a_reader_waits_while_others_go_on)
{
    uint64_t value = 0;
    struct reading reading = {.fd = ends[0], .n = sizeof value};
    struct bide_task *reader = bide_create_task(read_some, &reading);
    CHECK_INT(log_ticks(3), 0);
    CHECK_LOG("tick tick tick");
    CHECK(!bide_task_done(reader));
    CHECK_INT(bide_write(ends[1], &eight, sizeof eight), sizeof eight);
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_INT(reading.code, sizeof eight);
    memcpy(&value, reading.text, sizeof value);
    CHECK_INT(value, eight);
    return pass_eight();
}

/* A datagram's sender waits for a reader too; an eventfd is full only at its greatest number. */
TASK(a_writer_waits_for_room_while_others_go_on)
{
    struct flood flood = {.fd = ends[1], .n = FLOOD, .block = BLOCK};
    struct bide_task *writer = bide_create_task(write_flood, &flood);
    CHECK_INT(log_ticks(3), 0);
    CHECK_LOG("tick tick tick");
    CHECK(!bide_task_done(writer));
    CHECK_INT(read_flood(ends[0], FLOOD, 0), FLOOD);
    CHECK_INT(bide_await(writer, NULL), 0);
    CHECK(flood.code == 0 && flood.done == FLOOD);
    return 0;
}

TASK(a_number_waits_for_room_while_others_go_on)
{
    const uint64_t most = UINT64_MAX - 1;
    uint64_t value = 0;
    struct flood flood = {.fd = ends[1], .n = 8, .block = 8};
    CHECK_INT(bide_write(ends[1], &most, sizeof most), sizeof most);
    struct bide_task *writer = bide_create_task(write_flood, &flood);
    CHECK_INT(log_ticks(2), 0);
    CHECK(!bide_task_done(writer));
    CHECK_INT(bide_read(ends[0], &value, sizeof value), sizeof value);
    CHECK(value == most && bide_await(writer, NULL) == 0 && flood.code == 0);
    return 0;
}

TASK(a_deadline_and_a_cancel_take_no_byte)
{
    struct reading reading = {.fd = ends[0], .n = sizeof eight};
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_read(ends[0], reading.text, sizeof eight), -ETIMEDOUT);
    }
    struct bide_task *reader = bide_create_task(read_some, &reading);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_cancel(reader), 1);
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_INT(reading.code, -ECANCELED);
    return pass_eight();
}

TASK(poll_waits_for_both_directions)
{
    uint64_t value;
    struct pollfd now = {.fd = ends[1], .events = POLLOUT};
    CHECK_INT(poll(&now, 1, 0), 1);
    CHECK_INT(bide_poll(ends[1], POLLOUT), POLLOUT);
    CHECK_INT(bide_poll(ends[1], POLLOUT | POLLIN), POLLOUT);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_poll(ends[0], POLLIN), -ETIMEDOUT);
    }
    CHECK_INT(bide_write(ends[1], &eight, sizeof eight), sizeof eight);
    CHECK_INT(bide_poll(ends[0], POLLIN), POLLIN);
    CHECK_INT(bide_read(ends[0], &value, sizeof value), sizeof value);
    return pass_eight();
}

static int close_after_a_tick(void *arg)
{
    int *fd = arg;
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_close(*fd), 0);
    *fd = -1;
    return 0;
}

TASK(a_reader_sees_the_end)
{
    char text[8];
    struct bide_task *closer = bide_create_task(close_after_a_tick, &ends[1]);
    const ssize_t n = bide_read(ends[0], text, sizeof text);
    CHECK(n == 0 || n == -EIO);
    CHECK_INT(bide_poll(ends[0], POLLIN) & (POLLIN | POLLHUP) ? 0 : -1, 0);
    return bide_await(closer, NULL);
}

TASK(a_writer_sees_that_nobody_reads)
{
    struct flood flood = {.fd = ends[1], .n = FLOOD, .block = BLOCK};
    struct bide_task *writer = bide_create_task(write_flood, &flood);
    struct bide_task *closer = bide_create_task(close_after_a_tick, &ends[0]);
    CHECK(bide_await(closer, NULL) == 0 && bide_await(writer, NULL) == 0);
    CHECK(flood.code == -EPIPE || flood.code == -ECONNRESET || flood.code == -EIO ||
          flood.code == -ECONNREFUSED);
    CHECK(flood.done < FLOOD);
    return 0;
}

/* ---- running them ---- */

struct trial {
    bide_fn fn;
    const struct kind *kind;
    enum manner manner;
};

static int run_trial(void *arg)
{
    const struct trial *trial = arg;
    kind = trial->kind;
    manner = trial->manner;
    log_clear();
    CHECK_INT(open_ends(kind, manner), 0);
    CHECK_INT(trial->fn(NULL), 0);
    return close_ends();
}

static void run(void **state)
{
    need_kind(((const struct trial *)*state)->kind);
    assert_int_equal(check_run(run_trial, *state), 0);
}

struct property {
    const char *name;
    bide_fn fn;
    bool (*holds)(const struct kind *kind); /* NULL: for all */
};

static bool holds_bytes(const struct kind *of)
{
    return !of->counts;
}

static bool holds_a_number(const struct kind *of)
{
    return of->counts;
}

/* What is written to a terminal whose other side nobody holds open waits for the next one. */
static bool needs_a_reader(const struct kind *of)
{
    return !of->counts && of != &kinds[TTY];
}

static bool has_an_end(const struct kind *of)
{
    return of->has_end;
}

#define PROPERTY(fn, holds)                                                                                  \
    {                                                                                                        \
#fn, fn, holds                                                                                       \
    }

static const struct property properties[] = {
    PROPERTY(a_reader_waits_while_others_go_on, NULL),
    PROPERTY(a_writer_waits_for_room_while_others_go_on, holds_bytes),
    PROPERTY(a_number_waits_for_room_while_others_go_on, holds_a_number),
    PROPERTY(a_deadline_and_a_cancel_take_no_byte, NULL),
    PROPERTY(poll_waits_for_both_directions, NULL),
    PROPERTY(a_reader_sees_the_end, has_an_end),
    PROPERTY(a_writer_sees_that_nobody_reads, needs_a_reader),
};

enum { PROPERTIES = sizeof properties / sizeof *properties, MOST = PROPERTIES * KINDS * MANNERS };

static struct trial trials[MOST];
static char names[MOST][128];
static struct CMUnitTest tests[MOST];

static size_t make_tests(void)
{
    size_t n = 0;
    for (int p = 0; p < PROPERTIES; p++) {
        for (int k = 0; k < KINDS; k++) {
            if (properties[p].holds && !properties[p].holds(&kinds[k])) continue;
            for (int m = 0; m < MANNERS; m++, n++) {
                trials[n] = (struct trial){properties[p].fn, &kinds[k], (enum manner)m};
                snprintf(names[n], sizeof names[n], "%s: %s, %s", properties[p].name, kinds[k].name,
                         manners[m]);
                tests[n] = (struct CMUnitTest){names[n], run, NULL, NULL, &trials[n]};
            }
        }
    }
    return n;
}

int main(void)
{
    return _cmocka_run_group_tests("tests", tests, make_tests(), NULL, NULL);
}
