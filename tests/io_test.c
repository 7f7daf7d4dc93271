/* SPDX-License-Identifier: MIT */
/* Sockets and pipes: waiting for them, their errors, and their place in a turn of the loop. */
#include "check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6)

static int ends[2]; /* a pipe or a pair of sockets, of the test that runs */

static int open_pipe(void)
{
    CHECK_INT(pipe(ends), 0);
    return bide_adopt(ends[0]) < 0 ? -EPROTO : bide_adopt(ends[1]);
}

static int open_pair(void)
{
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    return bide_adopt(ends[0]) < 0 ? -EPROTO : bide_adopt(ends[1]);
}

static int close_both(void)
{
    const int code = bide_close(ends[0]);
    return bide_close(ends[1]) < 0 ? -EPROTO : code;
}

/* A socket that listens on a port of 127.0.0.1 that was free. */
static int open_listener(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    const int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(bind(fd, (struct sockaddr *)address, len) == 0 && listen(fd, 16) == 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)address, &len), 0);
    return fd;
}

static int connect_to(const struct sockaddr_in *address)
{
    const int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
    const int code = bide_connect(fd, (const struct sockaddr *)address, sizeof *address);
    if (code == 0) return fd;
    return bide_close(fd) < 0 ? -EPROTO : code;
}

struct read {
    int fd, code;
    char text[16];
};

TASK(read_it)
{
    struct read *read = arg;
    read->code = (int)bide_read(read->fd, read->text, sizeof read->text - 1);
    if (read->code > 0) log_event("%s", read->text);
    return 0;
}

TASK(serve_one)
{
    char buffer[64];
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    const int fd = bide_accept(*(int *)arg, (struct sockaddr *)&peer, &len);
    CHECK(fd >= 0 && len == sizeof peer && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC);
    for (;;) {
        const ssize_t n = bide_read(fd, buffer, sizeof buffer);
        CHECK(n >= 0);
        if (n == 0) return bide_close(fd);
        CHECK_INT(bide_write(fd, buffer, (size_t)n), n);
    }
}

TASK(tcp_echoes)
{
    struct sockaddr_in address;
    char buffer[64] = "";
    int listener = open_listener(&address);
    struct bide_task *server = bide_create_task(serve_one, &listener);
    const int fd = connect_to(&address);
    CHECK(fd >= 0);
    CHECK_INT(bide_write_all(fd, "hello", 5, NULL), 0);
    CHECK_INT(bide_poll(fd, POLLIN), POLLIN);
    CHECK(bide_read(fd, buffer, sizeof buffer) == 5 && strcmp(buffer, "hello") == 0);
    CHECK_INT(shutdown(fd, SHUT_WR), 0);
    CHECK_INT(bide_read(fd, buffer, sizeof buffer), 0);
    CHECK_INT(bide_await(server, NULL), 0);
    CHECK(bide_close(fd) == 0 && bide_close(listener) == 0);
    CHECK_INT(connect_to(&address), -ECONNREFUSED);
    return 0;
}

TASK(accept_it)
{
    return bide_accept(*(int *)arg, NULL, NULL);
}
TASK(poll_it)
{
    return bide_poll(*(int *)arg, POLLIN);
}

TASK(close_and_release_wake_who_waits)
{
    struct sockaddr_in address;
    struct read read = {0, 0, ""};
    int listener = open_listener(&address), fds[2], result = 0;
    CHECK(pipe(fds) == 0 && bide_adopt(fds[0]) == 0);
    read.fd = fds[0];
    struct bide_task *one = bide_create_task(accept_it, &listener);
    struct bide_task *two = bide_create_task(poll_it, &listener);
    struct bide_task *three = bide_create_task(read_it, &read);
    CHECK_INT(bide_yield(), 0);
    CHECK(bide_close(listener) == 0 && bide_release(fds[0]) == 0);
    CHECK_INT(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, 0);
    CHECK_INT(bide_release(fds[0]), -EBADF);
    CHECK(bide_await(one, &result) == 0 && result == -EBADF);
    CHECK(bide_await(two, &result) == 0 && result == -EBADF);
    CHECK(bide_await(three, NULL) == 0 && read.code == -EBADF);
    return close(fds[0]) + close(fds[1]);
}

TASK(a_reader_and_a_writer_of_one_fd_wait_at_once)
{
    static char block[1 << 16];
    CHECK_INT(open_pair(), 0);
    struct read read = {ends[0], 0, ""};
    while (send(ends[0], block, sizeof block, MSG_DONTWAIT) > 0) continue;
    struct bide_task *reader = bide_create_task(read_it, &read);
    CHECK_INT(bide_yield(), 0);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_write(ends[0], "x", 1), -ETIMEDOUT);
    }
    CHECK(!bide_task_done(reader));
    CHECK_INT(bide_write(ends[1], "back", 4), 4);
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_LOG("back");
    return close_both();
}

TASK(readers_of_one_fd_are_served_in_turn)
{
    struct bide_task *tasks[3];
    CHECK_INT(open_pipe(), 0);
    struct read reads[3] = {{ends[0], 0, ""}, {ends[0], 0, ""}, {ends[0], 0, ""}};
    for (int i = 0; i < 3; i++) tasks[i] = bide_create_task(read_it, &reads[i]);
    CHECK_INT(bide_yield(), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(bide_write(ends[1], &"abc"[i], 1), 1);
        CHECK_INT(bide_await(tasks[i], NULL), 0);
        CHECK(reads[i].code == 1 && reads[i].text[0] == "abc"[i]);
    }
    CHECK_LOG("a b c");
    return close_both();
}

TASK(a_wait_for_an_fd_is_cut_short_by_cancel_and_deadline)
{
    char text[4];
    CHECK_INT(open_pipe(), 0);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_read(ends[0], text, sizeof text), -ETIMEDOUT);
    }
    CHECK_AT(1);
    struct bide_task *task = bide_create_task(poll_it, &ends[0]);
    CHECK_INT(bide_yield(), 0);
    CHECK(bide_cancel(task) == 1 && bide_await(task, NULL) == -ECANCELED);
    CHECK_INT(bide_write(ends[1], "late", 4), 4);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK(bide_read(ends[0], text, 0) == -ECANCELED && bide_read(ends[0], text, 4) == -ECANCELED);
    CHECK_INT(bide_write_all(ends[1], text, 0, NULL), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_read(ends[0], text, 0), 0);
    CHECK_INT(bide_read(ends[0], text, sizeof text), 4);
    return close_both();
}

TASK(cancel_when_readable)
{
    return bide_poll(ends[1], POLLIN) == POLLIN ? bide_cancel(arg) : -EPROTO;
}

/* The reader's bytes and its cancel come in one turn: it has them, or they are still there. */
TASK(rule_03_a_cancel_loses_no_byte)
{
    struct read read = {0, 0, ""};
    int fds[2];
    CHECK(open_pair() == 0 && pipe(fds) == 0 && bide_adopt(fds[0]) == 0);
    read.fd = fds[0];
    struct bide_task *reader = bide_create_task(read_it, &read);
    struct bide_task *other = bide_create_task(cancel_when_readable, reader);
    CHECK_INT(bide_yield(), 0);
    CHECK(send(ends[0], "x", 1, 0) == 1 && write(fds[1], "abc", 3) == 3);
    CHECK(bide_await(other, NULL) == 0 && bide_await(reader, NULL) == 0);
    CHECK(read.code == 3 || read.code == -ECANCELED);
    if (read.code < 0) CHECK_INT(bide_read(fds[0], read.text, sizeof read.text), 3);
    CHECK(bide_close(fds[0]) == 0 && close(fds[1]) == 0);
    return close_both();
}

enum { LARGE = 8 << 20 };

static unsigned char large[LARGE];

TASK(write_large)
{
    size_t written = 0;
    CHECK_INT(bide_write_all(ends[0], large, LARGE, &written), 0);
    CHECK_INT(written, LARGE);
    return shutdown(ends[0], SHUT_WR);
}

static uint32_t add_to_sum(uint32_t sum, const unsigned char *bytes, ssize_t n)
{
    for (ssize_t i = 0; i < n; i++) sum = sum * 31 + bytes[i];
    return sum;
}

TASK(eight_megabytes_pass_a_small_buffer_unharmed)
{
    const int small = 4096;
    unsigned char buffer[8192];
    uint32_t sum = 0;
    ssize_t n, all = 0;
    for (uint32_t i = 0; i < LARGE; i++) large[i] = (unsigned char)(i * 2654435761u >> 24);
    CHECK_INT(open_pair(), 0);
    CHECK_INT(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    struct bide_task *writer = bide_create_task(write_large, NULL);
    for (; (n = bide_read(ends[1], buffer, sizeof buffer)) > 0; all += n) sum = add_to_sum(sum, buffer, n);
    CHECK(n == 0 && all == LARGE);
    CHECK_INT(sum, add_to_sum(0, large, LARGE));
    CHECK_INT(bide_await(writer, NULL), 0);
    return close_both();
}

TASK(writes_to_a_closed_peer_raise_no_sigpipe)
{
    size_t done = 99;
    CHECK_INT(open_pair(), 0);
    CHECK(bide_close(ends[1]) == 0 && bide_write(ends[0], "x", 1) == -EPIPE);
    CHECK(bide_write_all(ends[0], "xy", 2, &done) == -EPIPE && done == 0);
    CHECK_INT(bide_poll(ends[0], POLLOUT) & (POLLHUP | POLLERR), POLLHUP);
    CHECK(bide_close(ends[0]) == 0 && open_pipe() == 0 && bide_close(ends[0]) == 0);
    CHECK_INT(bide_write(ends[1], "x", 1), -EPIPE);
    return bide_close(ends[1]);
}

TASK(a_bad_fd_is_ebadf)
{
    char byte = 0;
    const struct sockaddr_in address = {.sin_family = AF_INET};
    const int fds[] = {-1, 1 << 20, INT_MAX, INT_MIN};
    for (int i = 0; i < 4; i++) {
        CHECK(bide_read(fds[i], &byte, 1) == -EBADF && bide_write(fds[i], &byte, 1) == -EBADF);
        CHECK(bide_write_all(fds[i], &byte, 1, NULL) == -EBADF && bide_poll(fds[i], POLLIN) == -EBADF);
        CHECK_INT(bide_accept(fds[i], NULL, NULL), -EBADF);
        CHECK_INT(bide_connect(fds[i], (const struct sockaddr *)&address, sizeof address), -EBADF);
        CHECK(bide_adopt(fds[i]) == -EBADF && bide_release(fds[i]) == -EBADF);
        CHECK_INT(bide_close(fds[i]), -EBADF);
    }
    CHECK_INT(open_pipe(), 0);
    CHECK_INT(bide_poll(ends[0], 0), -EINVAL);
    CHECK_INT(bide_poll(ends[1], POLLOUT | POLLIN), POLLOUT);
    return close_both();
}

TASK(sleep_and_say)
{
    CHECK_INT(bide_sleep(0.001), 0);
    log_event("timer");
    return 0;
}

static struct bide_task *timer, *reader;
static struct read byte;

static int start_timer_and_reader(void)
{
    CHECK_INT(open_pipe(), 0);
    byte = (struct read){ends[0], 0, ""};
    timer = bide_create_task(sleep_and_say, NULL);
    reader = bide_create_task(read_it, &byte);
    return bide_yield();
}

/* While this task holds the loop both become due; a virtual clock may not jump over the bytes. */
TASK(rule_01_16_fd_events_come_before_due_timers)
{
    CHECK_INT(start_timer_and_reader(), 0);
    usleep(2000);
    CHECK_INT(write(ends[1], "fd", 2), 2);
    CHECK(bide_await(timer, NULL) == 0 && bide_await(reader, NULL) == 0);
    CHECK_LOG("fd timer");
    return close_both();
}

TASK(bug_39_a_loop_of_sleep_0_lets_io_and_timers_go_on)
{
    CHECK_INT(start_timer_and_reader(), 0);
    CHECK_INT(write(ends[1], "fd", 2), 2);
    for (int i = 0; i < 100000000 && !(bide_task_done(timer) && bide_task_done(reader)); i++)
        CHECK_INT(bide_sleep(i % 2 ? 0 : -1), 0);
    CHECK(bide_task_done(timer) && bide_task_done(reader));
    CHECK(bide_await(timer, NULL) == 0 && bide_await(reader, NULL) == 0);
    return close_both();
}

static struct bide_options on_virtual_time = {.clock = BIDE_CLOCK_VIRTUAL}, on_real_time;

static void run_in_a_loop(void **state)
{
    const struct bide_call *test = *state;
    log_clear();
    assert_int_equal(check_run_with(test->arg, test->fn, NULL), 0);
}

#define RUN(fn, options)                                                                                     \
    ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, &(struct bide_call){fn, &on_##options##_time}})

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(tcp_echoes, real),
        RUN(close_and_release_wake_who_waits, virtual),
        RUN(a_reader_and_a_writer_of_one_fd_wait_at_once, virtual),
        RUN(readers_of_one_fd_are_served_in_turn, virtual),
        RUN(a_wait_for_an_fd_is_cut_short_by_cancel_and_deadline, virtual),
        RUN(rule_03_a_cancel_loses_no_byte, real),
        RUN(eight_megabytes_pass_a_small_buffer_unharmed, real),
        RUN(writes_to_a_closed_peer_raise_no_sigpipe, real),
        RUN(a_bad_fd_is_ebadf, real),
        RUN(rule_01_16_fd_events_come_before_due_timers, real),
        RUN(rule_01_16_fd_events_come_before_due_timers, virtual),
        RUN(bug_39_a_loop_of_sleep_0_lets_io_and_timers_go_on, real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
