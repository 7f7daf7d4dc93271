/* SPDX-License-Identifier: MIT */
/*
 * A server on a Unix socket, until ^C or SIGTERM; what was read by then is answered. A file that was left
 * by a server which is gone is replaced; a name that begins with @ needs none.
 *
 *     unix_echo [PATH] [--count]    /tmp/bide-echo if there is none
 *     unix_echo self [--count]      two clients in this very run, on a name without a file
 *
 * --count: says at its end how many bytes it has echoed.
 */
#include <bide.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { GRACE = 5 }; /* seconds for a client to take what it is owed when the server ends */

static const int end_signals[] = {SIGINT, SIGTERM};
static long long echoed; /* bytes */
static bool counts;      /* says at the end how many */

struct server {
    const char *host; /* "unix:PATH" */
    int listener;
    struct bide_group connections;
};

/* What was written is the client's: a Unix socket that is closed loses nothing, unlike one of TCP. */
static int echo(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buf[4096];
    ssize_t n;
    while ((n = bide_read(fd, buf, sizeof buf)) > 0) {
        echoed += n;
        BIDE_SHIELD(GRACE) n = bide_write_all(fd, buf, (size_t)n, NULL);
        if (n < 0) break;
    }
    bide_close(fd);
    return (int)n;
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
        if (bide_group_spawn(&server->connections, echo, (void *)(intptr_t)client) < 0) bide_close(client);
    }
}

static int talk(const char *host, const char *text)
{
    char answer[64];
    int fd = bide_connect_to(host, 0, NULL);
    if (fd < 0) return fd;
    ssize_t n = bide_write_all(fd, text, strlen(text), NULL);
    if (n >= 0) n = bide_read(fd, answer, sizeof answer);
    if (n >= 0) printf("echo: %.*s\n", (int)n, answer);
    bide_close(fd);
    return (int)n;
}

static int run(void *arg)
{
    struct server server = {.host = arg};
    bool self = strcmp(server.host, "unix:self") == 0;
    char name[64];
    snprintf(name, sizeof name, "unix:@bide unix_echo %d", (int)getpid());
    if (self) server.host = name;
    server.listener = bide_listen(server.host, 0, 0);
    if (server.listener < 0) return server.listener;
    printf("listening on %s\n", server.host);
    fflush(stdout); /* whoever started us may read it through a pipe */

    int code = 0;
    BIDE_GROUP(server.connections) {
        bide_group_start(&server.connections, accept_clients, &server);
        if (self) {
            code = talk(server.host, "hello");
            if (code >= 0) code = talk(server.host, "bye");
        } else {
            code = bide_signal_wait(end_signals, 2);
        }
        bide_group_cancel(&server.connections);
    }
    bide_close(server.listener);
    if (counts) printf("%lld bytes echoed\n", echoed);
    if (server.host[5] != '@') unlink(server.host + 5); /* the next one need not look whether we live */
    int failure = bide_group_result(&server.connections);
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

    char host[200];
    snprintf(host, sizeof host, "unix:%s", argc > 1 ? argv[1] : "/tmp/bide-echo");
    int code = bide_run(run, host);
    if (code < 0) fprintf(stderr, "unix_echo: %s\n", bide_error_text(code));
    return code < 0;
}
