/* SPDX-License-Identifier: MIT */
/* bide_select with descriptors among its cases: own and foreign ones, closed meanwhile, read by others. */
#include "check.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static int put_now(struct bide_queue *queue, int item)
{
    return bide_queue_put_nowait(queue, &item);
}

static int sleep_and_put(void *queue)
{
    const int code = bide_sleep(1);
    return code < 0 ? code : put_now(queue, 9);
}

static int sleep_and_write(void *arg)
{
    const int code = bide_sleep(1);
    return code < 0 ? code : (int)bide_write(*(int *)arg, "x", 1);
}

static int with_descriptor(bool own)
{
    int fds[2], item, result;
    if (own)
        CHECK_INT(bide_pipe(fds), 0);
    else
        CHECK_INT(pipe(fds), 0);
    struct bide_queue *queue = bide_queue_new(sizeof(int), 1);
    struct bide_select_case cases[] = {{.queue = queue, .get = &item}, {.fd = fds[0], .events = POLLIN}};
    struct bide_task *task = bide_create_task(sleep_and_write, &fds[1]);
    CHECK_INT(bide_select(cases, 2, 0), -EAGAIN);
    CHECK_INT(bide_select(cases, 2, 0.5), -EAGAIN);
    CHECK_INT(bide_select(cases, 2, 5), 1);
    CHECK_INT(cases[1].code, POLLIN);
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(bide_select(cases, 2, BIDE_FOREVER), 1); /* it is there still */
    CHECK_INT(put_now(queue, 1), 0);
    CHECK_INT(bide_select(cases, 2, BIDE_FOREVER), 0);
    CHECK_INT(bide_select(cases, 2, BIDE_FOREVER), 1);
    char byte;
    CHECK_INT(bide_read(fds[0], &byte, 1), 1);
    CHECK_INT(bide_select(cases, 2, 1), -EAGAIN);
    CHECK_INT(bide_close(fds[0]), 0);
    CHECK_INT(bide_select(cases, 2, BIDE_FOREVER), 1);
    CHECK_INT(cases[1].code, -EBADF);
    CHECK_INT(bide_close(fds[1]), 0);
    bide_queue_free(queue);
    return 0;
}

TASK(a_descriptor_of_bide_s_own)
{
    return with_descriptor(true);
}

TASK(a_foreign_descriptor)
{
    return with_descriptor(false);
}

static int close_it(void *arg)
{
    return bide_close(*(int *)arg);
}

TASK(a_descriptor_closed_meanwhile_happens)
{
    int fds[2];
    CHECK_INT(bide_pipe(fds), 0);
    struct bide_select_case cases[] = {{.fd = fds[0], .events = POLLIN}};
    struct bide_task *task = bide_create_task(close_it, &fds[0]);
    CHECK_INT(bide_select(cases, 1, BIDE_FOREVER), 0);
    CHECK_INT(cases[0].code, -EBADF);
    CHECK_INT(bide_close(fds[1]), 0);
    return bide_await(task, NULL);
}

/* One descriptor in two cases, for reading and for writing, and both come at once: exactly one happens. */
TASK(bug_06_a_descriptor_in_two_cases)
{
    for (int own = 0; own < 2; own++) {
        int fds[2];
        char buffer[4096] = {0};
        if (own)
            CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        else
            CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        while (send(fds[0], buffer, sizeof buffer, MSG_DONTWAIT) > 0) continue;
        struct bide_select_case cases[] = {{.fd = fds[0], .events = POLLIN},
                                           {.fd = fds[0], .events = POLLOUT}};
        struct bide_task *task = bide_create_task(close_it, &fds[1]);
        const int index = bide_select(cases, 2, BIDE_FOREVER);
        CHECK(index >= 0 && cases[index].code > 0);
        CHECK_INT(bide_await(task, NULL), 0);
        CHECK_INT(bide_close(fds[0]), 0);
    }
    return 0;
}

/* Another task is faster to read: the select goes on waiting, first in line at the queue as before. */
static int read_it(void *arg)
{
    char byte;
    return (int)bide_read(*(int *)arg, &byte, 1);
}

TASK(bug_32_a_select_whose_byte_was_read_keeps_its_place)
{
    int fds[2];
    CHECK_INT(bide_pipe(fds), 0);
    struct bide_queue *queue = bide_queue_new(sizeof(int), 1);
    int item = -1;
    struct bide_select_case cases[] = {{.queue = queue, .get = &item}, {.fd = fds[0], .events = POLLIN}};
    struct bide_task *write = bide_create_task(sleep_and_write, &fds[1]);
    struct bide_task *late = bide_create_task(sleep_and_put, queue);
    struct bide_task *reader = bide_create_task(read_it, &fds[0]);
    const int index = bide_select(cases, 2, BIDE_FOREVER);
    CHECK(index == 0 ? item == 9 : cases[1].code == POLLIN);
    (void)bide_await(write, NULL);
    (void)bide_await(late, NULL);
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_INT(bide_queue_size(queue), index == 0 ? 0 : 1);
    bide_queue_free(queue);
    CHECK_INT(bide_close(fds[0]), 0);
    return bide_close(fds[1]);
}

struct spinner {
    int spins;
    bool stop;
};

static int spin(void *arg)
{
    struct spinner *spinner = arg;
    for (; !spinner->stop; spinner->spins++) CHECK_INT(bide_yield(), 0);
    return 0;
}

/* A descriptor that is always ready does not keep others from running. */
TASK(bug_41_an_always_ready_descriptor_yields)
{
    int fds[2];
    struct spinner spinner = {0};
    CHECK_INT(bide_pipe(fds), 0);
    struct bide_task *other = bide_create_task(spin, &spinner);
    struct bide_select_case cases[] = {{.fd = fds[1], .events = POLLOUT}};
    for (int i = 0; i < 1000; i++) CHECK_INT(bide_select(cases, 1, BIDE_FOREVER), 0);
    CHECK(spinner.spins > 5);
    spinner.stop = true;
    CHECK_INT(bide_close(fds[0]), 0);
    CHECK_INT(bide_close(fds[1]), 0);
    return bide_await(other, NULL);
}

static void run_in_a_loop(void **state)
{
    log_clear();
    assert_int_equal(check_run((bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(a_descriptor_of_bide_s_own),
        IN_A_LOOP(a_foreign_descriptor),
        IN_A_LOOP(a_descriptor_closed_meanwhile_happens),
        IN_A_LOOP(bug_06_a_descriptor_in_two_cases),
        IN_A_LOOP(bug_32_a_select_whose_byte_was_read_keeps_its_place),
        IN_A_LOOP(bug_41_an_always_ready_descriptor_yields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
