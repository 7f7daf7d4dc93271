/* SPDX-License-Identifier: MIT */
/* Files sent by the kernel, to sockets, pipes and files, of bide's own and foreign ones. */
#include "check.h"
#include "faults.h"

#include <bide/io.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LENGTH = 3000000, LITTLE = 4096 };

static int file;
static off_t length;

static unsigned char byte_at(off_t i)
{
    return (unsigned char)(i * 7 + i / 251);
}

static int make_file(off_t n)
{
    static unsigned char bytes[LENGTH];
    char name[] = "/tmp/bide-sendfile-XXXXXX";
    file = mkostemp(name, O_CLOEXEC);
    CHECK(file >= 0);
    CHECK_INT(unlink(name), 0);
    for (off_t i = 0; i < n; i++) bytes[i] = byte_at(i);
    for (off_t i = 0; i < n;) {
        const ssize_t written = write(file, bytes + i, (size_t)(n - i));
        CHECK(written > 0);
        i += written;
    }
    length = n;
    CHECK_INT(lseek(file, 0, SEEK_SET), 0);
    return 0;
}

#define WITH_FILE(name, n)                                                                                   \
    static int with_file_##name(void);                                                                       \
    static int run_##name(void *arg)                                                                         \
    {                                                                                                        \
        (void)arg;                                                                                           \
        int code = make_file(n);                                                                             \
        if (code == 0) code = with_file_##name();                                                            \
        close(file);                                                                                         \
        return code;                                                                                         \
    }                                                                                                        \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        assert_int_equal(check_run(run_##name, NULL), 0);                                                    \
    }                                                                                                        \
    static int with_file_##name(void)

struct reader {
    int fd;
    off_t begin, end;
};

static int read_and_compare(void *arg)
{
    const struct reader *reader = arg;
    static unsigned char buf[70001];
    off_t at = reader->begin;
    ssize_t n;
    while ((n = bide_read(reader->fd, buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < n; i++, at++)
            if (buf[i] != byte_at(at)) return -EPROTO;
    }
    if (n < 0) return (int)n;
    return at == reader->end ? 0 : -EMSGSIZE;
}

/* All from `begin` on, `n` bytes at most, closed then; what comes is compared. */
static int send_over(int writer, int reader, off_t begin, size_t n, bool own)
{
    const off_t end = n < (size_t)(length - begin) ? begin + (off_t)n : length;
    struct reader plan = {reader, begin, end};
    size_t done = 0;
    struct bide_task *task = bide_create_task(read_and_compare, &plan);
    CHECK_INT(bide_sendfile_all(writer, file, begin, n, &done), 0);
    CHECK_INT(done, end - begin);
    CHECK_INT(own ? bide_close(writer) : close(writer), 0);
    CHECK_INT(bide_await(task, NULL), 0);
    return own ? bide_close(reader) : close(reader);
}

WITH_FILE(over_a_socket_with_little_room, LENGTH)
{
    int ends[2];
    const int little = LITTLE;
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_INT(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
    return send_over(ends[1], ends[0], 0, LENGTH, true);
}

WITH_FILE(over_a_pipe, LENGTH)
{
    int ends[2];
    CHECK_INT(bide_pipe(ends), 0);
    return send_over(ends[1], ends[0], 12345, LENGTH, true);
}

/* They block, were it not for what poll promises. */
WITH_FILE(over_foreign_ends, LENGTH / 10)
{
    int ends[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_INT(send_over(ends[1], ends[0], 1, 250000, false), 0);
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    return send_over(ends[1], ends[0], 0, LENGTH, false);
}

WITH_FILE(to_a_file, 200000)
{
    char name[] = "/tmp/bide-sendfile-XXXXXX";
    const int copy = mkostemp(name, O_CLOEXEC);
    CHECK_INT(unlink(name), 0);
    size_t done = 0;
    CHECK_INT(bide_sendfile_all(copy, file, 0, LENGTH, &done), 0);
    CHECK_INT(done, 200000);
    CHECK_INT(lseek(copy, 0, SEEK_SET), 0);
    CHECK_INT(read_and_compare(&(struct reader){copy, 0, 200000}), 0);
    return close(copy);
}

WITH_FILE(positions, 1000)
{
    int ends[2];
    off_t offset = 990;
    size_t done = 0;
    char buf[1000];
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_INT(bide_sendfile(ends[1], file, &offset, 100), 10);
    CHECK_INT(offset, 1000);
    CHECK_INT(bide_sendfile(ends[1], file, &offset, 100), 0); /* the end */
    CHECK_INT(lseek(file, 0, SEEK_CUR), 0);
    CHECK_INT(bide_sendfile(ends[1], file, NULL, 300), 300);
    CHECK_INT(lseek(file, 0, SEEK_CUR), 300);
    CHECK_INT(bide_sendfile(ends[1], file, NULL, 0), 0);
    CHECK_INT(bide_sendfile_all(ends[1], file, 980, SIZE_MAX, &done), 0); /* all there is */
    CHECK_INT(done, 20);
    CHECK_INT(bide_read(ends[0], buf, sizeof buf), 330);
    CHECK_INT(bide_close(ends[0]), 0);
    return bide_close(ends[1]);
}

/* ---- the peer is gone ---- */

static int connected_tcp(int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int listener = bide_socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(listener, (struct sockaddr *)&address, len), 0);
    CHECK_INT(listen(listener, 1), 0);
    CHECK_INT(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    ends[1] = bide_socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bide_connect(ends[1], (struct sockaddr *)&address, len), 0);
    ends[0] = bide_accept(listener, NULL, NULL);
    CHECK(ends[0] >= 0);
    return bide_close(listener);
}

/* No signal, though sendfile has no MSG_NOSIGNAL: SIGPIPE has its default disposition here. */
WITH_FILE(bug_29_sendfile_to_a_peer_that_has_reset, LENGTH)
{
    int ends[2];
    size_t done = 99;
    CHECK_INT(connected_tcp(ends), 0);
    const struct linger reset = {.l_onoff = 1};
    CHECK_INT(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    CHECK_INT(bide_close(ends[0]), 0);
    CHECK_INT(bide_poll(ends[1], POLLIN) & POLLHUP, POLLHUP);
    const int first = bide_sendfile_all(ends[1], file, 0, LENGTH, &done);
    CHECK(first == -ECONNRESET || first == -EPIPE);
    CHECK_INT(done, 0);
    CHECK_INT(bide_sendfile_all(ends[1], file, 0, LENGTH, &done), -EPIPE);
    CHECK_INT(bide_sendfile(ends[1], file, NULL, 1), -EPIPE);
    CHECK_INT(bide_close(ends[1]), 0);
    CHECK_INT(bide_pipe(ends), 0);
    CHECK_INT(bide_close(ends[0]), 0);
    CHECK_INT(bide_sendfile(ends[1], file, NULL, 1), -EPIPE);
    return bide_close(ends[1]);
}

/* ---- cut short, and wrong ---- */

/* The count tells how far it came: who goes on from there has sent each byte once. */
WITH_FILE(cut_short, LENGTH)
{
    int ends[2];
    size_t done = 0, rest = 0;
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    int code = 0;
    BIDE_TIMEOUT(1) code = bide_sendfile_all(ends[1], file, 0, LENGTH, &done);
    CHECK_INT(code, -ETIMEDOUT);
    CHECK(done > 0 && done < LENGTH);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_sendfile_all(ends[1], file, 0, LENGTH, &rest), -ECANCELED);
    CHECK_INT(rest, 0);
    CHECK_INT(bide_uncancel(), 0);
    struct reader plan = {ends[0], 0, LENGTH};
    struct bide_task *task = bide_create_task(read_and_compare, &plan);
    CHECK_INT(bide_sendfile_all(ends[1], file, (off_t)done, LENGTH, &rest), 0);
    CHECK_INT(done + rest, LENGTH);
    CHECK_INT(bide_close(ends[1]), 0);
    CHECK_INT(bide_await(task, NULL), 0);
    return bide_close(ends[0]);
}

WITH_FILE(interrupted_and_not_ready, LENGTH / 100)
{
    int ends[2];
    for (int i = 0; i < 4; i++) {
        CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        faults_set(SYS_SENDFILE, EINTR, i, 5);
        CHECK_INT(send_over(ends[1], ends[0], 0, LENGTH, true), 0);
        faults_clear();
    }
    return 0;
}

WITH_FILE(bad_input, 10)
{
    int ends[2];
    off_t offset = -1;
    size_t done = 99;
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_INT(bide_sendfile(ends[1], -1, NULL, 1), -EBADF);
    CHECK_INT(bide_sendfile(-1, file, NULL, 1), -EBADF);
    CHECK_INT(bide_sendfile(ends[1], file, &offset, 1), -EINVAL);
    CHECK_INT(bide_sendfile_all(ends[1], ends[0], 0, 1, &done), -ESPIPE); /* no file */
    CHECK_INT(done, 0);
    CHECK_INT(bide_close(ends[0]), 0);
    return bide_close(ends[1]);
}

static void outside_of_tasks(void **state)
{
    (void)state;
    assert_int_equal(bide_sendfile(1, 0, NULL, 1), -EPERM);
    assert_int_equal(bide_sendfile_all(1, 0, 0, 1, NULL), -EPERM);
    assert_int_equal(bide_send_all(1, "x", 1, 0, NULL), -EPERM);
}

/* ---- bide_send_all ---- */

WITH_FILE(send_all, 0)
{
    int ends[2];
    static unsigned char bytes[LENGTH];
    size_t done = 0;
    for (off_t i = 0; i < LENGTH; i++) bytes[i] = byte_at(i);
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct reader plan = {ends[0], 0, LENGTH};
    struct bide_task *task = bide_create_task(read_and_compare, &plan);
    CHECK_INT(bide_send_all(ends[1], bytes, LENGTH, MSG_NOSIGNAL, &done), 0);
    CHECK_INT(done, LENGTH);
    CHECK_INT(bide_close(ends[1]), 0);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(bide_send_all(file, "x", 1, 0, &done), -ENOTSOCK);
    CHECK_INT(done, 0);
    return bide_close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_a_socket_with_little_room),
        cmocka_unit_test(over_a_pipe),
        cmocka_unit_test(over_foreign_ends),
        cmocka_unit_test(to_a_file),
        cmocka_unit_test(positions),
        cmocka_unit_test(bug_29_sendfile_to_a_peer_that_has_reset),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(interrupted_and_not_ready),
        cmocka_unit_test(bad_input),
        cmocka_unit_test(outside_of_tasks),
        cmocka_unit_test(send_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
