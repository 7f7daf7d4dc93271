/* SPDX-License-Identifier: MIT */
/*
 * Feeds the parser of the Redis example with bytes in pieces, and writes down what it makes of
 * them. It gets each piece in memory of its own and of that very size, so that the sanitizers see
 * a byte read too much, and nothing that it keeps may point into an older one.
 * To be included after resp.c, whose functions it calls.
 */
#ifndef RESP_PIECES_H
#define RESP_PIECES_H

#include <stdlib.h>
#include <string.h>

/* "3:SET,1:a,1:b;" for a request, "!" and the text for an error, "+n" for n bytes that wait for more. */
static void resp_note(struct bytes *log, char kind, size_t number)
{
    char digits[DECIMAL_MAX];
    if (kind == '+') bytes_append(log, "+", 1);
    bytes_append(log, digits, decimal_format(digits, (int64_t)number));
    if (kind != '+') bytes_append(log, &kind, 1);
}

static void resp_note_request(struct bytes *log, const struct resp_parser *parser, const char *data)
{
    for (size_t i = 0; i < parser->count; i++) {
        if (i > 0) bytes_append(log, ",", 1);
        resp_note(log, ':', parser->spans[i].len);
        bytes_append(log, data + parser->spans[i].start, parser->spans[i].len);
    }
    bytes_append(log, ";", 1);
}

/* All requests in the n bytes that are there. Returns how many bytes they take; n + 1 after an error. */
static size_t resp_take(struct resp_parser *parser, char *data, size_t n, struct bytes *log)
{
    size_t start = 0;
    for (;;) {
        switch (resp_parse(parser, data + start, n - start)) {
        case RESP_MORE: return start;
        case RESP_ERROR:
            bytes_append(log, "!", 1);
            bytes_append(log, parser->error, strlen(parser->error));
            return n + 1;
        case RESP_REQUEST: break;
        }
        resp_note_request(log, parser, data + start);
        start += parser->pos;
        resp_next(parser);
    }
}

/* The bytes in pieces: cuts[0] says how many, and then come the places where each of them ends. */
static void resp_feed(const char *bytes, const size_t *cuts, struct bytes *log)
{
    struct resp_parser parser = {0};
    size_t done = 0, cut, i = 0;
    const size_t all = cuts[0];
    for (i = 1; i <= all; i++) {
        cut = cuts[i];
        if (cut < done) continue;
        char *piece = malloc(cut - done + (cut == done));
        if (!piece) abort();
        memcpy(piece, bytes + done, cut - done);
        const size_t taken = resp_take(&parser, piece, cut - done, log);
        free(piece);
        if (taken > cut - done) break;
        done += taken;
    }
    if (i > all) resp_note(log, '+', cuts[all] - done);
    resp_free(&parser);
    bytes_append(log, "", 1);
}

#endif
