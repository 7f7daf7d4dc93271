/* SPDX-License-Identifier: MIT */
/* libuv: uv_queue_work and timers; with the argument echo, a server on descriptor 3 (see ../echo.c). */
#include "bench.h"

#include <uv.h>

enum { LIVE = 10000, SPREAD = 1024 };

static void nothing_done(uv_timer_t *timer)
{
    (void)timer;
}

/* ---- threads ---- */

static long jobs_left;

static void work(uv_work_t *job)
{
    (void)job;
}

static void after_all(uv_work_t *job, int status)
{
    (void)job;
    (void)status;
    jobs_left--;
}

static void after_one(uv_work_t *job, int status)
{
    (void)status;
    if (--jobs_left > 0) uv_queue_work(job->loop, job, work, after_one);
}

static void threads(uv_loop_t *loop)
{
    uv_work_t one;
    const long n = scaled(20000, 200), many = scaled(100000, 2000);
    uv_work_t *all = calloc((size_t)many, sizeof *all);
    jobs_left = n;
    double start = wall_ns();
    uv_queue_work(loop, &one, work, after_one);
    uv_run(loop, UV_RUN_DEFAULT);
    report("thread/one-at-a-time", (wall_ns() - start) / (double)n / 1e3, "us");
    start = wall_ns();
    for (long i = 0; i < many; i++) uv_queue_work(loop, &all[i], work, after_all);
    uv_run(loop, UV_RUN_DEFAULT);
    report("thread/100000-at-once", (wall_ns() - start) / (double)many, "ns");
    free(all);
}

/* ---- timers ---- */

static void measure(uv_loop_t *loop, const char *name, const uint64_t *when)
{
    uv_timer_t timer;
    const long n = scaled(5000000, 50000);
    uv_timer_init(loop, &timer);
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) {
        uv_timer_start(&timer, nothing_done, when[i % SPREAD], 0);
        uv_timer_stop(&timer);
    }
    report(name, (cpu_ns() - start) / (double)n, "ns");
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

static void timers(uv_loop_t *loop)
{
    static uv_timer_t live[LIVE];
    uint64_t when[SPREAD], random = 88172645463325252;
    for (int i = 0; i < SPREAD; i++) when[i] = 1000000000;
    measure(loop, "timer/alone", when);
    for (int i = 0; i < LIVE; i++) {
        uv_timer_init(loop, &live[i]);
        uv_timer_start(&live[i], nothing_done, 1000000 + random_next(&random) % 1000000, 0);
    }
    measure(loop, "timer/far", when);
    for (int i = 0; i < SPREAD; i++) when[i] = 1000000 + random_next(&random) % 1000000;
    measure(loop, "timer/among", when);
    for (int i = 0; i < LIVE; i++) uv_close((uv_handle_t *)&live[i], NULL);
    uv_run(loop, UV_RUN_DEFAULT);
}

static void million(uv_loop_t *loop)
{
    const long n = scaled(1000000, 20000);
    const uint64_t unit = is_quick() ? 100 : 1000;
    uint64_t random = 88172645463325252;
    uv_timer_t *all = malloc((size_t)n * sizeof *all);
    memset(all, 0, (size_t)n * sizeof *all);
    uv_update_time(loop);
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) {
        uv_timer_init(loop, &all[i]);
        uv_timer_start(&all[i], nothing_done, unit + random_next(&random) % unit, 0);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    report("timer/million", (cpu_ns() - start) / (double)n, "ns");
}

/* ---- echo ---- */

static void give_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    static char bytes[4096]; /* it is empty again before anyone else reads */
    (void)handle;
    (void)wanted;
    *buf = uv_buf_init(bytes, sizeof bytes);
}

static void after_close(uv_handle_t *handle)
{
    free(handle);
}

static void after_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    if (n > 0) {
        const uv_buf_t answer = uv_buf_init(buf->base, (unsigned)n);
        must(uv_try_write(stream, &answer, 1) == n, "uv_try_write");
    } else if (n < 0) {
        uv_close((uv_handle_t *)stream, after_close);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *connection = malloc(sizeof *connection);
    must(status == 0 && connection != NULL, "a connection");
    uv_tcp_init(listener->loop, connection);
    must(uv_accept(listener, (uv_stream_t *)connection) == 0, "uv_accept");
    uv_read_start((uv_stream_t *)connection, give_buffer, after_read);
}

static int echo(uv_loop_t *loop)
{
    uv_tcp_t listener;
    uv_tcp_init(loop, &listener);
    must(uv_tcp_open(&listener, 3) == 0, "uv_tcp_open");
    must(uv_listen((uv_stream_t *)&listener, 4096, on_connection) == 0, "uv_listen");
    return uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    if (argc > 1 && strcmp(argv[1], "echo") == 0) return echo(loop);
    threads(loop);
    timers(loop);
    million(loop);
    return 0;
}
