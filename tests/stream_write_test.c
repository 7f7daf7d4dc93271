/* SPDX-License-Identifier: MIT */
/* Writing to streams: held, sent, sent without a copy, cut short, ended, closed. */
#include "counts.h"
#include "ends.h"
#include "wire.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { LARGE = 100000 };

static char large[LARGE];

/* ---- held and sent ---- */

TASK(small_writes_are_sent_together)
{
    struct wire wire = {0};
    struct bide_stream *stream = wire_open(&wire);
    const struct iovec parts[] = {{large + 10, 5}, {NULL, 0}, {large + 15, 5}};
    CHECK_INT(bide_stream_write(stream, large, 10), 10);
    CHECK_INT(bide_stream_writev(stream, parts, 3), 10);
    CHECK_INT(bide_stream_write(stream, NULL, 0), 0);
    CHECK_INT(bide_stream_unsent(stream), 20);
    CHECK_INT(wire.writes, 0);
    CHECK_INT(bide_stream_drain(stream), 0);
    CHECK(wire.writes == 1 && wire.written == 20 && bide_stream_unsent(stream) == 0);
    CHECK_INT(bide_stream_drain(stream), 0);
    CHECK_INT(wire.writes, 1);
    CHECK_INT(bide_stream_close(stream), 0);
    CHECK(!wire.wrong && wire.closes == 1 && wire.frees == 1);
    return 0;
}

TASK(large_writes_are_not_copied)
{
    struct wire wire = {0};
    struct bide_stream *stream = wire_open(&wire);
    CHECK_INT(bide_stream_write(stream, large, 50000), 50000);
    CHECK(wire.writes == 1 && wire.parts == 1 && wire.last == large);
    CHECK_INT(bide_stream_write(stream, large + 50000, 10), 10);
    CHECK_INT(bide_stream_write(stream, large + 50010, 40000), 40000); /* with what is held, in one call */
    CHECK(wire.writes == 2 && wire.parts == 2 && wire.last == large + 50010);
    CHECK(wire.written == 90010 && !wire.wrong);
    return bide_stream_close(stream);
}

TASK(marks)
{
    struct wire wire = {.write_most = 30};
    struct bide_stream *stream = wire_open(&wire);
    CHECK_INT(bide_stream_set_marks(stream, 20, 100), 0);
    for (size_t at = 0; at < 100; at += 20) CHECK_INT(bide_stream_write(stream, large + at, 20), 20);
    CHECK(wire.writes == 0 && bide_stream_unsent(stream) == 100);
    CHECK_INT(bide_stream_drain(stream), 0);
    CHECK_INT(bide_stream_unsent(stream), 10);
    CHECK_INT(bide_stream_write(stream, large + 100, 91), 91); /* more than it may hold: all is sent */
    CHECK(bide_stream_unsent(stream) == 0 && wire.written == 191);
    CHECK_INT(bide_stream_write(stream, large + 191, 15), 15);
    CHECK_INT(bide_stream_drain(stream), 0);
    CHECK_INT(bide_stream_unsent(stream), 15);
    CHECK_INT(bide_stream_flush(stream), 0);
    CHECK(bide_stream_unsent(stream) == 0 && !wire.wrong);
    return bide_stream_close(stream);
}

TASK(printing)
{
    struct bide_stream *pair[2];
    char *line;
    CHECK_INT(bide_stream_pair(pair), 0);
    CHECK_INT(bide_stream_printf(pair[0], "%s", ""), 0);
    CHECK_INT(bide_stream_printf(pair[0], "%d-%s|", 42, "text"), 8);
    CHECK_INT(bide_stream_printf(pair[0], "%0*d\n", 600, 7), 601); /* more than there was room for */
    CHECK_INT(bide_stream_unsent(pair[0]), 609);
    CHECK_INT(bide_stream_printf(pair[0], "%0*d\n", 70000, 8), 70001); /* over the mark: sent */
    CHECK_INT(bide_stream_unsent(pair[0]), 0);
    CHECK_INT(bide_stream_read_until(pair[1], "|", 1, &line), 8);
    CHECK(strcmp(line, "42-text|") == 0);
    CHECK_INT(bide_stream_read_line(pair[1], &line), 601);
    CHECK_INT(bide_stream_set_limit(pair[1], 80000), 0);
    CHECK_INT(bide_stream_read_line(pair[1], &line), 70001);
    CHECK(line[69999] == '8');
    CHECK_INT(bide_stream_close(pair[0]), 0);
    return bide_stream_close(pair[1]);
}

TASK(one_call_for_each_message)
{
    char text[64] = "";
    CHECK_INT(open_ends(&kinds[TCP], OWN), 0);
    struct bide_stream *in = bide_stream_new(ends[0]), *out = bide_stream_new(ends[1]);
    CHECK(in && out);
    for (int i = 0; i < 100; i++) {
        if (i == 10) counts_start();
        CHECK_INT(bide_stream_write(out, "hello", 5), 5);
        CHECK_INT(bide_stream_write(out, ", world", 7), 7);
        CHECK_INT(bide_stream_drain(out), 0);
        if (i % 2) CHECK_INT(bide_stream_read(in, text, sizeof text), 12);
        if (i % 2 == 0) CHECK_INT(bide_stream_read_exactly(in, text, 12), 0);
    }
    const long reads = counts_of(SYS_READ), writes = counts_of(SYS_WRITE);
    counts_stop();
    CHECK_INT(writes, 90);
    CHECK_INT(reads, 90);
    ends[0] = ends[1] = -1;
    CHECK_INT(bide_stream_close(in), 0);
    return bide_stream_close(out);
}

/* ---- cut short ---- */

TASK(bug_30_a_cancel_tells_how_much_was_written)
{
    struct wire wire = {.write_most = 7};
    struct bide_stream *stream = wire_open(&wire);
    CHECK_INT(bide_stream_write(stream, large, 10), 10);
    wire.write_fails = -ECANCELED;
    CHECK_INT(bide_stream_write(stream, large + 10, 50000), -ECANCELED); /* nothing of it was taken */
    CHECK_INT(bide_stream_unsent(stream), 10);
    wire.write_fails = 0;
    wire.random = 77;
    size_t at = 10;
    while (at < 50010) {
        const ssize_t n = bide_stream_write(stream, large + at, 50010 - at);
        CHECK(n > 0 || n == -ECANCELED);
        if (n > 0) at += (size_t)n;
        while (bide_cancelled()) bide_uncancel();
    }
    wire.random = 0;
    CHECK_INT(bide_stream_flush(stream), 0); /* the last piece may have been small */
    CHECK(wire.written == 50010 && !wire.wrong);
    return bide_stream_close(stream);
}

TASK(a_drain_that_is_cut_short_keeps_the_rest)
{
    struct wire wire = {.stuck = true};
    struct bide_stream *stream = wire_open(&wire);
    CHECK_INT(bide_stream_write(stream, large, 1000), 1000);
    BIDE_TIMEOUT(0.001) {
        CHECK_INT(bide_stream_drain(stream), -ETIMEDOUT);
    }
    CHECK_INT(bide_stream_unsent(stream), 1000);
    wire.stuck = false;
    CHECK_INT(bide_stream_write_eof(stream), 0);
    CHECK(wire.written == 1000 && wire.shutdowns == 1 && !wire.wrong);
    return bide_stream_close(stream);
}

/* ---- two at once ---- */

static struct bide_stream *shared;

TASK(drain_shared)
{
    log_event("%d", bide_stream_drain(shared));
    return 0;
}

TASK(one_writer_at_a_time)
{
    struct wire wire = {.stuck = true};
    shared = wire_open(&wire);
    CHECK_INT(bide_stream_write(shared, large, 10), 10);
    struct bide_task *writer = bide_create_task(drain_shared, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_stream_write(shared, large, 1), -EBUSY);
    CHECK_INT(bide_stream_printf(shared, "x"), -EBUSY);
    CHECK_INT(bide_stream_drain(shared), -EBUSY);
    CHECK_INT(bide_stream_write_eof(shared), -EBUSY);
    wire.stuck = false;
    CHECK_INT(bide_await(writer, NULL), 0);
    CHECK_LOG("0");
    return bide_stream_close(shared);
}

TASK(closed_while_another_writes)
{
    struct wire wire = {.stuck = true};
    char expected[16];
    shared = wire_open(&wire);
    CHECK_INT(bide_stream_write(shared, large, 10), 10);
    struct bide_task *writer = bide_create_task(drain_shared, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_stream_close(shared), -EBUSY); /* closed, but not all was sent */
    CHECK(wire.closes == 1 && wire.frees == 0);
    CHECK_INT(bide_await(writer, NULL), 0);
    CHECK_INT(wire.frees, 1);
    snprintf(expected, sizeof expected, "%d", -EBADF);
    CHECK_LOG(expected);
    return 0;
}

static int write_much(void *stream)
{
    struct iovec parts[64];
    for (int i = 0; i < 64; i++) parts[i] = (struct iovec){large, LARGE};
    return (int)bide_stream_writev(stream, parts, 64);
}

static int print_much(void *stream)
{
    return (int)bide_stream_printf(stream, "%*d", 64 * LARGE, 1);
}

/* The stream is gone: no count of what was sent may make the writer go on with it. */
TASK(closed_while_half_a_write_is_sent)
{
    const bide_fn writers[] = {write_much, print_much};
    for (int i = 0; i < 2; i++) {
        struct bide_stream *pair[2];
        const char *data;
        int result = 0;
        CHECK_INT(bide_stream_pair(pair), 0);
        struct bide_task *writer = bide_create_task(writers[i], pair[0]);
        CHECK(bide_stream_peek(pair[1], 1, &data) > 0);
        bide_stream_abort(pair[0]);
        CHECK(bide_await(writer, &result) == 0 && result == -EBADF);
        CHECK_INT(bide_stream_close(pair[1]), 0);
    }
    return 0;
}

/* ---- ending and closing ---- */

TASK(half_an_end)
{
    struct bide_stream *pair[2];
    char text[8];
    CHECK_INT(bide_stream_pair(pair), 0);
    CHECK_INT(bide_stream_write(pair[0], "bye", 3), 3);
    CHECK_INT(bide_stream_write_eof(pair[0]), 0);
    CHECK_INT(bide_stream_write_eof(pair[0]), 0);
    CHECK_INT(bide_stream_write(pair[0], "x", 1), -EPIPE);
    CHECK_INT(bide_stream_printf(pair[0], "x"), -EPIPE);
    CHECK_INT(bide_stream_drain(pair[0]), 0);
    CHECK_INT(bide_stream_read(pair[1], text, 8), 3);
    CHECK_INT(bide_stream_read(pair[1], text, 8), 0);
    CHECK_INT(bide_stream_write(pair[1], "still", 5), 5);
    CHECK_INT(bide_stream_close(pair[1]), 0); /* which sends it */
    CHECK_INT(bide_stream_read(pair[0], text, 8), 5);
    return bide_stream_close(pair[0]);
}

TASK(a_close_that_is_cut_short_closes_all_the_same)
{
    struct wire wire = {.stuck = true};
    struct bide_stream *stream = wire_open(&wire);
    CHECK_INT(bide_stream_write(stream, large, 10), 10);
    BIDE_TIMEOUT(0.001) {
        CHECK_INT(bide_stream_close(stream), -ETIMEDOUT);
    }
    CHECK(wire.closes == 1 && wire.frees == 1 && wire.written == 0);
    struct wire other = {0};
    stream = wire_open(&other);
    CHECK_INT(bide_stream_write(stream, large, 10), 10);
    bide_stream_abort(stream);
    CHECK(other.closes == 1 && other.frees == 1 && other.written == 0);
    return 0;
}

TASK(bug_29_nobody_reads_any_more)
{
    struct bide_stream *pair[2];
    CHECK_INT(bide_stream_pair(pair), 0);
    CHECK_INT(bide_stream_close(pair[1]), 0);
    CHECK_INT(bide_stream_write(pair[0], "x", 1), 1);
    CHECK_INT(bide_stream_drain(pair[0]), -EPIPE);
    CHECK_INT(bide_stream_write(pair[0], large, LARGE), -EPIPE);
    CHECK_INT(bide_stream_drain(pair[0]), -EPIPE); /* for good */
    return bide_stream_close(pair[0]) == -EPIPE ? 0 : -EPROTO;
}

/* ---- much ---- */

static struct bide_stream *sink;

TASK(send_much)
{
    const size_t size = *(size_t *)arg;
    uint64_t random = 5;
    for (size_t at = 0; at < size;) {
        size_t n = wire_draw(&random, wire_draw(&random, 4) ? 3000 : 60000) + 1;
        char block[60001];
        if (n > size - at) n = size - at;
        wire_fill(block, n, at);
        CHECK_INT(bide_stream_write(sink, block, n), n);
        if (wire_draw(&random, 3) == 0) CHECK_INT(bide_stream_drain(sink), 0);
        at += n;
    }
    return bide_stream_close(sink);
}

TASK(bug_30_much_through_the_smallest_buffer)
{
    static char block[70000];
    const int least = 1, on = 1;
    size_t size = (size_t)rounds(64) << 20, at = 0;
    uint64_t random = 9;
    int result = -1;
    CHECK_INT(open_ends(&kinds[TCP], OWN), 0);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    struct bide_stream *in = bide_stream_new(ends[0]);
    sink = bide_stream_new(ends[1]);
    struct bide_task *writer =
        bide_create_task_with(&(struct bide_task_options){.stack_size = 256 << 10}, send_much, &size);
    while (at < size) {
        size_t n = wire_draw(&random, sizeof block) + 1;
        setsockopt(ends[0], IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on); /* the sender may wait for it */
        if (n % 3 == 0) {
            if (n > size - at) n = size - at;
            CHECK_INT(bide_stream_read_exactly(in, block, n), 0);
        } else {
            const ssize_t got = bide_stream_read(in, block, n);
            CHECK(got > 0);
            n = (size_t)got;
        }
        CHECK(wire_is(block, n, at));
        at += n;
    }
    CHECK_INT(bide_stream_read(in, block, 1), 0);
    CHECK(bide_await(writer, &result) == 0 && result == 0);
    ends[0] = ends[1] = -1;
    return bide_stream_close(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(small_writes_are_sent_together, virtual),
        RUN(large_writes_are_not_copied, virtual),
        RUN(marks, virtual),
        RUN(printing, virtual),
        RUN(one_call_for_each_message, real),
        RUN(bug_30_a_cancel_tells_how_much_was_written, virtual),
        RUN(a_drain_that_is_cut_short_keeps_the_rest, real),
        RUN(one_writer_at_a_time, virtual),
        RUN(closed_while_another_writes, virtual),
        RUN(closed_while_half_a_write_is_sent, real),
        RUN(half_an_end, virtual),
        RUN(a_close_that_is_cut_short_closes_all_the_same, real),
        RUN(bug_29_nobody_reads_any_more, virtual),
        RUN(bug_30_much_through_the_smallest_buffer, real),
    };
    wire_fill(large, LARGE, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
