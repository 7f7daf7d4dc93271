/* SPDX-License-Identifier: MIT */
/* Bodies in chunks, as they come, in whatever pieces: what in them is framing, and what is the body. */
#ifndef HTTP_CHUNKS_H
#define HTTP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_CHUNK_TEXT_MOST = 8192 }; /* bytes of extensions and trailers: more is 431 */

/* All zero before the first byte of a body in chunks. */
struct http_chunks {
    int state;
    bool done;
    unsigned digits;
    unsigned overhead; /* bytes of extensions and trailers */
    uint64_t left;     /* of the chunk */
};

/*
 * Looks at the next n bytes: *skip of them are no part of the body, *body after these are; then it must be
 * called with the rest, if that is not all, until it is done. Returns 0, or the negated status.
 */
int http_chunks_take(struct http_chunks *chunks, const char *data, size_t n, size_t *skip, size_t *body);

#endif
