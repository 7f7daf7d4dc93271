/* SPDX-License-Identifier: MIT */
/* A loop inside the loop of libuv: stepped after each poll, which its descriptor and a timer end. */
#include "embed_work.h"

#include <uv.h>

struct host {
    uv_loop_t loop;
    uv_poll_t readable;
    uv_timer_t timer;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t own; /* what the program does besides */
    struct work work;
    int ticks;
};

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events; /* the step comes after all events of the poll */
}

static void on_timer(uv_timer_t *handle)
{
    (void)handle;
}

static void on_own_timer(uv_timer_t *handle)
{
    struct host *host = handle->data;
    host->ticks++;
}

static void before_poll(uv_prepare_t *handle)
{
    struct host *host = handle->data;
    const int timeout = work_timeout_ms(&host->work);
    uv_update_time(&host->loop);
    if (timeout >= 0)
        uv_timer_start(&host->timer, on_timer, (uint64_t)timeout, 0);
    else
        uv_timer_stop(&host->timer);
}

static void after_poll(uv_check_t *handle)
{
    struct host *host = handle->data;
    if (work_step(&host->work)) return;
    uv_handle_t *const all[] = {(uv_handle_t *)&host->readable, (uv_handle_t *)&host->timer,
                                (uv_handle_t *)&host->prepare, (uv_handle_t *)&host->check,
                                (uv_handle_t *)&host->own};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) uv_close(all[i], NULL);
}

static void host_start(struct host *host)
{
    assert_int_equal(uv_loop_init(&host->loop), 0);
    assert_int_equal(uv_poll_init(&host->loop, &host->readable, bide_loop_fd(host->work.loop)), 0);
    uv_timer_init(&host->loop, &host->timer);
    uv_timer_init(&host->loop, &host->own);
    uv_prepare_init(&host->loop, &host->prepare);
    uv_check_init(&host->loop, &host->check);
    host->prepare.data = host->check.data = host->own.data = host;
    uv_poll_start(&host->readable, UV_READABLE, on_readable);
    uv_prepare_start(&host->prepare, before_poll);
    uv_check_start(&host->check, after_poll);
    uv_timer_start(&host->own, on_own_timer, 5, 5);
}

static void a_loop_runs_inside_that_of_libuv(void **state)
{
    (void)state;
    static struct host host;
    work_start(&host.work);
    host_start(&host);
    assert_int_equal(uv_run(&host.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&host.loop), 0);
    uv_library_shutdown(); /* it has descriptors of its own */
    assert_true(host.ticks > 0);
    work_finish(&host.work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_loop_runs_inside_that_of_libuv)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
