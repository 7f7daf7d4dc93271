/* SPDX-License-Identifier: MIT */
/*
 * Two tasks that send a byte to and fro through pipes, and through a pair of sockets; against an
 * edge-triggered epoll loop in which one thread plays both. Nanoseconds for each message.
 */
#include "counted.h"

#include "bench.h"

struct side {
    int in;
    int out;
    long n;
    bool first;
};

static struct counts before;
static double start;

static void begin(void)
{
    before = counts;
    start = cpu_ns();
}

static double end(long messages, double *calls)
{
    const double ns = (cpu_ns() - start) / (double)messages;
    *calls = (counts_all(&counts) - counts_all(&before)) / (double)messages;
    return ns;
}

/* ---- by hand ---- */

static void play(const struct side sides[2], int epfd)
{
    char byte = 'x';
    for (long left = 2 * sides[0].n; left > 0; left--) {
        struct epoll_event event;
        must(epoll_wait(epfd, &event, 1, -1) == 1, "epoll_wait");
        const struct side *side = &sides[event.data.u32];
        must(read(side->in, &byte, 1) == 1 && write(side->out, &byte, 1) == 1, "read and write");
    }
}

static double by_hand(struct side sides[2], double *calls)
{
    const int epfd = epoll_create1(0);
    for (uint32_t i = 0; i < 2; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = i};
        must(epoll_ctl(epfd, EPOLL_CTL_ADD, sides[i].in, &event) == 0, "epoll_ctl");
    }
    must(write(sides[0].out, "x", 1) == 1, "write");
    begin();
    play(sides, epfd);
    const double ns = end(2 * sides[0].n, calls);
    char byte;
    for (int i = 0; i < 2; i++) {
        (void)!read(sides[i].in, &byte, 1); /* the last message, where it is */
        epoll_ctl(epfd, EPOLL_CTL_DEL, sides[i].in, NULL);
    }
    close(epfd);
    return ns;
}

/* ---- bide ---- */

static int run_side(void *arg)
{
    const struct side *side = arg;
    char byte = 'x';
    for (long i = 0; i < side->n; i++) {
        if (side->first) must(bide_write(side->out, &byte, 1) == 1, "bide_write");
        must(bide_read(side->in, &byte, 1) == 1, "bide_read");
        if (!side->first) must(bide_write(side->out, &byte, 1) == 1, "bide_write");
    }
    return 0;
}

static void measure(const char *what, struct side sides[2])
{
    double calls, raw_calls;
    char name[64];
    sides[0].first = true;
    sides[0].n = sides[1].n = scaled(300000, 3000);
    const struct bide_call calls_of_both[] = {{run_side, &sides[0]}, {run_side, &sides[1]}};
    begin();
    must(bide_gather(calls_of_both, 2, NULL) == 0, "bide_gather");
    const double ns = end(2 * sides[0].n, &calls);
    const double raw_ns = by_hand(sides, &raw_calls);
    snprintf(name, sizeof name, "%s/message", what);
    report_against(name, ns, "ns", "epoll", raw_ns);
    snprintf(name, sizeof name, "%s/calls", what);
    report_against(name, calls, "calls", "epoll", raw_calls);
}

static int pipes_and_sockets(void *arg)
{
    (void)arg;
    int there[2], back[2], pair[2];
    must(bide_pipe(there) == 0 && bide_pipe(back) == 0, "bide_pipe");
    must(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "bide_socketpair");
    struct side pipes[2] = {{.in = back[0], .out = there[1]}, {.in = there[0], .out = back[1]}};
    struct side sockets[2] = {{.in = pair[0], .out = pair[0]}, {.in = pair[1], .out = pair[1]}};
    measure("pipe", pipes);
    measure("socketpair", sockets);
    const int all[] = {there[0], there[1], back[0], back[1], pair[0], pair[1]};
    for (int i = 0; i < 6; i++) bide_close(all[i]);
    return 0;
}

int main(void)
{
    return bide_run(pipes_and_sockets, NULL) < 0;
}
