/* SPDX-License-Identifier: MIT */
/* A loop inside the loop of libev: stepped after each poll, which its descriptor and a timer end. */
#include "embed_work.h"

#include <ev.h>

struct host {
    ev_io readable;
    ev_timer timer;
    ev_prepare prepare;
    ev_check check;
    ev_timer own; /* what the program does besides */
    struct work work;
    int ticks;
};

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop, (void)watcher, (void)events; /* the step comes after all events of the poll */
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop, (void)watcher, (void)events;
}

static void on_own_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop, (void)events;
    struct host *host = watcher->data;
    host->ticks++;
}

static void before_poll(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    (void)events;
    struct host *host = watcher->data;
    const double seconds = bide_loop_timeout(host->work.loop);
    ev_timer_stop(loop, &host->timer);
    if (seconds > 1e6) return;
    ev_now_update(loop);
    ev_timer_set(&host->timer, seconds, 0.0);
    ev_timer_start(loop, &host->timer);
}

static void after_poll(struct ev_loop *loop, ev_check *watcher, int events)
{
    (void)events;
    struct host *host = watcher->data;
    if (!work_step(&host->work)) ev_break(loop, EVBREAK_ALL);
}

static void host_start(struct host *host, struct ev_loop *loop)
{
    ev_io_init(&host->readable, on_readable, bide_loop_fd(host->work.loop), EV_READ);
    ev_timer_init(&host->timer, on_timer, 0.0, 0.0);
    ev_timer_init(&host->own, on_own_timer, 0.005, 0.005);
    ev_prepare_init(&host->prepare, before_poll);
    ev_check_init(&host->check, after_poll);
    host->prepare.data = host->check.data = host->own.data = host;
    ev_io_start(loop, &host->readable);
    ev_timer_start(loop, &host->own);
    ev_prepare_start(loop, &host->prepare);
    ev_check_start(loop, &host->check);
}

static void host_stop(struct host *host, struct ev_loop *loop)
{
    ev_io_stop(loop, &host->readable);
    ev_timer_stop(loop, &host->timer);
    ev_timer_stop(loop, &host->own);
    ev_prepare_stop(loop, &host->prepare);
    ev_check_stop(loop, &host->check);
}

static void a_loop_runs_inside_that_of_libev(void **state)
{
    (void)state;
    static struct host host;
    work_start(&host.work);
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    assert_non_null(loop);
    host_start(&host, loop);
    ev_run(loop, 0);
    host_stop(&host, loop);
    ev_loop_destroy(loop);
    assert_true(host.ticks > 0);
    work_finish(&host.work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_loop_runs_inside_that_of_libev)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
