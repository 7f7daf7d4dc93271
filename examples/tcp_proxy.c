/* SPDX-License-Identifier: MIT */
/*
 * A TCP proxy: what comes from either side goes to the other, and so does the end: a half close stays
 * one. Each direction is a task of its own, so neither holds up the other. The bytes are copied: splice(2)
 * through a pipe was slower in tests/bench/proxy, and hardly cheaper.
 *
 *     tcp_proxy PORT HOST PORT    from a port of 127.0.0.1 to another server; without arguments to one
 *                                 in this run, with a client that shows it
 */
#include <bide.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 16 * 1024, MEGABYTES = 8, GRACE = 5 };

struct target {
    const char *host;
    int port;
};

struct way {
    struct bide_stream *from, *to;
    long long bytes;
};

/* What was read goes on, also when the proxy ends meanwhile. To the other side that is an end as any other. */
static int pass_on(void *arg)
{
    struct way *way = arg;
    char block[BLOCK];
    ssize_t n;
    while ((n = bide_stream_read(way->from, block, sizeof block)) > 0) {
        way->bytes += n;
        BIDE_SHIELD(GRACE) {
            n = bide_stream_write(way->to, block, (size_t)n);
            if (n >= 0) n = bide_stream_drain(way->to);
        }
        if (n < 0) break;
    }
    if (n < 0 && n != -ECANCELED) return (int)n;
    BIDE_SHIELD(GRACE) n = bide_stream_write_eof(way->to);
    return (int)n;
}

/* When the proxy ends the server may still answer what the client had asked. */
static int pass_back(void *arg)
{
    int code = 0;
    BIDE_SHIELD(GRACE) code = pass_on(arg);
    return code;
}

/* One client. The first direction that fails cancels the other one, which has GRACE seconds left then. */
static int relay(struct bide_stream *client, void *arg)
{
    const struct target *target = arg;
    struct bide_stream *server = bide_open_connection(target->host, target->port);
    if (!server) return -errno;
    struct way there = {client, server, 0}, back = {server, client, 0};
    const struct bide_call calls[] = {{pass_on, &there}, {pass_back, &back}};
    int code = bide_gather(calls, 2, NULL);
    printf("%lld bytes there, %lld bytes back\n", there.bytes, back.bytes);
    fflush(stdout);
    bide_stream_close(server);
    return code == -ECONNRESET || code == -EPIPE ? 0 : code;
}

/* ---- a server and a client in this very run ---- */

/* Reads up to the end, and only then answers. */
static int count(struct bide_stream *client, void *arg)
{
    char block[BLOCK];
    long long sum = 0;
    ssize_t n;
    (void)arg;
    while ((n = bide_stream_read(client, block, sizeof block)) > 0) sum += n;
    bide_stream_printf(client, "you sent %lld bytes\n", sum);
    return (int)n;
}

static int use(int port, char *answer, size_t size)
{
    static char block[BLOCK];
    char *line;
    struct bide_stream *stream = bide_open_connection("127.0.0.1", port);
    if (!stream) return -errno;
    for (int i = 0; i < MEGABYTES * 1024 * 1024 / BLOCK; i++) bide_stream_write(stream, block, BLOCK);
    int code = bide_stream_write_eof(stream); /* the other half stays open for the answer */
    if (code == 0 && bide_stream_read_line(stream, &line) > 0) snprintf(answer, size, "%s", line);
    bide_stream_close(stream);
    return code;
}

static int demonstrate(void)
{
    struct bide_server *server = bide_start_server("127.0.0.1", 0, count, NULL, NULL);
    if (!server) return -errno;
    struct target target = {"127.0.0.1", bide_server_port(server)};
    struct bide_server *proxy = bide_start_server("127.0.0.1", 0, relay, &target, NULL);
    char answer[64] = "none\n";
    int code = proxy ? use(bide_server_port(proxy), answer, sizeof answer) : -errno;
    bide_server_close(proxy, 1);
    printf("the answer: %s", answer);
    bide_server_close(server, 1);
    return code;
}

static int run(void *arg)
{
    static const int end_signals[] = {SIGINT, SIGTERM};
    char **argv = arg;
    if (!argv[1] || !argv[2] || !argv[3]) return demonstrate();
    struct target target = {argv[2], atoi(argv[3])};
    struct bide_server *proxy = bide_start_server("127.0.0.1", atoi(argv[1]), relay, &target, NULL);
    if (!proxy) return -errno;
    printf("listening on 127.0.0.1:%d\n", bide_server_port(proxy));
    fflush(stdout);
    int code = bide_signal_wait(end_signals, 2);
    bide_server_close(proxy, 0); /* what has been read is passed on, and answered */
    return code;
}

int main(int argc, char **argv)
{
    sigset_t set;
    (void)argc;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* one that comes before the first wait is kept for it */
    int code = bide_run(run, argv);
    if (code < 0) fprintf(stderr, "tcp_proxy: %s\n", bide_error_text(code));
    return code < 0;
}
