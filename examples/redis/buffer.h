/* SPDX-License-Identifier: MIT */
/* Bytes: borrowed ones, a buffer that grows, and numbers in decimal. */
#ifndef REDIS_BUFFER_H
#define REDIS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to somebody else. */
struct slice {
    const char *data;
    size_t len;
};

/* Zero is an empty buffer, which has no memory yet. */
struct buffer {
    char *data;
    size_t len;
    size_t capacity;
    bool failed; /* there was no memory: what it holds has gaps */
};

/* Room for n more bytes behind those that it holds, or NULL. The caller adds to len what he wrote. */
char *buffer_reserve(struct buffer *buffer, size_t n);

void buffer_append(struct buffer *buffer, const void *data, size_t n);

/* Gives the memory back. */
void buffer_free(struct buffer *buffer);

/* Whether the bytes are this word, in upper or lower case. */
bool slice_is(struct slice slice, const char *word);

/* A number as text takes at most that many bytes. */
enum { DECIMAL_MAX = 20 };

/* Writes the number to out and returns how many bytes it took; there is no NUL. */
size_t decimal_format(char *out, int64_t number);

/* Reads a number that is all of the slice, without blanks, plus signs or leading zeros. */
bool decimal_parse(struct slice slice, int64_t *number);

#endif
