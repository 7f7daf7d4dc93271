/* SPDX-License-Identifier: MIT */
/*
 * A TCP client with a deadline: sends three lines and prints what comes back.
 *
 *     echo_client [PORT]    of a server on 127.0.0.1; without one it echoes in this very run
 */
#include <arpa/inet.h>
#include <bide.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sockaddr_in local_address(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* Sends one line and reads until all of it is back. */
static int echo_line(int fd, const char *line)
{
    char answer[256];
    size_t length = strlen(line), got = 0;
    int code = bide_write_all(fd, line, length, NULL);
    while (code >= 0 && got < length) {
        ssize_t n = bide_read(fd, answer + got, length - got);
        if (n == 0) return bide_fail(ECONNRESET, "the server hung up");
        if (n < 0) return (int)n;
        got += (size_t)n;
    }
    if (code >= 0) printf("echo: %.*s", (int)got, answer);
    return code;
}

static int talk(uint16_t port)
{
    static const char *const lines[] = {"hello\n", "from a client\n", "bye\n"};
    struct sockaddr_in address = local_address(port);
    int fd = bide_socket(AF_INET, SOCK_STREAM, 0), code = fd;
    BIDE_TIMEOUT(5.0) {
        if (code >= 0) code = bide_connect(fd, (struct sockaddr *)&address, sizeof address);
        if (code < 0) bide_fail(code, "cannot connect to port %d: %s", port, strerror(-code));
        for (int i = 0; code >= 0 && i < 3; i++) code = echo_line(fd, lines[i]);
    }
    if (bide_expired()) code = bide_fail(ETIMEDOUT, "no answer within 5 s");
    if (fd >= 0) bide_close(fd);
    return code;
}

/* The server for a run without one: a single connection. */
static int serve_once(void *arg)
{
    int listener = *(int *)arg;
    char buf[256];
    ssize_t n;
    int fd = bide_accept(listener, NULL, NULL);
    if (fd < 0) return fd;
    while ((n = bide_read(fd, buf, sizeof buf)) > 0 && bide_write_all(fd, buf, (size_t)n, NULL) == 0)
        continue;
    bide_close(fd);
    return (int)n;
}

static int talk_to_myself(void)
{
    struct sockaddr_in address = local_address(0);
    socklen_t len = sizeof address;
    int listener = bide_socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0) return listener;
    if (bind(listener, (struct sockaddr *)&address, len) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) < 0)
        return bide_fail(errno, "cannot listen");
    struct bide_task *server = bide_create_task(serve_once, &listener);
    int code = talk(ntohs(address.sin_port));
    int served = bide_await(server, NULL);
    bide_close(listener);
    return code < 0 ? code : served;
}

static int run(void *arg)
{
    const char *port = arg;
    return port ? talk((uint16_t)strtoul(port, NULL, 10)) : talk_to_myself();
}

int main(int argc, char **argv)
{
    int code = bide_run(run, argc > 1 ? argv[1] : NULL);
    if (code < 0) fprintf(stderr, "echo_client: %s\n", bide_error_text(code));
    return code < 0;
}
