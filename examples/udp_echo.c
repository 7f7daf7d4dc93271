/* SPDX-License-Identifier: MIT */
/*
 * A UDP server: every datagram goes back to where it came from, until ^C or SIGTERM.
 *
 *     udp_echo [PORT] [--count]    on 127.0.0.1; 0, the default, picks a free one
 *     udp_echo self [--count]      also asks itself three times, then ends
 *
 * --count: says at its end how many it has echoed.
 */
#include <bide.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int end_signals[] = {SIGINT, SIGTERM};

static int echoed;  /* datagrams */
static bool counts; /* says at the end how many */

/* One that was read is answered, also when the server ends meanwhile. */
static int echo(void *arg)
{
    int fd = *(int *)arg;
    static char buf[65536]; /* the largest datagram fits */
    for (;;) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        ssize_t n = bide_recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&peer, &len);
        if (n >= 0) {
            echoed++;
            BIDE_SHIELD(1) n = bide_sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&peer, len);
        }
        if (n == -ECANCELED) return (int)n;
        if (n < 0) printf("lost one: %s\n", bide_error_text((int)n)); /* UDP promises nothing */
    }
}

/* Datagrams may get lost: who asks waits for a while, then asks again. */
static int ask(int fd, const char *text)
{
    char answer[64];
    for (int tries = 0; tries < 5; tries++) {
        ssize_t n = bide_send(fd, text, strlen(text), 0);
        BIDE_TIMEOUT(1.0) {
            if (n >= 0) n = bide_recv(fd, answer, sizeof answer, 0);
        }
        if (bide_expired()) continue;
        if (n >= 0) printf("echo: %.*s\n", (int)n, answer);
        return (int)n;
    }
    return bide_fail(ETIMEDOUT, "no answer to '%s'", text);
}

static int ask_three_times(int port)
{
    int fd = bide_datagram_connect("127.0.0.1", port), code = fd;
    if (fd < 0) return fd;
    if (code >= 0) code = ask(fd, "one");
    if (code >= 0) code = ask(fd, "two");
    if (code >= 0) code = ask(fd, "three");
    bide_close(fd);
    return code;
}

static int run(void *arg)
{
    const char *word = arg;
    bool self = strcmp(word, "self") == 0;
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    int fd = bide_datagram_bind("127.0.0.1", self ? 0 : atoi(word));
    if (fd < 0) return fd;
    getsockname(fd, (struct sockaddr *)&address, &len);
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout); /* whoever started us may read it through a pipe */

    struct bide_task *server = bide_create_task(echo, &fd);
    int code = self ? ask_three_times(ntohs(address.sin_port)) : bide_signal_wait(end_signals, 2);
    bide_cancel(server);
    bide_await(server, NULL);
    bide_close(fd);
    if (counts) printf("%d datagrams echoed\n", echoed);
    return code;
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

    int code = bide_run(run, argc > 1 ? argv[1] : "0");
    if (code < 0) fprintf(stderr, "udp_echo: %s\n", bide_error_text(code));
    return code < 0;
}
