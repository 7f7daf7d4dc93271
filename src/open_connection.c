/* SPDX-License-Identifier: MIT */
/* A stream to a host: connecting, and the stream over it. */
#include <bide/io.h>
#include <bide/net.h>
#include <bide/stream.h>
#include <errno.h>

struct bide_stream *bide_open_connection_with(const char *host, int port,
                                              const struct bide_connect_options *opt)
{
    const int fd = bide_connect_to(host, port, opt);
    struct bide_stream *stream = fd < 0 ? NULL : bide_stream_new(fd);
    const int code = fd < 0 ? fd : -errno;
    if (stream) return stream;
    if (fd >= 0) (void)bide_close(fd); /* nothing was sent */
    errno = -code;
    return NULL;
}

struct bide_stream *bide_open_connection(const char *host, int port)
{
    return bide_open_connection_with(host, port, NULL);
}
