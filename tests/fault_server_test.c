/* SPDX-License-Identifier: MIT */
/* A server and its client, with each of their calls to the system failing. */
#include "dial.h"
#include "sweep.h"

#include <string.h>

static int talk(struct bide_server *server)
{
    char *line = NULL;
    struct bide_stream *stream = dial(server);
    if (!stream) return errno == ENOMEM ? -ECONNREFUSED : -errno; /* connecting has a test of its own */
    ssize_t n = bide_stream_printf(stream, "hello\n");
    if (n > 0) n = bide_stream_drain(stream);
    if (n == 0) n = bide_stream_read_line(stream, &line);
    if (n == 0) n = -ECONNRESET; /* for want of something, it was hung up on */
    if (n > 0 && strcmp(line, "hello\n") != 0) n = -EBADMSG;
    bide_stream_abort(stream);
    return n < 0 ? (int)n : 0;
}

static int echo_quietly(struct bide_stream *client, void *arg)
{
    (void)echo_lines(client, arg); /* whatever failed, the client tells */
    return 0;
}

/* Where accepting fails for ever the client gives up: the server, which tries on, does not. */
TASK(serve_one)
{
    struct bide_server *server = bide_start_server("127.0.0.1", 0, echo_quietly, NULL, NULL);
    int code = server ? 0 : -errno;
    if (!server) return code;
    BIDE_TIMEOUT(sweep_is_single() ? sweep_patience() : 0.25) code = talk(server);
    const int closed = bide_server_close(server, 0); /* a handler may not have seen the client's end yet */
    return code < 0 || closed > 0 ? code : closed;
}

static void ignore_report(void *arg, const struct bide_error *error)
{
    (void)arg;
    (void)error;
}

static int run_serve_one(bide_fn main)
{
    const struct bide_options options = {.on_error = ignore_report};
    return bide_run_with(&options, main, NULL);
}

SWEEP(serve_one, .run = run_serve_one, .codes = {-ETIMEDOUT, -ECONNRESET, -EPIPE, -ECONNREFUSED})

int main(void)
{
    const struct CMUnitTest tests[] = {SWEEP_TEST(every_fault_of_serve_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
