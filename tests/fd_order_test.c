/* SPDX-License-Identifier: MIT */
/* Several who wait for one descriptor: they are served in the order of asking, whoever leaves the queue. */
#include "ends.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 8, STEPS = 60 };

/* ---- readers ---- */

struct reader {
    int i;
    char byte;
    int code;
    struct bide_task *task;
};

static struct reader readers[MOST];

static int read_one(void *arg)
{
    struct reader *reader = arg;
    reader->code = (int)bide_read(ends[0], &reader->byte, 1);
    log_event(reader->code < 0 ? "%d-" : "%d%c", reader->i, reader->byte);
    return 0;
}

static void start_readers(int n)
{
    for (int i = 0; i < n; i++) {
        readers[i] = (struct reader){.i = i};
        readers[i].task = bide_create_task(read_one, &readers[i]);
    }
}

static int join_readers(int n)
{
    for (int i = 0; i < n; i++) CHECK_INT(bide_await(readers[i].task, NULL), 0);
    return 0;
}

static const int streams[] = {UNIX_STREAM, TCP, PIPE, FIFO, TTY};
enum { STREAMS = sizeof streams / sizeof *streams };

static int one_by_one(void)
{
    start_readers(4);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(bide_sleep(1), 0);
        CHECK_INT(bide_write(ends[1], &"abcd"[i], 1), 1);
    }
    CHECK_INT(join_readers(4), 0);
    CHECK_LOG("0a 1b 2c 3d");
    return 0;
}

static int all_at_once(void)
{
    start_readers(4);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_write(ends[1], "abcd", 4), 4);
    CHECK_INT(join_readers(4), 0);
    CHECK_LOG("0a 1b 2c 3d");
    return 0;
}

/* The first, who waits for the descriptor itself, one in the middle and the last one leave. */
static int some_leave(void)
{
    start_readers(6);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(bide_cancel(readers[0].task) && bide_cancel(readers[3].task) && bide_cancel(readers[5].task));
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_write(ends[1], "abc", 3), 3);
    CHECK_INT(join_readers(6), 0);
    CHECK_LOG("0- 3- 5- 1a 2b 4c");
    return 0;
}

/* Bytes come in the turn in which the first one is cancelled: it has one, or the next has it. */
static int leave_when_it_comes(void)
{
    start_readers(3);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_write(ends[1], "ab", 2), 2);
    CHECK_INT(bide_cancel(readers[0].task), 1);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_write(ends[1], "c", 1), 1);
    CHECK_INT(join_readers(3), 0);
    CHECK_LOG("0- 1a 2b");
    CHECK_INT(bide_read(ends[0], &readers[0].byte, 1), 1);
    CHECK_INT(readers[0].byte, 'c');
    return 0;
}

/* Who comes when the bytes are there already, but promised to those that wait, must not overtake them. */
static int a_newcomer_queues(void)
{
    start_readers(2);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_write(ends[1], "abc", 3), 3);
    readers[2] = (struct reader){.i = 2};
    CHECK_INT(read_one(&readers[2]), 0);
    CHECK_INT(join_readers(2), 0);
    CHECK_LOG("0a 1b 2c");
    return 0;
}

static int (*const orders[])(void) = {one_by_one, all_at_once, some_leave, leave_when_it_comes,
                                      a_newcomer_queues};

TASK(bug_04_readers_are_served_in_order)
{
    for (size_t i = 0; i < STREAMS * MANNERS * 5; i++) {
        const bool is_tty = streams[i % STREAMS] == TTY;
        if (is_tty && !have_terminals()) continue;
        if (is_tty && orders[i / STREAMS / MANNERS] == leave_when_it_comes)
            continue; /* its write takes a thread */
        log_clear();
        CHECK_INT(open_ends(&kinds[streams[i % STREAMS]], (enum manner)(i / STREAMS % MANNERS)), 0);
        CHECK_INT(orders[i / STREAMS / MANNERS](), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* ---- writers ---- */

static char blocks[MOST][4096];

static int write_block(void *arg)
{
    const size_t i = (size_t)((char(*)[4096])arg - blocks);
    memset(blocks[i], 'a' + (int)i, sizeof blocks[i]);
    return bide_write_all(ends[1], blocks[i], sizeof blocks[i], NULL);
}

/* Blocks of a page go to a pipe as a whole: so they come out whole, in the order of asking. */
TASK(writers_are_served_in_order)
{
    static const int pipes[] = {PIPE, FIFO};
    for (int i = 0; i < 2 * MANNERS; i++) {
        struct bide_task *tasks[MOST];
        char block[4096];
        ssize_t filled;
        CHECK_INT(open_ends(&kinds[pipes[i / MANNERS]], (enum manner)(i % MANNERS)), 0);
        CHECK(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0 && (filled = fill(ends[1])) > 0);
        for (int j = 0; j < MOST; j++) tasks[j] = bide_create_task(write_block, &blocks[j]);
        CHECK_INT(bide_sleep(1), 0);
        CHECK(bide_cancel(tasks[0]) && bide_cancel(tasks[4]));
        for (ssize_t got, left = filled; left > 0; left -= got)
            CHECK((got = bide_read(ends[0], block, left < 4096 ? (size_t)left : 4096)) > 0);
        for (int j = 1; j < MOST; j++) {
            if (j == 4) continue;
            CHECK_INT(bide_read(ends[0], block, sizeof block), sizeof block);
            for (size_t k = 0; k < sizeof block; k++) CHECK_INT(block[k], 'a' + j);
        }
        for (int j = 0; j < MOST; j++) {
            int result = 1;
            CHECK_INT(bide_await(tasks[j], &result), 0);
            CHECK_INT(result, j % 4 ? 0 : -ECANCELED);
        }
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* ---- both ---- */

static int write_letter(void *arg)
{
    const char *letter = arg;
    CHECK_INT(bide_write(ends[0], letter, 1), 1);
    log_event("%c", *letter);
    return 0;
}

/* Readers and writers that wait at one descriptor, mixed: a turn goes to the next one of its own side. */
TASK(readers_and_writers_queue_apart)
{
    static char letters[] = "xyz", block[4096];
    for (int i = 0; i < MANNERS; i++) {
        struct bide_task *writers[3];
        ssize_t filled;
        log_clear();
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], (enum manner)i), 0);
        CHECK((filled = fill(ends[0])) > 0);
        for (int j = 0; j < 3; j++) {
            writers[j] = bide_create_task(write_letter, &letters[j]);
            readers[j] = (struct reader){.i = j};
            readers[j].task = bide_create_task(read_one, &readers[j]);
        }
        CHECK_INT(bide_sleep(1), 0);
        CHECK_INT(bide_write(ends[1], "ab", 2), 2);
        CHECK_INT(bide_sleep(1), 0);
        CHECK_LOG("0a 1b");
        for (ssize_t got, left = filled; left > 0; left -= got)
            CHECK((got = bide_read(ends[1], block, left < 4096 ? (size_t)left : 4096)) > 0);
        for (int j = 0; j < 3; j++) CHECK_INT(bide_await(writers[j], NULL), 0);
        CHECK_LOG("0a 1b x y z");
        CHECK_INT(bide_write(ends[1], "c", 1), 1);
        CHECK_INT(join_readers(3), 0);
        CHECK_LOG("0a 1b x y z 2c");
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* ---- accepting ---- */

static int listener;

static int accept_one(void *arg)
{
    const int fd = bide_accept(listener, NULL, NULL);
    if (fd >= 0) log_event("%d", (int)(intptr_t)arg);
    return fd < 0 ? fd : bide_close(fd);
}

TASK(who_accepts_is_served_in_order)
{
    for (int own = 0; own < 2; own++) {
        struct sockaddr_in address;
        struct bide_task *tasks[4];
        log_clear();
        listener = open_listener(&address, 8);
        if (own) CHECK_INT(bide_adopt(listener), 0);
        for (intptr_t i = 0; i < 4; i++) tasks[i] = bide_create_task(accept_one, (void *)i);
        CHECK_INT(bide_sleep(0.001), 0);
        CHECK_INT(bide_cancel(tasks[1]), 1);
        for (int i = 0; i < 3; i++) {
            const int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
            CHECK_INT(bide_connect(fd, (struct sockaddr *)&address, sizeof address), 0);
            CHECK_INT(bide_close(fd), 0);
        }
        for (int i = 0; i < 4; i++) CHECK_INT(bide_await(tasks[i], NULL), i == 1 ? -ECANCELED : 0);
        CHECK_LOG("0 2 3");
        CHECK_INT(bide_close(listener), 0);
    }
    return 0;
}

/* ---- a model ---- */

static uint32_t draw(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 16) % n;
}

/*
 * Readers come, are cancelled, and bytes are sent, at random. Whoever was not cancelled has the
 * byte of his place among those that were not: none is lost, none read twice, none out of order.
 */
static int random_readers(uint32_t seed)
{
    char next = 0, expected = 0;
    int first = 0, n = 0;
    struct reader all[STEPS];
    for (int step = 0; step < STEPS; step++) {
        const uint32_t what = draw(&seed, 8);
        if (what < 3) {
            all[n] = (struct reader){.i = n};
            all[n].task = bide_create_task(read_one, &all[n]);
            n++;
        } else if (what < 5 && n > first) {
            bide_cancel(all[first + (int)draw(&seed, (uint32_t)(n - first))].task);
        } else if (what < 7) {
            CHECK_INT(bide_write(ends[1], &next, 1), 1);
            next++;
        }
        if (draw(&seed, 3) == 0) CHECK_INT(bide_sleep(draw(&seed, 2)), 0);
    }
    for (int i = 0; i < n; i++, next++) CHECK_INT(bide_write(ends[1], &next, 1), 1);
    for (int i = 0; i < n; i++) CHECK_INT(bide_await(all[i].task, NULL), 0);
    for (int i = 0; i < n; i++) {
        CHECK(all[i].code == 1 || all[i].code == -ECANCELED);
        if (all[i].code == 1) CHECK_INT(all[i].byte, expected++);
    }
    for (char byte; expected < next; expected++) CHECK(bide_read(ends[0], &byte, 1) == 1 && byte == expected);
    return 0;
}

TASK(bug_04_random_readers_lose_nothing)
{
    for (uint32_t seed = 1; seed <= (uint32_t)rounds(1000); seed++) {
        log_clear();
        CHECK_INT(open_ends(&kinds[streams[seed % 4]], (enum manner)(seed / 4 % MANNERS)), 0);
        CHECK_INT(random_readers(seed), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_04_readers_are_served_in_order, virtual), RUN(writers_are_served_in_order, virtual),
        RUN(readers_and_writers_queue_apart, virtual),    RUN(who_accepts_is_served_in_order, real),
        RUN(bug_04_random_readers_lose_nothing, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
