/* SPDX-License-Identifier: MIT */
/*
 * A TCP server: one task for each connection, all in one group, until ^C or SIGTERM. What was read by then
 * is answered, and no answer is lost.
 *
 *     echo_server [PORT] [--count]    on 127.0.0.1; 0, the default, picks a free one; --count: says at its
 *                                     end how many bytes it has echoed
 */
#include <arpa/inet.h>
#include <bide.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Seconds for a client, when the server ends: to take what it is owed, then to see that no more will come. */
enum { GRACE = 3, FAREWELL = 3 };

static const int end_signals[] = {SIGINT, SIGTERM};
static long long echoed; /* bytes */
static bool counts;      /* says at the end how many */

struct server {
    uint16_t port;
    int listener;
    struct bide_group connections;
};

/* Is there input that was not read, or output that the client has not got yet? */
static bool is_in_talk(int fd)
{
    int unread = 0, unsent = 0;
    ioctl(fd, FIONREAD, &unread);
    ioctl(fd, TIOCOUTQ, &unsent);
    return unread > 0 || unsent > 0;
}

/*
 * Closing with input unread would reset the connection, and answers on their way would be lost: so the
 * client is told that no more will come, and listened to until it ends, too.
 */
static void part(int fd, char *buf, size_t size)
{
    shutdown(fd, SHUT_WR);
    BIDE_SHIELD(FAREWELL)
        while (bide_read(fd, buf, size) > 0) continue;
}

/* Sends everything back, at the pace of a slow reader too: the write waits for it. */
static int echo(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buf[16 * 1024];
    ssize_t n;
    while ((n = bide_read(fd, buf, sizeof buf)) > 0) {
        echoed += n;
        BIDE_SHIELD(GRACE) n = bide_write_all(fd, buf, (size_t)n, NULL);
        if (n < 0) break;
    }
    if (n == -ECANCELED && is_in_talk(fd)) part(fd, buf, sizeof buf);
    bide_close(fd);
    return (int)n; /* a failure, such as a reset by the client, is reported and harms no other task */
}

static int accept_clients(void *arg)
{
    struct server *server = arg;
    for (;;) {
        int client = bide_accept(server->listener, NULL, NULL);
        if (client == -EMFILE || client == -ENFILE) {
            bide_sleep(0.1); /* out of descriptors: the client waits until one is closed */
            continue;
        }
        if (client < 0) return client;
        if (bide_group_spawn(&server->connections, echo, (void *)(intptr_t)client) < 0)
            bide_close(client); /* no memory for one more */
    }
}

/* bind, listen and the like never wait: they are libc's own. */
static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof address;
    int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        int code = bide_fail(errno, "cannot listen on port %d", port);
        bide_close(fd);
        return code;
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout); /* whoever started us may read it through a pipe */
    return fd;
}

/* The group joins all tasks before the block ends, so no connection outlives the server. */
static int serve(void *arg)
{
    struct server *server = arg;
    server->listener = listen_on(server->port);
    if (server->listener < 0) return server->listener;

    int code = 0;
    BIDE_GROUP(server->connections) {
        bide_group_start(&server->connections, accept_clients, server);
        code = bide_signal_wait(end_signals, 2); /* cut short if accepting fails */
        bide_group_cancel(&server->connections);
    }
    bide_close(server->listener);
    if (counts) printf("%lld bytes echoed\n", echoed);
    int failure = bide_group_result(&server->connections);
    return failure < 0 ? failure : code;
}

int main(int argc, char **argv)
{
    counts = argc > 1 && strcmp(argv[argc - 1], "--count") == 0;
    argc -= counts;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* one that comes before the first wait is kept for it */

    struct server server = {.port = (uint16_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 0)};
    int code = bide_run(serve, &server);
    if (code < 0) fprintf(stderr, "echo_server: %s\n", bide_error_text(code));
    return code < 0;
}
