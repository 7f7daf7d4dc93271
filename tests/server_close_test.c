/* SPDX-License-Identifier: MIT */
/* The end of a server: with a grace, while it is busy, cut short, against handlers that stay. */
#include "dial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct bide_server *server; /* of the test that runs */

static int start(bide_serve_fn handler, void *arg)
{
    log_clear();
    server = bide_start_server("127.0.0.1", 0, handler, arg, NULL);
    CHECK(server);
    return 0;
}

/* Answers each line after a second. */
static int answer_slowly(struct bide_stream *client, void *arg)
{
    char *line;
    ssize_t n;
    (void)arg;
    while ((n = bide_stream_read_line(client, &line)) > 0) {
        log_event("read");
        n = bide_sleep(1);
        log_event(n < 0 ? "cut" : "slept");
        if (n < 0) break;
        bide_stream_write(client, line, strlen(line));
        bide_stream_drain(client);
    }
    log_event("end");
    return (int)n;
}

/* The same for what must not be cut short. */
static int answer_surely(struct bide_stream *client, void *arg)
{
    char *line;
    ssize_t n;
    (void)arg;
    while ((n = bide_stream_read_line(client, &line)) > 0)
        BIDE_SHIELD(5) {
            bide_sleep(1);
            bide_stream_write(client, line, (size_t)n);
            bide_stream_drain(client);
        }
    return (int)n;
}

/* A client whose line has been read by the handler. */
static struct bide_stream *ask_now(const char *line)
{
    struct bide_stream *client = dial(server);
    if (client && (bide_stream_printf(client, "%s", line) < 0 || bide_stream_drain(client) < 0)) return NULL;
    bide_sleep(0.1);
    return client;
}

TASK(a_client_finishes_within_the_grace)
{
    CHECK_INT(start(answer_slowly, NULL), 0);
    struct bide_stream *client = ask_now("hi\n");
    CHECK(client && bide_stream_write_eof(client) == 0);
    const double begun = bide_time();
    CHECK_INT(bide_server_close(server, 5), 0);
    CHECK(fabs(bide_time() - begun - 0.9) < 0.01);
    CHECK_LOG("read slept end");
    return ask(client, NULL, "hi\n");
}

TASK(one_that_does_not_is_cut)
{
    CHECK_INT(start(answer_slowly, NULL), 0);
    struct bide_stream *client = ask_now("hi\n"), *idle = dial(server);
    CHECK(client && idle);
    const double begun = bide_time();
    CHECK_INT(bide_server_close(server, 0.5), 2);
    CHECK(fabs(bide_time() - begun - 0.5) < 0.01);
    CHECK_LOG("read cut end end");
    CHECK_INT(ask(client, NULL, ""), 0);
    return ask(idle, NULL, "");
}

/* With a grace of 0 those who asked are answered all the same, and the idle ones are not waited for. */
TASK(a_request_in_a_shield_is_answered)
{
    CHECK_INT(start(answer_surely, NULL), 0);
    struct bide_stream *idle = dial(server), *client = ask_now("hi\n");
    CHECK(client && idle);
    const double begun = bide_time();
    CHECK_INT(bide_server_close(server, 0), 2);
    CHECK(fabs(bide_time() - begun - 0.9) < 0.01);
    CHECK_INT(ask(client, NULL, "hi\n"), 0);
    return ask(idle, NULL, "");
}

TASK(a_close_that_is_cut_short_still_joins)
{
    CHECK_INT(start(answer_slowly, NULL), 0);
    struct bide_stream *client = ask_now("hi\n");
    CHECK(client);
    int code = 0;
    BIDE_TIMEOUT(0.5) code = bide_server_close(server, BIDE_FOREVER);
    CHECK(code == -ETIMEDOUT && bide_expired());
    CHECK_LOG("read cut end");
    CHECK_INT(ask(client, NULL, ""), 0);
    CHECK_INT(start(answer_slowly, NULL), 0);
    CHECK((client = ask_now("ho\n")));
    bide_cancel(bide_current_task());
    CHECK_INT(bide_server_close(server, 5), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_LOG("read cut end");
    return ask(client, NULL, "");
}

/* A handler that never returns of itself, and one that ignores its cancel for long. */
static int stay(struct bide_stream *client, void *arg)
{
    (void)client;
    (void)arg;
    BIDE_SHIELD(100) bide_sleep(BIDE_FOREVER);
    return bide_sleep(BIDE_FOREVER);
}

TASK(a_handler_that_stays_holds_up_the_close)
{
    CHECK_INT(start(stay, NULL), 0);
    struct bide_stream *client = dial(server);
    CHECK(client && bide_yield() == 0 && bide_sleep(0.1) == 0);
    CHECK_INT(bide_server_connections(server), 1);
    const double begun = bide_time();
    CHECK_INT(bide_server_close(server, 1), 1);
    CHECK(fabs(bide_time() - begun - 101) < 0.01);
    return ask(client, NULL, "");
}

static int wait_for_end(void *arg)
{
    (void)arg;
    const int code = bide_server_wait(server);
    log_event("waited:%d", code);
    return code;
}

/* Whoever waits for the end goes on with it; a wait that is cut short ends nothing. */
TASK(others_wait_for_the_end)
{
    CHECK_INT(start(answer_slowly, NULL), 0);
    BIDE_TIMEOUT(1) CHECK_INT(bide_server_wait(server), -ETIMEDOUT);
    struct bide_task *waiter = bide_create_task(wait_for_end, NULL);
    struct bide_stream *client = ask_now("hi\n");
    CHECK(client && bide_stream_write_eof(client) == 0);
    CHECK_INT(bide_server_close(server, 5), 0);
    CHECK_INT(bide_await(waiter, NULL), 0);
    CHECK_LOG("read slept end waited:0");
    return ask(client, NULL, "hi\n");
}

static int wait_inside(struct bide_stream *client, void *arg)
{
    (void)client;
    (void)arg;
    log_event("wait:%d close:%d", bide_server_wait(server), bide_server_close(server, 0));
    return 0;
}

TASK(a_handler_does_not_wait_for_itself)
{
    char expected[64];
    snprintf(expected, sizeof expected, "wait:%d close:%d", -EDEADLK, -EDEADLK);
    CHECK_INT(start(wait_inside, NULL), 0);
    struct bide_stream *client = dial(server);
    CHECK(client);
    CHECK_INT(ask(client, NULL, ""), 0);
    CHECK_LOG(expected);
    return bide_server_close(server, 1);
}

/* A close in the very turn in which clients come: each is served, or refused, and nothing is left. */
TASK(clients_that_come_while_it_closes)
{
    for (int yields = 0; yields < 8; yields++) {
        struct bide_stream *clients[4];
        CHECK_INT(start(echo_lines, NULL), 0);
        for (int i = 0; i < 4; i++) CHECK((clients[i] = dial(server)));
        for (int i = 0; i < yields; i++) bide_yield();
        const int cut = bide_server_close(server, 0);
        CHECK(cut >= 0 && cut <= 4);
        for (int i = 0; i < 4; i++) {
            const int code = ask(clients[i], NULL, "");
            CHECK(code == 0 || code == -ECONNRESET);
        }
    }
    return 0;
}

/* ---- clients in full swing ---- */

enum { UNREAD = 100000, ANSWER = 8000000 };

/* Answers the first line, and reads no further. */
static int answer_once(struct bide_stream *client, void *arg)
{
    char *line;
    const ssize_t n = bide_stream_read_line(client, &line);
    (void)arg;
    return n > 0 ? (int)bide_stream_write(client, line, (size_t)n) : (int)n;
}

/* A client that has sent a line, and much behind it. */
static struct bide_stream *ask_much(void)
{
    static const char much[UNREAD];
    struct bide_stream *client = dial(server);
    const bool sent = client && bide_stream_printf(client, "hi\n") == 3 &&
                      bide_stream_write(client, much, UNREAD) == UNREAD && bide_stream_flush(client) == 0;
    return sent ? client : NULL;
}

/* Closing with input unread would reset the connection. */
TASK(one_that_still_sends_gets_its_answer_and_an_end)
{
    CHECK_INT(start(answer_once, NULL), 0);
    struct bide_stream *client = ask_much();
    CHECK(client);
    const double begun = bide_time();
    CHECK_INT(ask(client, NULL, "hi\n"), 0);
    CHECK_INT(bide_server_close(server, 10), 0);
    CHECK(bide_time() - begun < 1); /* its own end is all that is waited for */
    return 0;
}

TASK(one_that_does_not_end_is_left)
{
    CHECK_INT(start(answer_once, NULL), 0);
    struct bide_stream *client = ask_much();
    CHECK(client && bide_sleep(0.1) == 0);
    CHECK_INT(bide_server_connections(server), 1);
    const double begun = bide_time();
    CHECK_INT(bide_server_close(server, 0), 1);
    CHECK(fabs(bide_time() - begun - 1.9) < 0.01);
    return ask(client, NULL, "hi\n");
}

/* Its answer does not fit into what the kernel takes. */
static int answer_much(struct bide_stream *client, void *arg)
{
    static const char much[ANSWER];
    char *line;
    ssize_t n = bide_stream_read_line(client, &line);
    (void)arg;
    if (n > 0) {
        BIDE_SHIELD(5) n = bide_stream_write(client, much, ANSWER);
    }
    return n < 0 ? (int)n : 0;
}

static int close_now(void *arg)
{
    (void)arg;
    return bide_server_close(server, 0);
}

TASK(one_that_reads_late_gets_all_of_its_answer)
{
    static char answer[ANSWER];
    int cancelled;
    CHECK_INT(start(answer_much, NULL), 0);
    struct bide_stream *client = ask_much();
    CHECK(client && bide_sleep(0.1) == 0);
    struct bide_task *closer = bide_create_task(close_now, NULL);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_stream_read_exactly(client, answer, ANSWER), 0);
    CHECK_INT(bide_stream_read(client, answer, 1), 0);
    CHECK_INT(bide_stream_close(client), 0);
    CHECK_INT(bide_await(closer, &cancelled), 0);
    CHECK_INT(cancelled, 1);
    return 0;
}

static int close_again(void *arg)
{
    (void)arg;
    return bide_server_close(server, 1);
}

static int close_twice(void *arg)
{
    (void)arg;
    if (start(stay, NULL) < 0 || !dial(server)) return 1;
    bide_sleep(0.1);
    bide_detach(bide_create_task(close_again, NULL));
    return bide_server_close(server, 1);
}

static int run_close_twice(void *arg)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, close_twice, arg);
}

static void closing_twice_aborts(void **state)
{
    (void)state;
    check_aborts(run_close_twice, NULL, "which another task closes already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_client_finishes_within_the_grace, virtual),
        RUN(one_that_does_not_is_cut, virtual),
        RUN(a_request_in_a_shield_is_answered, virtual),
        RUN(a_close_that_is_cut_short_still_joins, virtual),
        RUN(a_handler_that_stays_holds_up_the_close, virtual),
        RUN(others_wait_for_the_end, virtual),
        RUN(a_handler_does_not_wait_for_itself, virtual),
        RUN(clients_that_come_while_it_closes, virtual),
        RUN(one_that_still_sends_gets_its_answer_and_an_end, virtual),
        RUN(one_that_does_not_end_is_left, virtual),
        RUN(one_that_reads_late_gets_all_of_its_answer, virtual),
        cmocka_unit_test(closing_twice_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
