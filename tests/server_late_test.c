/* SPDX-License-Identifier: MIT */
/* The end of listening: whom the kernel has let in by then is served, and nobody else is let in. */
#include "dial.h"
#include "faults.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS = 5 };

static struct bide_server *server; /* of the test that runs */

/* A name of the abstract kind, of its own for each process. */
static char unix_host[64];

static int start(const char *host, size_t most)
{
    const struct bide_server_options options = {.max_connections = most};
    server = bide_start_server(host, 0, echo_lines, NULL, &options);
    CHECK(server);
    return 0;
}

static int connect_to(int listener, int flags)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &length) < 0) return -errno;
    const int fd = socket(address.ss_family, SOCK_STREAM | flags, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, length) == 0 || errno == EINPROGRESS) return fd;
    const int code = -errno;
    close(fd);
    return code;
}

/* They connect and ask before the server has had a turn: the kernel has let them in. */
static int ask_early(int *fds)
{
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = connect_to(bide_server_fd(server, 0), 0);
        CHECK(fds[i] >= 0);
        CHECK_INT(send(fds[i], "hi\n", 3, 0), 3);
        CHECK_INT(shutdown(fds[i], SHUT_WR), 0);
    }
    return 0;
}

static int hear_all(const int *fds)
{
    for (int i = 0; i < CLIENTS; i++) {
        char answer[8];
        CHECK_INT(recv(fds[i], answer, sizeof answer, MSG_WAITALL), 3);
        CHECK(memcmp(answer, "hi\n", 3) == 0);
        CHECK_INT(close(fds[i]), 0);
    }
    return 0;
}

static int are_served(const char *host, size_t most)
{
    int fds[CLIENTS];
    CHECK_INT(start(host, most), 0);
    CHECK_INT(ask_early(fds), 0);
    CHECK_INT(bide_server_close(server, 5), 0);
    return hear_all(fds);
}

TASK(who_was_let_in_is_served)
{
    return are_served("127.0.0.1", 0);
}

TASK(at_a_unix_socket_too)
{
    return are_served(unix_host, 0);
}

TASK(one_after_the_other_when_no_more_are_allowed)
{
    return are_served("127.0.0.1", 1);
}

TASK(where_others_cannot_be_kept_out)
{
    int fds[CLIENTS];
    CHECK_INT(start("127.0.0.1", 0), 0);
    CHECK_INT(ask_early(fds), 0);
    faults_set(SYS_SETSOCKOPT, ENOPROTOOPT, 0, FOR_EVER);
    const int code = bide_server_close(server, 5);
    faults_clear();
    CHECK_INT(code, 0);
    return hear_all(fds);
}

static void stop_it(void *arg)
{
    (void)arg;
    bide_server_stop(server);
}

TASK(stopped_by_a_callback)
{
    int fds[CLIENTS];
    CHECK_INT(start("127.0.0.1", 2), 0);
    CHECK_INT(ask_early(fds), 0);
    CHECK_INT(bide_call_soon(NULL, stop_it, NULL), 0);
    CHECK_INT(bide_server_wait(server), 0);
    CHECK_INT(hear_all(fds), 0);
    return bide_server_close(server, 0);
}

/* Whether they still had a turn or not: nobody is left waiting. */
TASK(without_grace_all_see_the_end)
{
    int fds[CLIENTS];
    char answer[8];
    CHECK_INT(start("127.0.0.1", 1), 0);
    CHECK_INT(ask_early(fds), 0);
    CHECK(bide_server_close(server, 0) >= 0);
    for (int i = 0; i < CLIENTS; i++) {
        while (recv(fds[i], answer, sizeof answer, 0) > 0) continue;
        CHECK_INT(close(fds[i]), 0);
    }
    return 0;
}

static void ignore_report(void *arg, const struct bide_error *error)
{
    (void)arg;
    (void)error;
}

static const struct bide_options on_quiet_time = {.clock = BIDE_CLOCK_VIRTUAL, .on_error = ignore_report};

TASK(without_memory_the_others_are_served)
{
    for (long after = 0; after < 4 * CLIENTS; after++) {
        int fds[CLIENTS], served = 0;
        char answer[8];
        CHECK_INT(start("127.0.0.1", 0), 0);
        CHECK_INT(ask_early(fds), 0);
        faults_set(SYS_ALLOC, ENOMEM, after, 1);
        const int code = bide_server_close(server, 5);
        faults_clear();
        CHECK_INT(code, 0);
        for (int i = 0; i < CLIENTS; i++) {
            served += recv(fds[i], answer, sizeof answer, MSG_WAITALL) == 3;
            CHECK_INT(close(fds[i]), 0);
        }
        CHECK(served >= CLIENTS - 1);
    }
    return 0;
}

/* A server that could not be started leaves no socket's file. */
TASK(without_memory_to_start_no_file_is_left)
{
    char path[64], host[70];
    snprintf(path, sizeof path, "/tmp/bide-late-%d", (int)getpid());
    snprintf(host, sizeof host, "unix:%s", path);
    for (long after = 0; after < 40; after++) {
        faults_set(SYS_ALLOC, ENOMEM, after, 1);
        server = bide_start_server(host, 0, echo_lines, NULL, NULL);
        faults_clear();
        CHECK(server || access(path, F_OK) < 0);
        CHECK_INT(bide_server_close(server, 1), 0);
        CHECK_INT(bide_yield(), 0); /* what has been given up ends */
        CHECK(access(path, F_OK) < 0);
    }
    return 0;
}

/* ---- the call itself ---- */

static int nobody_else_is_let_in(const char *host)
{
    const int listener = bide_listen(host, 0, 0);
    const int early = connect_to(listener, 0);
    CHECK(listener >= 0 && early >= 0);
    const int first = bide_accept_last(listener, NULL, NULL);
    CHECK(first >= 0);
    CHECK_INT(bide_accept_last(listener, NULL, NULL), -EAGAIN);
    const int late = connect_to(listener, SOCK_NONBLOCK);
    CHECK(late >= 0 ? strncmp(host, "unix:", 5) != 0 : late == -ECONNREFUSED);
    CHECK_INT(bide_accept_last(listener, NULL, NULL), -EAGAIN);
    CHECK_INT(bide_close(listener), 0);
    CHECK_INT(bide_close(first), 0);
    CHECK_INT(close(early), 0);
    return late >= 0 ? close(late) : 0;
}

TASK(nobody_else_over_tcp)
{
    return nobody_else_is_let_in("127.0.0.1");
}

TASK(nobody_else_over_ipv6)
{
    const int probe = bide_listen("::1", 0, 0);
    if (probe < 0) return 0; /* this machine has none */
    CHECK_INT(bide_close(probe), 0);
    return nobody_else_is_let_in("::1");
}

TASK(nobody_else_at_a_unix_socket)
{
    return nobody_else_is_let_in(unix_host);
}

/* Of a listener that is not bide's own, and would block. */
TASK(a_blocking_one)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 5) == 0);
    const int client = connect_to(listener, 0), first = bide_accept_last(listener, NULL, NULL);
    CHECK(client >= 0 && first >= 0);
    CHECK_INT(send(client, "x", 1, 0), 1);
    char byte = 0;
    CHECK_INT(bide_read(first, &byte, 1), 1);
    CHECK_INT(bide_accept_last(listener, NULL, NULL), -EAGAIN);
    CHECK_INT(bide_close(first), 0);
    CHECK_INT(close(client), 0);
    return close(listener);
}

TASK(what_does_not_listen)
{
    int pair[2];
    CHECK_INT(bide_accept_last(-1, NULL, NULL), -EBADF);
    CHECK_INT(bide_pipe(pair), 0);
    CHECK_INT(bide_accept_last(pair[0], NULL, NULL), -ENOTSOCK);
    CHECK_INT(bide_close(pair[0]) + bide_close(pair[1]), 0);
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(bide_accept_last(pair[0], NULL, NULL), -EINVAL);
    return bide_close(pair[0]) + bide_close(pair[1]);
}

/* Failures of the peers are passed over, but not for ever. */
TASK(accepting_fails)
{
    const int listener = bide_listen("127.0.0.1", 0, 0), client = connect_to(listener, 0);
    faults_set(SYS_ACCEPT, ECONNABORTED, 0, 3);
    const int first = bide_accept_last(listener, NULL, NULL);
    faults_set(SYS_ACCEPT, ECONNABORTED, 0, FOR_EVER);
    const int second = connect_to(listener, SOCK_NONBLOCK), code = bide_accept_last(listener, NULL, NULL);
    faults_clear();
    CHECK(first >= 0 && client >= 0 && second >= 0);
    CHECK_INT(code, -EAGAIN);
    CHECK_INT(close(client) + close(second) + bide_close(first), 0);
    return bide_close(listener);
}

static void outside_a_loop(void **state)
{
    (void)state;
    assert_int_equal(bide_accept_last(0, NULL, NULL), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(who_was_let_in_is_served, virtual),
        RUN(at_a_unix_socket_too, virtual),
        RUN(one_after_the_other_when_no_more_are_allowed, virtual),
        RUN(where_others_cannot_be_kept_out, virtual),
        RUN(stopped_by_a_callback, virtual),
        RUN(without_grace_all_see_the_end, virtual),
        RUN(without_memory_the_others_are_served, quiet),
        RUN(without_memory_to_start_no_file_is_left, quiet),
        RUN(nobody_else_over_tcp, virtual),
        RUN(nobody_else_over_ipv6, virtual),
        RUN(nobody_else_at_a_unix_socket, virtual),
        RUN(a_blocking_one, virtual),
        RUN(what_does_not_listen, virtual),
        RUN(accepting_fails, virtual),
        cmocka_unit_test(outside_a_loop),
    };
    snprintf(unix_host, sizeof unix_host, "unix:@bide-late-%d", (int)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
