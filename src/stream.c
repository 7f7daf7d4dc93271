/* SPDX-License-Identifier: MIT */
/* The life of a stream, and what can be asked of it or set. */
#include "stream.h"

#include "sys.h"

#include <errno.h>

struct bide_stream *bide_stream_new_with(const struct bide_transport *transport, void *arg)
{
    bool valid = transport && transport->read && transport->writev;
    for (size_t i = 0; valid && i < sizeof transport->reserved / sizeof *transport->reserved; i++)
        valid = !transport->reserved[i];
    struct bide_stream *stream = valid ? sys_alloc_lines(sizeof *stream) : NULL;
    if (!stream) {
        errno = valid ? ENOMEM : EINVAL;
        return NULL;
    }
    *stream = (struct bide_stream){
        .transport = transport,
        .arg = arg,
        .hint = STREAM_READ_LEAST,
        .limit = STREAM_LIMIT,
        .high = STREAM_LIMIT,
        .users = 1,
    };
    return stream;
}

void stream_free(struct bide_stream *stream)
{
    if (stream->transport->free) stream->transport->free(stream->arg);
    buffer_free(&stream->in);
    buffer_free(&stream->out);
    sys_free(stream);
}

int stream_end(struct bide_stream *stream)
{
    const struct bide_transport *transport = stream->transport;
    stream->closed = true;
    const int code = transport->close ? transport->close(stream->arg) : 0;
    stream_drop(stream);
    return code < 0 ? code : 0;
}

bool stream_fails_for_good(ssize_t code)
{
    const bool passes = code == -ECANCELED || code == -ENOMEM || code == -ENOBUFS;
    return !passes && code != task_level(task_current)->code;
}

void bide_stream_abort(struct bide_stream *stream)
{
    if (stream && !stream->closed) (void)stream_end(stream); /* nothing is promised that could fail */
}

int bide_stream_set_limit(struct bide_stream *stream, size_t limit)
{
    if (!stream || limit == 0) return -EINVAL;
    stream->limit = limit;
    return 0;
}

int bide_stream_set_marks(struct bide_stream *stream, size_t low, size_t high)
{
    if (!stream || high == 0 || low > high) return -EINVAL;
    stream->low = low;
    stream->high = high;
    return 0;
}

int bide_stream_fd(const struct bide_stream *stream)
{
    if (!stream) return -EINVAL;
    if (stream->closed || !stream->transport->fd) return -EBADF;
    const int fd = stream->transport->fd(stream->arg);
    return fd < 0 ? -EBADF : fd;
}

static int name_of(const struct bide_stream *stream, bool peer, struct sockaddr *addr, socklen_t *len)
{
    const int fd = bide_stream_fd(stream);
    return fd < 0 ? fd : sys_socket_name(fd, peer, addr, len);
}

int bide_stream_sockname(const struct bide_stream *stream, struct sockaddr *addr, socklen_t *len)
{
    return name_of(stream, false, addr, len);
}

int bide_stream_peername(const struct bide_stream *stream, struct sockaddr *addr, socklen_t *len)
{
    return name_of(stream, true, addr, len);
}
