/* SPDX-License-Identifier: MIT */
/*
 * Numbers that come to stand for something else: events, waits and turns of the old one must not
 * reach the new one. Behind bide's back, too, where that can be survived.
 */
#include "counts.h"
#include "ends.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Makes a pipe of bide's own whose reading end has this number. */
static int pipe_at(int number, int fds[2])
{
    CHECK_INT(bide_pipe(fds), 0);
    CHECK(fds[0] == number || fds[1] == number);
    if (fds[1] != number) return 0;
    const int other = fcntl(fds[0], F_DUPFD_CLOEXEC, number + 1);
    CHECK_INT(bide_release(fds[0]), 0);
    CHECK_INT(bide_release(fds[1]), 0);
    CHECK(dup3(fds[1], fds[0], O_CLOEXEC) == fds[0] && dup3(other, number, O_CLOEXEC) == number);
    fds[1] = fds[0];
    fds[0] = number;
    return close(other) + bide_adopt(fds[0]) + bide_adopt(fds[1]);
}

static int read_byte(void *arg)
{
    char byte = 0;
    const int n = (int)bide_read(*(int *)arg, &byte, 1);
    return n == 1 ? byte : n;
}

/* ---- in one turn ---- */

static int fresh[2];
static struct bide_task *newcomer;

/* Woken in the same turn as the reader of the other pipe, closes that one, and makes a new one of its number. */
static int replace(void *arg)
{
    int *number = arg;
    CHECK_INT(bide_poll(ends[0], POLLIN), POLLIN);
    CHECK_INT(bide_close(*number), 0);
    CHECK_INT(pipe_at(*number, fresh), 0);
    newcomer = bide_create_task(read_byte, &fresh[0]);
    return 0;
}

TASK(bug_01_an_event_of_the_same_turn_does_not_reach_the_new_one)
{
    for (int i = 0; i < 4; i++) {
        int other[2], result = 0;
        CHECK_INT(open_ends(&kinds[PIPE], OWN), 0);
        CHECK_INT(pipe(other), 0);
        if (i % 2) CHECK(bide_adopt(other[0]) == 0 && bide_adopt(other[1]) == 0);
        struct bide_task *first = bide_create_task(replace, &other[0]);
        struct bide_task *second = bide_create_task(read_byte, &other[0]);
        CHECK_INT(bide_sleep(1), 0);
        if (i < 2) CHECK_INT(write(other[1], "o", 1), 1);
        CHECK_INT(write(ends[1], "x", 1), 1);
        if (i >= 2) CHECK_INT(write(other[1], "o", 1), 1);
        CHECK(bide_await(first, NULL) == 0 && bide_await(second, &result) == 0);
        CHECK(result == -EBADF || result == 'o');
        CHECK_INT(bide_sleep(1), 0);
        CHECK(!bide_task_done(newcomer));
        CHECK_INT(bide_write(fresh[1], "n", 1), 1);
        CHECK(bide_await(newcomer, &result) == 0 && result == 'n');
        CHECK(bide_close(fresh[0]) == 0 && bide_close(fresh[1]) == 0 && bide_close(other[1]) == 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* Reads, and then closes and replaces at once what it has just handed on to the next in the queue. */
static int read_and_replace(void *arg)
{
    int *number = arg;
    CHECK_INT(read_byte(number), 'x');
    CHECK_INT(bide_close(*number), 0);
    return pipe_at(*number, fresh);
}

TASK(a_turn_that_was_handed_over_is_void_for_the_new_one)
{
    int result = 0;
    CHECK_INT(open_ends(&kinds[PIPE], OWN), 0);
    const int number = ends[0];
    struct bide_task *first = bide_create_task(read_and_replace, &ends[0]);
    struct bide_task *second = bide_create_task(read_byte, &ends[0]);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_write(ends[1], "x", 1), 1);
    CHECK(bide_await(first, &result) == 0 && result == 0);
    CHECK(bide_await(second, &result) == 0 && result == -EBADF);
    CHECK_INT(bide_write(fresh[1], "n", 1), 1);
    BIDE_TIMEOUT(1) {
        CHECK_INT(read_byte(&fresh[0]), 'n'); /* nobody holds its turn */
    }
    CHECK(fresh[0] == number && bide_close(fresh[0]) == 0 && bide_close(fresh[1]) == 0);
    return bide_close(ends[1]);
}

TASK(one_number_stands_for_many_in_turn)
{
    for (long i = 0; i < rounds(10000); i++) {
        int result = 0;
        char byte = (char)('a' + i % 26);
        CHECK_INT(open_ends(&kinds[i % 3 ? PIPE : UNIX_STREAM], (enum manner)(i % MANNERS)), 0);
        struct bide_task *reader = bide_create_task(read_byte, &ends[0]);
        CHECK_INT(bide_yield(), 0);
        const bool closed = i % 7 == 0;
        if (closed) CHECK_INT(bide_close(ends[0]), 0);
        if (!closed) CHECK_INT(bide_write(ends[1], &byte, 1), 1);
        CHECK_INT(bide_await(reader, &result), 0);
        CHECK_INT(result, closed ? -EBADF : byte);
        if (closed) ends[0] = -1;
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* ---- behind bide's back ---- */

TASK(bug_03_a_raw_close_harms_nobody)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        int others[2], result = 0, code = 0;
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        CHECK_INT(bide_pipe(others), 0);
        struct bide_task *other = bide_create_task(read_byte, &others[0]);
        struct bide_task *reader = bide_create_task(read_byte, &ends[0]);
        CHECK_INT(bide_yield(), 0);
        BIDE_TIMEOUT(1) {
            code = bide_poll(ends[0], POLLIN);
        }
        CHECK_INT(code, -ETIMEDOUT);
        CHECK_INT(close(ends[0]), 0);
        CHECK_INT(bide_write(others[1], "o", 1), 1);
        CHECK(bide_await(other, &result) == 0 && result == 'o');
        CHECK_INT(bide_cancel(reader), 1); /* epoll has forgotten it silently: only this ends the wait */
        CHECK(bide_await(reader, &result) == 0 && result == -ECANCELED);
        CHECK_INT(read_byte(&ends[0]), -EBADF);
        CHECK_INT(bide_poll(ends[0], POLLIN), -EBADF);
        CHECK_INT(bide_close(ends[0]), -EBADF);
        CHECK(bide_close(ends[1]) == 0 && bide_close(others[0]) == 0 && bide_close(others[1]) == 0);
    }
    return 0;
}

/* The owner closes and reopens as often as he likes, between our waits and during them. */
TASK(a_foreign_number_is_reused_behind_bides_back)
{
    char byte;
    for (int i = 0; i < 200; i++) {
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        const int kept = i % 3 ? -1 : dup(ends[0]); /* then epoll goes on to know the old one */
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_read(ends[0], &byte, 1), -ETIMEDOUT);
        }
        CHECK_INT(bide_write(ends[1], "x", 1), 1);
        if (i % 2) CHECK_INT(read_byte(&ends[0]), 'x');
        CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
        if (kept >= 0) CHECK_INT(close(kept), 0);
    }
    return 0;
}

/* What was bide's own, was closed by close(2), and its number given to a new descriptor of bide's. */
static int reuse_own(int how)
{
    int fds[2], result = 0;
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], OWN), 0);
    const int number = ends[0];
    struct bide_task *reader = bide_create_task(read_byte, &ends[0]);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(close(number), 0);
    if (how == 0) CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    if (how == 1) CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    if (how == 2) CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    CHECK_INT(fds[0], number);
    if (how) CHECK(bide_adopt(fds[0]) == 0 && bide_adopt(fds[1]) == 0);
    CHECK(bide_await(reader, &result) == 0 && result == -EBADF);
    struct bide_task *newer = bide_create_task(read_byte, &fds[0]);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_write(fds[1], "n", 1), 1);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_await(newer, &result), 0);
    }
    CHECK_INT(result, 'n');
    return bide_close(fds[0]) + bide_close(fds[1]) + bide_close(ends[1]);
}

TASK(an_own_number_is_reused_behind_bides_back)
{
    for (int how = 0; how < 3; how++) CHECK_INT(reuse_own(how), 0);
    return 0;
}

/* ---- copies ---- */

/*
 * bugs.md row 2: the descriptor is closed, a copy of it lives, and data come. bide_close takes it from
 * epoll first; after a close(2) epoll reports a foreign one once at most.
 */
TASK(bug_02_a_copy_that_lives_on_costs_nothing)
{
    for (int i = 0; i < 2 * MANNERS; i++) {
        char byte;
        const bool raw = i % 2;
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], (enum manner)(i / 2)), 0);
        const int copy = dup(ends[0]);
        BIDE_TIMEOUT(0.001) {
            CHECK_INT(bide_read(ends[0], &byte, 1), -ETIMEDOUT);
        }
        CHECK_INT(raw ? close(ends[0]) : bide_close(ends[0]), 0);
        CHECK_INT(bide_write(ends[1], "x", 1), 1);
        counts_start();
        CHECK_INT(bide_sleep(0.2), 0);
        const long polls = counts_of(SYS_EPOLL_WAIT);
        counts_stop();
        CHECK(polls < 5);
        CHECK_INT(read(copy, &byte, 1), 1);
        if (raw) CHECK_INT(bide_close(ends[0]), -EBADF); /* now it is forgotten */
        CHECK(close(copy) == 0 && bide_close(ends[1]) == 0);
    }
    return 0;
}

/* A copy that still is in epoll under the number of a new descriptor: its events are not the new one's. */
TASK(bug_01_events_of_a_copy_do_not_reach_the_new_one)
{
    for (int own = 0; own < 2; own++) {
        char byte;
        int fds[2], result = 0;
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], own ? OWN : BLOCKING), 0);
        const int copy = dup(ends[0]);
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_read(ends[0], &byte, 1), -ETIMEDOUT);
        }
        CHECK_INT(close(ends[0]), 0);
        CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        CHECK_INT(fds[0], ends[0]);
        struct bide_task *reader = bide_create_task(read_byte, &fds[0]);
        CHECK_INT(bide_sleep(1), 0);
        for (int i = 0; i < 3; i++) CHECK(write(ends[1], "o", 1) == 1 && bide_sleep(1) == 0);
        CHECK(!bide_task_done(reader));
        CHECK_INT(bide_write(fds[1], "n", 1), 1);
        CHECK(bide_await(reader, &result) == 0 && result == 'n');
        CHECK(bide_close(fds[0]) == 0 && bide_close(fds[1]) == 0 && close(copy) == 0);
        CHECK_INT(bide_close(ends[1]), 0);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_01_an_event_of_the_same_turn_does_not_reach_the_new_one, virtual),
        RUN(a_turn_that_was_handed_over_is_void_for_the_new_one, virtual),
        RUN(one_number_stands_for_many_in_turn, virtual),
        RUN(bug_03_a_raw_close_harms_nobody, virtual),
        RUN(a_foreign_number_is_reused_behind_bides_back, virtual),
        RUN(an_own_number_is_reused_behind_bides_back, virtual),
        RUN(bug_02_a_copy_that_lives_on_costs_nothing, real),
        RUN(bug_01_events_of_a_copy_do_not_reach_the_new_one, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
