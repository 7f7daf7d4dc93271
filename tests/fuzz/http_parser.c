/* SPDX-License-Identifier: MIT */
/*
 * The HTTP example's parser, by libFuzzer (tests/fuzz/run). The first byte says where the rest is cut: whole or
 * in pieces, the result must be the same, and must lie within what was given.
 */
#include "../../examples/http/chunks.c"
#include "../../examples/http/parser.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static void check_request(const struct http_request *request, int head, size_t size)
{
    check(head > 0 && (size_t)head <= size);
    check(request->path + request->path_size <= (size_t)head);
    check(!(request->chunked && (request->has_length || request->minor == 0)));
    check(request->has_length || request->length == 0);
}

static int parse_in_steps(struct http_parser *parser, const char *data, size_t size, size_t step)
{
    int code = 0;
    for (size_t n = 0; n < size && code == 0;) {
        n = step < size - n ? n + step : size;
        code = http_parse(parser, data, n);
    }
    return code;
}

/* Decodes in steps: the sum of the body's bytes, their number, and how it ended. */
struct outcome {
    uint64_t sum, size, used;
    int code;
    bool done;
};

static struct outcome decode(const char *data, size_t size, size_t step)
{
    struct http_chunks chunks = {0};
    struct outcome outcome = {0};
    while (outcome.used < size && !chunks.done) {
        const char *at = data + outcome.used;
        const size_t left = size - outcome.used;
        size_t skip = 0, body = 0;
        outcome.code = http_chunks_take(&chunks, at, step < left ? step : left, &skip, &body);
        if (outcome.code < 0)
            return (struct outcome){.sum = outcome.sum, .size = outcome.size, .code = outcome.code};
        check(skip + body > 0 && skip + body <= left);
        for (size_t i = 0; i < body; i++) outcome.sum = outcome.sum * 31 + (uint8_t)at[skip + i];
        outcome.size += body;
        outcome.used += skip + body;
    }
    outcome.done = chunks.done;
    return outcome;
}

static void check_chunks(const char *data, size_t size, size_t step)
{
    const struct outcome whole = decode(data, size, size), cut = decode(data, size, step);
    check(whole.code == cut.code && whole.done == cut.done && whole.used == cut.used);
    check(whole.sum == cut.sum && whole.size == cut.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size < 1) return 0;
    const char *data = (const char *)input + 1;
    const size_t step = 1 + input[0] % 64;
    size--;
    struct http_parser whole = {0}, cut_up = {0};
    const int head = size > 0 ? http_parse(&whole, data, size) : 0;
    check(head == parse_in_steps(&cut_up, data, size, step));
    if (head > 0) {
        check_request(&whole.request, head, size);
        check(whole.request.length == cut_up.request.length && whole.request.path == cut_up.request.path);
        check(whole.request.path_size == cut_up.request.path_size);
        check(whole.request.keep_alive == cut_up.request.keep_alive);
        data += head;
        size -= (size_t)head;
    }
    if (size > 0 && (head == 0 || whole.request.chunked)) check_chunks(data, size, step);
    return 0;
}
