/* SPDX-License-Identifier: MIT */
/* Streams over descriptors of all kinds: adopted and borrowed, their names and options. */
#include "ends.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct bide_stream *pair[2];

static int send_text(const char *text)
{
    CHECK_INT(bide_stream_write(pair[1], text, strlen(text)), strlen(text));
    return bide_stream_drain(pair[1]);
}

TASK(wait_for_a_line)
{
    char *line;
    log_event("%zd", bide_stream_read_line(pair[0], &line));
    return 0;
}

TASK(bug_32_another_reader_was_faster)
{
    char text[8];
    CHECK_INT(open_ends(&kinds[TCP], OWN), 0);
    pair[0] = bide_stream_new(ends[0]);
    pair[1] = bide_stream_new(ends[1]);
    struct bide_task *reader = bide_create_task(wait_for_a_line, NULL);
    CHECK_INT(bide_sleep(0.001), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(send_text("stolen\n"), 0);
        CHECK_INT(recv(ends[0], text, 8, 0), 7);
        CHECK_INT(bide_sleep(0.001), 0); /* the reader finds nothing, and waits again */
    }
    CHECK_INT(send_text("kept\n"), 0);
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_LOG("5");
    ends[0] = ends[1] = -1;
    CHECK_INT(bide_stream_close(pair[1]), 0);
    return bide_stream_close(pair[0]);
}

TASK(every_kind_of_descriptor)
{
    char text[8], *line;
    static const int which[] = {UNIX_STREAM, TCP, PIPE, FIFO, TTY};
    for (size_t i = 0; i < 5 * 2; i++) {
        const struct kind *kind = &kinds[which[i / 2]];
        if (which[i / 2] == TTY && !have_terminals()) continue;
        CHECK_INT(open_ends(kind, BLOCKING), 0);
        struct bide_stream *in = i % 2 ? bide_stream_borrow(ends[0]) : bide_stream_new(ends[0]);
        struct bide_stream *out = i % 2 ? bide_stream_borrow(ends[1]) : bide_stream_new(ends[1]);
        CHECK(in && out);
        CHECK_INT(bide_stream_fd(in), ends[0]);
        CHECK_INT(bide_stream_write(out, "one\ntwo\n", 8), 8);
        CHECK_INT(bide_stream_flush(out), 0);
        CHECK(bide_stream_read_line(in, &line) >= 4 && memcmp(line, "one", 3) == 0);
        CHECK(bide_stream_read(in, text, 8) >= 4 && memcmp(text, "two", 3) == 0);
        CHECK_INT(bide_stream_close(out), 0);
        CHECK_INT(bide_stream_close(in), 0);
        if (i % 2 == 0)
            ends[0] = ends[1] = -1; /* closed with their streams; a borrowed one keeps its flags */
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

TASK(a_file)
{
    char name[] = "/tmp/bide_stream_XXXXXX", *line;
    const int fd = mkstemp(name);
    CHECK(fd >= 0 && unlink(name) == 0 && write(fd, "a\nb", 3) == 3 && lseek(fd, 0, SEEK_SET) == 0);
    struct bide_stream *stream = bide_stream_new(fd);
    CHECK(stream);
    CHECK_INT(bide_stream_read_line(stream, &line), 2);
    CHECK_INT(bide_stream_read_line(stream, &line), 1);
    CHECK_INT(bide_stream_read_line(stream, &line), 0);
    CHECK_INT(bide_stream_write_eof(stream), -EOPNOTSUPP);
    return bide_stream_close(stream);
}

TASK(names_and_options)
{
    struct sockaddr_in own, peer;
    socklen_t len = sizeof own;
    int on = 0;
    socklen_t on_len = sizeof on;
    CHECK_INT(open_ends(&kinds[TCP], OWN), 0);
    struct bide_stream *stream = bide_stream_new(ends[0]);
    CHECK(stream);
    CHECK_INT(bide_stream_sockname(stream, (struct sockaddr *)&own, &len), 0);
    len = sizeof peer;
    CHECK_INT(bide_stream_peername(stream, (struct sockaddr *)&peer, &len), 0);
    CHECK(own.sin_family == AF_INET && peer.sin_port != 0 && own.sin_port != peer.sin_port);
    CHECK_INT(getsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &on, &on_len), 0);
    CHECK(on);
    CHECK_INT(bide_stream_close(stream), 0);
    ends[0] = -1;
    CHECK_INT(close_ends(), 0);
    CHECK_INT(open_ends(&kinds[PIPE], OWN), 0);
    stream = bide_stream_borrow(ends[0]);
    CHECK_INT(bide_stream_sockname(stream, (struct sockaddr *)&own, &len), -ENOTSOCK);
    CHECK_INT(bide_stream_close(stream), 0);
    return close_ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_32_another_reader_was_faster, real),
        RUN(every_kind_of_descriptor, real),
        RUN(a_file, real),
        RUN(names_and_options, real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
