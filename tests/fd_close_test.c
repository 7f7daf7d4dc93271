/* SPDX-License-Identifier: MIT */
/* Descriptors that are closed, released or adopted in every state: whoever waits for them is told. */
#include "ends.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- calls that wait ---- */

static int wait_read(void *arg)
{
    char byte;
    return (int)bide_read(*(int *)arg, &byte, 1);
}

static int wait_readv(void *arg)
{
    char byte;
    return (int)bide_readv(*(int *)arg, &(struct iovec){&byte, 1}, 1);
}

static int wait_recv(void *arg)
{
    char byte;
    return (int)bide_recv(*(int *)arg, &byte, 1, MSG_PEEK);
}

static int wait_recvmsg(void *arg)
{
    char byte;
    struct msghdr message = {.msg_iov = &(struct iovec){&byte, 1}, .msg_iovlen = 1};
    return (int)bide_recvmsg(*(int *)arg, &message, 0);
}

static int wait_write(void *arg)
{
    return (int)bide_write(*(int *)arg, "x", 1);
}

static int wait_writev(void *arg)
{
    return (int)bide_writev(*(int *)arg, &(struct iovec){"x", 1}, 1);
}

static int wait_send(void *arg)
{
    return (int)bide_send(*(int *)arg, "x", 1, 0);
}

static int wait_sendmsg(void *arg)
{
    const struct msghdr message = {.msg_iov = &(struct iovec){"x", 1}, .msg_iovlen = 1};
    return (int)bide_sendmsg(*(int *)arg, &message, 0);
}

static int wait_write_all(void *arg)
{
    return bide_write_all(*(int *)arg, "xyz", 3, NULL);
}

static int wait_poll(void *arg)
{
    return bide_poll(*(int *)arg, POLLIN);
}

static int wait_poll_both(void *arg)
{
    return bide_poll(*(int *)arg, POLLIN | POLLOUT);
}

static const bide_fn waits[] = {wait_read,      wait_readv,  wait_recv,     wait_recvmsg,
                                wait_write,     wait_writev, wait_send,     wait_sendmsg,
                                wait_write_all, wait_poll,   wait_poll_both};

enum { WAITS = sizeof waits / sizeof *waits };

/* ---- while they wait ---- */

enum end { CLOSE, RELEASE, ADOPT };

static int end_it(enum end end, int fd)
{
    return end == CLOSE ? bide_close(fd) : end == RELEASE ? bide_release(fd) : bide_adopt(fd);
}

/* Two of each wait for a socket that is full and empty, when it is taken from them. */
static int take_away(enum manner manner, enum end end)
{
    struct bide_task *tasks[2 * WAITS];
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
    CHECK(fill(ends[1]) > 0);
    for (int i = 0; i < 2 * WAITS; i++) tasks[i] = bide_create_task(waits[i / 2], &ends[1]);
    CHECK_INT(bide_sleep(1), 0);
    for (int i = 0; i < 2 * WAITS; i++) CHECK(!bide_task_done(tasks[i]));
    CHECK_INT(end_it(end, ends[1]), 0);
    for (int i = 0; i < 2 * WAITS; i++) {
        int result = 0;
        CHECK_INT(bide_await(tasks[i], &result), 0);
        CHECK_INT(result, -EBADF);
    }
    if (end != CLOSE) CHECK_INT(bide_close(ends[1]), 0);
    return bide_close(ends[0]);
}

TASK(bug_05_close_wakes_all_who_wait)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) CHECK_INT(take_away(manner, CLOSE), 0);
    return 0;
}

TASK(release_wakes_all_who_wait)
{
    return take_away(OWN, RELEASE);
}

TASK(adopt_wakes_all_who_wait)
{
    for (enum manner manner = BLOCKING; manner < MANNERS; manner++) CHECK_INT(take_away(manner, ADOPT), 0);
    return 0;
}

static int wait_accept(void *arg)
{
    return bide_accept(*(int *)arg, NULL, NULL);
}

TASK(bug_05_close_wakes_who_accepts)
{
    for (int own = 0; own < 2; own++) {
        struct sockaddr_in address;
        struct bide_task *tasks[3];
        int listener = open_listener(&address, 4);
        if (own) CHECK_INT(bide_adopt(listener), 0);
        for (int i = 0; i < 3; i++) tasks[i] = bide_create_task(wait_accept, &listener);
        CHECK_INT(bide_sleep(1), 0);
        CHECK_INT(bide_close(listener), 0);
        for (int i = 0; i < 3; i++) {
            int result = 0;
            CHECK_INT(bide_await(tasks[i], &result), 0);
            CHECK_INT(result, -EBADF);
        }
    }
    return 0;
}

struct connecting {
    int fd;
    struct sockaddr_in address;
};

static int wait_connect(void *arg)
{
    struct connecting *connecting = arg;
    return bide_connect(connecting->fd, (struct sockaddr *)&connecting->address, sizeof connecting->address);
}

/* Connects until the listener, whose queue is short, lets one wait. */
static int fill_listener(struct connecting *connecting, int *fds)
{
    int n = 0;
    while (n < 8) {
        fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[n], (struct sockaddr *)&connecting->address, sizeof connecting->address);
        struct pollfd poll_fd = {.fd = fds[n++], .events = POLLOUT};
        if (poll(&poll_fd, 1, 50) == 0) break;
    }
    return n;
}

TASK(bug_05_close_and_cancel_wake_who_connects)
{
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        struct connecting connecting;
        int fds[8], result = 0;
        const int listener = open_listener(&connecting.address, 0);
        const int n = fill_listener(&connecting, fds);
        connecting.fd = bide_socket(AF_INET, SOCK_STREAM, 0);
        struct bide_task *task = bide_create_task(wait_connect, &connecting);
        CHECK_INT(bide_sleep(0.001), 0);
        CHECK(!bide_task_done(task));
        if (cancelled)
            CHECK_INT(bide_cancel(task), 1);
        else
            CHECK_INT(bide_close(connecting.fd), 0);
        CHECK_INT(bide_await(task, &result), 0);
        CHECK_INT(result, cancelled ? -ECANCELED : -EBADF);
        if (cancelled) CHECK_INT(bide_close(connecting.fd), 0);
        for (int i = 0; i < n; i++) CHECK_INT(close(fds[i]), 0);
        CHECK_INT(close(listener), 0);
    }
    return 0;
}

/* Data and the close come in one turn: the reader has the bytes, or it is told; never neither. */
TASK(data_and_close_in_one_turn)
{
    for (int i = 0; i < 4 * MANNERS; i++) {
        int result = 0;
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], (enum manner)(i / 4)), 0);
        struct bide_task *reader = bide_create_task(wait_read, &ends[0]);
        CHECK_INT(bide_yield(), 0);
        CHECK_INT(bide_write(ends[1], "x", 1), 1);
        if (i % 4 > 1) CHECK_INT(bide_sleep(0), 0);
        const int closed = i % 2 ? ends[1] : ends[0];
        CHECK_INT(bide_close(closed), 0);
        CHECK_INT(bide_await(reader, &result), 0);
        CHECK(result == 1 || (result == -EBADF && closed == ends[0]));
        CHECK_INT(bide_close(closed == ends[0] ? ends[1] : ends[0]), 0);
    }
    return 0;
}

/* ---- in every state ---- */

TASK(close_and_release_twice)
{
    int fds[2];
    CHECK_INT(bide_pipe(fds), 0);
    CHECK_INT(bide_release(fds[0]), 0);
    CHECK_INT(bide_release(fds[0]), -EBADF);
    CHECK_INT(bide_close(fds[0]), 0);
    CHECK_INT(bide_close(fds[0]), -EBADF);
    CHECK_INT(bide_release(fds[0]), -EBADF);
    CHECK_INT(bide_adopt(fds[0]), -EBADF);
    CHECK_INT(bide_close(fds[1]), 0);
    CHECK_INT(bide_release(fds[1]), -EBADF);
    return 0;
}

TASK(adopting_again_keeps_the_first_flags)
{
    int fds[2];
    CHECK_INT(pipe(fds), 0);
    const int flags = fcntl(fds[0], F_GETFL);
    for (int i = 0; i < 3; i++) CHECK_INT(bide_adopt(fds[0]), 0);
    CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK && fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    CHECK_INT(bide_release(fds[0]), 0);
    CHECK(fcntl(fds[0], F_GETFL) == flags && !(fcntl(fds[0], F_GETFD) & FD_CLOEXEC));
    CHECK_INT(fcntl(fds[0], F_SETFL, flags | O_NONBLOCK), 0);
    CHECK_INT(bide_adopt(fds[0]), 0);
    CHECK_INT(bide_release(fds[0]), 0);
    CHECK_INT(fcntl(fds[0], F_GETFL), flags | O_NONBLOCK);
    return close(fds[0]) + close(fds[1]);
}

/* Own, then foreign, then own: each with a wait that is served, in either kind of waiting. */
TASK(a_descriptor_changes_hands_between_waits)
{
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], BLOCKING), 0);
    for (int i = 0; i < 12; i++) {
        struct reading reading = {.fd = ends[0], .n = 8};
        if (i % 2) CHECK_INT(bide_adopt(ends[0]), 0);
        struct bide_task *reader = bide_create_task(read_some, &reading);
        CHECK_INT(bide_sleep(1), 0);
        if (i % 3 == 0) { /* the wait is cut short instead, and leaves what epoll knows behind */
            CHECK(bide_cancel(reader) == 1 && bide_await(reader, NULL) == 0 && reading.code == -ECANCELED);
        } else {
            CHECK_INT(bide_write(ends[1], "x", 1), 1);
            CHECK(bide_await(reader, NULL) == 0 && reading.code == 1);
        }
        if (i % 2) CHECK_INT(bide_release(ends[0]), 0);
    }
    return close_ends();
}

/* In a callback, while cancelled, in a scope that is over: it always works, and at once. */
static void close_in_a_callback(void *arg)
{
    if (bide_close(*(int *)arg) != 0) check_failed(__FILE__, __LINE__, "bide_close failed");
}

TASK(close_works_wherever_it_is_called)
{
    int fds[2], result = 0;
    CHECK_INT(bide_pipe(fds), 0);
    struct bide_task *reader = bide_create_task(wait_read, &fds[0]);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_call_soon(NULL, close_in_a_callback, &fds[0]), 0);
    CHECK(bide_await(reader, &result) == 0 && result == -EBADF);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_close(fds[1]), 0);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_pipe(fds), 0);
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_read(fds[0], &result, 1), -ETIMEDOUT);
        CHECK_INT(bide_release(fds[1]), 0);
        CHECK(bide_close(fds[0]) == 0 && bide_close(fds[1]) == 0);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_05_close_wakes_all_who_wait, virtual),
        RUN(release_wakes_all_who_wait, virtual),
        RUN(adopt_wakes_all_who_wait, virtual),
        RUN(bug_05_close_wakes_who_accepts, virtual),
        RUN(bug_05_close_and_cancel_wake_who_connects, real),
        RUN(data_and_close_in_one_turn, virtual),
        RUN(data_and_close_in_one_turn, real),
        RUN(close_and_release_twice, virtual),
        RUN(adopting_again_keeps_the_first_flags, virtual),
        RUN(a_descriptor_changes_hands_between_waits, virtual),
        RUN(close_works_wherever_it_is_called, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
