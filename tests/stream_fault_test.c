/* SPDX-License-Identifier: MIT */
/*
 * Random programs of readers and writers by seed, over a transport that does less than it could and is
 * cut short anywhere, and with memory that is refused: the bytes that come out are those that went in, once,
 * and in order. Then programs on sockets, with every one of their calls to the system failing.
 * BIDE_SEEDS says how many seeds, BIDE_SEED the first.
 */
#include "ends.h"
#include "faults.h"
#include "sweep.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 30000 };

static uint64_t seed;
static uint64_t program; /* what the program draws from */
static size_t at;        /* how many bytes it has read, or has had taken */
static char block[MOST];

static size_t draw(size_t most)
{
    return wire_draw(&program, most);
}

/* A failure that may come, as the test made it; the cancel is taken back. */
static bool is_meant(ssize_t code)
{
    while (bide_cancelled()) bide_uncancel();
    return code == -ECANCELED || code == -ENOMEM;
}

/* Memory is refused for a while, in every other program. */
static void refuse_memory(void)
{
    if (seed % 2 && draw(6) == 0) faults_set(SYS_ALLOC, ENOMEM, (long)draw(3), (long)draw(3) + 1);
}

/* ---- reading ---- */

static int take(const char *data, ssize_t n)
{
    CHECK(wire_is(data, (size_t)n, at));
    at += (size_t)n;
    return 0;
}

static int read_some_of(struct bide_stream *stream)
{
    const ssize_t n = bide_stream_read(stream, block, draw(draw(2) ? 50 : MOST) + 1);
    if (n < 0) return (int)n;
    return take(block, n);
}

/* Not so much at once that there is no memory to give it back: that would be a failure for good. */
static int read_so_many(struct bide_stream *stream)
{
    const size_t n = draw(seed % 2 || draw(2) ? 3000 : MOST);
    const int code = bide_stream_read_exactly(stream, block, n);
    return code < 0 ? code : take(block, (ssize_t)n);
}

static int read_a_line(struct bide_stream *stream)
{
    char *line;
    const ssize_t n = bide_stream_read_line(stream, &line);
    if (n <= 0) return (int)n;
    CHECK(memchr(line, '\n', (size_t)n - 1) == NULL && line[n] == '\0');
    CHECK(line[n - 1] == '\n' || bide_stream_at_eof(stream));
    return take(line, n);
}

static int read_until_two(struct bide_stream *stream)
{
    char *data;
    const char separator[] = {wire_byte(at + 20), wire_byte(at + 21)};
    const ssize_t n = bide_stream_read_until(stream, separator, 2, &data);
    if (n <= 0) return (int)n;
    CHECK(n <= 22 && memcmp(data + n - 2, separator, 2) == 0);
    return take(data, n);
}

static int look(struct bide_stream *stream)
{
    const char *data;
    const ssize_t n = bide_stream_peek(stream, draw(300) + 1, &data);
    if (n < 0) return (int)n;
    CHECK(wire_is(data, (size_t)n, at));
    const ssize_t skipped = bide_stream_skip(stream, draw(100));
    CHECK(skipped >= 0 && skipped <= n);
    at += (size_t)skipped;
    return 0;
}

static int read_program(size_t size)
{
    static int (*const steps[])(struct bide_stream *) = {read_some_of, read_so_many, read_a_line,
                                                         read_until_two, look};
    struct wire wire = {.size = size, .random = program, .read_most = draw(3) ? 0 : draw(40) + 1};
    struct bide_stream *stream = wire_open(&wire);
    while (!bide_stream_at_eof(stream)) {
        refuse_memory();
        const int code = steps[draw(5)](stream);
        CHECK(code >= 0 || is_meant(code) || code == -ENODATA);
        while (bide_cancelled()) bide_uncancel();
        faults_clear();
        CHECK_INT(wire.read - at, bide_stream_buffered(stream)); /* none is lost, at any time */
    }
    CHECK_INT(at, size);
    return bide_stream_close(stream);
}

/* ---- writing ---- */

static ssize_t write_parts(struct bide_stream *stream, size_t n)
{
    struct iovec parts[40];
    size_t begin = 0;
    for (size_t i = 0; i < 40; i++) {
        const size_t length = i == 39 ? n - begin : draw(n - begin + 1) / (i % 5 + 1);
        parts[i] = (struct iovec){block + begin, length};
        begin += length;
    }
    return bide_stream_writev(stream, parts, 40);
}

static ssize_t write_step(struct bide_stream *stream)
{
    size_t n = draw(draw(3) ? 300 : MOST);
    wire_fill(block, n, at);
    switch (draw(6)) {
    case 0: return bide_stream_drain(stream);
    case 1: return bide_stream_flush(stream);
    case 2: return write_parts(stream, n);
    case 3: return bide_stream_printf(stream, "%.*s", (int)n, block);
    default: return bide_stream_write(stream, block, n);
    }
}

static int write_program(size_t size)
{
    struct wire wire = {.random = program, .write_most = draw(3) ? 0 : draw(400) + 1};
    struct bide_stream *stream = wire_open(&wire);
    const size_t high = draw(6000) + 1;
    CHECK_INT(bide_stream_set_marks(stream, draw(high), high), 0);
    while (at < size) {
        refuse_memory();
        const ssize_t n = write_step(stream);
        faults_clear();
        CHECK(n >= 0 || is_meant(n));
        while (bide_cancelled()) bide_uncancel();
        if (n > 0) at += (size_t)n;
        CHECK_INT(wire.written + bide_stream_unsent(stream), at);
        CHECK(!wire.wrong);
    }
    wire.random = 0;
    CHECK_INT(bide_stream_close(stream), 0);
    CHECK(wire.written == at && !wire.wrong && wire.frees == 1);
    return 0;
}

TASK(one_program)
{
    const size_t size = draw(40000);
    at = 0;
    return seed % 4 < 2 ? read_program(size) : write_program(size);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void bug_30_random_programs_lose_nothing(void **state)
{
    (void)state;
    const uint64_t first = number("BIDE_SEED", 1);
    const uint64_t end = first + number("BIDE_SEEDS", (uint64_t)rounds(1000));
    for (seed = first; seed < end; seed++) {
        program = (seed + 1) * 0x9e3779b97f4a7c15;
        const int code = check_run(one_program, NULL);
        if (code != 0) print_error("BIDE_SEED=%llu\n", (unsigned long long)seed);
        assert_int_equal(code, 0);
    }
}

/* ---- every call of sockets fails ---- */

static int answer(struct bide_stream *stream)
{
    char *line;
    ssize_t n;
    while ((n = bide_stream_read_line(stream, &line)) > 0) {
        CHECK(n == 6 || n < 6); /* the last one may have been cut off */
        n = bide_stream_printf(stream, "%s", line);
        if (n >= 0) n = bide_stream_drain(stream);
        if (n < 0) break;
    }
    const int code = bide_stream_close(stream);
    return n < 0 ? (int)n : code;
}

static int ask(struct bide_stream *stream)
{
    char text[7] = "";
    for (int i = 0; i < 3; i++) {
        ssize_t n = bide_stream_write(stream, "hello\n", 6);
        if (n >= 0) n = bide_stream_drain(stream);
        if (n >= 0) n = bide_stream_read_exactly(stream, text, 6);
        if (n < 0) return (int)n;
        CHECK(strcmp(text, "hello\n") == 0);
    }
    return bide_stream_write_eof(stream);
}

static struct bide_stream *both[2];

TASK(answer_one)
{
    sweep_begin(arg);
    return sweep_end(arg, answer(both[1]));
}

TASK(ask_one)
{
    sweep_begin(arg);
    const int code = ask(both[0]), closed = bide_stream_close(both[0]);
    return sweep_end(arg, code < 0 ? code : closed);
}

TASK(ask_and_answer)
{
    struct bide_group group;
    const int code = bide_stream_pair(both);
    if (code < 0) return code;
    BIDE_TIMEOUT(sweep_patience()) {
        BIDE_GROUP(group) {
            if (!sweep_start(&group, answer_one)) bide_stream_abort(both[1]);
            if (!sweep_start(&group, ask_one)) bide_stream_abort(both[0]);
        }
    }
    return bide_group_result(&group);
}

static int pass_through(struct bide_stream *in, struct bide_stream *out)
{
    char text[4] = "";
    ssize_t code = in && out ? bide_stream_write(out, "text", 4) : -ENOMEM;
    if (code == 4)
        code = bide_stream_close(out);
    else
        bide_stream_abort(out);
    if (code >= 0) code = bide_stream_read_exactly(in, text, 4);
    CHECK(code < 0 || memcmp(text, "text", 4) == 0);
    const int closed = bide_stream_close(in);
    return code < 0 ? (int)code : closed;
}

TASK(adopt_a_pipe)
{
    int fds[2], code = -ETIMEDOUT;
    CHECK_INT(pipe(fds), 0);
    struct bide_stream *in = bide_stream_new(fds[0]);
    const int refused = in ? 0 : -errno;
    struct bide_stream *out = bide_stream_new(fds[1]);
    const int failed = out ? refused : -errno;
    if (!in) (void)bide_close(fds[0]);
    if (!out) (void)bide_close(fds[1]);
    BIDE_TIMEOUT(sweep_patience()) {
        code = pass_through(in, out);
    }
    return failed < 0 ? failed : code;
}

SWEEP(ask_and_answer, .codes = {-EPIPE, -ECONNRESET, -ENODATA})
SWEEP(adopt_a_pipe, .codes = {-EPIPE, -ENODATA})

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bug_30_random_programs_lose_nothing),
        SWEEP_TEST(every_fault_of_ask_and_answer),
        SWEEP_TEST(every_fault_of_adopt_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
