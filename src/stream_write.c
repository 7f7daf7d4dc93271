/* SPDX-License-Identifier: MIT */
/*
 * The writing half of a stream. What was written stands in `out` until the transport has taken it;
 * bytes that are sent straight from the caller's buffers go after those, in the same call.
 */
#include "misuse.h"
#include "stream.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PARTS = 16 }; /* sent by one call of the transport */

/* What is left to be sent of the caller's buffers: from byte `skip` of the first one on. */
struct rest {
    const struct iovec *iov;
    int n;
    size_t skip;
};

static int begin(struct bide_stream *stream, bool writes)
{
    if (!stream) return -EINVAL;
    int code = stream_enter(stream, &stream->writing);
    if (code < 0) return code;
    code = writes && stream->ended ? -EPIPE : stream->write_error;
    if (code < 0) stream_leave(stream, &stream->writing);
    return code;
}

static ssize_t end(struct bide_stream *stream, ssize_t result)
{
    if (buffer_length(&stream->out) == 0) buffer_free(&stream->out);
    stream_leave(stream, &stream->writing);
    return result;
}

/* ---- the transport ---- */

static int list_parts(const struct stream_buffer *out, const struct rest *rest, struct iovec *parts)
{
    int count = 0;
    if (buffer_length(out) > 0) parts[count++] = (struct iovec){buffer_first(out), buffer_length(out)};
    for (int i = 0; i < rest->n && count < MOST_PARTS; i++) {
        const size_t skip = i == 0 ? rest->skip : 0;
        if (rest->iov[i].iov_len == skip) continue;
        parts[count++] = (struct iovec){(char *)rest->iov[i].iov_base + skip, rest->iov[i].iov_len - skip};
    }
    return count;
}

static void take_from_rest(struct rest *rest, size_t n)
{
    rest->skip += n;
    while (rest->n > 0 && rest->skip >= rest->iov->iov_len) {
        rest->skip -= rest->iov->iov_len;
        rest->iov++;
        rest->n--;
    }
}

/* What the transport has said: -EBADF of one that was closed meanwhile. */
static ssize_t sent(struct bide_stream *stream, ssize_t n)
{
    if (stream->closed) return -EBADF;
    if (n < 0 && stream_fails_for_good(n)) stream->write_error = (int)n;
    return n;
}

static void check_sent(const struct bide_stream *stream, size_t n, size_t most)
{
    if (n > most)
        misuse("the transport of the stream at %p wrote %zu of %zu bytes", (const void *)stream, n, most);
}

/* Sends once: how many bytes of `rest` have gone. There must be something to send. */
static ssize_t send_once(struct bide_stream *stream, struct rest *rest)
{
    struct iovec parts[MOST_PARTS];
    const int count = list_parts(&stream->out, rest, parts);
    ssize_t n = stream->transport->writev(stream->arg, parts, count);
    n = sent(stream, n == 0 ? -EIO : n); /* it takes nothing, and never will */
    if (n < 0) return n;
    size_t total = 0, taken = (size_t)n;
    for (int i = 0; i < count; i++) total += parts[i].iov_len;
    check_sent(stream, taken, total);
    const size_t held = taken < buffer_length(&stream->out) ? taken : buffer_length(&stream->out);
    stream->out.start += held;
    take_from_rest(rest, taken - held);
    return (ssize_t)(taken - held);
}

/* What a transport has taken, but was kept from sending. */
static size_t kept_below(const struct bide_stream *stream)
{
    return stream->transport->unsent ? stream->transport->unsent(stream->arg) : 0;
}

/* The commonest case of send_once: what is held, and nothing else. */
static ssize_t send_held(struct bide_stream *stream)
{
    const struct iovec part = {buffer_first(&stream->out), buffer_length(&stream->out)};
    ssize_t n = stream->transport->writev(stream->arg, &part, 1);
    n = sent(stream, n == 0 ? -EIO : n);
    if (n < 0) return n;
    check_sent(stream, (size_t)n, part.iov_len);
    stream->out.start += (size_t)n;
    return n;
}

/* Sends what is held, until no more than that is left. */
static int send_down_to(struct bide_stream *stream, size_t left)
{
    while (buffer_length(&stream->out) > left) {
        const ssize_t n = send_held(stream);
        if (n < 0) return (int)n;
    }
    while (!stream->closed && kept_below(stream) > 0) {
        const ssize_t n = sent(stream, stream->transport->writev(stream->arg, NULL, 0));
        if (n < 0) return (int)n;
    }
    return 0;
}

/* ---- writing ---- */

static bool keep(struct bide_stream *stream, const struct iovec *iov, int n, size_t total)
{
    struct stream_buffer *out = &stream->out;
    if (total >= STREAM_DIRECT || buffer_length(out) + total > stream->high) return false;
    if (total > 0 && !buffer_reserve(out, total)) return false; /* sent at once, that needs no memory */
    for (int i = 0; i < n; i++) {
        if (iov[i].iov_len == 0) continue;
        memcpy(out->data + out->end, iov[i].iov_base, iov[i].iov_len);
        out->end += iov[i].iov_len;
    }
    return true;
}

static ssize_t write_parts(struct bide_stream *stream, const struct iovec *iov, int n, size_t total)
{
    const int code = begin(stream, true);
    if (code < 0) return code;
    if (keep(stream, iov, n, total)) return end(stream, (ssize_t)total);
    struct rest rest = {iov, n, 0};
    size_t done = 0;
    while (done < total) {
        const ssize_t part = send_once(stream, &rest);
        if (part < 0) return end(stream, done > 0 && !stream->closed ? (ssize_t)done : part);
        done += (size_t)part;
    }
    return end(stream, (ssize_t)done);
}

ssize_t bide_stream_write(struct bide_stream *stream, const void *buf, size_t n)
{
    const struct iovec iov = {(void *)(uintptr_t)buf, n};
    return n > SSIZE_MAX || (n > 0 && !buf) ? -EINVAL : write_parts(stream, &iov, 1, n);
}

ssize_t bide_stream_writev(struct bide_stream *stream, const struct iovec *iov, int n)
{
    if (n < 0 || (n > 0 && !iov)) return -EINVAL;
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        if (iov[i].iov_len > SSIZE_MAX - total || (iov[i].iov_len > 0 && !iov[i].iov_base)) return -EINVAL;
        total += iov[i].iov_len;
    }
    return write_parts(stream, iov, n, total);
}

/* Formats behind what is held: first into the room that there is, then into as much as that needs. */
static ssize_t format(struct bide_stream *stream, const char *fmt, va_list args)
{
    struct stream_buffer *out = &stream->out;
    va_list again;
    va_copy(again, args);
    const size_t room = buffer_room(out);
    int n = vsnprintf(room ? out->data + out->end : NULL, room ? room + 1 : 0, fmt, args);
    const int error = errno;
    if (n < 0) {
        n = error > 0 ? -error : -EINVAL;
    } else if ((size_t)n > room) {
        if (buffer_reserve(out, (size_t)n))
            (void)vsnprintf(out->data + out->end, (size_t)n + 1, fmt, again); /* n, as it said */
        else
            n = -ENOMEM;
    }
    va_end(again);
    if (n > 0) out->end += (size_t)n;
    return n;
}

ssize_t bide_stream_vprintf(struct bide_stream *stream, const char *fmt, va_list args)
{
    if (!fmt) return -EINVAL;
    const int code = begin(stream, true);
    if (code < 0) return code;
    ssize_t n = format(stream, fmt, args);
    if (n > 0 && buffer_length(&stream->out) > stream->high) {
        (void)send_down_to(stream, stream->low); /* all was taken; the next call tells of a failure */
        if (stream->closed) n = -EBADF;          /* there is no next call */
    }
    return end(stream, n);
}

ssize_t bide_stream_printf(struct bide_stream *stream, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const ssize_t n = bide_stream_vprintf(stream, fmt, args);
    va_end(args);
    return n;
}

/* ---- sending ---- */

int bide_stream_drain(struct bide_stream *stream)
{
    const int code = begin(stream, false);
    return code < 0 ? code : (int)end(stream, send_down_to(stream, stream->low));
}

int bide_stream_flush(struct bide_stream *stream)
{
    const int code = begin(stream, false);
    return code < 0 ? code : (int)end(stream, send_down_to(stream, 0));
}

size_t bide_stream_unsent(const struct bide_stream *stream)
{
    if (!stream || stream->closed) return 0;
    return buffer_length(&stream->out) + kept_below(stream);
}

int bide_stream_write_eof(struct bide_stream *stream)
{
    int code = begin(stream, false);
    if (code < 0) return code;
    const struct bide_transport *transport = stream->transport;
    if (stream->ended) return (int)end(stream, 0);
    if (!transport->shutdown) return (int)end(stream, -EOPNOTSUPP);
    code = send_down_to(stream, 0);
    if (code == 0) code = transport->shutdown(stream->arg);
    if (code >= 0) stream->ended = true;
    return (int)end(stream, code < 0 ? code : 0);
}

/* ---- closing ---- */

int bide_stream_close(struct bide_stream *stream)
{
    if (!stream) return 0;
    if (stream->closed) return -EBADF;
    int code = 0;
    stream_hold(stream);
    if (bide_stream_unsent(stream) > 0) code = bide_stream_flush(stream);
    const int ended = stream->closed ? -EBADF : stream_end(stream); /* perhaps by another task meanwhile */
    stream_drop(stream);
    return code < 0 ? code : ended;
}
