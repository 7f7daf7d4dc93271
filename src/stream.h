/* SPDX-License-Identifier: MIT */
/*
 * The inside of a stream, for the files stream_*.c and for servers.
 *
 * Invariants
 *  - `reading` is set while a task is in a call that reads, `writing` while one is in a call that
 *    writes: only they touch `in` and `out`.
 *  - The memory lives until `users` is 0: its owner until it is closed, each call in progress, and whoever
 *    holds it. Once it is closed the transport is called no more, except to be freed in the end.
 *  - `marked`: at the first byte of `in` stands a 0, behind the line that was handed out last, instead of
 *    `saved`.
 */
#ifndef STREAM_H
#define STREAM_H

#include "cancel.h"
#include "stream_buffer.h"

#include <bide/stream.h>
#include <errno.h>

enum {
    STREAM_READ_LEAST = 1024,     /* what an idle stream has for what comes next */
    STREAM_READ_MOST = 64 * 1024, /* what a busy one reads at once */
    STREAM_DIRECT = 4096,         /* from here on bytes are not copied where they need not be */
    STREAM_LIMIT = 64 * 1024,
};

/* What every call touches stands in the first two cache lines. */
struct __attribute__((aligned(64))) bide_stream {
    const struct bide_transport *transport;
    void *arg;
    unsigned users;
    int read_error; /* lasting, or 0 */
    int write_error;
    int fd; /* of a stream over a descriptor */
    bool reading;
    bool writing;
    bool eof;   /* read */
    bool ended; /* written */
    bool closed;
    bool marked;
    char saved;
    unsigned hint; /* how much to read at once */
    struct stream_buffer out;
    size_t high;
    size_t low;
    struct stream_buffer in;
    size_t limit;
};

/* The rare part of stream_drop. */
void stream_free(struct bide_stream *stream);

/* Keeps its memory after it was closed, so that further calls give -EBADF; and no longer. */
static inline void stream_hold(struct bide_stream *stream)
{
    stream->users++;
}

static inline void stream_drop(struct bide_stream *stream)
{
    if (--stream->users == 0) stream_free(stream);
}

/* A call that may wait begins on the stream's `side`, &stream->reading or &stream->writing; and ends. */
static inline int stream_enter(struct bide_stream *stream, bool *side)
{
    const int code = cancel_check();
    if (code < 0) return code;
    if (stream->closed) return -EBADF;
    if (*side) return -EBUSY;
    *side = true;
    stream_hold(stream);
    return 0;
}

static inline void stream_leave(struct bide_stream *stream, bool *side)
{
    *side = false;
    stream_drop(stream);
}

/* Closes it, which drops its owner. 0 or the transport's failure. */
int stream_end(struct bide_stream *stream);

/* Is this failure (< 0) of the transport one for good, not a cancel, a deadline or want of memory? */
bool stream_fails_for_good(ssize_t code);

#endif
