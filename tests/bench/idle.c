/* SPDX-License-Identifier: MIT */
/*
 * idle: 10,000 connections that were served once and now wait: memory with page tables for each, in user
 * space. The handlers have small stacks: one reads up to 256 bytes at a time (`read`), one reads lines and
 * answers by printf (`line`), and `plain` is a task of the same stack with bide_accept and bide_read. The
 * baseline is what no stack can do without: a guard, and a page that is touched. The load has the other ends.
 */
#include "server_process.h"

#include <errno.h>
#include <sys/mman.h>

enum { MESSAGE = 64 };

static const size_t STACK = 16384; /* of each task: the smallest, on most machines */

struct memory {
    double resident;
    double tables;
};

static struct memory memory_before;

static struct memory memory_now(void)
{
    return (struct memory){status_bytes("VmRSS"), status_bytes("VmPTE")};
}

/* Tells what it has, for each connection, when all have been served; and waits until they are closed. */
static void tell_memory(const struct server_job *job)
{
    const struct memory now = memory_now();
    const double each[2] = {(now.resident - memory_before.resident) / job->connections,
                            (now.tables - memory_before.tables) / job->connections};
    must(write(job->out, each, sizeof each) == sizeof each, "write");
}

/* ---- the servers ---- */

static int served; /* connections */
static int open_now;
static struct bide_event changed;

static void one_served(void)
{
    served++;
    bide_event_set(&changed);
}

static void one_ended(void)
{
    open_now--;
    bide_event_set(&changed);
}

static int serve_reads(struct bide_stream *client, void *arg)
{
    char buf[256];
    ssize_t n;
    (void)arg;
    open_now++;
    while ((n = bide_stream_read(client, buf, sizeof buf)) > 0) {
        must(bide_stream_write(client, buf, (size_t)n) == n, "bide_stream_write");
        must(bide_stream_drain(client) == 0, "bide_stream_drain");
        one_served();
    }
    one_ended();
    return 0;
}

static int serve_lines(struct bide_stream *client, void *arg)
{
    char *line;
    (void)arg;
    open_now++;
    while (bide_stream_read_line(client, &line) > 0) {
        must(bide_stream_printf(client, "%s", line) == MESSAGE, "bide_stream_printf");
        must(bide_stream_drain(client) == 0, "bide_stream_drain");
        one_served();
    }
    one_ended();
    return 0;
}

static int serve_plainly(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char buf[256];
    ssize_t n;
    open_now++;
    while ((n = bide_read(fd, buf, sizeof buf)) > 0) {
        must(bide_write(fd, buf, (size_t)n) == n, "bide_write");
        one_served();
    }
    one_ended();
    return bide_close(fd);
}

static int accept_plainly(void *arg)
{
    const struct server_job *job = arg;
    const struct bide_task_options options = {.stack_size = STACK};
    must(bide_adopt(job->listener) == 0, "bide_adopt");
    for (int i = 0; i < job->connections; i++) {
        const intptr_t fd = bide_accept(job->listener, NULL, NULL);
        must(fd >= 0, "bide_accept");
        bide_detach(bide_create_task_with(&options, serve_plainly, (void *)fd));
    }
    return 0;
}

static void wait_for_all(const struct server_job *job)
{
    while (served < job->connections) {
        bide_event_clear(&changed);
        must(bide_event_wait(&changed) == 0, "bide_event_wait");
    }
    tell_memory(job);
    while (open_now > 0) {
        bide_event_clear(&changed);
        must(bide_event_wait(&changed) == 0, "bide_event_wait");
    }
}

static bide_serve_fn handler;

static int serve_all(void *arg)
{
    const struct server_job *job = arg;
    const struct bide_server_options options = {.stack_size = STACK, .fds = &job->listener, .count = 1};
    (void)memory_now(); /* what that takes is there before */
    memory_before = memory_now();
    if (!handler) {
        struct bide_task *acceptor = bide_create_task(accept_plainly, arg);
        wait_for_all(job);
        return bide_await(acceptor, NULL);
    }
    struct bide_server *server = bide_start_server(NULL, 0, handler, NULL, &options);
    must(server, "bide_start_server");
    wait_for_all(job);
    return bide_server_close(server, 10);
}

static void bide_server_process(const struct server_job *job)
{
    must(bide_run(serve_all, (void *)(uintptr_t)job) == 0, "bide_run");
}

/* ---- the baseline ---- */

static void floor_process(const struct server_job *job)
{
    enum { STRIDE = 5 * 4096, PAGE = 4096, GUARD_INSTALL = 102 };
    memory_before = memory_now();
    memory_before = memory_now();
    const size_t size = (size_t)job->connections * STRIDE;
    char *stacks =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(stacks != MAP_FAILED, "memory for the baseline");
    for (int i = 0; i < job->connections; i++) {
        char *stack = stacks + (size_t)i * STRIDE;
        (void)madvise(stack, PAGE, GUARD_INSTALL); /* of Linux 6.13; before that the floor has none */
        *(volatile char *)(stack + STRIDE - 1) = 1;
    }
    tell_memory(job);
}

/* ---- the load ---- */

static void connect_and_ask(int *fds, int n, const struct sockaddr_in *address)
{
    static const char line[MESSAGE + 1] = "sixty-four bytes that come back, of which the last ends the lin\n";
    char answer[MESSAGE];
    for (int i = 0; i < n; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(fds[i] >= 0, "socket");
        must(connect(fds[i], (const struct sockaddr *)address, sizeof *address) == 0, "connect");
        must(write(fds[i], line, MESSAGE) == MESSAGE, "write");
        must(read(fds[i], answer, MESSAGE) == MESSAGE, "an answer");
    }
}

/* Memory and page tables for each connection, in bytes. */
static void run(void (*server)(const struct server_job *job), int n, double each[2])
{
    struct sockaddr_in address;
    int says[2];
    int *fds = calloc((size_t)n, sizeof *fds);
    must(fds && pipe(says) == 0, "pipe");
    const struct server_job job = {listen_anywhere(&address), n, 0, says[1]};
    const pid_t child = start_server(server, &job);
    close(job.listener); /* the server's alone */
    if (server != floor_process) connect_and_ask(fds, n, &address);
    must(read(says[0], each, 2 * sizeof *each) == 2 * sizeof *each, "the server's figures");
    for (int i = 0; i < n && server != floor_process; i++) close(fds[i]);
    end_server(child);
    close(says[0]);
    close(says[1]);
    free(fds);
}

static void tell(const char *what, bide_serve_fn fn, int n, double base)
{
    char name[64];
    double each[2];
    handler = fn;
    run(bide_server_process, n, each);
    snprintf(name, sizeof name, "idle/%s/memory-each", what);
    report_against(name, each[0] + each[1], "B", "floor", base);
    snprintf(name, sizeof name, "idle/%s/page-tables-each", what);
    report(name, each[1], "B");
}

int main(void)
{
    const long most = raise_descriptor_limit() - 64, wanted = scaled(10000, 1000);
    const int n = (int)(most < wanted ? most : wanted); /* fewer give much the same for each */
    double base[2];
    must(n > 0, "descriptors");
    run(floor_process, n, base);
    tell("read", serve_reads, n, base[0] + base[1]);
    tell("line", serve_lines, n, base[0] + base[1]);
    tell("plain", NULL, n, base[0] + base[1]);
    return 0;
}
