/* SPDX-License-Identifier: MIT */
/*
 * A server of lines over TLS, until ^C or SIGTERM: what a client says comes back. What was read by then is
 * answered, and no answer is lost.
 *
 *     openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out cert.pem
 *     tls_echo PORT cert.pem key.pem           on 127.0.0.1; 0 picks a free port; with --count
 *                                              it says at its end how many bytes it has echoed
 *     openssl s_client -quiet -connect 127.0.0.1:PORT
 */
#include "tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Seconds for a client, when the server ends: to take what it is owed, then to see that no more will come. */
enum { GRACE = 3, FAREWELL = 3 };

static const int end_signals[] = {SIGINT, SIGTERM};
static long long echoed; /* bytes */
static bool counts;      /* says at the end how many */

struct server {
    SSL_CTX *context;
    int listener;
    struct bide_group connections;
};

struct client {
    struct server *server;
    int fd;
};

static int echo(struct bide_stream *stream)
{
    char *line;
    ssize_t n;
    while ((n = bide_stream_read_line(stream, &line)) > 0) {
        echoed += n;
        BIDE_SHIELD(GRACE) {
            n = bide_stream_write(stream, line, (size_t)n);
            if (n >= 0) n = bide_stream_drain(stream);
        }
        if (n < 0) break;
    }
    return (int)n;
}

/*
 * Closing with input unread would reset the connection, and answers on their way would be lost: so the
 * client is told that no more will come, and listened to until it ends, too.
 */
static void part(struct bide_stream *stream)
{
    const char *data;
    ssize_t n;
    BIDE_SHIELD(FAREWELL) {
        bide_stream_write_eof(stream);
        while ((n = bide_stream_peek(stream, 1, &data)) > 0) bide_stream_skip(stream, (size_t)n);
    }
}

static int serve_client(void *arg)
{
    struct client client = *(struct client *)arg;
    struct bide_stream *stream;
    free(arg);
    int code = tls_open(client.server->context, client.fd, NULL, &stream);
    if (code < 0) return code;
    code = echo(stream);
    if (code == -ECANCELED) part(stream);
    int closed = bide_stream_close(stream);
    return code < 0 ? code : closed;
}

static int accept_clients(void *arg)
{
    struct server *server = arg;
    for (;;) {
        int fd = bide_accept(server->listener, NULL, NULL);
        if (fd < 0) return fd;
        struct client *client = malloc(sizeof *client);
        if (client) *client = (struct client){server, fd};
        if (client && bide_group_spawn(&server->connections, serve_client, client) == 0) continue;
        free(client);
        bide_close(fd);
    }
}

static int serve(void *arg)
{
    struct server *server = arg;
    int code = 0;
    BIDE_GROUP(server->connections) {
        bide_group_start(&server->connections, accept_clients, server);
        code = bide_signal_wait(end_signals, 2);
        bide_group_cancel(&server->connections);
    }
    bide_close(server->listener);
    if (counts) printf("%lld bytes echoed\n", echoed);
    int failure = bide_group_result(&server->connections);
    return failure < 0 ? failure : code;
}

static int listen_on(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return -1;
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* A client that breaks off, or speaks no TLS, is worth a line and no more. */
static void tell(void *arg, const struct bide_error *error)
{
    (void)arg;
    fprintf(stderr, "a client: %s\n", error->text);
}

int main(int argc, char **argv)
{
    counts = argc > 1 && strcmp(argv[argc - 1], "--count") == 0;
    argc -= counts;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);

    struct server server = {.context = SSL_CTX_new(TLS_server_method())};
    if (argc < 4 || SSL_CTX_use_certificate_chain_file(server.context, argv[2]) != 1 ||
        SSL_CTX_use_PrivateKey_file(server.context, argv[3], SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "usage: tls_echo PORT CERTIFICATE KEY [--count], both in PEM\n");
        return 2;
    }
    server.listener = listen_on(argv[1]);
    if (server.listener < 0) {
        perror("tls_echo: cannot listen");
        return 1;
    }
    /* OpenSSL wants more stack than most. */
    const struct bide_options options = {.stack_size = 256 * 1024, .on_error = tell};
    int code = bide_run_with(&options, serve, &server);
    if (code < 0) fprintf(stderr, "tls_echo: %s\n", bide_error_text(code));
    SSL_CTX_free(server.context);
    return code < 0;
}
