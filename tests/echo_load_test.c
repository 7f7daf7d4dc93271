/* SPDX-License-Identifier: MIT */
/*
 * Echo servers with 10,000 connections at once, one in this program and the example: clients reset,
 * half close, wait, never read, and the first server cancels some at random. What comes in goes out, and
 * nothing is left. The client is another process than the server.
 */
#include "crowd.h"
#include "ends.h"
#include "example.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the server of this program ---- */

struct connection {
    int fd, code;
    size_t in, out;
    struct bide_task *task;
};

static struct sockaddr_in address;
static struct connection served[WANTED];
static int listener, from_client, greeted, cancelled;
static struct crowd_report report;

static int serve(void *arg)
{
    struct connection *connection = arg;
    char buf[512];
    ssize_t n;
    while ((n = bide_read(connection->fd, buf, sizeof buf)) > 0) {
        size_t done = 0;
        const bool first = connection->in < ROUND;
        connection->in += (size_t)n;
        const int code = bide_write_all(connection->fd, buf, (size_t)n, &done);
        connection->out += done;
        greeted += first && connection->in >= ROUND;
        if (code < 0) {
            n = code;
            break;
        }
    }
    connection->code = (int)n;
    return bide_close(connection->fd);
}

static int accept_all(void *arg)
{
    struct bide_group *group = arg;
    for (int i = 0; i < connections; i++) {
        served[i] = (struct connection){.fd = bide_accept(listener, NULL, NULL)};
        CHECK(served[i].fd >= 0);
        served[i].task = bide_group_start(group, serve, &served[i]);
        CHECK(served[i].task != NULL);
    }
    return 0;
}

/* Cancels one in a hundred, at random, from the moment when all are there. */
static int cancel_some(void *arg)
{
    (void)arg;
    unsigned state = 1;
    while (greeted < connections) CHECK_INT(bide_sleep(0.001), 0);
    for (int i = 0; i < connections / 100 + 1; i++) {
        state = state * 1664525u + 1013904223u;
        cancelled += bide_cancel(served[(state >> 8) % (unsigned)connections].task);
        if (i % 8 == 0) CHECK_INT(bide_sleep(0.0005), 0);
    }
    return 0;
}

/* What the client reports at its end. If it has given up, nobody waits for more of it. */
static int hear_report(void *arg)
{
    (void)arg;
    CHECK_INT(bide_read(from_client, &report, sizeof report), sizeof report);
    CHECK_INT(report.wrong, 0);
    return 0;
}

static int check_served(void)
{
    int clean = 0;
    for (int i = 0; i < connections; i++) {
        const struct connection *connection = &served[i];
        CHECK(connection->code <= 0 && connection->out <= connection->in);
        if (connection->code == 0) CHECK(connection->in == TOTAL && connection->out == TOTAL);
        clean += connection->out == TOTAL;
    }
    CHECK(clean >= crowd_told() - cancelled);
    return 0;
}

TASK(serve_all)
{
    struct bide_group group;
    greeted = cancelled = 0;
    CHECK_INT(bide_adopt(listener), 0);
    BIDE_GROUP(group) {
        bide_group_start(&group, accept_all, &group);
        bide_group_start(&group, cancel_some, NULL);
        bide_group_start(&group, hear_report, NULL);
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_INT(bide_release(listener), 0);
    return check_served();
}

static void a_server_holds_10000_connections(void **state)
{
    (void)state;
    const struct bide_options options = {.stack_size = bide_stack_min()};
    listener = open_listener(&address, SOMAXCONN);
    assert_true(listener >= 0);
    const struct crowd_process client = crowd_start(&address);
    from_client = client.from;
    assert_int_equal(check_run_with(&options, serve_all, NULL), 0);
    assert_int_equal(close(listener), 0);
    crowd_end(&client);
    assert_int_equal(report.complete + report.cut, crowd_told());
    assert_true(report.cut <= cancelled);
}

/* ---- the example ---- */

static void the_example_holds_10000_connections(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct example server;
    example_need("echo_server", path, sizeof path);
    /* It tells of each connection that is reset. */
    example_start(&server, "exec $EMULATOR \"$0\" 0 2>/dev/null", path, "", NULL, NULL);
    const char *said = example_hear(&server, "127.0.0.1:");
    const int port = said && example_hear(&server, "\n") ? atoi(said) : 0;
    if (port == 0) print_message("the example does not run here\n");
    address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    report = port ? crowd_run(&address) : (struct crowd_report){0, 0, 0};
    const int status = example_stop(&server);
    if (port == 0) skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(report.wrong, 0);
    assert_int_equal(report.cut, 0);
    assert_int_equal(report.complete, crowd_told());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_holds_10000_connections),
        cmocka_unit_test(the_example_holds_10000_connections),
    };
    return cmocka_run_group_tests(tests, crowd_set_up, NULL);
}
