/* SPDX-License-Identifier: MIT */
/*
 * The reading half of a stream. Whatever the transport gives stands in `in`, or in the caller's
 * buffer of a call that succeeds: so no way out of a call loses a byte.
 */
#include "attempt.h"
#include "misuse.h"
#include "stream.h"

#include <bide/error.h>
#include <errno.h>
#include <string.h>

enum {
    EXACTLY_DIRECT = 16 * 1024, /* bytes that read_exactly reads into the stream at the most */
    ONCE_MOST = 0x7ffff000,     /* what Linux reads in one call; it refuses much larger counts */
};

/* ---- beginning and ending ---- */

/* Takes the 0 behind the line handed out last away. */
static void unmark(struct bide_stream *stream)
{
    if (!stream->marked) return;
    *buffer_first(&stream->in) = stream->saved;
    stream->marked = false;
}

/* A stream that always has something at hand lets others run, too, now and then. */
static int give_way(struct bide_stream *stream)
{
    if (bide_stream_buffered(stream) == 0 || !attempt_is_long()) return 0;
    park_yield();
    const int code = cancel_cut();
    return code == 0 && stream->closed ? -EBADF : code;
}

static int begin(struct bide_stream *stream)
{
    if (!stream) return -EINVAL;
    int code = stream_enter(stream, &stream->reading);
    if (code < 0) return code;
    unmark(stream);
    code = give_way(stream);
    if (code < 0) stream_leave(stream, &stream->reading);
    return code;
}

static ssize_t end(struct bide_stream *stream, ssize_t result)
{
    stream_leave(stream, &stream->reading);
    return result;
}

/* ---- the transport ---- */

/* A power of two, more than was there: a full read is followed by a larger one, a short one by a smaller. */
static unsigned next_hint(size_t n, size_t room)
{
    const size_t wanted = n == room && n <= STREAM_READ_MOST ? 4 * n : n + 1;
    unsigned hint = STREAM_READ_LEAST;
    while (hint < wanted && hint < STREAM_READ_MOST) hint *= 2;
    return hint;
}

/* Reads once; 0 at the end. What the other side or the end has said is remembered. */
static ssize_t receive(struct bide_stream *stream, void *buf, size_t room)
{
    if (stream->eof) return 0;
    if (stream->read_error < 0) return stream->read_error;
    if (room > ONCE_MOST) room = ONCE_MOST;
    const ssize_t n = stream->transport->read(stream->arg, buf, room);
    if (n > 0 && (size_t)n > room)
        misuse("the transport of the stream at %p read %zd bytes into a buffer of %zu", (void *)stream, n,
               room);
    if (stream->closed) return -EBADF;
    if (n > 0)
        stream->hint = next_hint((size_t)n, room);
    else if (n == 0)
        stream->eof = true;
    else if (stream_fails_for_good(n))
        stream->read_error = (int)n;
    return n;
}

/* Reads once into the stream, which is to get `wanted` bytes more if they are known to come (else 0). */
static ssize_t fill(struct bide_stream *stream, size_t wanted)
{
    struct stream_buffer *in = &stream->in;
    const bool empty = buffer_length(in) == 0;
    if (empty && in->size != stream->hint) buffer_free(in); /* an idle stream keeps no large one */
    const size_t usual = empty ? stream->hint - 1 : stream->hint / 2;
    if (!buffer_reserve(in, wanted > usual ? wanted : usual) && buffer_room(in) == 0) return -ENOMEM;
    const ssize_t n = receive(stream, in->data + in->end, buffer_room(in));
    if (n > 0) in->end += (size_t)n;
    return n;
}

/* Until there are n bytes: 1, or 0 at the end. */
static ssize_t fill_to(struct bide_stream *stream, size_t n)
{
    while (buffer_length(&stream->in) < n) {
        const ssize_t got = fill(stream, n - buffer_length(&stream->in));
        if (got <= 0) return got;
    }
    return 1;
}

/* ---- counts ---- */

static size_t take(struct bide_stream *stream, void *buf, size_t n)
{
    struct stream_buffer *in = &stream->in;
    if (n > buffer_length(in)) n = buffer_length(in);
    if (n > 0) memcpy(buf, buffer_first(in), n);
    in->start += n;
    return n;
}

static ssize_t read_some(struct bide_stream *stream, void *buf, size_t n)
{
    if (n == 0) return 0;
    if (buffer_length(&stream->in) == 0) {
        if (n >= stream->hint || n >= STREAM_DIRECT) {
            buffer_free(&stream->in);
            return receive(stream, buf, n);
        }
        const ssize_t got = fill(stream, 0);
        if (got <= 0) return got;
    }
    return (ssize_t)take(stream, buf, n);
}

ssize_t bide_stream_read(struct bide_stream *stream, void *buf, size_t n)
{
    if (n > 0 && !buf) return -EINVAL;
    const int code = begin(stream);
    return code < 0 ? code : end(stream, read_some(stream, buf, n));
}

/* What was read, but not all that was asked for, goes back to the empty stream. */
static ssize_t give_back(struct bide_stream *stream, const void *buf, size_t n, ssize_t code)
{
    if (n == 0 || stream->closed) return code;
    if (!buffer_reserve(&stream->in, n)) {
        stream->read_error = -ENOMEM; /* never as if those bytes had not been */
        return -ENOMEM;
    }
    memcpy(stream->in.data, buf, n);
    stream->in.end = n;
    return code;
}

static ssize_t read_direct(struct bide_stream *stream, char *buf, size_t n)
{
    size_t done = take(stream, buf, n);
    buffer_free(&stream->in);
    while (done < n) {
        const ssize_t got = receive(stream, buf + done, n - done);
        if (got <= 0) return give_back(stream, buf, done, got < 0 ? got : -ENODATA);
        done += (size_t)got;
    }
    return 0;
}

static ssize_t read_exactly(struct bide_stream *stream, void *buf, size_t n)
{
    if (n > EXACTLY_DIRECT && n > buffer_length(&stream->in)) return read_direct(stream, buf, n);
    const ssize_t filled = fill_to(stream, n);
    if (filled <= 0) return filled < 0 ? filled : -ENODATA;
    (void)take(stream, buf, n); /* all of them, as they are there */
    return 0;
}

int bide_stream_read_exactly(struct bide_stream *stream, void *buf, size_t n)
{
    if (n > 0 && !buf) return -EINVAL;
    const int code = begin(stream);
    return code < 0 ? code : (int)end(stream, read_exactly(stream, buf, n));
}

/* ---- lines and separators ---- */

/* Hands the first n bytes out where they stand, with a 0 behind them. */
static ssize_t hand_out(struct bide_stream *stream, size_t n, char **data)
{
    *data = buffer_first(&stream->in);
    stream->in.start += n;
    stream->marked = true;
    stream->saved = (*data)[n];
    (*data)[n] = '\0';
    return (ssize_t)n;
}

static int too_long(const struct bide_stream *stream)
{
    return bide_fail_at(NULL, 0, EOVERFLOW,
                        "no line end or separator within %zu bytes; %zu can be read otherwise", stream->limit,
                        buffer_length(&stream->in));
}

static const char *find(const char *data, size_t n, const void *separator, size_t size)
{
    if (size == 1) return n > 0 ? memchr(data, *(const unsigned char *)separator, n) : NULL;
    return n >= size ? memmem(data, n, separator, size) : NULL;
}

/* Until there is a separator: how many bytes there are up to its end; 0 if the stream's end comes before. */
static ssize_t fill_until(struct bide_stream *stream, const void *separator, size_t size)
{
    size_t from = 0;
    for (;;) {
        const size_t length = buffer_length(&stream->in);
        const size_t most = length < stream->limit ? length : stream->limit;
        if (most > from) {
            const char *first = buffer_first(&stream->in);
            const char *found = find(first + from, most - from, separator, size);
            if (found) return found + size - first;
        }
        if (length > stream->limit) return too_long(stream);
        if (most >= size) from = most - size + 1;
        const ssize_t got = fill(stream, 0);
        if (got <= 0) return got;
    }
}

ssize_t bide_stream_read_line(struct bide_stream *stream, char **line)
{
    if (!line) return -EINVAL;
    const int code = begin(stream);
    if (code < 0) return code;
    ssize_t n = fill_until(stream, "\n", 1);
    if (n == 0) n = (ssize_t)buffer_length(&stream->in);
    if (n > 0) n = hand_out(stream, (size_t)n, line);
    return end(stream, n);
}

ssize_t bide_stream_read_until(struct bide_stream *stream, const void *separator, size_t size, char **data)
{
    if (!stream || !separator || !data || size == 0 || size > stream->limit) return -EINVAL;
    const int code = begin(stream);
    if (code < 0) return code;
    ssize_t n = fill_until(stream, separator, size);
    if (n > 0) n = hand_out(stream, (size_t)n, data);
    if (n == 0 && buffer_length(&stream->in) > 0) n = -ENODATA;
    return end(stream, n);
}

/* ---- looking ahead ---- */

ssize_t bide_stream_peek(struct bide_stream *stream, size_t n, const char **data)
{
    if (!stream || !data || n == 0 || n > stream->limit) return -EINVAL;
    const int code = begin(stream);
    if (code < 0) return code;
    const ssize_t filled = fill_to(stream, n);
    if (filled < 0) return end(stream, filled);
    *data = buffer_first(&stream->in);
    return end(stream, (ssize_t)buffer_length(&stream->in));
}

ssize_t bide_stream_skip(struct bide_stream *stream, size_t n)
{
    if (!stream) return -EINVAL;
    if (stream->closed) return -EBADF;
    if (stream->reading) return -EBUSY;
    unmark(stream);
    if (n > buffer_length(&stream->in)) n = buffer_length(&stream->in);
    stream->in.start += n;
    return (ssize_t)n;
}

size_t bide_stream_buffered(const struct bide_stream *stream)
{
    if (!stream || stream->closed) return 0;
    const struct bide_transport *transport = stream->transport;
    return buffer_length(&stream->in) + (transport->pending ? transport->pending(stream->arg) : 0);
}

bool bide_stream_at_eof(const struct bide_stream *stream)
{
    return stream && stream->eof && buffer_length(&stream->in) == 0;
}
