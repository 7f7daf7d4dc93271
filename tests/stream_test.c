/* SPDX-License-Identifier: MIT */
/* Streams: read by counts, looked into, used by two tasks, closed, misused. */
#include "../src/stream.h"

#include "ends.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static struct bide_stream *pair[2];

static int open_pair(void)
{
    return bide_stream_pair(pair);
}

static int close_pair(void)
{
    const int first = bide_stream_close(pair[0]), second = bide_stream_close(pair[1]);
    return first < 0 ? first : second;
}

/* Writes and sends. */
static int say(const char *text)
{
    CHECK_INT(bide_stream_write(pair[1], text, strlen(text)), strlen(text));
    return bide_stream_drain(pair[1]);
}

/* ---- reading ---- */

TASK(a_read_takes_what_there_is)
{
    char text[8] = "";
    CHECK_INT(open_pair(), 0);
    CHECK_INT(say("0123456789"), 0);
    CHECK_INT(bide_stream_read(pair[0], text, 0), 0);
    CHECK_INT(bide_stream_read(pair[0], text, 4), 4);
    CHECK(memcmp(text, "0123", 4) == 0);
    CHECK_INT(bide_stream_buffered(pair[0]), 6);
    CHECK_INT(bide_stream_read(pair[0], text, 8), 6);
    CHECK(memcmp(text, "456789", 6) == 0);
    CHECK_INT(bide_stream_write_eof(pair[1]), 0);
    CHECK(!bide_stream_at_eof(pair[0]));
    CHECK_INT(bide_stream_read(pair[0], text, 8), 0);
    CHECK_INT(bide_stream_read(pair[0], text, 8), 0);
    CHECK(bide_stream_at_eof(pair[0]));
    return close_pair();
}

TASK(exactly_so_many)
{
    char text[16] = "";
    CHECK_INT(open_pair(), 0);
    CHECK_INT(say("abcdef"), 0);
    CHECK_INT(bide_stream_read_exactly(pair[0], text, 4), 0);
    CHECK(memcmp(text, "abcd", 4) == 0);
    CHECK_INT(bide_stream_read_exactly(pair[0], text, 0), 0);
    CHECK_INT(bide_stream_write_eof(pair[1]), 0);
    CHECK_INT(bide_stream_read_exactly(pair[0], text, 3), -ENODATA);
    CHECK_INT(bide_stream_buffered(pair[0]), 2);
    CHECK(!bide_stream_at_eof(pair[0]));
    CHECK_INT(bide_stream_read_exactly(pair[0], text, 2), 0);
    CHECK(memcmp(text, "ef", 2) == 0 && bide_stream_at_eof(pair[0]));
    CHECK_INT(bide_stream_read_exactly(pair[0], text, 1), -ENODATA);
    return close_pair();
}

TASK(a_look_takes_nothing)
{
    const char *data;
    char text[8];
    CHECK_INT(open_pair(), 0);
    CHECK_INT(say("head"), 0);
    CHECK_INT(bide_stream_peek(pair[0], 2, &data), 4);
    CHECK(memcmp(data, "head", 4) == 0);
    CHECK_INT(bide_stream_skip(pair[0], 3), 3);
    CHECK_INT(say("er"), 0);
    CHECK_INT(bide_stream_peek(pair[0], 3, &data), 3);
    CHECK(memcmp(data, "der", 3) == 0);
    CHECK_INT(bide_stream_read(pair[0], text, sizeof text), 3);
    CHECK_INT(bide_stream_skip(pair[0], 1), 0);
    CHECK_INT(say("x"), 0);
    CHECK_INT(bide_stream_write_eof(pair[1]), 0);
    CHECK_INT(bide_stream_peek(pair[0], 5, &data), 1); /* the end came before */
    CHECK_INT(bide_stream_skip(pair[0], 9), 1);
    CHECK_INT(bide_stream_peek(pair[0], 5, &data), 0);
    return close_pair();
}

/* ---- cut short ---- */

TASK(read_five)
{
    char *text = arg;
    const int code = bide_stream_read_exactly(pair[0], text, 5);
    log_event("%d", code);
    return 0;
}

TASK(a_cancelled_read_leaves_what_came)
{
    char text[8] = "";
    CHECK_INT(open_pair(), 0);
    struct bide_task *reader = bide_create_task(read_five, text);
    CHECK_INT(say("abc"), 0);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_stream_skip(pair[0], 1), -EBUSY);
    CHECK_INT(bide_cancel(reader), 1);
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_INT(bide_stream_buffered(pair[0]), 3);
    CHECK_INT(say("de"), 0);
    CHECK_INT(bide_stream_read_exactly(pair[0], text, 5), 0);
    CHECK(strcmp(text, "abcde") == 0);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_stream_read(pair[0], text, 5), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(say("later"), 0);
    CHECK_INT(bide_stream_read(pair[0], text, 5), 5);
    return close_pair();
}

TASK(while_cancelled)
{
    char text[4], *line;
    const char *data;
    CHECK_INT(bide_stream_write(pair[0], "x", 1), 1); /* held */
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_stream_read(pair[0], text, 0), -ECANCELED);
    CHECK_INT(bide_stream_read(pair[0], text, 1), -ECANCELED);
    CHECK_INT(bide_stream_read_exactly(pair[0], text, 0), -ECANCELED);
    CHECK_INT(bide_stream_read_line(pair[0], &line), -ECANCELED);
    CHECK_INT(bide_stream_read_until(pair[0], "a", 1, &line), -ECANCELED);
    CHECK_INT(bide_stream_peek(pair[0], 1, &data), -ECANCELED);
    CHECK_INT(bide_stream_write(pair[0], "x", 1), -ECANCELED);
    CHECK_INT(bide_stream_writev(pair[0], NULL, 0), -ECANCELED);
    CHECK_INT(bide_stream_printf(pair[0], "x"), -ECANCELED);
    CHECK_INT(bide_stream_drain(pair[0]), -ECANCELED);
    CHECK_INT(bide_stream_flush(pair[0]), -ECANCELED);
    CHECK_INT(bide_stream_write_eof(pair[0]), -ECANCELED);
    CHECK_INT(bide_stream_skip(pair[0], 1), 0);
    CHECK_INT(bide_stream_close(pair[0]), -ECANCELED); /* closed, and "x" was not sent */
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

TASK(every_call_that_may_wait_checks)
{
    char text[4];
    CHECK_INT(open_pair(), 0);
    CHECK_INT(say("abc"), 0);
    CHECK_INT(bide_await(bide_create_task(while_cancelled, NULL), NULL), 0);
    CHECK_INT(bide_stream_read(pair[1], text, 4), -ECONNRESET); /* as something was left unread */
    return bide_stream_close(pair[1]);
}

/* ---- two at once ---- */

TASK(wait_for_a_line)
{
    char *line;
    log_event("%zd", bide_stream_read_line(pair[0], &line));
    return 0;
}

TASK(one_reader_at_a_time)
{
    char text[4];
    CHECK_INT(open_pair(), 0);
    struct bide_task *reader = bide_create_task(wait_for_a_line, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_stream_read(pair[0], text, 4), -EBUSY);
    CHECK_INT(bide_stream_write(pair[0], "out\n", 4), 4); /* a writer may be there as well */
    CHECK_INT(bide_stream_drain(pair[0]), 0);
    CHECK_INT(bide_stream_read(pair[1], text, 4), 4);
    CHECK_INT(say("in\n"), 0);
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_LOG("3");
    return close_pair();
}

TASK(closed_while_another_reads)
{
    CHECK_INT(open_pair(), 0);
    struct bide_task *reader = bide_create_task(wait_for_a_line, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(close_pair(), 0);
    CHECK_INT(bide_await(reader, NULL), 0);
    char expected[16];
    snprintf(expected, sizeof expected, "%d", -EBADF);
    CHECK_LOG(expected);
    return 0;
}

/* ---- what it takes ---- */

TASK(an_idle_stream_holds_little)
{
    static char much[50000];
    char text[8];
    CHECK_INT(open_pair(), 0);
    CHECK(!pair[0]->in.data && !pair[0]->out.data);
    CHECK_INT(bide_stream_write(pair[1], much, sizeof much), sizeof much);
    for (size_t n = 0; n < sizeof much; n += 5) CHECK_INT(bide_stream_read_exactly(pair[0], much, 5), 0);
    CHECK(pair[0]->in.size > 10000);
    CHECK_INT(say("small"), 0);
    CHECK_INT(bide_stream_read(pair[0], text, 5), 5);
    struct bide_task *reader = bide_create_task(wait_for_a_line, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(pair[0]->in.size, STREAM_READ_LEAST);
    CHECK(!pair[1]->out.data);
    CHECK_INT(close_pair(), 0);
    return bide_await(reader, NULL);
}

/* ---- bad input ---- */

TASK(what_cannot_be)
{
    char text[4], *line;
    const char *data;
    CHECK(!bide_stream_new(-1) && errno == EBADF);
    CHECK(!bide_stream_new(9999) && errno == EBADF);
    CHECK(!bide_stream_borrow(9999) && errno == EBADF);
    CHECK_INT(bide_stream_pair(NULL), -EINVAL);
    CHECK_INT(bide_stream_close(NULL), 0);
    bide_stream_abort(NULL);
    CHECK_INT(bide_stream_read(NULL, text, 1), -EINVAL);
    CHECK_INT(bide_stream_read_exactly(NULL, text, 1), -EINVAL);
    CHECK_INT(bide_stream_read_line(NULL, &line), -EINVAL);
    CHECK_INT(bide_stream_write(NULL, text, 1), -EINVAL);
    CHECK_INT(bide_stream_printf(NULL, "%s", text), -EINVAL);
    CHECK_INT(bide_stream_drain(NULL), -EINVAL);
    CHECK_INT(bide_stream_write_eof(NULL), -EINVAL);
    CHECK_INT(bide_stream_skip(NULL, 1), -EINVAL);
    CHECK_INT(bide_stream_fd(NULL), -EINVAL);
    CHECK_INT(bide_stream_sockname(NULL, NULL, NULL), -EINVAL);
    CHECK(bide_stream_buffered(NULL) == 0 && bide_stream_unsent(NULL) == 0 && !bide_stream_at_eof(NULL));
    CHECK_INT(open_pair(), 0);
    CHECK_INT(bide_stream_set_limit(pair[0], 0), -EINVAL);
    CHECK_INT(bide_stream_set_marks(pair[0], 0, 0), -EINVAL);
    CHECK_INT(bide_stream_set_marks(pair[0], 2, 1), -EINVAL);
    CHECK_INT(bide_stream_set_limit(pair[0], 3), 0);
    CHECK_INT(bide_stream_read_line(pair[0], NULL), -EINVAL);
    CHECK_INT(bide_stream_read_until(pair[0], "", 0, &line), -EINVAL);
    CHECK_INT(bide_stream_read_until(pair[0], "abcd", 4, &line), -EINVAL);
    CHECK_INT(bide_stream_peek(pair[0], 0, &data), -EINVAL);
    CHECK_INT(bide_stream_peek(pair[0], 4, &data), -EINVAL);
    CHECK_INT(bide_stream_writev(pair[0], NULL, -1), -EINVAL);
    CHECK_INT(bide_stream_writev(pair[0], NULL, 1), -EINVAL);
    CHECK_INT(bide_stream_write(pair[0], text, (size_t)-1), -EINVAL);
    CHECK_INT(bide_stream_write(pair[0], NULL, 1), -EINVAL);
    CHECK_INT(bide_stream_writev(pair[0], &(struct iovec){NULL, 1}, 1), -EINVAL);
    CHECK_INT(bide_stream_read(pair[0], NULL, 1), -EINVAL);
    CHECK_INT(bide_stream_read_exactly(pair[0], NULL, 1), -EINVAL);
    return close_pair();
}

static size_t most_asked;

/* Three bytes, then the end. */
static ssize_t note_and_read(void *arg, void *buf, size_t n)
{
    int *reads = arg;
    if (n > most_asked) most_asked = n;
    if ((*reads)++ > 0) return 0;
    memcpy(buf, "abc", 3);
    return 3;
}

static ssize_t write_nothing(void *arg, const struct iovec *iov, int n)
{
    (void)arg;
    (void)iov;
    (void)n;
    return -EIO;
}

/* The kernel refuses counts like these: neither bytes nor the stream may be lost by that. */
TASK(more_than_can_be)
{
    static const struct bide_transport noting = {.read = note_and_read, .writev = write_nothing};
    char text[8];
    int reads = 0;
    struct bide_stream *stream = bide_stream_new_with(&noting, &reads);
    most_asked = 0;
    CHECK_INT(bide_stream_read_exactly(stream, text, SIZE_MAX), -ENODATA);
    CHECK(most_asked > 0 && most_asked <= INT_MAX);
    CHECK_INT(bide_stream_buffered(stream), 3);
    CHECK_INT(bide_stream_read(stream, text, SIZE_MAX), 3);
    return bide_stream_close(stream);
}

static void outside_of_loops(void **state)
{
    (void)state;
    struct bide_stream *streams[2];
    assert_null(bide_stream_new(0));
    assert_int_equal(errno, EPERM);
    assert_null(bide_stream_borrow(0));
    assert_int_equal(errno, EPERM);
    assert_int_equal(bide_stream_pair(streams), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_read_takes_what_there_is, virtual),
        RUN(exactly_so_many, virtual),
        RUN(a_look_takes_nothing, virtual),
        RUN(a_cancelled_read_leaves_what_came, virtual),
        RUN(every_call_that_may_wait_checks, virtual),
        RUN(one_reader_at_a_time, virtual),
        RUN(closed_while_another_reads, virtual),
        RUN(an_idle_stream_holds_little, virtual),
        RUN(what_cannot_be, virtual),
        RUN(more_than_can_be, virtual),
        cmocka_unit_test(outside_of_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
