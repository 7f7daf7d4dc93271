/* SPDX-License-Identifier: MIT */
/* Descriptors that bide makes: their flags, several buffers at once, waiting for both directions. */
#include "ends.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 1 << 16 }; /* of what a page may have */

static bool is_own(int fd)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

/* ---- making them ---- */

TASK(what_bide_makes_is_nonblocking_and_close_on_exec)
{
    int pair[2], both[2];
    const int fd = bide_socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(fd >= 0 && is_own(fd));
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    CHECK(is_own(pair[0]) && is_own(pair[1]));
    CHECK_INT(bide_pipe(both), 0);
    CHECK(is_own(both[0]) && is_own(both[1]));
    const int all[] = {fd, pair[0], pair[1], both[0], both[1]};
    for (int i = 0; i < 5; i++) {
        CHECK_INT(bide_release(all[i]), 0); /* it was bide's own: no flags to put back */
        CHECK(is_own(all[i]));
        CHECK_INT(bide_close(all[i]), 0);
    }
    return 0;
}

TASK(what_cannot_be_made_leaves_the_output_alone)
{
    int fds[2] = {-7, -8};
    CHECK_INT(bide_socket(-1, SOCK_STREAM, 0), -EAFNOSUPPORT);
    CHECK_INT(bide_socketpair(AF_INET, SOCK_STREAM, 0, fds), -EOPNOTSUPP);
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, NULL), -EINVAL);
    CHECK_INT(bide_pipe(NULL), -EINVAL);
    CHECK(fds[0] == -7 && fds[1] == -8);
    return 0;
}

static void nothing_is_made_outside_of_a_loop(void **state)
{
    (void)state;
    int fds[2] = {-7, -8};
    char byte = 'x';
    assert_int_equal(bide_socket(AF_UNIX, SOCK_STREAM, 0), -EPERM);
    assert_int_equal(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), -EPERM);
    assert_int_equal(bide_pipe(fds), -EPERM);
    assert_int_equal(bide_open("/dev/null", O_RDONLY, 0), -EPERM);
    assert_int_equal(bide_adopt(0), -EPERM);
    assert_int_equal(bide_release(0), -EPERM);
    assert_true(fds[0] == -7 && fds[1] == -8);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(bide_write(fds[1], &byte, 1), -EPERM);
    assert_int_equal(bide_read(fds[0], &byte, 1), -EPERM);
    assert_int_equal(bide_poll(fds[1], POLLOUT), -EPERM);
    assert_int_equal(bide_accept(fds[0], NULL, NULL), -EPERM);
    assert_int_equal(bide_close(fds[0]), 0); /* close never waits */
    assert_int_equal(bide_close(fds[1]), 0);
}

/* ---- several buffers ---- */

/* bugs.md row 30: a pipe of one page takes that much, wherever the edges of the buffers are. */
static int write_short(size_t page, size_t first)
{
    static char text[MOST + 15], got[MOST + 15];
    const struct iovec iov[] = {
        {text, first}, {NULL, 0}, {text + first, 5}, {text + first + 5, page + 10 - first}};
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7);
    CHECK_INT(bide_writev(ends[1], iov, 4), page);
    CHECK_INT(bide_read(ends[0], got, sizeof got), page);
    CHECK(memcmp(got, text, page) == 0);
    return 0;
}

TASK(bug_30_writev_is_short_at_every_edge)
{
    if (check_emulated()) return 0; /* writes without waiting are not known there: they may be shorter */
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        CHECK_INT(open_ends(&kinds[PIPE], manner), 0);
        CHECK_INT(fcntl(ends[1], F_SETPIPE_SZ, page), page);
        for (size_t first = page - 15; first <= page + 1; first++) CHECK_INT(write_short(page, first), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

static int read_short(size_t n)
{
    char text[16] = "", a[3], b[5], c[7];
    const struct iovec iov[] = {{a, sizeof a}, {NULL, 0}, {b, sizeof b}, {c, sizeof c}};
    CHECK_INT(bide_write(ends[1], "abcdefghijklmno", n), n);
    CHECK_INT(bide_readv(ends[0], iov, 4), n);
    memcpy(text, a, sizeof a);
    memcpy(text + sizeof a, b, sizeof b);
    memcpy(text + sizeof a + sizeof b, c, sizeof c);
    CHECK(memcmp(text, "abcdefghijklmno", n) == 0);
    return 0;
}

TASK(bug_30_readv_is_short_at_every_edge)
{
    static const int which[] = {UNIX_STREAM, TCP, PIPE, FIFO};
    for (size_t i = 0; i < 4 * MANNERS; i++) {
        CHECK_INT(open_ends(&kinds[which[i / MANNERS]], (enum manner)(i % MANNERS)), 0);
        for (size_t n = 1; n <= 15; n++) CHECK_INT(read_short(n), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

TASK(wait_to_readv)
{
    char a[2], b[2];
    const struct iovec iov[] = {{a, 2}, {b, 2}};
    CHECK_INT(bide_readv(ends[0], iov, 2), 3);
    return a[0] == 'x' && a[1] == 'y' && b[0] == 'z' ? 0 : -EPROTO;
}

TASK(readv_waits_and_no_buffers_are_nothing)
{
    int result = -1;
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        struct bide_task *reader = bide_create_task(wait_to_readv, NULL);
        CHECK_INT(bide_sleep(1), 0);
        CHECK_INT(bide_writev(ends[1], &(struct iovec){"xyz", 3}, 1), 3);
        CHECK(bide_await(reader, &result) == 0 && result == 0);
        CHECK_INT(bide_readv(ends[0], NULL, 0), 0); /* though nothing is there */
        CHECK_INT(bide_writev(ends[1], NULL, 0), 0);
        CHECK_INT(bide_read(ends[0], NULL, 0), 0);
        CHECK_INT(bide_write(ends[1], NULL, 0), 0);
        CHECK_INT(bide_write_all(ends[1], NULL, 0, NULL), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* ---- both directions ---- */

struct polling {
    int fd, events, code;
};

static int poll_it(void *arg)
{
    struct polling *polling = arg;
    polling->code = bide_poll(polling->fd, polling->events);
    return 0;
}

/* Full to write and empty to read: the first of both to come ends the wait. */
static int poll_both(bool in_first)
{
    char block[4096];
    struct polling polling = {ends[1], POLLIN | POLLOUT, 0};
    CHECK(fill(ends[1]) > 0);
    struct bide_task *task = bide_create_task(poll_it, &polling);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(!bide_task_done(task));
    if (in_first)
        CHECK_INT(bide_write(ends[0], "x", 1), 1);
    else
        while (recv(ends[0], block, sizeof block, MSG_DONTWAIT) > 0) continue;
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(polling.code, in_first ? POLLIN : POLLOUT);
    return 0;
}

TASK(poll_for_both_ends_with_the_first_that_comes)
{
    for (size_t i = 0; i < 2 * MANNERS; i++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], (enum manner)(i / 2)), 0);
        CHECK_INT(poll_both(i % 2), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* Two who poll, a reader and a writer of one descriptor: each gets what is his, and all at a hang-up. */
TASK(all_kinds_of_waits_stand_side_by_side)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        struct polling in = {ends[1], POLLIN, 0}, both = {ends[1], POLLIN | POLLOUT, 0};
        struct reading reading = {.fd = ends[1], .n = 8};
        struct flood flood = {.fd = ends[1], .n = 1 << 20, .block = 4096};
        const struct bide_call calls[] = {
            {poll_it, &in}, {poll_it, &both}, {read_some, &reading}, {write_flood, &flood}};
        struct bide_task *tasks[4];
        CHECK(fill(ends[1]) > 0);
        for (int i = 0; i < 4; i++) tasks[i] = bide_create_task(calls[i].fn, calls[i].arg);
        CHECK_INT(bide_sleep(1), 0);
        CHECK_INT(bide_close(ends[0]), 0);
        ends[0] = -1;
        for (int i = 0; i < 4; i++) CHECK_INT(bide_await(tasks[i], NULL), 0);
        CHECK(in.code & POLLHUP && both.code & POLLHUP && flood.code == -EPIPE);
        CHECK(reading.code == 0 || reading.code == -ECONNRESET);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* ---- write_all ---- */

static int write_all_into(void *arg)
{
    static char block[1 << 20];
    size_t *done = arg;
    return bide_write_all(ends[1], block, sizeof block, done);
}

TASK(bug_30_write_all_tells_what_was_done_when_cancelled)
{
    static const int which[] = {UNIX_STREAM, TCP, PIPE, FIFO, TTY, PTY_MASTER};
    const size_t n_kinds = have_terminals() ? 6 : 4;
    for (size_t i = 0; i < n_kinds * MANNERS; i++) {
        size_t done = 0, got = 0;
        int result = 0;
        char block[4096];
        ssize_t n;
        CHECK_INT(open_ends(&kinds[which[i / MANNERS]], (enum manner)(i % MANNERS)), 0);
        struct bide_task *writer = bide_create_task(write_all_into, &done);
        CHECK_INT(bide_sleep(1), 0);
        CHECK_INT(bide_read(ends[0], block, 100), 100);
        CHECK_INT(bide_cancel(writer), 1);
        CHECK_INT(bide_await(writer, &result), 0);
        CHECK_INT(result, -ECANCELED);
        for (got = 100; got < done; got += (size_t)n)
            CHECK((n = bide_read(ends[0], block, sizeof block)) > 0);
        CHECK_INT(got, done);
        CHECK_INT(bide_sleep(1), 0);
        CHECK_INT(poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, 0), 0); /* no byte more */
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

TASK(write_all_of_nothing_still_checks)
{
    size_t done = 7;
    CHECK_INT(open_ends(&kinds[PIPE], OWN), 0);
    CHECK_INT(bide_write_all(ends[1], "", 0, &done), 0);
    CHECK_INT(done, 0);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    done = 7;
    CHECK_INT(bide_write_all(ends[1], "abc", 3, &done), -ECANCELED);
    CHECK_INT(done, 0);
    CHECK_INT(bide_uncancel(), 0);
    return close_ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(what_bide_makes_is_nonblocking_and_close_on_exec, virtual),
        RUN(what_cannot_be_made_leaves_the_output_alone, virtual),
        cmocka_unit_test(nothing_is_made_outside_of_a_loop),
        RUN(bug_30_writev_is_short_at_every_edge, virtual),
        RUN(bug_30_readv_is_short_at_every_edge, virtual),
        RUN(readv_waits_and_no_buffers_are_nothing, virtual),
        RUN(poll_for_both_ends_with_the_first_that_comes, virtual),
        RUN(all_kinds_of_waits_stand_side_by_side, virtual),
        RUN(bug_30_write_all_tells_what_was_done_when_cancelled, virtual),
        RUN(write_all_of_nothing_still_checks, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
