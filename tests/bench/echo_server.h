/* SPDX-License-Identifier: MIT */
/*
 * The echo servers: bide's, the same on streams, and a raw edge-triggered epoll loop which takes a short read
 * for the end of what is there. All accept a known number of connections, then tell the load to begin, and
 * end when the last one is closed.
 */
#ifndef ECHO_SERVER_H
#define ECHO_SERVER_H

#include "server_process.h"

#include <errno.h>

enum { ECHO_BUFFER = 4096 };

/* ---- by hand ---- */

/* False when the connection is at its end. */
static bool raw_serve(int fd)
{
    char buf[ECHO_BUFFER];
    ssize_t n;
    do {
        n = read(fd, buf, sizeof buf);
        if (n < 0) return errno == EAGAIN;
        if (n > 0) must(write(fd, buf, (size_t)n) == n, "write");
    } while (n == (ssize_t)sizeof buf);
    return n > 0;
}

static void raw_accept(int epfd, int listener)
{
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    must(fd >= 0, "accept4");
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
    must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void raw_server(const struct server_job *job)
{
    struct epoll_event events[256];
    const int epfd = epoll_create1(0);
    for (int i = 0; i < job->connections; i++) raw_accept(epfd, job->listener);
    server_ready(job);
    for (int open = job->connections; open > 0;) {
        const int n = epoll_wait(epfd, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (raw_serve(events[i].data.fd)) continue;
            close(events[i].data.fd);
            open--;
        }
    }
    server_over(job);
    close(epfd);
}

/* ---- bide ---- */

static int echo_connection(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char buf[ECHO_BUFFER];
    ssize_t n;
    while ((n = bide_read(fd, buf, sizeof buf)) > 0) must(bide_write(fd, buf, (size_t)n) == n, "bide_write");
    bide_close(fd);
    return (int)n;
}

static int echo_yielder(void *arg)
{
    (void)arg;
    while (bide_yield() == 0) {
    }
    return 0;
}

static int echo_serve_all(void *arg)
{
    const struct server_job *job = arg;
    struct bide_group connections;
    must(bide_adopt(job->listener) == 0, "bide_adopt");
    BIDE_GROUP(connections) {
        for (int i = 0; i < job->connections; i++) {
            const intptr_t fd = bide_accept(job->listener, NULL, NULL);
            must(fd >= 0 && bide_group_spawn(&connections, echo_connection, (void *)fd) == 0, "bide_accept");
        }
        server_ready(job);
    }
    server_over(job);
    return bide_group_result(&connections);
}

/* The connections, and beside them tasks that are cancelled when the last connection has ended. */
static int echo_main(void *arg)
{
    const struct server_job *job = arg;
    struct bide_group yielders;
    int code = 0;
    BIDE_GROUP(yielders) {
        for (int i = 0; i < job->yielders; i++)
            must(bide_group_spawn(&yielders, echo_yielder, NULL) == 0, "spawn");
        code = echo_serve_all(arg);
        break;
    }
    return code;
}

static void bide_server(const struct server_job *job)
{
    must(bide_run(echo_main, (void *)(uintptr_t)job) == 0, "bide_run");
}

/* ---- bide's streams ---- */

static int echo_open; /* handlers that run */
static struct bide_event echo_changed;

static int stream_connection(struct bide_stream *client, void *arg)
{
    char buf[ECHO_BUFFER];
    ssize_t n;
    (void)arg;
    echo_open++;
    bide_event_set(&echo_changed);
    while ((n = bide_stream_read(client, buf, sizeof buf)) > 0) {
        must(bide_stream_write(client, buf, (size_t)n) == n, "bide_stream_write");
        must(bide_stream_drain(client) == 0, "bide_stream_drain");
    }
    echo_open--;
    bide_event_set(&echo_changed);
    return (int)n;
}

static void wait_for_open(int n)
{
    while (echo_open != n) {
        bide_event_clear(&echo_changed);
        must(bide_event_wait(&echo_changed) == 0, "bide_event_wait");
    }
}

static int stream_main(void *arg)
{
    const struct server_job *job = arg;
    const struct bide_server_options options = {.fds = &job->listener, .count = 1};
    struct bide_server *server = bide_start_server(NULL, 0, stream_connection, NULL, &options);
    must(server, "bide_start_server");
    wait_for_open(job->connections);
    server_ready(job);
    wait_for_open(0);
    server_over(job);
    return bide_server_close(server, 0);
}

static void stream_server(const struct server_job *job)
{
    must(bide_run(stream_main, (void *)(uintptr_t)job) >= 0, "bide_run");
}

#endif
