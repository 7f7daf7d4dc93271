/* SPDX-License-Identifier: MIT */
/*
 * echo [PAIRS]: TCP echo of 64 bytes on one connection, 50 and 1,000. bide's server and the raw one
 * in turns, each a process of its own on the first processor, the load on the second. The figure that
 * counts is the server's CPU time for each request; the others depend on the load as well.
 */
#include "echo_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/wait.h>

enum { MESSAGE = 64, MOST_REQUESTS = 2000000 };

struct outcome {
    double rate; /* requests per second */
    double p50;  /* microseconds */
    double p99;
    double cpu;   /* microseconds of the server, each */
    double calls; /* the server's, each */
    double reads;
};

struct load {
    int n;
    int epfd;
    int *fds;
    double *sent; /* when, for each connection */
    float *latencies;
    long requests;
    double until;
};

/* ---- the load ---- */

static void load_send(struct load *load, int nth)
{
    static const char message[MESSAGE] = "sixty-four bytes that come back";
    load->sent[nth] = wall_ns();
    must(write(load->fds[nth], message, MESSAGE) == MESSAGE, "write");
}

/* An answer came: asks again, as long as there is time. False if it does not. */
static bool load_take(struct load *load, int nth)
{
    char answer[MESSAGE];
    must(read(load->fds[nth], answer, MESSAGE) == MESSAGE, "an answer in one piece");
    const double now = wall_ns();
    load->latencies[load->requests++] = (float)(now - load->sent[nth]);
    if (now > load->until || load->requests + load->n >= MOST_REQUESTS) return false;
    load_send(load, nth);
    return true;
}

static void load_run(struct load *load)
{
    struct epoll_event events[256];
    int busy = load->n;
    for (int i = 0; i < load->n; i++) load_send(load, i);
    while (busy > 0) {
        const int n = epoll_wait(load->epfd, events, 256, -1);
        for (int i = 0; i < n; i++) busy -= !load_take(load, events[i].data.fd);
    }
}

static void load_connect(struct load *load, const struct sockaddr_in *address)
{
    for (int i = 0; i < load->n; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = i};
        load->fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        must(load->fds[i] >= 0, "socket");
        setsockopt(load->fds[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        must(connect(load->fds[i], (const struct sockaddr *)address, sizeof *address) == 0, "connect");
        must(epoll_ctl(load->epfd, EPOLL_CTL_ADD, load->fds[i], &event) == 0, "epoll_ctl");
    }
}

static int compare_latencies(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* ---- a run ---- */

static int listen_anywhere(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)address, len) == 0 && listen(fd, SOMAXCONN) == 0 &&
             getsockname(fd, (struct sockaddr *)address, &len) == 0,
         "a listening socket");
    return fd;
}

static pid_t start_server(void (*server)(const struct echo_job *job), const struct echo_job *job)
{
    const pid_t child = fork();
    must(child >= 0, "fork");
    if (child > 0) return child;
    pin_to(0);
    server(job);
    _exit(0);
}

/* Connects, waits until the server is ready, runs, and closes all, which ends the server. */
static void put_under_load(struct load *load, const struct sockaddr_in *address, int server_says)
{
    char ready;
    load->epfd = epoll_create1(0);
    load->fds = calloc((size_t)load->n, sizeof *load->fds);
    load->sent = calloc((size_t)load->n, sizeof *load->sent);
    must(load->fds && load->sent, "memory for the load");
    load_connect(load, address);
    must(read(server_says, &ready, 1) == 1, "the server to be ready");
    load->until = wall_ns() + (is_quick() ? 0.03e9 : 0.5e9);
    load_run(load);
    for (int i = 0; i < load->n; i++) close(load->fds[i]);
    close(load->epfd);
    free(load->sent);
    free(load->fds);
}

static struct outcome run(void (*server)(const struct echo_job *job), int connections, int yielders)
{
    static float latencies[MOST_REQUESTS];
    struct sockaddr_in address;
    struct echo_figures figures;
    struct load load = {.n = connections, .latencies = latencies};
    int says[2], status;
    must(pipe(says) == 0, "pipe");
    const struct echo_job job = {listen_anywhere(&address), connections, yielders, says[1]};
    const pid_t child = start_server(server, &job);
    const double start = wall_ns();
    put_under_load(&load, &address, says[0]);
    const double took = wall_ns() - start;
    must(read(says[0], &figures, sizeof figures) == sizeof figures, "the server's figures");
    must(waitpid(child, &status, 0) == child && status == 0, "the server");
    close(says[0]);
    close(says[1]);
    close(job.listener);
    qsort(latencies, (size_t)load.requests, sizeof *latencies, compare_latencies);
    const double n = (double)load.requests;
    return (struct outcome){.rate = n / took * 1e9,
                            .p50 = (double)latencies[load.requests / 2] / 1e3,
                            .p99 = (double)latencies[load.requests * 99 / 100] / 1e3,
                            .cpu = figures.cpu_ns / n / 1e3,
                            .calls = counts_all(&figures.counts) / n,
                            .reads = (double)figures.counts.reads / n};
}

static void tell(int connections, const char *what, double value, const char *unit, double raw)
{
    char name[64];
    snprintf(name, sizeof name, "echo/%d/%s", connections, what);
    report_against(name, value, unit, "epoll", raw);
}

/* Who comes first changes from pair to pair, as the second finds the machine warm. */
static void pair(int connections, bool raw_first)
{
    struct outcome raw = {0};
    if (raw_first) raw = run(raw_server, connections, 0);
    const struct outcome bide = run(bide_server, connections, 0);
    if (!raw_first) raw = run(raw_server, connections, 0);
    tell(connections, "cpu", bide.cpu, "us", raw.cpu);
    tell(connections, "rate", bide.rate, "1/s", raw.rate);
    tell(connections, "p50", bide.p50, "us", raw.p50);
    tell(connections, "p99", bide.p99, "us", raw.p99);
    tell(connections, "calls", bide.calls, "calls", raw.calls);
    tell(connections, "reads", bide.reads, "calls", raw.reads);
}

int main(int argc, char **argv)
{
    const int sizes[] = {1, 50, 1000};
    const int pairs = argc > 1 ? atoi(argv[1]) : is_quick() ? 1 : 3;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (int i = 0; i < pairs; i++) {
        for (int j = 0; j < 3; j++) {
            pin_to(1);
            pair(sizes[j], i % 2 == 0);
        }
        report("echo/beside-1000-yielding/p99", run(bide_server, 1, 1000).p99, "us");
    }
    return 0;
}
