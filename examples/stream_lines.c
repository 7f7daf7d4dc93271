/* SPDX-License-Identifier: MIT */
/*
 * A generator over the lines of a socket. Whoever asks for them may stop early: the generator is
 * closed, and with it the socket, which the other side then sees.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

/* Gives the stream's lines one by one, and closes it in the end, however that comes about. */
static int lines_of(void *arg)
{
    struct bide_stream *stream = arg;
    char *line;
    ssize_t n;
    while ((n = bide_stream_read_line(stream, &line)) > 0) {
        if (bide_yield_value(line) < 0) {
            printf("generator: closed early\n");
            break;
        }
    }
    int code = bide_stream_close(stream);
    return n < 0 ? (int)n : code;
}

/* The other side: writes lines for as long as there is somebody who reads them. */
static int count(void *arg)
{
    struct bide_stream *stream = arg;
    int code = 0;
    for (int i = 1; code == 0; i++) {
        bide_stream_printf(stream, "line %d\n", i);
        code = bide_stream_drain(stream);
        if (code == 0) code = bide_sleep(0.01);
    }
    bide_stream_close(stream);
    printf("writer: %s\n", code == -EPIPE || code == -ECONNRESET ? "nobody reads any more" : "stopped");
    return 0;
}

static int run(void *arg)
{
    (void)arg;
    struct bide_stream *ends[2];
    int code = bide_stream_pair(ends);
    if (code < 0) return code;
    struct bide_task *writer = bide_create_task(count, ends[1]);
    struct bide_gen *lines = bide_gen_new(lines_of, ends[0]);
    void *line;
    for (int i = 0; i < 3 && (code = bide_gen_next(lines, &line)) > 0; i++) printf("got %s", (char *)line);
    int closed = bide_gen_close(lines);
    bide_await(writer, NULL);
    return code < 0 ? code : closed;
}

int main(void)
{
    int code = bide_run(run, NULL);
    if (code < 0) fprintf(stderr, "stream_lines: %s\n", bide_error_text(code));
    return code < 0;
}
