/* SPDX-License-Identifier: MIT */
/* Streams over descriptors. The transport's arg is the stream itself, which knows its descriptor. */
#include "io.h"
#include "poller.h"
#include "stream.h"
#include "sys.h"

#include <bide/io.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

static int fd_of(const void *arg)
{
    return ((const struct bide_stream *)arg)->fd;
}

static ssize_t read_fd(void *arg, void *buf, size_t n)
{
    return io_read(fd_of(arg), buf, n, arg);
}

static ssize_t writev_fd(void *arg, const struct iovec *iov, int n)
{
    return bide_writev(fd_of(arg), iov, n);
}

static int shutdown_fd(void *arg)
{
    const int code = sys_shutdown(fd_of(arg));
    return code == -ENOTSOCK ? -EOPNOTSUPP : code;
}

static int close_fd(void *arg)
{
    return bide_close(fd_of(arg));
}

static const struct bide_transport own_transport = {
    .read = read_fd, .writev = writev_fd, .shutdown = shutdown_fd, .close = close_fd, .fd = fd_of};

static const struct bide_transport borrowed_transport = {
    .read = read_fd, .writev = writev_fd, .shutdown = shutdown_fd, .fd = fd_of};

static struct bide_stream *stream_over(const struct bide_transport *transport, int fd)
{
    struct bide_stream *stream = bide_stream_new_with(transport, NULL);
    if (!stream) return NULL;
    stream->arg = stream;
    stream->fd = fd;
    return stream;
}

/* What bide has opened or accepted itself is its own already, and costs no call. */
static int adopt(int fd)
{
    if (!sched_current) return -EPERM;
    const struct descriptor *descriptor = poller_find(poller_current, fd);
    return descriptor && descriptor->own ? 0 : bide_adopt(fd);
}

struct bide_stream *bide_stream_new(int fd)
{
    struct bide_stream *stream = stream_over(&own_transport, fd);
    if (!stream) return NULL;
    const int code = adopt(fd);
    if (code < 0) {
        stream->transport = &borrowed_transport; /* it is not the stream's to close */
        bide_stream_abort(stream);
        errno = -code;
        return NULL;
    }
    (void)sys_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* what is no TCP socket needs none */
    return stream;
}

struct bide_stream *bide_stream_borrow(int fd)
{
    if (!sched_current || sys_fcntl(fd, F_GETFD, 0) < 0) {
        errno = sched_current ? EBADF : EPERM;
        return NULL;
    }
    return stream_over(&borrowed_transport, fd);
}

int bide_stream_pair(struct bide_stream *streams[2])
{
    int fds[2];
    if (!streams) return -EINVAL;
    const int code = bide_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
    if (code < 0) return code;
    struct bide_stream *first = stream_over(&own_transport, fds[0]);
    struct bide_stream *second = stream_over(&own_transport, fds[1]);
    if (first && second) {
        streams[0] = first;
        streams[1] = second;
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        struct bide_stream *stream = i == 0 ? first : second;
        if (stream)
            bide_stream_abort(stream);
        else
            (void)bide_close(fds[i]); /* new and unused: nothing to lose */
    }
    return -ENOMEM;
}
