/* SPDX-License-Identifier: MIT */
/* libev: timers; with the argument echo, a server on descriptor 3 (see ../echo.c). */
#include "bench.h"

/* Its header puns types in a way that the compiler would warn of. */
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#include <ev.h>

#include <sys/socket.h>
#include <unistd.h>

enum { LIVE = 10000, SPREAD = 1024 };

static long fired;

static void count(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
    fired++;
}

static void measure(struct ev_loop *loop, const char *name, const double *when)
{
    ev_timer timer;
    const long n = scaled(5000000, 50000);
    ev_init(&timer, count);
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) {
        ev_timer_set(&timer, when[i % SPREAD], 0.);
        ev_timer_start(loop, &timer);
        ev_timer_stop(loop, &timer);
    }
    report(name, (cpu_ns() - start) / (double)n, "ns");
}

static void timers(struct ev_loop *loop)
{
    static ev_timer live[LIVE];
    double when[SPREAD];
    uint64_t random = 88172645463325252;
    for (int i = 0; i < SPREAD; i++) when[i] = 1e6;
    measure(loop, "timer/alone", when);
    for (int i = 0; i < LIVE; i++) {
        ev_timer_init(&live[i], count, 1000 + 1000 * random_unit(&random), 0.);
        ev_timer_start(loop, &live[i]);
    }
    measure(loop, "timer/far", when);
    for (int i = 0; i < SPREAD; i++) when[i] = 1000 + 1000 * random_unit(&random);
    measure(loop, "timer/among", when);
    for (int i = 0; i < LIVE; i++) ev_timer_stop(loop, &live[i]);
}

static void million(struct ev_loop *loop)
{
    const long n = scaled(1000000, 20000);
    const double unit = is_quick() ? 0.1 : 1;
    uint64_t random = 88172645463325252;
    ev_timer *all = malloc((size_t)n * sizeof *all);
    memset(all, 0, (size_t)n * sizeof *all);
    ev_now_update(loop);
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) {
        ev_timer_init(&all[i], count, unit * (1 + random_unit(&random)), 0.);
        ev_timer_start(loop, &all[i]);
    }
    ev_run(loop, 0);
    must(fired == n, "all timers");
    report("timer/million", (cpu_ns() - start) / (double)n, "ns");
}

/* ---- echo ---- */

/* It tells of what is there until it has been read, so one read is enough. */
static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    char buf[4096];
    (void)events;
    const ssize_t n = read(io->fd, buf, sizeof buf);
    if (n > 0) {
        must(write(io->fd, buf, (size_t)n) == n, "write");
        return;
    }
    ev_io_stop(loop, io);
    close(io->fd);
    free(io);
}

static void on_connection(struct ev_loop *loop, ev_io *listener, int events)
{
    (void)events;
    const int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK);
    ev_io *io = malloc(sizeof *io);
    must(fd >= 0 && io != NULL, "a connection");
    ev_io_init(io, on_readable, fd, EV_READ);
    ev_io_start(loop, io);
}

static int echo(struct ev_loop *loop)
{
    ev_io listener;
    ev_io_init(&listener, on_connection, 3, EV_READ);
    ev_io_start(loop, &listener);
    return !ev_run(loop, 0);
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    if (argc > 1 && strcmp(argv[1], "echo") == 0) return echo(loop);
    timers(loop);
    million(loop);
    return 0;
}
