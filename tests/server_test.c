/* SPDX-License-Identifier: MIT */
/* Servers: where they listen, whom they serve, what a handler may do, what cannot be started. */
#include "dial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct bide_server *server; /* of the test that runs */

static int start(bide_serve_fn handler, void *arg)
{
    server = bide_start_server("127.0.0.1", 0, handler, arg, NULL);
    CHECK(server);
    return 0;
}

/* ---- where ---- */

TASK(serves_clients_one_after_the_other_and_at_once)
{
    struct bide_stream *clients[3];
    CHECK_INT(start(echo_lines, NULL), 0);
    CHECK(bide_server_port(server) > 0 && bide_server_fd(server, 0) >= 0);
    CHECK_INT(bide_server_fd(server, 1), -EBADF);
    CHECK_INT(bide_server_connections(server), 0);
    CHECK_INT(ask(dial(server), "one\n", "one\n"), 0);
    for (int i = 0; i < 3; i++) CHECK((clients[i] = dial(server)));
    for (int i = 2; i >= 0; i--) CHECK_INT(ask(clients[i], "two\nthree", "two\nthree"), 0);
    CHECK_INT(bide_server_close(server, BIDE_FOREVER), 0);
    return bide_server_close(NULL, 1);
}

TASK(serves_all_addresses_at_one_port)
{
    server = bide_start_server(NULL, 0, echo_lines, NULL, NULL);
    CHECK(server);
    CHECK_INT(ask(dial(server), "four\n", "four\n"), 0);
    const int fd = bide_connect_to("::1", bide_server_port(server), NULL);
    CHECK(fd >= 0 || fd == -EADDRNOTAVAIL || fd == -ENETUNREACH || fd == -EAFNOSUPPORT); /* no IPv6 here */
    if (fd >= 0) CHECK_INT(ask(bide_stream_new(fd), "six\n", "six\n"), 0);
    return bide_server_close(server, 1);
}

TASK(serves_a_unix_socket_and_removes_its_file)
{
    char dir[] = "/tmp/bide-server-XXXXXX", host[64];
    struct stat status;
    CHECK(mkdtemp(dir));
    snprintf(host, sizeof host, "unix:%s/s", dir);
    for (int i = 0; i < 2; i++) {
        server = bide_start_server(host, 0, echo_lines, NULL, NULL);
        CHECK(server);
        CHECK_INT(bide_server_port(server), 0);
        CHECK_INT(ask(bide_stream_new(bide_connect_to(host, 0, NULL)), "path\n", "path\n"), 0);
        CHECK_INT(lstat(host + 5, &status), 0);
        if (i == 1) CHECK(unlink(host + 5) == 0 && symlink("other", host + 5) == 0); /* another's now */
        CHECK_INT(bide_server_close(server, 1), 0);
        CHECK_INT(lstat(host + 5, &status), i == 1 ? 0 : -1);
    }
    CHECK(unlink(host + 5) == 0 && rmdir(dir) == 0);
    snprintf(host, sizeof host, "unix:@bide-server-test-%d", (int)getpid());
    server = bide_start_server(host, 0, echo_lines, NULL, NULL);
    CHECK(server);
    CHECK_INT(ask(bide_stream_new(bide_connect_to(host, 0, NULL)), "name\n", "name\n"), 0);
    return bide_server_close(server, 1);
}

TASK(shares_a_port_where_that_was_asked_for)
{
    const struct bide_server_options options = {.listen.reuse_port = true};
    server = bide_start_server("127.0.0.1", 0, echo_lines, NULL, &options);
    CHECK(server);
    struct bide_server *second =
        bide_start_server("127.0.0.1", bide_server_port(server), echo_lines, NULL, &options);
    CHECK(second && bide_server_port(second) == bide_server_port(server));
    for (int i = 0; i < 8; i++) CHECK_INT(ask(dial(server), "x\n", "x\n"), 0);
    CHECK_INT(bide_server_close(second, 1), 0);
    return bide_server_close(server, 1);
}

TASK(takes_sockets_that_listen_already)
{
    struct sockaddr_in address;
    const int good = open_listener(&address, 4), bad = socket(AF_INET, SOCK_STREAM, 0);
    const int mixed[] = {good, bad};
    struct bide_server_options options = {.fds = mixed, .count = 2};
    CHECK(good >= 0 && bad >= 0);
    CHECK(!bide_start_server(NULL, 0, echo_lines, NULL, &options) && errno == EINVAL);
    CHECK(strstr(bide_error_text(EINVAL), "does not listen"));
    options.count = 1;
    server = bide_start_server(NULL, 0, echo_lines, NULL, &options);
    CHECK(server && bide_server_port(server) == ntohs(address.sin_port));
    CHECK_INT(bide_server_fd(server, 0), good);
    CHECK_INT(ask(dial(server), "given\n", "given\n"), 0);
    CHECK_INT(close(bad), 0); /* it was ours all the time */
    return bide_server_close(server, 1);
}

/* ---- what a handler may do ---- */

static char reports[512];

static void note_report(void *arg, const struct bide_error *error)
{
    const size_t used = strlen(reports);
    (void)arg;
    snprintf(reports + used, sizeof reports - used, "%.8s|%s|", error->task, error->text);
}

static int fail_or_echo(struct bide_stream *client, void *arg)
{
    char *line;
    const ssize_t n = bide_stream_read_line(client, &line);
    (void)arg;
    if (n <= 0) return (int)n;
    if (line[0] == 'c') return -ECANCELED;
    if (line[0] == 'e') return -EIO;
    bide_stream_printf(client, "no %s", line);
    return bide_fail(EPROTO, "bad word");
}

/* A failure is told under the client's address, what was written is sent, and the others go on. */
TASK(a_handler_that_fails)
{
    CHECK_INT(start(fail_or_echo, NULL), 0);
    struct bide_stream *other = dial(server);
    CHECK_INT(ask(dial(server), "word\n", "no word\n"), 0);
    CHECK_INT(ask(dial(server), "e\n", ""), 0);
    CHECK_INT(ask(dial(server), "c\n", ""), 0);
    CHECK_INT(ask(other, "more\n", "no more\n"), 0);
    CHECK_INT(bide_server_close(server, 1), 0);
    return 0;
}

static void a_handler_that_fails_is_reported(void **state)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL, .on_error = note_report};
    char io[128];
    (void)state;
    reports[0] = '\0';
    assert_int_equal(check_run_with(&options, a_handler_that_fails, NULL), 0);
    snprintf(io, sizeof io, "client 1|bad word|client 1|%s|client 1|bad word|", strerror(EIO));
    assert_string_equal(reports, io);
}

static int end_early(struct bide_stream *client, void *arg)
{
    bide_stream_printf(client, "bye\n");
    if (arg) {
        bide_stream_abort(client);
        return 0;
    }
    return bide_stream_close(client);
}

TASK(a_handler_that_closes_its_stream)
{
    CHECK_INT(start(end_early, NULL), 0);
    CHECK_INT(ask(dial(server), NULL, "bye\n"), 0);
    CHECK_INT(bide_server_close(server, 1), 0);
    CHECK_INT(start(end_early, &server), 0);
    CHECK_INT(ask(dial(server), NULL, ""), 0);
    return bide_server_close(server, 1);
}

static int end_server(struct bide_stream *client, void *arg)
{
    (void)arg;
    bide_stream_printf(client, "%d", bide_server_close(server, 1) == -EDEADLK);
    return bide_server_stop(server);
}

TASK(a_handler_that_ends_its_server)
{
    CHECK_INT(start(end_server, NULL), 0);
    struct bide_stream *client = dial(server);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_server_wait(server), client ? 0 : -EPROTO);
    }
    CHECK(!bide_expired());
    CHECK_INT(ask(client, NULL, "1"), 0);
    CHECK(!dial(server) && errno == ECONNREFUSED);
    CHECK_INT(bide_server_fd(server, 0), -EBADF);
    CHECK_INT(bide_server_wait(server), 0);
    CHECK_INT(bide_server_stop(server), 0);
    return bide_server_close(server, 1);
}

static int tell_stack(struct bide_stream *client, void *arg)
{
    (void)arg;
    bide_stream_printf(client, "%s", bide_current_task() ? "in a task" : "");
    return 0;
}

TASK(handlers_on_small_stacks)
{
    const struct bide_server_options options = {.stack_size = bide_stack_min() + 8192};
    server = bide_start_server("127.0.0.1", 0, tell_stack, NULL, &options);
    CHECK(server);
    CHECK_INT(ask(dial(server), NULL, "in a task"), 0);
    return bide_server_close(server, 1);
}

/* ---- what cannot be started ---- */

static int refused(const char *host, int port, const struct bide_server_options *options)
{
    struct bide_server *wrong = bide_start_server(host, port, echo_lines, NULL, options);
    if (!wrong) return errno;
    bide_server_close(wrong, 0);
    return 0;
}

TASK(bad_input)
{
    char path[256] = "unix:", text[64];
    const struct bide_server_options unknown = {.reserved = {0, 1}}, small = {.stack_size = 1};
    const struct bide_server_options none = {.count = 1}, many = {.fds = &(int){0}, .count = 1000};
    CHECK(!bide_start_server("127.0.0.1", 0, NULL, NULL, NULL) && errno == EINVAL);
    CHECK_INT(refused("127.0.0.1", 70000, NULL), EINVAL);
    CHECK_INT(refused("127.0.0.1", -1, NULL), EINVAL);
    CHECK_INT(refused("127.0.0.1", 0, &unknown), EINVAL);
    CHECK_INT(refused("127.0.0.1", 0, &small), EINVAL);
    CHECK(strstr(bide_error_text(EINVAL), "options of a server"));
    CHECK_INT(refused(NULL, 0, &none), EINVAL);
    CHECK_INT(refused(NULL, 0, &many), EINVAL);
    CHECK_INT(refused("192.0.2.1", 0, NULL), EADDRNOTAVAIL);
    CHECK(strstr(bide_error_text(EADDRNOTAVAIL), "192.0.2.1"));
    memset(path + 5, 'x', sizeof path - 6);
    CHECK_INT(refused(path, 0, NULL), ENAMETOOLONG);
    CHECK_INT(refused("unix:/no/such/dir", 0, NULL), ENOENT);
    CHECK(strstr(bide_error_text(ENOENT), "/no/such/dir"));
    CHECK_INT(start(echo_lines, NULL), 0);
    CHECK_INT(refused("127.0.0.1", bide_server_port(server), NULL), EADDRINUSE);
    snprintf(text, sizeof text, "127.0.0.1:%d", bide_server_port(server));
    CHECK(strstr(bide_error_text(EADDRINUSE), text));
    CHECK_INT(bide_server_close(server, (double)NAN), -EINVAL);
    CHECK(bide_server_port(NULL) == -EINVAL && bide_server_fd(NULL, 0) == -EINVAL);
    CHECK(bide_server_stop(NULL) == -EINVAL && bide_server_wait(NULL) == -EINVAL);
    CHECK_INT(bide_server_connections(NULL), 0);
    bide_cancel(bide_current_task());
    CHECK_INT(refused("127.0.0.1", 0, NULL), ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    return bide_server_close(server, 1);
}

static void outside_a_task(void **state)
{
    (void)state;
    assert_true(!bide_start_server(NULL, 0, echo_lines, NULL, NULL) && errno == EPERM);
    assert_int_equal(bide_server_close(NULL, 0), 0);
}

/* ---- a server that nobody closes ---- */

TASK(ends_with_the_loop)
{
    CHECK_INT(start(echo_lines, NULL), 0);
    struct bide_stream *client = dial(server);
    CHECK(client);
    bide_stream_abort(client);
    return 0;
}

static int close_late(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    BIDE_SHIELD(1) bide_sleep(0.5); /* by now all of the server's tasks have ended */
    return bide_server_close(server, 1) == -ECANCELED ? 0 : -EPROTO;
}

TASK(closed_while_the_loop_ends)
{
    CHECK_INT(start(echo_lines, NULL), 0);
    bide_detach(bide_create_task(close_late, NULL));
    return bide_yield();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(serves_clients_one_after_the_other_and_at_once, virtual),
        RUN(serves_all_addresses_at_one_port, virtual),
        RUN(serves_a_unix_socket_and_removes_its_file, virtual),
        RUN(shares_a_port_where_that_was_asked_for, virtual),
        RUN(takes_sockets_that_listen_already, virtual),
        cmocka_unit_test(a_handler_that_fails_is_reported),
        RUN(a_handler_that_closes_its_stream, virtual),
        RUN(a_handler_that_ends_its_server, virtual),
        RUN(handlers_on_small_stacks, virtual),
        RUN(bad_input, virtual),
        cmocka_unit_test(outside_a_task),
        RUN(ends_with_the_loop, virtual),
        RUN(closed_while_the_loop_ends, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
