/* SPDX-License-Identifier: MIT */
/*
 * bugs.md row 26: a forked child shares the parent's epoll. Whatever it does to its copies of
 * descriptors that the parent waits for, in loops of its own too, reaches no event of the parent's.
 */
#include "ends.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const int which[] = {UNIX_STREAM, TCP, PIPE, FIFO};
enum { CASES = 4 * MANNERS };

/* ---- what the child does ---- */

/* The numbers of what it closed belong to others now. */
TASK(use_the_numbers_again)
{
    int fds[2];
    char byte = 0;
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    BIDE_TIMEOUT(1) CHECK_INT(bide_read(fds[0], &byte, 1), -ETIMEDOUT);
    CHECK_INT(bide_write(fds[1], "x", 1), 1);
    CHECK(bide_read(fds[0], &byte, 1) == 1 && byte == 'x');
    return bide_close(fds[0]) + bide_close(fds[1]);
}

TASK(wait_for_the_same)
{
    BIDE_TIMEOUT(1) CHECK_INT(bide_poll(ends[0], POLLIN), -ETIMEDOUT);
    return bide_close(ends[0]) + bide_close(ends[1]);
}

TASK(only_be_refused)
{
    return 0;
}

/* Outside of tasks of its own loop it is told so. */
static int is_refused(void)
{
    char byte;
    CHECK_INT(bide_read(ends[0], &byte, 1), -EPERM);
    CHECK_INT(bide_write(ends[1], "x", 1), -EPERM);
    CHECK_INT(bide_poll(ends[0], POLLIN), -EPERM);
    CHECK_INT(bide_adopt(ends[0]), -EPERM);
    CHECK_INT(bide_release(ends[0]), -EPERM);
    return 0;
}

/* Returns how the child ended. */
static int run_child(bide_fn fn)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    int status = -1;
    const pid_t child = fork();
    if (child == 0) _exit(is_refused() < 0 || bide_run_with(&options, fn, NULL) < 0);
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    return status;
}

/* ---- what the parent sees ---- */

/* A task waits before the fork, and gets what comes after it: all of it, once. */
static int fork_beside_a_reader(bide_fn fn)
{
    for (size_t i = 0; i < CASES; i++) {
        struct reading reading = {.n = 8};
        CHECK_INT(open_ends(&kinds[which[i / MANNERS]], (enum manner)(i % MANNERS)), 0);
        reading.fd = ends[0];
        struct bide_task *reader = bide_create_task(read_some, &reading);
        CHECK_INT(bide_sleep(1), 0);
        CHECK_INT(run_child(fn), 0);
        CHECK_INT(bide_sleep(1), 0);
        CHECK(!bide_task_done(reader));
        CHECK_INT(bide_write_all(ends[1], "12345678", 8, NULL), 0);
        CHECK_INT(bide_await(reader, NULL), 0);
        CHECK(reading.code == 8 && memcmp(reading.text, "12345678", 8) == 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

TASK(bug_26_a_child_that_is_refused_harms_no_event)
{
    return fork_beside_a_reader(only_be_refused);
}

TASK(bug_26_a_child_that_uses_the_numbers_again_harms_no_event)
{
    return fork_beside_a_reader(use_the_numbers_again);
}

TASK(bug_26_a_child_that_waits_for_the_same_harms_no_event)
{
    return fork_beside_a_reader(wait_for_the_same);
}

/* Holds its copies until the other end of the pipe is closed. */
static pid_t hold_copies(int until[2])
{
    char byte;
    CHECK_INT(pipe(until), 0);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(until[1]);
        _exit(read(until[0], &byte, 1) != 0);
    }
    return child;
}

/* What is closed here lives on in the child: its events may not reach who has the number now. */
static int reuse_while_copies_live(enum manner manner)
{
    int other[2], status = -1;
    struct reading reading = {.n = 8};
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
    reading.fd = ends[0];
    struct bide_task *reader = bide_create_task(read_some, &reading);
    CHECK_INT(bide_sleep(1), 0);
    const pid_t child = hold_copies(other);
    CHECK(child > 0 && bide_close(ends[0]) == 0);
    CHECK(bide_await(reader, NULL) == 0 && reading.code == -EBADF);
    const int sender = ends[1], number = ends[0];
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
    CHECK_INT(ends[0], number);
    reader = bide_create_task(read_some, &reading);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(send(sender, "not yours", 9, 0), 9);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(!bide_task_done(reader));
    CHECK_INT(bide_write_all(ends[1], "12345678", 8, NULL), 0);
    CHECK(bide_await(reader, NULL) == 0 && reading.code == 8);
    CHECK(close(other[1]) == 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK(close(other[0]) == 0 && bide_close(sender) == 0);
    return close_ends();
}

TASK(bug_02_26_what_lives_on_in_a_child_reaches_nobody)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) CHECK_INT(reuse_while_copies_live(manner), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_26_a_child_that_is_refused_harms_no_event, virtual),
        RUN(bug_26_a_child_that_uses_the_numbers_again_harms_no_event, virtual),
        RUN(bug_26_a_child_that_waits_for_the_same_harms_no_event, virtual),
        RUN(bug_02_26_what_lives_on_in_a_child_reaches_nobody, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
