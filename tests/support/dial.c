/* SPDX-License-Identifier: MIT */
#include "dial.h"

#include <string.h>

struct bide_stream *dial(const struct bide_server *server)
{
    return bide_open_connection("127.0.0.1", bide_server_port(server));
}

int ask(struct bide_stream *stream, const char *line, const char *answer)
{
    char got[256];
    size_t n = 0;
    ssize_t more = 0;
    if (!stream) return -errno;
    if (line && bide_stream_printf(stream, "%s", line) > 0) bide_stream_write_eof(stream);
    while (n < sizeof got && (more = bide_stream_read(stream, got + n, sizeof got - n)) > 0)
        n += (size_t)more;
    bide_stream_close(stream);
    if (more < 0) return (int)more;
    return n == strlen(answer) && memcmp(got, answer, n) == 0 ? 0 : -EBADMSG;
}

int echo_lines(struct bide_stream *client, void *arg)
{
    char *line;
    ssize_t n;
    (void)arg;
    while ((n = bide_stream_read_line(client, &line)) > 0) {
        bide_stream_write(client, line, (size_t)n);
        n = bide_stream_drain(client);
        if (n < 0) break;
    }
    return (int)n;
}
