/* SPDX-License-Identifier: MIT */
/*
 * One byte at a time but for the body itself, by states. A byte that may not stand where it does is refused,
 * whatever other servers make of it.
 */
#include "chunks.h"

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER_FIRST, TRAILER, TRAILER_LF, LAST_LF };

/* May it stand in an extension or a trailer? */
static bool is_text(unsigned char c)
{
    return (c >= 0x20 || c == '\t') && c != 0x7f;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* A byte of a chunk's first line. -1: it may not stand there. */
static int after_size_byte(struct http_chunks *chunks, char c)
{
    const int digit = hex(c);
    if (digit >= 0 && chunks->digits < 15) {
        chunks->digits++;
        chunks->left = chunks->left * 16 + (uint64_t)digit;
        return SIZE;
    }
    if (chunks->digits == 0) return -1;
    return c == '\r' ? SIZE_LF : c == ';' ? EXTENSION : -1;
}

static int after_text_byte(struct http_chunks *chunks, char c, int same, int at_end)
{
    chunks->overhead++;
    if (c == '\r') return at_end;
    return is_text((unsigned char)c) ? same : -1;
}

/* The state after one byte that is not of the body; -1: it may not stand there. */
static int after_byte(struct http_chunks *chunks, char c)
{
    switch (chunks->state) {
    case SIZE: return after_size_byte(chunks, c);
    case EXTENSION: return after_text_byte(chunks, c, EXTENSION, SIZE_LF);
    case SIZE_LF: return c != '\n' ? -1 : chunks->left > 0 ? DATA : TRAILER_FIRST;
    case DATA_CR: return c == '\r' ? DATA_LF : -1;
    case DATA_LF: chunks->digits = 0; return c == '\n' ? SIZE : -1;
    case TRAILER_FIRST: return after_text_byte(chunks, c, TRAILER, LAST_LF);
    case TRAILER: return after_text_byte(chunks, c, TRAILER, TRAILER_LF);
    case TRAILER_LF: return c == '\n' ? TRAILER_FIRST : -1;
    default: chunks->done = c == '\n'; return chunks->done ? LAST_LF : -1;
    }
}

int http_chunks_take(struct http_chunks *chunks, const char *data, size_t n, size_t *skip, size_t *body)
{
    size_t i = 0;
    while (i < n && chunks->state != DATA && !chunks->done) {
        const int state = after_byte(chunks, data[i++]);
        if (state < 0) return -400;
        if (chunks->overhead > HTTP_CHUNK_TEXT_MOST) return -431;
        chunks->state = state;
    }
    *skip = i;
    *body = 0;
    if (chunks->state != DATA || chunks->done) return 0;
    *body = chunks->left < n - i ? (size_t)chunks->left : n - i;
    chunks->left -= *body;
    if (chunks->left == 0) chunks->state = DATA_CR;
    return 0;
}
