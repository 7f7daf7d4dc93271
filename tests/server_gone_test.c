/* SPDX-License-Identifier: MIT */
/* Clients that are gone in the middle of everything, by an end or by a reset: the server goes on. */
#include "dial.h"

#include <stdio.h>
#include <string.h>

enum place { AT_ONCE, IN_A_LINE, BEHIND_A_LINE, IN_THE_ANSWER, PLACES };
enum { BLOCKS = 500, BLOCK = 4000 };

static struct bide_server *server;
static int ended;    /* handlers */
static int reported; /* failures, each with the address of its client */
static char client_name[64];

/* Answers a line by much. */
static int answer(struct bide_stream *client, void *arg)
{
    static const char block[BLOCK];
    char *line;
    ssize_t n = bide_stream_read_line(client, &line);
    (void)arg;
    for (int i = 0; n > 0 && i < BLOCKS; i++) n = bide_stream_write(client, block, BLOCK);
    if (n > 0) n = bide_stream_flush(client);
    ended++;
    return n < 0 ? (int)n : 0;
}

static void note_report(void *arg, const struct bide_error *error)
{
    (void)arg;
    if (strcmp(error->task, client_name) != 0) return;
    reported += strcmp(error->text, strerror(EPIPE)) == 0 || strcmp(error->text, strerror(ECONNRESET)) == 0;
}

static int leave(enum place place, bool by_reset)
{
    static const char *const sent[PLACES] = {"", "half a l", "a line\n", "a line\n"};
    const struct linger no_longer = {1, 0};
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    char byte;
    struct bide_stream *stream = dial(server);
    CHECK(stream);
    CHECK_INT(bide_stream_sockname(stream, (struct sockaddr *)&address, &len), 0);
    snprintf(client_name, sizeof client_name, "client 127.0.0.1:%d", ntohs(address.sin_port));
    CHECK_INT(bide_stream_printf(stream, "%s", sent[place]), strlen(sent[place]));
    CHECK_INT(bide_stream_flush(stream), 0);
    if (place == IN_THE_ANSWER) CHECK_INT(bide_stream_read(stream, &byte, 1), 1);
    if (by_reset)
        CHECK_INT(setsockopt(bide_stream_fd(stream), SOL_SOCKET, SO_LINGER, &no_longer, sizeof no_longer), 0);
    bide_stream_abort(stream);
    return 0;
}

/* Its handler ends, with a failure if it can know; the next client has its answer. */
TASK(gone_anywhere)
{
    server = bide_start_server("127.0.0.1", 0, answer, NULL, NULL);
    CHECK(server);
    const int little = 1; /* room to send, for all that are accepted: the answer does not fit */
    CHECK_INT(setsockopt(bide_server_fd(server, 0), SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
    for (int i = 0; i < 2 * PLACES; i++) {
        const enum place place = (enum place)(i / 2);
        const bool by_reset = i % 2;
        ended = reported = 0;
        CHECK_INT(leave(place, by_reset), 0);
        while (ended == 0) CHECK_INT(bide_sleep(0.001), 0);
        CHECK_INT(bide_sleep(0.001), 0);
        CHECK_INT(reported, by_reset || place > AT_ONCE); /* a line cut off by an end is one, too */
        CHECK_INT(bide_server_connections(server), 0);
    }
    struct bide_stream *stream = dial(server);
    char block[BLOCK];
    CHECK(stream && bide_stream_printf(stream, "all of it\n") > 0 && bide_stream_flush(stream) == 0);
    for (int i = 0; i < BLOCKS; i++) CHECK_INT(bide_stream_read_exactly(stream, block, BLOCK), 0);
    CHECK_INT(bide_stream_close(stream), 0);
    return bide_server_close(server, 1);
}

static void gone_in_the_middle_of_everything(void **state)
{
    const struct bide_options options = {.on_error = note_report};
    (void)state;
    assert_int_equal(check_run_with(&options, gone_anywhere, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gone_in_the_middle_of_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
