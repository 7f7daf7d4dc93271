/* SPDX-License-Identifier: MIT */
/* Lines and separators: found wherever reads end, too long, cut off by the end. */
#include "ends.h"
#include "wire.h"

#include <string.h>

static struct bide_stream *pair[2];

static int say(const char *text, size_t n)
{
    CHECK_INT(bide_stream_write(pair[1], text, n), n);
    return bide_stream_drain(pair[1]);
}

/* All that will ever come. */
static int open_with(const char *text)
{
    CHECK_INT(bide_stream_pair(pair), 0);
    CHECK_INT(say(text, strlen(text)), 0);
    return bide_stream_write_eof(pair[1]);
}

static int close_pair(void)
{
    bide_stream_abort(pair[1]);
    return bide_stream_close(pair[0]);
}

static int expect_line(const char *expected)
{
    char *line = NULL;
    CHECK_INT(bide_stream_read_line(pair[0], &line), strlen(expected));
    CHECK(strcmp(line, expected) == 0);
    return 0;
}

TASK(lines_with_and_without_an_end)
{
    char *line = NULL;
    CHECK_INT(open_with("one\n\ntwo words\r\nthe last"), 0);
    CHECK_INT(expect_line("one\n"), 0);
    CHECK_INT(expect_line("\n"), 0);
    CHECK_INT(expect_line("two words\r\n"), 0);
    CHECK_INT(expect_line("the last"), 0);
    CHECK_INT(bide_stream_read_line(pair[0], &line), 0);
    CHECK(!line && bide_stream_at_eof(pair[0]));
    return close_pair();
}

TASK(a_line_may_be_changed_in_place)
{
    char *line = NULL;
    CHECK_INT(open_with("first\nsecond\n"), 0);
    const ssize_t n = bide_stream_read_line(pair[0], &line);
    CHECK_INT(n, 6);
    memset(line, 'x', (size_t)n);
    CHECK_INT(expect_line("second\n"), 0);
    return close_pair();
}

TASK(zeros_are_bytes_like_others)
{
    char *line = NULL;
    CHECK_INT(bide_stream_pair(pair), 0);
    CHECK_INT(say("a\0b\nc\0\0d", 8), 0);
    CHECK_INT(bide_stream_read_line(pair[0], &line), 4);
    CHECK(memcmp(line, "a\0b\n", 5) == 0);
    CHECK_INT(bide_stream_read_until(pair[0], "\0\0", 2, &line), 3);
    CHECK(memcmp(line, "c\0\0", 4) == 0);
    CHECK_INT(bide_stream_buffered(pair[0]), 1);
    return close_pair();
}

TASK(a_line_that_is_too_long)
{
    char *line = NULL, text[16];
    CHECK_INT(open_with("0123456789\nshort\n"), 0);
    CHECK_INT(bide_stream_set_limit(pair[0], 10), 0);
    CHECK_INT(bide_stream_read_line(pair[0], &line), -EOVERFLOW);
    CHECK(!line && strstr(bide_error_text(-EOVERFLOW), "within 10 bytes; 17 can be read"));
    CHECK_INT(bide_stream_read_line(pair[0], &line), -EOVERFLOW); /* nothing was taken */
    CHECK_INT(bide_stream_buffered(pair[0]), 17);
    CHECK_INT(bide_stream_set_limit(pair[0], 11), 0);
    CHECK_INT(expect_line("0123456789\n"), 0);
    CHECK_INT(bide_stream_set_limit(pair[0], 5), 0);
    CHECK_INT(bide_stream_read_line(pair[0], &line), -EOVERFLOW);
    CHECK_INT(bide_stream_read(pair[0], text, 16), 6);
    CHECK(memcmp(text, "short\n", 6) == 0);
    return close_pair();
}

TASK(a_last_line_as_long_as_the_limit)
{
    char *line = NULL;
    CHECK_INT(open_with("0123456789"), 0);
    CHECK_INT(bide_stream_set_limit(pair[0], 10), 0);
    CHECK_INT(bide_stream_read_until(pair[0], "--", 2, &line), -ENODATA);
    CHECK_INT(bide_stream_set_limit(pair[0], 9), 0);
    CHECK_INT(bide_stream_read_line(pair[0], &line), -EOVERFLOW);
    CHECK_INT(bide_stream_set_limit(pair[0], 10), 0);
    CHECK_INT(expect_line("0123456789"), 0);
    return close_pair();
}

TASK(any_separator)
{
    char *data = NULL;
    CHECK_INT(open_with("GET /\r\nHost: x\r\r\n\r\nrest--"), 0);
    CHECK_INT(bide_stream_read_until(pair[0], "\r\n\r\n", 4, &data), 19);
    CHECK(strcmp(data, "GET /\r\nHost: x\r\r\n\r\n") == 0);
    CHECK_INT(bide_stream_read_until(pair[0], "s", 1, &data), 3);
    CHECK(strcmp(data, "res") == 0);
    CHECK_INT(bide_stream_read_until(pair[0], "---", 3, &data), -ENODATA);
    CHECK_INT(bide_stream_buffered(pair[0]), 3);
    CHECK_INT(bide_stream_read_until(pair[0], "--", 2, &data), 3);
    CHECK_INT(bide_stream_read_until(pair[0], "--", 2, &data), 0);
    return close_pair();
}

/* ---- wherever reads end ---- */

/* One byte at a time, and two: the separator is seen across reads. */
TASK(bug_31_one_byte_at_a_time)
{
    char *data = NULL;
    static const char text[] = "ababac|aab\nx";
    for (size_t step = 1; step <= 3; step++) {
        CHECK_INT(bide_stream_pair(pair), 0);
        for (size_t i = 0; i < 12; i += step) {
            CHECK_INT(say(text + i, step), 0);
            const char *seen;
            CHECK_INT(bide_stream_peek(pair[0], i + step, &seen), i + step);
        }
        CHECK_INT(bide_stream_read_until(pair[0], "abac", 4, &data), 6);
        CHECK_INT(bide_stream_read_until(pair[0], "aab", 3, &data), 4);
        CHECK_INT(bide_stream_read_line(pair[0], &data), 1);
        CHECK_INT(bide_stream_close(pair[0]), 0);
        bide_stream_abort(pair[1]);
    }
    return 0;
}

/* From a plain search: how long the next piece is, up to a separator. */
static size_t length_of(size_t at, size_t size, char last, char before)
{
    for (size_t i = at; i < size; i++) {
        const bool two = !before || (i > at && wire_byte(i - 1) == before);
        if (two && wire_byte(i) == last) return i + 1 - at;
    }
    return 0;
}

TASK(bug_31_every_size_of_read)
{
    for (size_t most = 1; most < 90; most += most < 10 ? 1 : 13) {
        struct wire wire = {.size = 5000, .read_most = most};
        struct bide_stream *stream = wire_open(&wire);
        char *data = NULL;
        size_t at = 0;
        for (;;) {
            const bool line = at % 2 == 0;
            const ssize_t n =
                line ? bide_stream_read_line(stream, &data) : bide_stream_read_until(stream, "\nh", 2, &data);
            const size_t expected = line ? length_of(at, 5000, '\n', 0) : length_of(at, 5000, 'h', '\n');
            if (expected == 0) break;
            CHECK_INT(n, expected);
            CHECK(wire_is(data, expected, at) && data[n] == '\0');
            at += expected;
        }
        CHECK_INT(bide_stream_close(stream), 0);
    }
    return 0;
}

/* A line of a megabyte, in small pieces. */
TASK(a_long_line)
{
    char *line = NULL;
    enum { LONG = 1 << 20 };
    static char text[LONG];
    memset(text, 'y', LONG - 1);
    text[LONG - 1] = '\n';
    CHECK_INT(bide_stream_pair(pair), 0);
    CHECK_INT(bide_stream_set_limit(pair[0], LONG), 0);
    for (size_t at = 0; at < LONG;) {
        const size_t n = LONG - at < 8192 ? LONG - at : 8192;
        const char *seen;
        CHECK_INT(say(text + at, n), 0);
        at += n;
        CHECK_INT(bide_stream_peek(pair[0], at, &seen), at);
    }
    CHECK_INT(bide_stream_read_line(pair[0], &line), LONG);
    CHECK(memcmp(line, text, LONG) == 0);
    return close_pair();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(lines_with_and_without_an_end, virtual),
        RUN(a_line_may_be_changed_in_place, virtual),
        RUN(zeros_are_bytes_like_others, virtual),
        RUN(a_line_that_is_too_long, virtual),
        RUN(a_last_line_as_long_as_the_limit, virtual),
        RUN(any_separator, virtual),
        RUN(bug_31_one_byte_at_a_time, virtual),
        RUN(bug_31_every_size_of_read, virtual),
        RUN(a_long_line, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
