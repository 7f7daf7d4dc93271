/* SPDX-License-Identifier: MIT */
/*
 * A server on streams with 10,000 connections at once, on small stacks and with little room to send: clients
 * reset, half close, never read, read and write a byte at a time. The client is another process.
 */
#include "crowd.h"
#include "ends.h"

#include <unistd.h>

enum { LITTLE = 4096, MORE_STACK = 4096 };
static const double GRACE = 60; /* seconds: a limit, not a time that is waited */

static struct sockaddr_in address;
static int listener;
static struct crowd_process client;
static struct crowd_report report;

static struct bide_event all_greeted;
static int now, peak, greeted, failures;
static int stuck; /* with what those who never read do not take */

/* What was read goes out from where it is, so no buffer is needed. */
static int echo(struct bide_stream *stream, void *arg)
{
    const char *data;
    size_t before = 0;
    ssize_t n;
    (void)arg;
    if (++now > peak) peak = now;
    while ((n = bide_stream_peek(stream, 1, &data)) > 0) {
        greeted += before < ROUND && before + (size_t)n >= ROUND;
        before += (size_t)n;
        if (greeted == connections) bide_event_set(&all_greeted);
        const ssize_t written = bide_stream_write(stream, data, (size_t)n);
        bide_stream_skip(stream, (size_t)n);
        n = written < 0 ? written : bide_stream_drain(stream);
        if (n < 0) break;
    }
    stuck += n < 0 && before > TOTAL;
    now--;
    return n == -ECONNRESET || n == -EPIPE ? 0 : (int)n;
}

static void count_failure(void *arg, const struct bide_error *error)
{
    (void)arg;
    (void)error;
    failures++;
}

/* With a duplicate of the listening socket; those that are accepted inherit its options. */
static struct bide_server *start(void)
{
    const int little = LITTLE, fd = dup(listener);
    const struct bide_server_options options = {
        .fds = &fd, .count = 1, .stack_size = bide_stack_min() + MORE_STACK};
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
    now = peak = greeted = failures = stuck = 0;
    all_greeted = (struct bide_event){0};
    return bide_start_server(NULL, 0, echo, NULL, &options);
}

static int hear_report(void)
{
    CHECK_INT(bide_read(client.from, &report, sizeof report), sizeof report);
    CHECK_INT(report.wrong, 0);
    CHECK_INT(report.complete + report.cut, crowd_told());
    return 0;
}

TASK(serve_all)
{
    struct bide_server *server = start();
    CHECK(server);
    CHECK_INT(hear_report(), 0);
    CHECK_INT(bide_server_close(server, GRACE), 0); /* nobody had to be cancelled */
    CHECK_INT(peak, connections);
    CHECK_INT(report.cut, 0);
    CHECK(stuck > 0);
    return 0;
}

/* At the height of it; some have gone by then. */
TASK(close_all)
{
    struct bide_server *server = start();
    CHECK(server);
    CHECK_INT(bide_event_wait(&all_greeted), 0);
    const int cancelled = bide_server_close(server, 0);
    CHECK(cancelled > 0 && cancelled <= connections);
    CHECK_INT(peak, connections);
    return hear_report();
}

static void run(bide_fn fn)
{
    const struct bide_options options = {.on_error = count_failure};
    listener = open_listener(&address, SOMAXCONN);
    assert_true(listener >= 0);
    client = crowd_start(&address);
    assert_int_equal(check_run_with(&options, fn, NULL), 0);
    assert_int_equal(now, 0);
    assert_int_equal(failures, 0);
    assert_int_equal(close(listener), 0);
    crowd_end(&client);
}

static void ten_thousand_at_once(void **state)
{
    (void)state;
    run(serve_all);
}

static void ten_thousand_are_cut_off(void **state)
{
    (void)state;
    run(close_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_at_once),
        cmocka_unit_test(ten_thousand_are_cut_off),
    };
    return cmocka_run_group_tests(tests, crowd_set_up, NULL);
}
