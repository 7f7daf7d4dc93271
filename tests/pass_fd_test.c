/* SPDX-License-Identifier: MIT */
/* Descriptors passed over Unix sockets. */
#include "check.h"
#include "sanitizer.h"

#include <bide/net.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define RUN(name)                                                                                            \
    static int on_pair_##name(int left, int right);                                                          \
    static int run_##name(void *arg)                                                                         \
    {                                                                                                        \
        int ends[2];                                                                                         \
        (void)arg;                                                                                           \
        CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);                                        \
        const int code = on_pair_##name(ends[0], ends[1]);                                                   \
        (void)bide_close(ends[0]);                                                                           \
        (void)bide_close(ends[1]);                                                                           \
        return code;                                                                                         \
    }                                                                                                        \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        assert_int_equal(check_run(run_##name, NULL), 0);                                                    \
    }                                                                                                        \
    static int on_pair_##name(int left, int right)

static int receive(void *end)
{
    return bide_recv_fd(*(int *)end);
}

RUN(a_pipe_is_passed)
{
    int pipe_ends[2], passed = -1;
    char text[6] = "";
    CHECK_INT(bide_pipe(pipe_ends), 0);
    struct bide_task *task = bide_create_task(receive, &right);
    CHECK_INT(bide_sleep(1), 0); /* it waits by now */
    CHECK_INT(bide_send_fd(left, pipe_ends[1]), 0);
    CHECK_INT(bide_close(pipe_ends[1]), 0);
    CHECK_INT(bide_await(task, &passed), 0);
    CHECK(passed >= 0);
    CHECK(fcntl(passed, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(bide_write_all(passed, "hello", 5, NULL), 0);
    CHECK_INT(bide_close(passed), 0);
    CHECK_INT(bide_read(pipe_ends[0], text, sizeof text), 5);
    CHECK_INT(bide_read(pipe_ends[0], text, sizeof text), 0);
    return bide_close(pipe_ends[0]);
}

/* Each message brings one: none is lost, and their order is kept. */
RUN(several_one_after_the_other)
{
    for (int i = 0; i < 8; i++) CHECK_INT(bide_send_fd(left, left), 0);
    for (int i = 0; i < 8; i++) {
        const int fd = bide_recv_fd(right);
        CHECK(fd >= 0);
        CHECK_INT(bide_close(fd), 0);
    }
    return 0;
}

RUN(what_is_no_descriptor)
{
    CHECK_INT(bide_send_fd(left, -1), -EBADF);
    CHECK_INT(bide_send_fd(left, 1 << 20), -EBADF);
    CHECK_INT(bide_send_fd(-1, left), -EBADF);
    CHECK_INT(bide_recv_fd(-1), -EBADF);
    CHECK_INT(bide_write_all(left, "x", 1, NULL), 0);
    CHECK_INT(bide_recv_fd(right), -EBADMSG);
    return 0;
}

RUN(the_other_end_has_closed)
{
    const int copy = dup(left);
    CHECK_INT(bide_send_fd(left, copy), 0);
    close(copy);
    CHECK_INT(shutdown(left, SHUT_RDWR), 0);
    const int fd = bide_recv_fd(right); /* what was sent before is still received */
    CHECK(fd >= 0);
    CHECK_INT(bide_close(fd), 0);
    CHECK_INT(bide_recv_fd(right), -EPIPE);
    CHECK_INT(bide_send_fd(right, right), -EPIPE);
    return 0;
}

/* Two in one message: only one was asked for, the kernel closes the other. */
RUN(more_than_one)
{
    if (check_emulated()) { /* qemu's own control buffer is larger: it takes all, and tells of one */
        puts("skipped: an emulator receives more descriptors than it tells of");
        return 0;
    }
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } control;
    const int fds[4] = {left, right, left, right};
    const struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memset(&control, 0, sizeof control);
    control.header =
        (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
    CHECK_INT(bide_sendmsg(left, &message, 0), 1);
    const int before = check_open_fds(), fd = bide_recv_fd(right);
    CHECK(fd >= 0);
    CHECK_INT(bide_close(fd), 0);
    CHECK_INT(check_open_fds(), before);
    return 0;
}

RUN(no_room_for_it)
{
    struct rlimit limit, low;
    CHECK_INT(bide_send_fd(left, left), 0);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 3;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &low), 0);
    const int code = bide_recv_fd(right);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (sanitizer_valgrind() && code >= 0) return bide_close(code); /* it has limits of its own */
    CHECK_INT(code, -EMFILE);
    return 0;
}

RUN(cut_short)
{
    int code = 0;
    BIDE_TIMEOUT(1) code = bide_recv_fd(right);
    CHECK_INT(code, -ETIMEDOUT);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_send_fd(left, left), -ECANCELED);
    CHECK_INT(bide_recv_fd(right), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    BIDE_TIMEOUT(1) code = bide_recv_fd(right); /* nothing was sent */
    CHECK_INT(code, -ETIMEDOUT);
    return 0;
}

static void outside_of_tasks(void **state)
{
    (void)state;
    assert_int_equal(bide_send_fd(0, 0), -EPERM);
    assert_int_equal(bide_recv_fd(0), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_is_passed),
        cmocka_unit_test(several_one_after_the_other),
        cmocka_unit_test(what_is_no_descriptor),
        cmocka_unit_test(the_other_end_has_closed),
        cmocka_unit_test(more_than_one),
        cmocka_unit_test(no_room_for_it),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(outside_of_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
