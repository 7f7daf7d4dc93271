/* SPDX-License-Identifier: MIT */
/*
 * Foreign descriptors, whose flags and fate are their owner's: blocking listeners and connects,
 * what others take first, two loops on one, standard input of every kind. A loop that blocks
 * hangs the test.
 */
#include "counts.h"
#include "ends.h"
#include "faults.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- connections ---- */

TASK(accept_one)
{
    return bide_accept(*(int *)arg, NULL, NULL);
}

TASK(a_blocking_listener_is_waited_for)
{
    struct sockaddr_in address;
    int listener = open_listener(&address, 4), accepted = -1;
    CHECK(listener >= 0);
    struct bide_task *server = bide_create_task(accept_one, &listener);
    for (int i = 0; i < 3; i++) CHECK_INT(bide_sleep(1), 0);
    CHECK(!bide_task_done(server));
    const int client = bide_socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bide_connect(client, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(bide_await(server, &accepted), 0);
    CHECK(accepted >= 0 && fcntl(accepted, F_GETFL) & O_NONBLOCK); /* what was accepted is bide's own */
    CHECK_INT(fcntl(listener, F_GETFL) & O_NONBLOCK, 0);
    return bide_close(accepted) + bide_close(client) + close(listener);
}

/* A listener of AF_UNIX whose queue is full makes a blocking connect wait. */
static int open_full_listener(struct sockaddr_un *address, socklen_t *len, int waiting[2])
{
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    const int n = snprintf(address->sun_path + 1, 64, "bide-full-%d", getpid());
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    CHECK_INT(bind(listener, (struct sockaddr *)address, *len), 0);
    CHECK_INT(listen(listener, 0), 0);
    for (int i = 0; i < 2; i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(waiting[i], (struct sockaddr *)address, *len) < 0) CHECK_INT(errno, EAGAIN);
    }
    return listener;
}

struct connecting {
    int fd;
    const struct sockaddr_un *address;
    socklen_t len;
};

static int connect_it(void *arg)
{
    const struct connecting *connecting = arg;
    return bide_connect(connecting->fd, (const struct sockaddr *)connecting->address, connecting->len);
}

TASK(a_blocking_connect_is_waited_for)
{
    struct sockaddr_un address;
    struct connecting connecting = {socket(AF_UNIX, SOCK_STREAM, 0), &address, 0};
    int waiting[2], result = -1;
    const int listener = open_full_listener(&address, &connecting.len, waiting);
    CHECK(listener >= 0);
    struct bide_task *client = bide_create_task(connect_it, &connecting);
    for (int i = 0; i < 100; i++) CHECK_INT(bide_yield(), 0);
    CHECK(!bide_task_done(client));
    const int first = bide_accept(listener, NULL, NULL);
    CHECK_INT(bide_await(client, &result), 0);
    CHECK_INT(result, 0);
    CHECK_INT(fcntl(connecting.fd, F_GETFL) & O_NONBLOCK, 0);
    return close(connecting.fd) + close(waiting[0]) + close(waiting[1]) + bide_close(first) + close(listener);
}

/* ---- others are faster ---- */

/* bugs.md row 32: what was ready is gone when it is tried; the wait goes on, and asks epoll anew. */
TASK(bug_32_what_another_took_is_waited_for_again)
{
    static const int which[] = {UNIX_STREAM, TCP, PIPE, FIFO, EVENTFD};
    const uint64_t eight = 8;
    for (size_t i = 0; i < 5 * 2; i++) {
        CHECK_INT(open_ends(&kinds[which[i / 2]], i % 2 ? BLOCKING : NONBLOCKING), 0);
        struct reading reading = {.fd = ends[0], .n = 8};
        struct bide_task *reader = bide_create_task(read_some, &reading);
        CHECK_INT(bide_yield(), 0);
        faults_set(SYS_READ, EAGAIN, 0, 1);
        CHECK_INT(write(ends[1], &eight, sizeof eight), 8);
        CHECK_INT(bide_await(reader, NULL), 0);
        CHECK(faults_asked() >= 2);
        faults_clear();
        CHECK_INT(reading.code, 8);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* Takes what came, behind the loop's back, before the reader that was woken for it runs. */
TASK(the_owner_may_read_what_we_wait_for)
{
    char text[8];
    for (int kind = UNIX_STREAM; kind < TTY; kind++) {
        CHECK_INT(open_ends(&kinds[kind], BLOCKING), 0);
        struct reading reading = {.fd = ends[0], .n = 8};
        struct bide_task *reader = bide_create_task(read_some, &reading);
        CHECK_INT(bide_yield(), 0);
        CHECK_INT(write(ends[1], "mine", 4), 4);
        CHECK(bide_poll(ends[0], POLLIN) == POLLIN && read(ends[0], text, sizeof text) == 4);
        CHECK_INT(bide_sleep(1), 0);
        CHECK(!bide_task_done(reader));
        CHECK_INT(write(ends[1], "yours", 5), 5);
        CHECK_INT(bide_await(reader, NULL), 0);
        CHECK_INT(reading.code, 5);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* ---- two loops ---- */

enum { BYTES = 2000 };

static atomic_int taken;

TASK(take_bytes)
{
    char byte;
    ssize_t n;
    while ((n = bide_read(ends[0], &byte, 1)) > 0) atomic_fetch_add(&taken, 1);
    return (int)n;
}

static void *run_thread(void *arg)
{
    return (void *)(intptr_t)bide_run(take_bytes, arg);
}

/* Each byte goes to one of three tasks in two loops, all of which see the end. */
static void two_loops_read_one_descriptor(void **state)
{
    const struct kind *kind = *state;
    pthread_t threads[2];
    void *results[2];
    char bytes[BYTES / 4] = "";
    atomic_store(&taken, 0);
    assert_int_equal(kind->open(ends), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, run_thread, NULL), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(write(ends[1], bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(close(ends[1]), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(threads[i], &results[i]), 0);
    assert_true(!results[0] && !results[1]);
    assert_int_equal(atomic_load(&taken), BYTES);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(close(ends[0]), 0);
}

/* ---- whatever standard input is ---- */

/* Reads all of it, to the end; how many bytes. */
static int drain(int fd)
{
    char text[512];
    ssize_t n;
    int all = 0;
    while ((n = bide_read(fd, text, sizeof text)) > 0) all += (int)n;
    return n < 0 ? (int)n : all;
}

TASK(bug_34_standard_input_may_be_anything)
{
    static const struct {
        const char *path;
        int flags, at_least;
    } inputs[] = {{"/dev/null", O_RDWR, 0},          {"/proc/self/mounts", O_RDONLY, 1},
                  {"/proc/self/stat", O_RDONLY, 1},  {"/proc/self/exe", O_RDONLY, 10000},
                  {"/sys/kernel/mm", O_RDONLY, -21}, {"/dev/full", O_WRONLY, -9}};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        const int fd = open(inputs[i].path, inputs[i].flags);
        if (fd < 0) continue; /* not everywhere */
        BIDE_TIMEOUT(60) {
            const int n = drain(fd);
            CHECK(inputs[i].at_least < 0 ? n == inputs[i].at_least : n >= inputs[i].at_least);
        }
        CHECK_INT(bide_poll(fd, POLLIN | POLLOUT) & ~(POLLIN | POLLOUT | POLLERR), 0);
        CHECK(!bide_expired() && close(fd) == 0);
    }
    return 0;
}

TASK(bug_34_standard_output_may_be_anything)
{
    int fd = open("/dev/null", O_WRONLY);
    CHECK_INT(bide_write_all(fd, "void", 4, NULL), 0);
    CHECK_INT(close(fd), 0);
    fd = open("/dev/full", O_WRONLY);
    if (fd >= 0) CHECK(bide_write_all(fd, "void", 4, NULL) == -ENOSPC && close(fd) == 0);
    return 0;
}

/* Files that epoll knows, but always calls ready, must not be asked again and again. */
TASK(a_file_that_epoll_knows_does_not_spin)
{
    const int fd = open("/proc/self/mounts", O_RDONLY);
    if (fd < 0) return 0;
    counts_start();
    const int n = drain(fd);
    const long calls = counts_of(SYS_EPOLL_CTL) + counts_of(SYS_EPOLL_WAIT) + counts_of(SYS_READ);
    counts_stop();
    CHECK(n > 0 && calls < 20L * (n / 512 + 3));
    return close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_blocking_listener_is_waited_for, virtual),
        RUN(a_blocking_connect_is_waited_for, real),
        RUN(bug_32_what_another_took_is_waited_for_again, virtual),
        RUN(the_owner_may_read_what_we_wait_for, virtual),
        cmocka_unit_test_prestate(two_loops_read_one_descriptor, (void *)(uintptr_t)&kinds[UNIX_STREAM]),
        cmocka_unit_test_prestate(two_loops_read_one_descriptor, (void *)(uintptr_t)&kinds[TCP]),
        cmocka_unit_test_prestate(two_loops_read_one_descriptor, (void *)(uintptr_t)&kinds[PIPE]),
        cmocka_unit_test_prestate(two_loops_read_one_descriptor, (void *)(uintptr_t)&kinds[FIFO]),
        RUN(bug_34_standard_input_may_be_anything, real),
        RUN(bug_34_standard_output_may_be_anything, real),
        RUN(a_file_that_epoll_knows_does_not_spin, real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
