/* SPDX-License-Identifier: MIT */
/*
 * echo [PAIRS]: TCP echo of 64 bytes on one connection, 50 and 1,000. bide's server, the raw one and bide's on
 * streams in turns, each a process of its own on the first processor, the load on the second. The figure that
 * counts is the server's CPU time for each request; the others depend on the load as well.
 *
 * echo --peer COMMAND...: the same load on a server that the command starts, which serves whoever
 * connects to the listening socket that it finds as descriptor 3, and is killed in the end.
 */
#include "echo_server.h"
#include "server_process.h"

#include <netinet/tcp.h>
#include <signal.h>

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
    long requests;
    double began;
    double until;
    double ended;
};

static float latencies[MOST_REQUESTS];

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
    latencies[load->requests++] = (float)(now - load->sent[nth]);
    if (now > load->until || load->requests + load->n >= MOST_REQUESTS) return false;
    load_send(load, nth);
    return true;
}

/* For so many seconds; with 0 each connection asks once. */
static void load_run(struct load *load, double seconds)
{
    struct epoll_event events[256];
    int busy = load->n;
    load->requests = 0;
    load->began = wall_ns();
    load->until = load->began + seconds * 1e9;
    for (int i = 0; i < load->n; i++) load_send(load, i);
    while (busy > 0) {
        const int n = epoll_wait(load->epfd, events, 256, -1);
        for (int i = 0; i < n; i++) busy -= !load_take(load, events[i].data.fd);
    }
    load->ended = wall_ns();
}

static double load_seconds(void)
{
    return is_quick() ? 0.03 : 0.5;
}

static void load_open(struct load *load, const struct sockaddr_in *address)
{
    load->epfd = epoll_create1(EPOLL_CLOEXEC);
    load->fds = calloc((size_t)load->n, sizeof *load->fds);
    load->sent = calloc((size_t)load->n, sizeof *load->sent);
    must(load->fds && load->sent, "memory for the load");
    for (int i = 0; i < load->n; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = i};
        load->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(load->fds[i] >= 0, "socket");
        setsockopt(load->fds[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        must(connect(load->fds[i], (const struct sockaddr *)address, sizeof *address) == 0, "connect");
        must(epoll_ctl(load->epfd, EPOLL_CTL_ADD, load->fds[i], &event) == 0, "epoll_ctl");
    }
}

static void load_close(struct load *load)
{
    for (int i = 0; i < load->n; i++) close(load->fds[i]);
    close(load->epfd);
    free(load->sent);
    free(load->fds);
}

static int compare_latencies(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* What can be seen from here. */
static struct outcome load_outcome(const struct load *load)
{
    qsort(latencies, (size_t)load->requests, sizeof *latencies, compare_latencies);
    return (struct outcome){.rate = (double)load->requests / (load->ended - load->began) * 1e9,
                            .p50 = (double)latencies[load->requests / 2] / 1e3,
                            .p99 = (double)latencies[load->requests * 99 / 100] / 1e3};
}

/* ---- bide and the raw server ---- */

/* The server ends when the load has closed all. */
static struct outcome run(void (*server)(const struct server_job *job), int connections, int yielders)
{
    struct sockaddr_in address;
    struct server_figures figures;
    struct load load = {.n = connections};
    int says[2];
    char ready;
    must(pipe(says) == 0, "pipe");
    const struct server_job job = {listen_anywhere(&address), connections, yielders, says[1]};
    const pid_t child = start_server(server, &job);
    load_open(&load, &address);
    must(read(says[0], &ready, 1) == 1, "the server to be ready");
    load_run(&load, load_seconds());
    load_close(&load);
    must(read(says[0], &figures, sizeof figures) == sizeof figures, "the server's figures");
    end_server(child);
    close(says[0]);
    close(says[1]);
    close(job.listener);
    struct outcome outcome = load_outcome(&load);
    const double n = (double)load.requests;
    outcome.cpu = figures.cpu_ns / n / 1e3;
    outcome.calls = counts_all(&figures.counts) / n;
    outcome.reads = (double)figures.counts.reads / n;
    return outcome;
}

static void tell(int connections, const char *what, double value, const char *unit, double raw)
{
    char name[64];
    snprintf(name, sizeof name, "echo/%d/%s", connections, what);
    report_against(name, value, unit, "epoll", raw);
}

/* Who comes first changes from pair to pair, as the second finds the machine warm. The raw one's. */
static struct outcome pair(int connections, bool raw_first)
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
    if (connections == 1) return raw;
    const struct outcome stream = run(stream_server, connections, 0);
    tell(connections, "stream/cpu", stream.cpu, "us", raw.cpu);
    tell(connections, "stream/p99", stream.p99, "us", raw.p99);
    tell(connections, "stream/calls", stream.calls, "calls", raw.calls);
    return raw;
}

/* Who has one connection to itself, beside tasks that only yield, against whoever has all to itself. */
static void pairs_of_all_sizes(bool raw_first)
{
    pin_to(1);
    const struct outcome raw = pair(1, raw_first);
    report_against("echo/beside-1000-yielding/p99", run(bide_server, 1, 1000).p99, "us", "epoll,idle",
                   raw.p99);
    pair(50, raw_first);
    pair(1000, raw_first);
}

/* ---- any other server ---- */

static pid_t start_peer(char **command, int listener)
{
    const pid_t child = fork();
    must(child >= 0, "fork");
    if (child > 0) return child;
    pin_to(0);
    must(dup2(listener, 3) == 3, "dup2");
    execvp(command[0], command);
    must(false, command[0]);
    return 0;
}

static void run_peer(char **command, int connections)
{
    struct sockaddr_in address;
    struct load load = {.n = connections};
    clockid_t clock;
    const int listener = listen_anywhere(&address);
    const pid_t child = start_peer(command, listener);
    must(clock_getcpuclockid(child, &clock) == 0, "the server's clock");
    load_open(&load, &address);
    load_run(&load, 0); /* when it has answered all, it is ready */
    const double before = clock_in_ns(clock);
    load_run(&load, load_seconds());
    const double cpu_ns = clock_in_ns(clock) - before;
    load_close(&load);
    close(listener);
    kill(child, SIGKILL);
    must(waitpid(child, NULL, 0) == child, "the server's end");
    const struct outcome outcome = load_outcome(&load);
    printf("echo/%d/cpu %.6g us\n", connections, cpu_ns / (double)load.requests / 1e3);
    printf("echo/%d/rate %.6g 1/s\n", connections, outcome.rate);
    printf("echo/%d/p50 %.6g us\n", connections, outcome.p50);
    printf("echo/%d/p99 %.6g us\n", connections, outcome.p99);
}

int main(int argc, char **argv)
{
    (void)raise_descriptor_limit(); /* it may do as it is */
    if (argc > 2 && strcmp(argv[1], "--peer") == 0) {
        pin_to(1);
        run_peer(&argv[2], 1);
        run_peer(&argv[2], 50);
        run_peer(&argv[2], 1000);
        return 0;
    }
    const int pairs = argc > 1 ? atoi(argv[1]) : is_quick() ? 1 : 3;
    for (int i = 0; i < pairs; i++) pairs_of_all_sizes(i % 2 == 0);
    return 0;
}
