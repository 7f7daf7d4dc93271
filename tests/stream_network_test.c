/* SPDX-License-Identifier: MIT */
/*
 * Streams over a network that may be bad: what is sent arrives, once and in order, and deadlines hold. Run
 * as it is this uses the loopback device; packet_loss_test runs it again where that loses packets and is
 * narrow. So all of it takes real time, and nothing depends on how much.
 */
#include "dial.h"
#include "resolver.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TALKERS = 6, SENDERS = 4, AMOUNT = 200 * 1000, LINES = 15, BLOCK = 4000 };
static const double PATIENCE = 60;    /* seconds until a test is told to have failed, not to have hung */
static const double NO_ANSWER = 0.15; /* seconds that are waited for what does not come */

static struct bide_server *server; /* of the test that runs */

static int start(bide_serve_fn handler)
{
    server = bide_start_server("127.0.0.1", 0, handler, NULL, NULL);
    CHECK(server);
    return 0;
}

/* Runs so many of them at once, each with its number, within PATIENCE; then closes the server. */
static int run_clients(bide_fn client, int n)
{
    struct bide_group group;
    BIDE_TIMEOUT(PATIENCE) {
        BIDE_GROUP(group) {
            for (int i = 0; i < n; i++) bide_group_start(&group, client, (void *)(intptr_t)i);
        }
    }
    const bool late = bide_expired();
    CHECK_INT(bide_group_result(&group), 0);
    CHECK(!late);
    return bide_server_close(server, PATIENCE);
}

/* ---- much, both ways at once ---- */

static size_t place_of(intptr_t client)
{
    return (size_t)client * 1000003;
}

static int echo(struct bide_stream *client, void *arg)
{
    char block[BLOCK];
    ssize_t n;
    (void)arg;
    while ((n = bide_stream_read(client, block, sizeof block)) > 0)
        if ((n = bide_stream_write(client, block, (size_t)n)) < 0) break;
    return (int)n;
}

struct sending {
    struct bide_stream *stream;
    size_t from;
};

static int send_all(void *arg)
{
    const struct sending *sending = arg;
    char block[BLOCK];
    for (size_t at = 0; at < AMOUNT; at += BLOCK) {
        wire_fill(block, BLOCK, sending->from + at);
        CHECK_INT(bide_stream_write(sending->stream, block, BLOCK), BLOCK);
    }
    return bide_stream_write_eof(sending->stream);
}

static int receive_all(struct bide_stream *stream, size_t from)
{
    char block[BLOCK];
    size_t at = 0;
    ssize_t n;
    while ((n = bide_stream_read(stream, block, sizeof block)) > 0) {
        CHECK(wire_is(block, (size_t)n, from + at));
        at += (size_t)n;
    }
    CHECK_INT(n, 0);
    CHECK_INT(at, AMOUNT);
    return 0;
}

TASK(send_and_receive)
{
    struct sending sending = {.stream = dial(server), .from = place_of((intptr_t)arg)};
    CHECK(sending.stream);
    struct bide_task *sender = bide_create_task(send_all, &sending);
    const int received = receive_all(sending.stream, sending.from);
    CHECK_INT(bide_await(sender, NULL), 0);
    CHECK_INT(received, 0);
    return bide_stream_close(sending.stream);
}

TASK(all_bytes_come_back)
{
    CHECK_INT(start(echo), 0);
    return run_clients(send_and_receive, SENDERS);
}

/* ---- lines ---- */

TASK(talk)
{
    struct bide_stream *stream = dial(server);
    char expected[64], *line;
    CHECK(stream);
    for (int i = 0; i < LINES; i++) {
        const int n = snprintf(expected, sizeof expected, "line %d of %d\n", i, (int)(intptr_t)arg);
        CHECK_INT(bide_stream_write(stream, expected, (size_t)n), n);
        CHECK_INT(bide_stream_drain(stream), 0);
        CHECK_INT(bide_stream_read_line(stream, &line), n);
        CHECK(strcmp(line, expected) == 0);
    }
    return bide_stream_close(stream);
}

TASK(lines_are_answered)
{
    CHECK_INT(start(echo_lines), 0);
    return run_clients(talk, TALKERS);
}

/* ---- half closes ---- */

/* Counts and sums up, and tells when the end has come. */
static int sum_up(struct bide_stream *client, void *arg)
{
    unsigned sum = 0;
    size_t count = 0;
    unsigned char block[BLOCK];
    ssize_t n;
    (void)arg;
    for (; (n = bide_stream_read(client, block, sizeof block)) > 0; count += (size_t)n)
        for (ssize_t i = 0; i < n; i++) sum = sum * 31 + block[i];
    if (n == 0) n = bide_stream_printf(client, "%zu %u", count, sum);
    return n < 0 ? (int)n : 0;
}

TASK(end_then_listen)
{
    struct sending sending = {.stream = dial(server), .from = place_of((intptr_t)arg)};
    unsigned sum = 0;
    char expected[64];
    CHECK(sending.stream);
    CHECK_INT(send_all(&sending), 0);
    for (size_t at = 0; at < AMOUNT; at++) sum = sum * 31 + (unsigned char)wire_byte(sending.from + at);
    snprintf(expected, sizeof expected, "%d %u", (int)AMOUNT, sum);
    return ask(sending.stream, NULL, expected);
}

TASK(a_half_close_has_its_answer)
{
    CHECK_INT(start(sum_up), 0);
    return run_clients(end_then_listen, SENDERS);
}

/* ---- deadlines ---- */

/* Answers every other line only. */
static int answer_some(struct bide_stream *client, void *arg)
{
    char *line;
    ssize_t n;
    (void)arg;
    for (int i = 0; (n = bide_stream_read_line(client, &line)) > 0; i++) {
        if (i % 2 == 0) continue;
        bide_stream_write(client, line, (size_t)n);
        n = bide_stream_drain(client);
        if (n < 0) break;
    }
    return (int)n;
}

/* A deadline ends the wait and nothing else: the stream goes on, with what came meanwhile. */
TASK(ask_twice)
{
    struct bide_stream *stream = dial(server);
    char *line;
    CHECK(stream);
    for (int i = 0; i < 3; i++) {
        ssize_t n = 0;
        CHECK_INT(bide_stream_printf(stream, "unanswered\n"), 11);
        CHECK_INT(bide_stream_drain(stream), 0);
        BIDE_TIMEOUT(NO_ANSWER) n = bide_stream_read_line(stream, &line);
        CHECK(n == -ETIMEDOUT && bide_expired());
        CHECK_INT(bide_stream_printf(stream, "answered %d\n", i), 11);
        CHECK_INT(bide_stream_drain(stream), 0);
        CHECK_INT(bide_stream_read_line(stream, &line), 11);
        CHECK_INT(line[9], '0' + i);
    }
    return bide_stream_close(stream);
}

TASK(deadlines_end_waits)
{
    CHECK_INT(start(answer_some), 0);
    return run_clients(ask_twice, TALKERS);
}

/* What is sent to this address is dropped without a word, says packet_loss_test. */
static const char *silent_host;

TASK(nobody_says_no)
{
    const int before = check_open_fds();
    struct bide_stream *stream = NULL;
    int error = 0;
    CHECK_INT(start(echo_lines), 0);
    const int listening = check_open_fds();
    BIDE_TIMEOUT(NO_ANSWER) {
        stream = bide_open_connection(silent_host, bide_server_port(server));
        error = errno;
    }
    CHECK(bide_expired() && !stream);
    CHECK_INT(error, ETIMEDOUT);
    CHECK_INT(check_open_fds(), listening);
    resolver_set((const char *const[]){silent_host, "127.0.0.1", NULL}); /* the next address wins */
    BIDE_TIMEOUT(PATIENCE) stream = bide_open_connection("host", bide_server_port(server));
    resolver_clear();
    CHECK(stream);
    CHECK_INT(ask(stream, "here\n", "here\n"), 0);
    CHECK_INT(bide_server_close(server, PATIENCE), 0);
    CHECK_INT(check_open_fds(), before);
    return 0;
}

static void a_silent_host_is_given_up(void **state)
{
    (void)state;
    silent_host = getenv("BIDE_SILENT_HOST");
    if (!silent_host) check_skip("only packet_loss_test has a silent host");
    assert_int_equal(check_run_with(&on_real_time, nobody_says_no, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(all_bytes_come_back, real),
        RUN(lines_are_answered, real),
        RUN(a_half_close_has_its_answer, real),
        RUN(deadlines_end_waits, real),
        cmocka_unit_test(a_silent_host_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
