/* SPDX-License-Identifier: MIT */
/* What a transport is asked for, when, and what becomes of what it answers. */
#include "wire.h"

#include "ends.h"

#include <string.h>

TASK(what_is_no_transport)
{
    struct bide_transport none = {0}, wrong = wire_transport;
    CHECK(!bide_stream_new_with(NULL, NULL) && errno == EINVAL);
    CHECK(!bide_stream_new_with(&none, NULL) && errno == EINVAL);
    none.read = wire_transport.read;
    CHECK(!bide_stream_new_with(&none, NULL) && errno == EINVAL);
    wrong.reserved[3] = &wrong;
    CHECK(!bide_stream_new_with(&wrong, NULL) && errno == EINVAL);
    return 0;
}

TASK(only_what_must_be)
{
    struct wire wire = {.size = 3};
    const struct bide_transport least = {.read = wire_transport.read, .writev = wire_transport.writev};
    struct bide_stream *stream = bide_stream_new_with(&least, &wire);
    char text[4], data[] = {wire_byte(0), wire_byte(1)};
    socklen_t len = 0;
    CHECK_INT(bide_stream_read(stream, text, 4), 3);
    CHECK_INT(bide_stream_write(stream, data, 2), 2);
    CHECK_INT(bide_stream_write_eof(stream), -EOPNOTSUPP);
    CHECK_INT(bide_stream_fd(stream), -EBADF);
    CHECK_INT(bide_stream_peername(stream, NULL, &len), -EBADF);
    CHECK_INT(bide_stream_close(stream), 0);
    CHECK(wire.written == 2 && !wire.wrong);
    return 0;
}

TASK(large_reads_go_straight_to_the_caller)
{
    static char text[50000];
    struct wire wire = {.size = 100000};
    struct bide_stream *stream = wire_open(&wire);
    CHECK_INT(bide_stream_read(stream, text, 4096), 4096);
    CHECK(wire.last == text);
    CHECK_INT(bide_stream_read_exactly(stream, text, 50000), 0);
    CHECK(wire.last == text && wire_is(text, 50000, 4096));
    CHECK_INT(bide_stream_read(stream, text, 10), 10); /* a small one reads ahead */
    CHECK(wire.last != text && bide_stream_buffered(stream) > 1000);
    return bide_stream_close(stream);
}

/* A reader cut short in the middle of a direct read gives back what it had. */
TASK(a_large_read_that_ends_too_early)
{
    static char text[50000];
    struct wire wire = {.size = 40000, .read_most = 15000};
    struct bide_stream *stream = wire_open(&wire);
    CHECK_INT(bide_stream_read_exactly(stream, text, 50000), -ENODATA);
    CHECK_INT(bide_stream_buffered(stream), 40000);
    memset(text, 0, sizeof text);
    CHECK_INT(bide_stream_read_exactly(stream, text, 40000), 0);
    CHECK(wire_is(text, 40000, 0) && bide_stream_at_eof(stream));
    return bide_stream_close(stream);
}

TASK(a_failure_comes_after_the_bytes_and_stays)
{
    struct wire wire = {.size = 100};
    struct bide_stream *stream = wire_open(&wire);
    char text[200];
    const char *data;
    CHECK_INT(bide_stream_peek(stream, 50, &data), 100);
    wire.read_fails = -EIO;
    CHECK_INT(bide_stream_read_exactly(stream, text, 200), -EIO);
    wire.read_fails = 0;
    CHECK_INT(bide_stream_read(stream, text, 200), 100);
    CHECK_INT(bide_stream_read(stream, text, 200), -EIO);
    CHECK(!bide_stream_at_eof(stream));
    wire.write_fails = -EIO;
    CHECK_INT(bide_stream_write(stream, text, 3), 3);
    CHECK_INT(bide_stream_drain(stream), -EIO);
    wire.write_fails = 0;
    CHECK_INT(bide_stream_write(stream, text, 3), -EIO);
    CHECK_INT(bide_stream_close(stream), -EIO);
    CHECK_INT(wire.written, 0);
    return 0;
}

TASK(failures_that_pass)
{
    struct wire wire = {.size = 100, .read_most = 8};
    struct bide_stream *stream = wire_open(&wire);
    static const int codes[] = {-ENOMEM, -ENOBUFS, -ECANCELED};
    char text[16];
    for (size_t i = 0; i < 3; i++) {
        wire.read_fails = wire.write_fails = codes[i];
        CHECK_INT(bide_stream_read(stream, text, 16), codes[i]);
        wire.read_fails = 0;
        CHECK_INT(bide_stream_read(stream, text, 8), 8);
        CHECK_INT(bide_stream_write(stream, text, 8), 8);
        CHECK_INT(bide_stream_drain(stream), codes[i]);
        wire.write_fails = 0;
        CHECK_INT(bide_stream_drain(stream), 0);
    }
    CHECK(wire.written == 24 && !wire.wrong);
    return bide_stream_close(stream);
}

TASK(what_closing_and_ending_answer)
{
    struct wire wire = {.code = -EIO};
    struct bide_stream *stream = wire_open(&wire);
    CHECK_INT(bide_stream_write_eof(stream), -EIO);
    CHECK_INT(bide_stream_write_eof(stream), -EIO); /* it has not ended */
    CHECK_INT(bide_stream_close(stream), -EIO);
    CHECK(wire.shutdowns == 2 && wire.closes == 1 && wire.frees == 1);
    return 0;
}

TASK(what_is_pending_is_buffered)
{
    struct wire wire = {.size = 10, .pending = 4};
    struct bide_stream *stream = wire_open(&wire);
    char text[4];
    CHECK_INT(bide_stream_buffered(stream), 4);
    CHECK_INT(bide_stream_read(stream, text, 1), 1);
    CHECK_INT(bide_stream_buffered(stream), 9 + 4);
    return bide_stream_close(stream);
}

TASK(what_it_was_kept_from_sending)
{
    struct wire wire = {.unsent = 10, .write_most = 4};
    struct bide_stream *stream = wire_open(&wire);
    const char data[] = {wire_byte(0), wire_byte(1)};
    CHECK_INT(bide_stream_write(stream, data, 2), 2);
    CHECK_INT(bide_stream_unsent(stream), 12);
    wire.write_fails = -ECANCELED;
    CHECK_INT(bide_stream_drain(stream), -ECANCELED);
    wire.write_fails = 0;
    CHECK_INT(bide_stream_drain(stream), 0);
    CHECK(wire.writes == 4 && wire.written == 2 && wire.unsent == 0);
    wire.unsent = 3;
    CHECK_INT(bide_stream_close(stream), 0); /* which sends it, too */
    CHECK(wire.unsent == 0 && wire.closes == 1);
    return 0;
}

/* A stream that always has something at hand does not keep the others from running. */
TASK(count_turns)
{
    for (;;) {
        const int code = bide_yield();
        if (code < 0) return 0;
        ++*(int *)arg;
    }
}

TASK(bug_41_a_reader_of_what_is_there_gives_way)
{
    int turns = 0;
    struct wire wire = {.size = 60000};
    struct bide_stream *stream = wire_open(&wire);
    const char *data;
    char text[1];
    CHECK_INT(bide_stream_peek(stream, 50000, &data), 60000);
    struct bide_task *other = bide_create_task(count_turns, &turns);
    for (int i = 0; i < 50000; i++) CHECK_INT(bide_stream_read(stream, text, 1), 1);
    CHECK(turns > 100);
    CHECK_INT(bide_cancel(other), 1);
    CHECK_INT(bide_await(other, NULL), 0);
    return bide_stream_close(stream);
}

/* ---- closed while others are in it ---- */

static struct bide_stream *shared;

TASK(read_shared)
{
    char *line;
    log_event("%d", bide_stream_read_line(shared, &line) == -EBADF);
    return 0;
}

TASK(it_is_freed_when_the_last_has_left)
{
    struct wire wire = {.size = 10, .stuck = true};
    shared = wire_open(&wire);
    struct bide_task *reader = bide_create_task(read_shared, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_stream_close(shared), 0);
    CHECK(wire.closes == 1 && wire.frees == 0);
    CHECK_INT(bide_stream_close(shared), -EBADF); /* which can be told as long as another is in it */
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_INT(wire.frees, 1);
    CHECK_LOG("1");
    return 0;
}

/* ---- a transport that lies ---- */

static ssize_t read_too_much(void *arg, void *buf, size_t n)
{
    (void)arg, (void)buf;
    return (ssize_t)n + 1;
}

static ssize_t write_too_much(void *arg, const struct iovec *iov, int n)
{
    (void)arg, (void)n;
    return (ssize_t)iov[0].iov_len + 1;
}

static ssize_t write_nothing(void *arg, const struct iovec *iov, int n)
{
    (void)arg, (void)iov, (void)n;
    return 0;
}

static const struct bide_transport liar = {.read = read_too_much, .writev = write_too_much};
static const struct bide_transport idler = {.read = read_too_much, .writev = write_nothing};

TASK(lie_of_reading)
{
    char text[8];
    return (int)bide_stream_read(bide_stream_new_with(&liar, NULL), text, 8);
}

TASK(lie_of_writing)
{
    struct bide_stream *stream = bide_stream_new_with(&liar, NULL);
    return bide_stream_write(stream, "text", 4) < 0 ? -EPROTO : bide_stream_drain(stream);
}

static int run_task(void *fn)
{
    return bide_run(*(bide_fn *)fn, NULL);
}

static void more_than_was_asked_for_aborts(void **state)
{
    (void)state;
    check_aborts(run_task, &(bide_fn){lie_of_reading}, "read");
    check_aborts(run_task, &(bide_fn){lie_of_writing}, "wrote 5 of 4 bytes");
}

TASK(who_takes_nothing_has_failed)
{
    struct bide_stream *stream = bide_stream_new_with(&idler, NULL);
    CHECK_INT(bide_stream_write(stream, "text", 4), 4);
    CHECK_INT(bide_stream_drain(stream), -EIO);
    bide_stream_abort(stream);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(what_is_no_transport, virtual),
        RUN(only_what_must_be, virtual),
        RUN(large_reads_go_straight_to_the_caller, virtual),
        RUN(a_large_read_that_ends_too_early, virtual),
        RUN(a_failure_comes_after_the_bytes_and_stays, virtual),
        RUN(failures_that_pass, virtual),
        RUN(what_closing_and_ending_answer, virtual),
        RUN(what_is_pending_is_buffered, virtual),
        RUN(what_it_was_kept_from_sending, virtual),
        RUN(bug_41_a_reader_of_what_is_there_gives_way, virtual),
        RUN(it_is_freed_when_the_last_has_left, virtual),
        cmocka_unit_test(more_than_was_asked_for_aborts),
        RUN(who_takes_nothing_has_failed, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
