/* SPDX-License-Identifier: MIT */
/* Bytes: borrowed ones, a buffer that grows, and numbers in decimal. */
#ifndef REDIS_BYTES_H
#define REDIS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to somebody else. */
struct slice {
    const char *data;
    size_t len;
};

/* Zero is an empty buffer, which has no memory yet. */
struct bytes {
    char *data;
    size_t len;
    size_t capacity;
    bool failed; /* there was no memory: what it holds has gaps */
};

/* Room for n more bytes behind those that it holds, or NULL. The caller adds to len what he wrote. */
char *bytes_reserve(struct bytes *buffer, size_t n);

void bytes_append(struct bytes *buffer, const void *data, size_t n);

/* Gives the memory back. */
void bytes_free(struct bytes *buffer);

/* Whether the bytes are this word, in upper or lower case. */
bool slice_is(struct slice slice, const char *word);

/* A number as text takes at most that many bytes. */
enum { DECIMAL_MAX = 20 };

/* Writes the number to out and returns how many bytes it took; there is no NUL. */
size_t decimal_format(char *out, int64_t number);

/* Reads a number that is all of the slice, without blanks, plus signs or leading zeros. */
bool decimal_parse(struct slice slice, int64_t *number);

#endif
