/* SPDX-License-Identifier: MIT */
/*
 * accept [PAIRS]: connections that are accepted and closed at once (`close`), and those that send 64 bytes,
 * get them back and are closed by the server (`answer`). A raw epoll loop, bide_accept with a task for each
 * connection, and bide_start_server in turns, each a process of its own on the first processor; the load,
 * on the second, keeps some connections under way. The server's CPU time is the steadier figure, as the load
 * is often the limit.
 */
#include "server_process.h"

#include <errno.h>
#include <fcntl.h>

enum { MESSAGE = 64, BUFFER = 4096, UNDER_WAY = 64 };

struct outcome {
    double rate; /* connections per second */
    double cpu;  /* microseconds of the server, each */
    double calls;
};

/* Does the server answer before it closes? */
static bool answers;

/* ---- by hand ---- */

/* Serves as far as it can without waiting. False when the connection is at its end. */
static bool raw_answer(int fd)
{
    char buf[BUFFER];
    if (!answers) return false;
    const ssize_t n = read(fd, buf, sizeof buf);
    if (n < 0 && errno == EAGAIN) return true;
    must(n == MESSAGE && write(fd, buf, (size_t)n) == n, "a request and its answer");
    return false;
}

/* As the others' tasks: tries at once, and asks epoll only for what is not there yet. How many ended. */
static int raw_accept_all(int epfd, int listener)
{
    int fd, ended = 0;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
        if (raw_answer(fd)) {
            must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
            continue;
        }
        close(fd);
        ended++;
    }
    must(errno == EAGAIN, "accept4");
    return ended;
}

static void raw_acceptor(const struct server_job *job)
{
    struct epoll_event events[256];
    struct epoll_event listening = {.events = EPOLLIN | EPOLLET, .data.fd = job->listener};
    const int epfd = epoll_create1(EPOLL_CLOEXEC);
    must(fcntl(job->listener, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    must(epoll_ctl(epfd, EPOLL_CTL_ADD, job->listener, &listening) == 0, "epoll_ctl");
    server_ready(job);
    for (int left = job->connections; left > 0;) {
        const int n = epoll_wait(epfd, events, 256, -1);
        for (int i = 0; i < n; i++) {
            const int fd = events[i].data.fd;
            if (fd == job->listener) {
                left -= raw_accept_all(epfd, fd);
            } else if (!raw_answer(fd)) {
                close(fd);
                left--;
            }
        }
    }
    server_over(job);
    close(epfd);
}

/* ---- bide ---- */

static int serve_plainly(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char buf[BUFFER];
    if (answers) {
        const ssize_t n = bide_read(fd, buf, sizeof buf);
        must(n == MESSAGE && bide_write(fd, buf, (size_t)n) == n, "a request and its answer");
    }
    return bide_close(fd);
}

static int accept_plainly(void *arg)
{
    const struct server_job *job = arg;
    struct bide_group clients;
    must(bide_adopt(job->listener) == 0, "bide_adopt");
    server_ready(job);
    BIDE_GROUP(clients) {
        for (int i = 0; i < job->connections; i++) {
            const intptr_t fd = bide_accept(job->listener, NULL, NULL);
            must(fd >= 0 && bide_group_spawn(&clients, serve_plainly, (void *)fd) == 0, "bide_accept");
        }
    }
    server_over(job);
    return bide_group_result(&clients);
}

static void plain_acceptor(const struct server_job *job)
{
    must(bide_run(accept_plainly, (void *)(uintptr_t)job) == 0, "bide_run");
}

/* ---- bide's server ---- */

static int left; /* clients to come */
static struct bide_event all_served;

static int serve_stream(struct bide_stream *client, void *arg)
{
    char buf[BUFFER];
    (void)arg;
    if (answers) {
        const ssize_t n = bide_stream_read(client, buf, sizeof buf);
        must(n == MESSAGE && bide_stream_write(client, buf, (size_t)n) == n, "a request and its answer");
    }
    if (--left == 0) bide_event_set(&all_served);
    return 0;
}

static int serve_all_streams(void *arg)
{
    const struct server_job *job = arg;
    const struct bide_server_options options = {.fds = &job->listener, .count = 1};
    struct bide_server *server = bide_start_server(NULL, 0, serve_stream, NULL, &options);
    must(server, "bide_start_server");
    left = job->connections;
    server_ready(job);
    must(bide_event_wait(&all_served) == 0, "bide_event_wait");
    const int code = bide_server_close(server, 10);
    server_over(job);
    return code;
}

static void stream_acceptor(const struct server_job *job)
{
    must(bide_run(serve_all_streams, (void *)(uintptr_t)job) == 0, "bide_run");
}

/* ---- the load ---- */

struct load {
    const struct sockaddr_in *address;
    int epfd;
    int to_start;
};

/* Its end will be a reset, after the server's: so no port is kept busy. */
static void load_connect(struct load *load)
{
    static const char message[MESSAGE] = "sixty-four bytes that come back";
    const struct linger reset = {.l_onoff = 1};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0, "socket");
    must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0, "setsockopt");
    must(connect(fd, (const struct sockaddr *)load->address, sizeof *load->address) == 0, "connect");
    if (answers) must(write(fd, message, MESSAGE) == MESSAGE, "write");
    struct epoll_event event = {.events = EPOLLRDHUP, .data.fd = fd};
    must(epoll_ctl(load->epfd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    load->to_start--;
}

/* The server has closed: the answer must have come before. */
static void load_finish(int fd)
{
    char answer[MESSAGE + 1];
    if (answers) must(read(fd, answer, sizeof answer) == MESSAGE, "an answer");
    close(fd);
}

/* Has n connections made, UNDER_WAY of them at a time; how long that took. */
static double load_run(const struct sockaddr_in *address, int n)
{
    struct load load = {address, epoll_create1(EPOLL_CLOEXEC), n};
    struct epoll_event events[UNDER_WAY];
    const double start = wall_ns();
    while (load.to_start > n - UNDER_WAY) load_connect(&load);
    for (int open = n; open > 0;) {
        const int ready = epoll_wait(load.epfd, events, UNDER_WAY, -1);
        for (int i = 0; i < ready; i++) {
            load_finish(events[i].data.fd);
            open--;
            if (load.to_start > 0) load_connect(&load);
        }
    }
    const double ns = wall_ns() - start;
    close(load.epfd);
    return ns;
}

/* ---- the figures ---- */

static struct outcome run(void (*server)(const struct server_job *job))
{
    const int n = (int)scaled(20000, 1000);
    struct sockaddr_in address;
    struct server_figures figures;
    int says[2];
    char ready;
    must(pipe(says) == 0, "pipe");
    const struct server_job job = {listen_anywhere(&address), n, 0, says[1]};
    const pid_t child = start_server(server, &job);
    close(job.listener); /* the server's alone */
    must(read(says[0], &ready, 1) == 1, "the server to be ready");
    const double ns = load_run(&address, n);
    must(read(says[0], &figures, sizeof figures) == sizeof figures, "the server's figures");
    end_server(child);
    close(says[0]);
    close(says[1]);
    return (struct outcome){n / ns * 1e9, figures.cpu_ns / n / 1e3, counts_all(&figures.counts) / n};
}

static void tell(const char *what, const struct outcome *bide, const struct outcome *raw)
{
    char name[64];
    snprintf(name, sizeof name, "accept/%s/rate", what);
    report_against(name, bide->rate, "1/s", "epoll", raw->rate);
    snprintf(name, sizeof name, "accept/%s/cpu", what);
    report_against(name, bide->cpu, "us", "epoll", raw->cpu);
    snprintf(name, sizeof name, "accept/%s/calls", what);
    report_against(name, bide->calls, "calls", "epoll", raw->calls);
}

/* Who comes first changes, as whoever comes later finds the machine warm. */
static void round_of_all(bool raw_first)
{
    struct outcome raw = {0};
    if (raw_first) raw = run(raw_acceptor);
    const struct outcome plain = run(plain_acceptor);
    const struct outcome stream = run(stream_acceptor);
    if (!raw_first) raw = run(raw_acceptor);
    tell(answers ? "answer" : "close", &plain, &raw);
    tell(answers ? "answer/server" : "close/server", &stream, &raw);
}

int main(int argc, char **argv)
{
    const int pairs = argc > 1 ? atoi(argv[1]) : is_quick() ? 1 : 3;
    (void)raise_descriptor_limit(); /* it may do as it is */
    pin_to(1);
    for (int i = 0; i < 2 * pairs; i++) {
        answers = i / pairs == 1;
        round_of_all(i % 2 == 0);
    }
    return 0;
}
