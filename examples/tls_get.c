/* SPDX-License-Identifier: MIT */
/*
 * Gets a page over TLS from a server on 127.0.0.1 that calls itself localhost, and checks who it is.
 *
 *     tls_get PORT CERTIFICATE [PATH]          the certificate (PEM) that it, or who signed it, has
 */
#include "tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

struct request {
    SSL_CTX *context;
    uint16_t port;
    const char *path;
};

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return fd;
    int code = bide_connect(fd, (struct sockaddr *)&address, sizeof address);
    if (code == 0) return fd;
    bide_close(fd);
    return bide_fail(-code, "cannot connect to 127.0.0.1:%d: %s", port, strerror(-code));
}

static ssize_t exchange(struct bide_stream *stream, const char *path)
{
    char *line;
    ssize_t n = bide_stream_printf(stream, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    if (n >= 0) n = bide_stream_drain(stream);
    while (n >= 0 && (n = bide_stream_read_line(stream, &line)) > 0) fwrite(line, 1, (size_t)n, stdout);
    return n;
}

static int get(void *arg)
{
    const struct request *request = arg;
    struct bide_stream *stream;
    ssize_t code = -ETIMEDOUT;
    BIDE_TIMEOUT(10) {
        int fd = connect_to(request->port);
        if (fd < 0) return fd;
        code = tls_open(request->context, fd, "localhost", &stream);
        if (code < 0) break;
        code = exchange(stream, request->path);
        bide_stream_close(stream);
    }
    if (bide_expired()) return bide_fail(ETIMEDOUT, "no answer within 10 s");
    return (int)code;
}

int main(int argc, char **argv)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (argc < 3 || SSL_CTX_load_verify_locations(context, argv[2], NULL) != 1) {
        fprintf(stderr, "usage: tls_get PORT CERTIFICATE [PATH]\n");
        return 2;
    }
    struct request request = {context, (uint16_t)atoi(argv[1]), argc > 3 ? argv[3] : "/"};
    const struct bide_options options = {.stack_size = 256 * 1024}; /* OpenSSL wants more than most */
    int code = bide_run_with(&options, get, &request);
    if (code < 0) fprintf(stderr, "tls_get: %s\n", bide_error_text(code));
    SSL_CTX_free(context);
    return code < 0;
}
