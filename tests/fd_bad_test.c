/* SPDX-License-Identifier: MIT */
/* Bad input: numbers that are not open, of the wrong kind, no buffers, absurd sizes; and SIGPIPE. */
#include "../src/sanitizer.h"
#include "ends.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- numbers ---- */

/* Every call with this number gives this code. */
static int all_give(int fd, int code)
{
    char byte = 0;
    size_t done = 7;
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    const struct sockaddr_in address = {.sin_family = AF_INET};
    CHECK_INT(bide_read(fd, &byte, 1), code);
    CHECK_INT(bide_write(fd, &byte, 1), code);
    CHECK_INT(bide_readv(fd, &iov, 1), code);
    CHECK_INT(bide_writev(fd, &iov, 1), code);
    CHECK_INT(bide_recv(fd, &byte, 1, 0), code);
    CHECK_INT(bide_send(fd, &byte, 1, 0), code);
    CHECK_INT(bide_recvmsg(fd, &message, 0), code);
    CHECK_INT(bide_sendmsg(fd, &message, 0), code);
    CHECK_INT(bide_write_all(fd, &byte, 1, &done), code);
    CHECK_INT(done, 0);
    CHECK_INT(bide_poll(fd, POLLIN | POLLOUT), code);
    CHECK_INT(bide_accept(fd, NULL, NULL), code);
    CHECK_INT(bide_connect(fd, (const struct sockaddr *)&address, sizeof address), code);
    CHECK_INT(bide_adopt(fd), code);
    CHECK_INT(bide_release(fd), code);
    CHECK_INT(bide_close(fd), code);
    return 0;
}

TASK(numbers_that_are_not_open)
{
    const int closed = dup(0);
    const int numbers[] = {-1, -2, INT_MIN, INT_MAX, 1 << 24, 500, closed};
    CHECK_INT(close(closed), 0);
    for (int i = 0; i < 7; i++) CHECK_INT(all_give(numbers[i], -EBADF), 0);
    return 0;
}

TASK(numbers_that_were_known_and_are_closed)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_poll(ends[0], POLLIN), -ETIMEDOUT);
        }
        CHECK(bide_close(ends[0]) == 0 && bide_close(ends[1]) == 0);
        CHECK(all_give(ends[0], -EBADF) == 0 && all_give(ends[1], -EBADF) == 0);
    }
    return 0;
}

/* ---- the wrong kind ---- */

/* Emulators lack the calls that try without blocking; poll alone cannot tell what will never be ready. */
static bool waits_for_foreign(void)
{
    return check_emulated();
}

TASK(the_wrong_end_of_a_pipe)
{
    char byte = 0;
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        if (manner != OWN && waits_for_foreign()) break;
        CHECK_INT(open_ends(&kinds[PIPE], manner), 0);
        CHECK_INT(bide_read(ends[1], &byte, 1), -EBADF);
        CHECK_INT(bide_write(ends[0], &byte, 1), -EBADF);
        CHECK_INT(bide_write_all(ends[0], &byte, 1, NULL), -EBADF);
        CHECK_INT(bide_accept(ends[0], NULL, NULL), -ENOTSOCK);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* Sockets of the wrong kind or state: none of these may wait. */
static int wrong_socket(enum manner manner)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr *any = (struct sockaddr *)&address;
    const struct sockaddr nonsense = {.sa_family = 12345};
    char byte = 0;
    CHECK_INT(open_ends(&kinds[TCP], manner), 0);
    CHECK_INT(bide_accept(ends[0], NULL, NULL), -EINVAL);
    CHECK_INT(bide_connect(ends[1], any, sizeof address), -EISCONN);
    CHECK_INT(close_ends(), 0);
    CHECK_INT(open_ends(&kinds[UNIX_DATAGRAM], manner), 0);
    const int code = bide_accept(ends[0], NULL, NULL);
    CHECK(code == -EOPNOTSUPP || code == -EINVAL);
    CHECK_INT(close_ends(), 0);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (manner == OWN) CHECK_INT(bide_adopt(fd), 0);
    if (manner == NONBLOCKING) CHECK_INT(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    CHECK_INT(bide_accept(fd, NULL, NULL), -EINVAL);
    CHECK_INT(bide_connect(fd, any, 1), -EINVAL);
    CHECK_INT(bide_connect(fd, &nonsense, sizeof nonsense), -EAFNOSUPPORT);
    CHECK_INT(bide_read(fd, &byte, 1), -ENOTCONN);
    CHECK_INT(bide_write(fd, &byte, 1), -EPIPE);
    return bide_close(fd);
}

TASK(sockets_of_the_wrong_kind_or_state)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        BIDE_TIMEOUT(60) {
            CHECK_INT(wrong_socket(manner), 0);
        }
        CHECK(!bide_expired());
    }
    return 0;
}

TASK(things_that_cannot_be_read)
{
    char byte;
    const struct sockaddr_in address = {.sin_family = AF_INET};
    const int fds[] = {epoll_create1(EPOLL_CLOEXEC), open("/", O_PATH), open("/", O_RDONLY)};
    const int codes[] = {-EINVAL, -EBADF, -EISDIR};
    for (int i = 0; i < 3; i++) {
        if (i == 0 && waits_for_foreign()) continue;
        CHECK_INT(bide_read(fds[i], &byte, 1), codes[i]);
        CHECK(bide_write(fds[i], "x", 1) == -EBADF || (i == 0 && bide_write(fds[i], "x", 1) == -EINVAL));
        CHECK(bide_connect(fds[i], (const struct sockaddr *)&address, sizeof address) < 0);
        CHECK(bide_accept(fds[i], NULL, NULL) < 0);
    }
    return close(fds[0]) + close(fds[1]) + close(fds[2]);
}

/* ---- buffers and sizes ---- */

static bool is_refused(ssize_t code)
{
    return code == -EFAULT || code == -EINVAL;
}

/* What was not read into a buffer that is none is still there. */
static int no_buffers(const struct kind *kind, enum manner manner)
{
    char text[8];
    const struct iovec nowhere = {NULL, 3};
    CHECK_INT(open_ends(kind, manner), 0);
    CHECK_INT(bide_write(ends[1], "abc", 3), 3);
    CHECK_INT(bide_read(ends[0], NULL, 3), -EFAULT);
    CHECK_INT(bide_readv(ends[0], &nowhere, 1), -EFAULT);
    CHECK_INT(bide_write(ends[1], NULL, 3), -EFAULT);
    CHECK_INT(bide_writev(ends[1], &nowhere, 1), -EFAULT);
    CHECK_INT(bide_write_all(ends[1], NULL, 3, NULL), -EFAULT);
    CHECK(is_refused(bide_read(ends[0], text, SIZE_MAX)));
    CHECK(is_refused(bide_write(ends[1], text, SIZE_MAX)));
    CHECK(is_refused(bide_write_all(ends[1], text, SIZE_MAX, NULL)));
    CHECK_INT(bide_read(ends[0], text, sizeof text), 3);
    return close_ends();
}

TASK(no_buffers_and_absurd_sizes)
{
    static const int which[] = {UNIX_STREAM, TCP, PIPE, FIFO};
    if (sanitizer_valgrind()) return 0; /* it would report each of them */
    for (size_t i = 0; i < 4 * MANNERS; i++)
        CHECK_INT(no_buffers(&kinds[which[i / MANNERS]], (enum manner)(i % MANNERS)), 0);
    return 0;
}

TASK(absurd_vectors)
{
    char byte = 0;
    struct iovec iov[2] = {{&byte, 1}, {&byte, SIZE_MAX}};
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        CHECK_INT(bide_readv(ends[0], NULL, 1), -EFAULT);
        CHECK_INT(bide_writev(ends[1], NULL, 2), -EFAULT);
        CHECK_INT(bide_readv(ends[0], iov, -1), -EINVAL);
        CHECK_INT(bide_writev(ends[1], iov, INT_MIN), -EINVAL);
        CHECK_INT(bide_readv(ends[0], iov, INT_MAX), -EINVAL);
        CHECK_INT(bide_writev(ends[1], iov, IOV_MAX + 1), -EINVAL);
        if (!sanitizer_valgrind()) CHECK(is_refused(bide_readv(ends[0], iov, 2)));
        if (!sanitizer_valgrind()) CHECK(is_refused(bide_writev(ends[1], iov, 2)));
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

TASK(no_messages_and_no_addresses)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        CHECK_INT(bide_recvmsg(ends[0], NULL, 0), -EFAULT);
        CHECK_INT(bide_sendmsg(ends[1], NULL, 0), -EFAULT);
        CHECK_INT(close_ends(), 0);
        const int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
        CHECK_INT(bide_connect(fd, NULL, 16), -EFAULT);
        CHECK_INT(bide_close(fd), 0);
    }
    return 0;
}

TASK(poll_for_what_it_does_not_know)
{
    static const int events[] = {0, POLLPRI, POLLIN | POLLPRI, -1, POLLHUP, INT_MIN};
    CHECK_INT(open_ends(&kinds[PIPE], OWN), 0);
    for (int i = 0; i < 6; i++) CHECK_INT(bide_poll(ends[0], events[i]), -EINVAL);
    return close_ends();
}

/* ---- SIGPIPE ---- */

/* The other side resets the connection, or nobody reads the pipe. */
static int break_off(const struct kind *kind)
{
    const struct linger reset = {1, 0};
    if (kind == &kinds[TCP]) CHECK_INT(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    CHECK_INT(bide_close(ends[0]), 0);
    ends[0] = -1;
    return 0;
}

static bool is_broken(ssize_t code)
{
    return code == -EPIPE || code == -ECONNRESET; /* the latter once, after a reset */
}

TASK(bug_29_a_broken_pipe_is_an_error_and_no_signal)
{
    static const int which[] = {UNIX_STREAM, TCP, PIPE, FIFO};
    for (size_t i = 0; i < 4 * MANNERS; i++) {
        const struct kind *kind = &kinds[which[i / MANNERS]];
        const struct iovec iov = {"x", 1};
        const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)&iov, .msg_iovlen = 1};
        size_t done = 7;
        CHECK_INT(open_ends(kind, (enum manner)(i % MANNERS)), 0);
        CHECK_INT(break_off(kind), 0);
        CHECK(is_broken(bide_write(ends[1], "x", 1)));
        CHECK_INT(bide_write(ends[1], "x", 1), -EPIPE);
        CHECK_INT(bide_writev(ends[1], &iov, 1), -EPIPE);
        CHECK(bide_write_all(ends[1], "xyz", 3, &done) == -EPIPE && done == 0);
        if (i / MANNERS < 2) CHECK_INT(bide_send(ends[1], "x", 1, 0), -EPIPE);
        if (i / MANNERS < 2) CHECK_INT(bide_sendmsg(ends[1], &message, 0), -EPIPE);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* A signal that the program's own write raises is blocked while the loop runs, and taken away at its end. */
TASK(write_to_a_broken_pipe)
{
    CHECK_INT(open_ends(&kinds[PIPE], OWN), 0);
    CHECK_INT(break_off(&kinds[PIPE]), 0);
    CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
    CHECK(bide_write(ends[1], "x", 1) == -EPIPE);
    return close_ends();
}

static void bug_29_the_mask_is_as_it_was(void **state)
{
    (void)state;
    sigset_t pipe_only, before, after, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    for (int blocked = 0; blocked < 2; blocked++) {
        pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &pipe_only, &before);
        assert_int_equal(check_run(write_to_a_broken_pipe, NULL), 0);
        pthread_sigmask(SIG_UNBLOCK, NULL, &after);
        assert_int_equal(sigismember(&after, SIGPIPE), blocked);
        sigpending(&pending);
        assert_int_equal(sigismember(&pending, SIGPIPE), 0);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(numbers_that_are_not_open, virtual),
        RUN(numbers_that_were_known_and_are_closed, virtual),
        RUN(the_wrong_end_of_a_pipe, virtual),
        RUN(sockets_of_the_wrong_kind_or_state, virtual),
        RUN(things_that_cannot_be_read, virtual),
        RUN(no_buffers_and_absurd_sizes, virtual),
        RUN(absurd_vectors, virtual),
        RUN(no_messages_and_no_addresses, virtual),
        RUN(poll_for_what_it_does_not_know, virtual),
        RUN(bug_29_a_broken_pipe_is_an_error_and_no_signal, virtual),
        cmocka_unit_test(bug_29_the_mask_is_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
