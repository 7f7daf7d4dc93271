/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks of servers share: a server is a process of its own, on the first processor, which tells
 * the load when it is ready, and in the end what it has used between the two.
 */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include "counted.h"

#include "bench.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct server_job {
    int listener;
    int connections;
    int yielders; /* tasks that only yield, beside the server */
    int out;      /* where it tells that it is ready, and in the end its figures */
};

struct server_figures {
    double cpu_ns; /* user and system */
    struct counts counts;
};

static struct server_figures server_before;

static inline double server_cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

static inline void server_ready(const struct server_job *job)
{
    must(write(job->out, "r", 1) == 1, "write");
    server_before = (struct server_figures){server_cpu_ns(), counts};
}

static inline void server_over(const struct server_job *job)
{
    struct server_figures figures = {server_cpu_ns() - server_before.cpu_ns, counts};
    figures.counts.reads -= server_before.counts.reads;
    figures.counts.writes -= server_before.counts.writes;
    figures.counts.waits -= server_before.counts.waits;
    figures.counts.others -= server_before.counts.others;
    must(write(job->out, &figures, sizeof figures) == sizeof figures, "write");
}

/* A socket that listens at a port of 127.0.0.1, which stands in the address then. */
static inline int listen_anywhere(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)address, len) == 0 && listen(fd, SOMAXCONN) == 0 &&
             getsockname(fd, (struct sockaddr *)address, &len) == 0,
         "a listening socket");
    return fd;
}

static inline pid_t start_server(void (*server)(const struct server_job *job), const struct server_job *job)
{
    const pid_t child = fork();
    must(child >= 0, "fork");
    if (child > 0) return child;
    pin_to(0);
    server(job);
    _exit(0);
}

static inline void end_server(pid_t child)
{
    int status;
    must(waitpid(child, &status, 0) == child && status == 0, "the server");
}

/* Thousands of connections need more descriptors than a shell gives. How many there are then. */
static inline long raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* with fewer, socket() tells */
    return limit.rlim_cur < 1000000 ? (long)limit.rlim_cur : 1000000;
}

#endif
