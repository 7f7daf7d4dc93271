/* SPDX-License-Identifier: MIT */
/* The HTTP example's bodies in chunks: a table of them, each fed whole and cut at every place. */
#include "check.h"

#include <string.h>

#include "../examples/http/chunks.h"

#define LINE(text)                                                                                           \
    {                                                                                                        \
        text, sizeof(text) - 1                                                                               \
    }

struct bytes {
    const char *at;
    size_t size;
};

static const struct body {
    struct bytes text;
    int status; /* 0: it is complete */
    const char *body;
} bodies[] = {
    {LINE("0\r\n\r\n"), 0, ""},
    {LINE("5\r\nhello\r\n0\r\n\r\n"), 0, "hello"},
    {LINE("1\r\nh\r\n04\r\nello\r\n000\r\n\r\n"), 0, "hello"},
    {LINE("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"), 0, "01234567890123456789a"},
    {LINE("5;a=\"b\";c\r\nhello\r\n0;d\r\nX: y\r\nZ:\r\n\r\n"), 0, "hello"},
    {LINE("2\r\n\r\n\r\n0\r\n\r\n"), 0, "\r\n"},
    {LINE("\r\n"), 400, ""},
    {LINE(";a\r\n"), 400, ""},
    {LINE("g\r\n"), 400, ""},
    {LINE("-1\r\n"), 400, ""},
    {LINE("0x5\r\n"), 400, ""},
    {LINE(" 5\r\n"), 400, ""},
    {LINE("5 \r\n"), 400, ""},
    {LINE("5\n"), 400, ""},
    {LINE("5\r5"), 400, ""},
    {LINE("5;a\n"), 400, ""},
    {LINE("5;a\rb"), 400, ""},
    {LINE("5;\0"), 400, ""},
    {LINE("5\r\nhello\n"), 400, "hello"},
    {LINE("5\r\nhello0\r\n"), 400, "hello"},
    {LINE("5\r\nhello\r0"), 400, "hello"},
    {LINE("5\r\nhello\r\n\r\n"), 400, "hello"},
    {LINE("0\r\n\n"), 400, ""},
    {LINE("0\r\n\r\r"), 400, ""},
    {LINE("0\r\nX: y\n"), 400, ""},
    {LINE("0\r\nX: \x01"), 400, ""},
    {LINE("10000000000000000\r\n"), 400, ""},
};

struct decoder {
    struct http_chunks chunks;
    char body[64];
    size_t size;
};

/* Feeds the text from one offset to another. As http_chunks_take. */
static int decode(struct decoder *decoder, const char *text, size_t from, size_t to)
{
    while (from < to && !decoder->chunks.done) {
        size_t skip = 0, body = 0;
        const int code = http_chunks_take(&decoder->chunks, text + from, to - from, &skip, &body);
        if (code < 0) return code;
        assert_true(skip + body > 0 && skip + body <= to - from);
        assert_true(decoder->size + body <= sizeof decoder->body);
        memcpy(decoder->body + decoder->size, text + from + skip, body);
        decoder->size += body;
        from += skip + body;
    }
    return 0;
}

static void check_body(const struct body *row, size_t first, size_t step)
{
    struct decoder decoder = {0};
    int code = decode(&decoder, row->text.at, 0, first);
    for (size_t at = first; code == 0 && at < row->text.size; at += step) {
        const size_t end = at + step < row->text.size ? at + step : row->text.size;
        code = decode(&decoder, row->text.at, at, end);
    }
    assert_int_equal(code, -row->status);
    assert_int_equal(decoder.chunks.done, row->status == 0);
    assert_int_equal(decoder.size, strlen(row->body));
    assert_memory_equal(decoder.body, row->body, decoder.size);
}

static void chunks_are_put_together_wherever_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        for (size_t first = 0; first <= bodies[i].text.size; first++)
            check_body(&bodies[i], first, bodies[i].text.size);
        check_body(&bodies[i], 0, 1);
    }
}

static void chunk_extensions_and_trailers_have_a_limit(void **state)
{
    (void)state;
    const char *const before[] = {"5;", "0\r\nX: "};
    static char text[HTTP_CHUNK_TEXT_MOST + 16];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < 2; i++) {
        memcpy(text, before[i], strlen(before[i]));
        struct decoder decoder = {0};
        assert_int_equal(decode(&decoder, text, 0, sizeof text), -431);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_are_put_together_wherever_they_are_cut),
        cmocka_unit_test(chunk_extensions_and_trailers_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
