/* SPDX-License-Identifier: MIT */
/* Programs of sockets and pipes, each with every one of its calls to the system failing. */
#include "sweep.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

enum { MUCH = 70000 };

static int ends[2];

/* Ends what it began, also where closing fails: the descriptor is gone all the same. */
static int closing(int fd, int code)
{
    const int closed = bide_close(fd);
    return code < 0 ? code : closed;
}

static int read_all(int fd, char *buf, size_t n)
{
    size_t got = 0;
    while (got < n) {
        const ssize_t part = bide_read(fd, buf + got, n - got);
        if (part < 0) return (int)part;
        if (part == 0) return -EPIPE;
        got += (size_t)part;
    }
    return 0;
}

/* ---- an echo over TCP ---- */

static struct sockaddr_in address;
static int listener;

static int listen_somewhere(bool foreign)
{
    socklen_t len = sizeof address;
    const int fd = foreign ? socket(AF_INET, SOCK_STREAM, 0) : bide_socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return fd;
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK_INT(bind(fd, (struct sockaddr *)&address, len), 0);
    CHECK_INT(listen(fd, 16), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return fd;
}

static int echo(int fd)
{
    char text[64];
    for (;;) {
        const ssize_t n = bide_read(fd, text, sizeof text);
        if (n <= 0) return (int)n;
        size_t done = 99;
        const int code = bide_write_all(fd, text, (size_t)n, &done);
        CHECK(code < 0 ? done < (size_t)n : done == (size_t)n);
        if (code < 0) return code;
    }
}

TASK(serve)
{
    sweep_begin(arg);
    const int fd = bide_accept(listener, NULL, NULL);
    return sweep_end(arg, fd < 0 ? fd : closing(fd, echo(fd)));
}

static int talk(int fd)
{
    char text[6] = "";
    int code = bide_connect(fd, (struct sockaddr *)&address, sizeof address);
    if (code == 0) code = bide_write_all(fd, "hello", 5, NULL);
    if (code == 0) code = read_all(fd, text, 5);
    CHECK(code < 0 || strcmp(text, "hello") == 0);
    return code;
}

TASK(ask)
{
    sweep_begin(arg);
    const int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
    return sweep_end(arg, fd < 0 ? fd : closing(fd, talk(fd)));
}

static int serve_and_ask(bool foreign)
{
    struct bide_group group;
    if ((listener = listen_somewhere(foreign)) < 0) return listener;
    BIDE_TIMEOUT(sweep_patience()) {
        BIDE_GROUP(group) {
            for (int i = 0; i < 2; i++) (void)sweep_start(&group, serve);
            for (int i = 0; i < 2; i++) (void)sweep_start(&group, ask);
        }
    }
    return closing(listener, bide_group_result(&group));
}

TASK(echo_over_tcp)
{
    return serve_and_ask(false);
}

TASK(echo_of_a_foreign_listener)
{
    return serve_and_ask(true);
}

/* ---- pipes ---- */

TASK(write_much)
{
    static char much[MUCH];
    sweep_begin(arg);
    memset(much, 'x', MUCH);
    size_t done = 0;
    const int code = bide_write_all(ends[1], much, MUCH, &done);
    if (code == 0 && done != MUCH) check_failed(__FILE__, __LINE__, "%zu bytes were written", done);
    return sweep_end(arg, closing(ends[1], code));
}

TASK(read_much)
{
    static char much[MUCH];
    sweep_begin(arg);
    memset(much, 0, MUCH);
    const int code = read_all(ends[0], much, MUCH);
    if (code == 0 && memchr(much, 0, MUCH)) check_failed(__FILE__, __LINE__, "wrong bytes");
    return sweep_end(arg, closing(ends[0], code));
}

static int pass_much(void)
{
    struct bide_group group;
    int closer = 0;
    BIDE_TIMEOUT(sweep_patience()) {
        BIDE_GROUP(group) {
            if (!sweep_start(&group, write_much)) closer = bide_close(ends[1]);
            if (!sweep_start(&group, read_much)) closer = bide_close(ends[0]);
        }
    }
    const int code = bide_group_result(&group);
    return code < 0 ? code : closer;
}

/* What could not be adopted has the flags it had, if only one call fails. */
static int adopt(int fd)
{
    const int flags = fcntl(fd, F_GETFL), fd_flags = fcntl(fd, F_GETFD);
    const int code = bide_adopt(fd);
    if (code == 0) return 0;
    CHECK(!sweep_is_single() || (fcntl(fd, F_GETFL) == flags && fcntl(fd, F_GETFD) == fd_flags));
    return code;
}

TASK(adopted_pipe)
{
    CHECK_INT(pipe(ends), 0);
    int code = adopt(ends[0]);
    if (code == 0) code = adopt(ends[1]);
    if (code == 0) return pass_much();
    CHECK_INT(close(ends[0]), 0);
    CHECK_INT(close(ends[1]), 0);
    return code;
}

TASK(foreign_pipe)
{
    CHECK_INT(pipe(ends), 0);
    return pass_much();
}

TASK(foreign_sockets)
{
    const int little = 4096;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_INT(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
    return pass_much();
}

TASK(adopt_and_release)
{
    char byte;
    CHECK_INT(pipe(ends), 0);
    int code = adopt(ends[0]);
    if (code == 0) {
        BIDE_TIMEOUT(0.001) code = (int)bide_read(ends[0], &byte, 1);
        if (code == -ETIMEDOUT) code = 0;
        CHECK_INT(bide_release(ends[0]), 0);
    }
    CHECK_INT(close(ends[0]), 0);
    CHECK_INT(close(ends[1]), 0);
    return code;
}

/* ---- two wait for one descriptor ---- */

TASK(read_one)
{
    char byte = 0;
    sweep_begin(arg);
    const ssize_t n = bide_read(ends[0], &byte, 1);
    return sweep_end(arg, n < 0 ? (int)n : byte == 'x' ? 0 : -EPROTO);
}

TASK(write_two)
{
    sweep_begin(arg);
    (void)bide_yield();
    return sweep_end(arg, bide_write_all(ends[1], "xx", 2, NULL));
}

static int read_by_two(bide_fn third)
{
    struct bide_group group;
    BIDE_TIMEOUT(sweep_patience()) {
        BIDE_GROUP(group) {
            (void)sweep_start(&group, read_one);
            (void)sweep_start(&group, read_one);
            (void)sweep_start(&group, third);
        }
    }
    return bide_group_result(&group);
}

TASK(two_readers)
{
    CHECK_INT(pipe(ends), 0);
    const int adopted = bide_adopt(ends[0]);
    const int code = read_by_two(write_two);
    return closing(ends[0], closing(ends[1], adopted < 0 ? adopted : code));
}

TASK(close_it)
{
    sweep_begin(arg);
    (void)bide_yield();
    const int closed = bide_close(ends[0]);
    ends[0] = -1;
    return sweep_end(arg, closed);
}

TASK(close_while_two_read)
{
    CHECK_INT(pipe(ends), 0);
    int code = bide_adopt(ends[0]);
    const int outcome = read_by_two(close_it);
    if (code == 0 && outcome != -EBADF) code = outcome;
    if (ends[0] >= 0) (void)bide_close(ends[0]);
    return closing(ends[1], code);
}

TASK(wait_to_read)
{
    sweep_begin(arg);
    return sweep_end(arg, bide_poll(ends[0], POLLIN));
}

TASK(wait_to_write)
{
    sweep_begin(arg);
    return sweep_end(arg, bide_poll(ends[0], POLLOUT));
}

/* Fills ends[0], so that only one of both can go on at first. */
TASK(feed)
{
    char bytes[4096] = "";
    sweep_begin(arg);
    CHECK_INT(write(ends[1], "x", 1), 1);
    int code = bide_sleep(0.001);
    while (code == 0 && recv(ends[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
    return sweep_end(arg, code);
}

static void fill(void)
{
    const char bytes[4096] = "";
    while (send(ends[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
}

TASK(two_who_poll)
{
    struct bide_group group;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    fill();
    BIDE_TIMEOUT(sweep_patience()) {
        BIDE_GROUP(group) {
            (void)sweep_start(&group, wait_to_read);
            (void)sweep_start(&group, wait_to_write);
            (void)sweep_start(&group, feed);
        }
    }
    return closing(ends[0], closing(ends[1], bide_group_result(&group)));
}

/* ---- what no program can go on without ---- */

TASK(close_everything)
{
    for (int fd = STDERR_FILENO + 1; fd < 64; fd++) close(fd);
    return bide_sleep(0.001);
}

static int run_close_everything(void *arg)
{
    return bide_run(close_everything, arg);
}

static void a_loop_whose_epoll_was_closed_aborts(void **state)
{
    (void)state;
    check_aborts(run_close_everything, NULL, "epoll descriptor");
}

SWEEP(echo_over_tcp, .codes = {-EPIPE, -ECONNRESET, -ENOTCONN})
SWEEP(echo_of_a_foreign_listener, .codes = {-EPIPE, -ECONNRESET, -ENOTCONN})
SWEEP(adopted_pipe, .codes = {-EPIPE})
SWEEP(foreign_pipe, .codes = {-EPIPE})
SWEEP(foreign_sockets, .codes = {-EPIPE, -ECONNRESET})
SWEEP(adopt_and_release, .threads = 1)
SWEEP(two_who_poll, .threads = 1)
SWEEP(two_readers, .threads = 1)
SWEEP(close_while_two_read, .threads = 1)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_whose_epoll_was_closed_aborts),
        SWEEP_TEST(every_fault_of_echo_over_tcp),
        SWEEP_TEST(every_fault_of_echo_of_a_foreign_listener),
        SWEEP_TEST(every_fault_of_adopted_pipe),
        SWEEP_TEST(every_fault_of_foreign_pipe),
        SWEEP_TEST(every_fault_of_foreign_sockets),
        SWEEP_TEST(every_fault_of_adopt_and_release),
        SWEEP_TEST(every_fault_of_two_who_poll),
        SWEEP_TEST(every_fault_of_two_readers),
        SWEEP_TEST(every_fault_of_close_while_two_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
