/* SPDX-License-Identifier: MIT */
/* Reading and writing: what is tried, on descriptors of bide's own, foreign ones, and in threads. */
#include "attempt.h"
#include "cancel.h"
#include "io.h"
#include "sys.h"

#include <bide/io.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

enum { TERMINAL_WRITE = 512 };

/* ---- what is tried ---- */

static ssize_t try_readv(const struct attempt *attempt)
{
    if (attempt->count == 1) return sys_read(attempt->fd, attempt->iov->iov_base, attempt->iov->iov_len);
    return sys_readv(attempt->fd, attempt->iov, attempt->count);
}

/* A read of nothing waits for nothing, as long as it is not called recv. */
static bool is_empty(const struct attempt *attempt)
{
    int i = 0;
    while (i < attempt->count && attempt->iov[i].iov_len == 0) i++;
    return i == attempt->count;
}

/*
 * A socket, else what the kernel can read without blocking, else what poll promises; files and terminals go
 * to a thread.
 */
static ssize_t try_foreign_read(const struct attempt *attempt)
{
    if (attempt->count == 1 && attempt->iov->iov_len == 0)
        return try_readv(attempt); /* nothing to wait for */
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)attempt->iov,
                             .msg_iovlen = (size_t)attempt->count};
    ssize_t n = sys_recvmsg(attempt->fd, &message, MSG_DONTWAIT);
    if (n != -ENOTSOCK) return n;
    n = sys_readv_nowait(attempt->fd, attempt->iov, attempt->count);
    if (n != -EOPNOTSUPP) return n;
    if (sys_is_file(attempt->fd)) return IN_THREAD;
    n = attempt_ready(attempt);
    if (n < 0) return n;
    return sys_is_terminal(attempt->fd) ? IN_THREAD : try_readv(attempt);
}

static ssize_t try_read(const struct attempt *attempt, enum how how)
{
    return how == HOW_FOREIGN && !is_empty(attempt) ? try_foreign_read(attempt) : try_readv(attempt);
}

static ssize_t try_writev(const struct attempt *attempt)
{
    if (attempt->count == 1) return sys_write(attempt->fd, attempt->iov->iov_base, attempt->iov->iov_len);
    return sys_writev(attempt->fd, attempt->iov, attempt->count);
}

static ssize_t write_at_most(const struct attempt *attempt, size_t most)
{
    int i = 0;
    while (i + 1 < attempt->count && attempt->iov[i].iov_len == 0) i++;
    const size_t n = attempt->iov[i].iov_len;
    return sys_write(attempt->fd, attempt->iov[i].iov_base, n < most ? n : most);
}

static ssize_t try_foreign_write(const struct attempt *attempt)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)attempt->iov,
                             .msg_iovlen = (size_t)attempt->count};
    ssize_t n = sys_sendmsg(attempt->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n != -ENOTSOCK) return n;
    if (is_empty(attempt)) return try_writev(attempt);
    n = sys_writev_nowait(attempt->fd, attempt->iov, attempt->count);
    if (n != -EOPNOTSUPP) return n;
    if (sys_is_file(attempt->fd)) return IN_THREAD;
    n = attempt_ready(attempt);
    if (n < 0) return n;
    if (sys_is_terminal(attempt->fd)) return IN_THREAD;
    return write_at_most(attempt, PIPE_BUF); /* poll promises a pipe's writer that much */
}

/*
 * A terminal that is read by nobody any more would hold up the thread: it gets what fits as good as always.
 */
static ssize_t try_write(const struct attempt *attempt, enum how how)
{
    if (how == HOW_FOREIGN) return try_foreign_write(attempt);
    if (how == HOW_THREAD && sys_is_terminal(attempt->fd)) return write_at_most(attempt, TERMINAL_WRITE);
    return try_writev(attempt);
}

static ssize_t try_recv(const struct attempt *attempt, enum how how)
{
    (void)how;
    return sys_recv(attempt->fd, attempt->iov->iov_base, attempt->iov->iov_len,
                    attempt->flags | MSG_DONTWAIT);
}

static ssize_t try_send(const struct attempt *attempt, enum how how)
{
    (void)how;
    return sys_send(attempt->fd, attempt->iov->iov_base, attempt->iov->iov_len,
                    attempt->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t try_recvmsg(const struct attempt *attempt, enum how how)
{
    (void)how;
    return sys_recvmsg(attempt->fd, attempt->message, attempt->flags | MSG_DONTWAIT);
}

static ssize_t try_sendmsg(const struct attempt *attempt, enum how how)
{
    (void)how;
    return sys_sendmsg(attempt->fd, attempt->message, attempt->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- the calls ---- */

static ssize_t read_into(int fd, const struct iovec *iov, int n, size_t size, const void *next)
{
    const struct attempt attempt = {.try = try_read,
                                    .fd = fd,
                                    .side = SIDE_IN,
                                    .drains = true,
                                    .count = n,
                                    .size = size,
                                    .iov = iov,
                                    .next = next};
    return attempt_perform(&attempt);
}

static ssize_t write_from(int fd, const struct iovec *iov, int n)
{
    const struct attempt attempt = {.try = try_write, .fd = fd, .side = SIDE_OUT, .iov = iov, .count = n};
    return attempt_perform(&attempt);
}

/* What the kernel would say of the buffers, which are looked at before it sees them. */
static int refuse(const void *vector, int n)
{
    if (!task_current) return -EPERM;
    if (n < 0 || n > IOV_MAX) return -EINVAL;
    return n > 0 && !vector ? -EFAULT : 0;
}

ssize_t bide_readv(int fd, const struct iovec *iov, int n)
{
    const int refused = refuse(iov, n);
    if (refused < 0) return refused;
    size_t size = 0;
    for (int i = 0; i < n; i++) size += iov[i].iov_len;
    return read_into(fd, iov, n, size, NULL);
}

ssize_t bide_writev(int fd, const struct iovec *iov, int n)
{
    const int refused = refuse(iov, n);
    return refused < 0 ? refused : write_from(fd, iov, n);
}

ssize_t io_read(int fd, void *buf, size_t n, const void *next)
{
    const struct iovec iov = {buf, n};
    return read_into(fd, &iov, 1, n, next);
}

ssize_t bide_read(int fd, void *buf, size_t n)
{
    return io_read(fd, buf, n, NULL);
}

ssize_t bide_write(int fd, const void *buf, size_t n)
{
    const struct iovec iov = {(void *)(uintptr_t)buf, n};
    return write_from(fd, &iov, 1);
}

ssize_t bide_recv(int fd, void *buf, size_t n, int flags)
{
    const struct iovec iov = {buf, n};
    const struct attempt attempt = {.try = try_recv,
                                    .fd = fd,
                                    .side = SIDE_IN,
                                    .drains = flags == 0,
                                    .size = n,
                                    .iov = &iov,
                                    .flags = flags};
    return attempt_perform(&attempt);
}

ssize_t bide_send(int fd, const void *buf, size_t n, int flags)
{
    const struct iovec iov = {(void *)(uintptr_t)buf, n};
    const struct attempt attempt = {.try = try_send, .fd = fd, .side = SIDE_OUT, .iov = &iov, .flags = flags};
    return attempt_perform(&attempt);
}

ssize_t bide_recvmsg(int fd, struct msghdr *message, int flags)
{
    const int refused = refuse(message, 1); /* C libraries may look at it, too */
    if (refused < 0) return refused;
    const struct attempt attempt = {
        .try = try_recvmsg, .fd = fd, .side = SIDE_IN, .message = message, .flags = flags};
    return attempt_perform(&attempt);
}

ssize_t bide_sendmsg(int fd, const struct msghdr *message, int flags)
{
    const int refused = refuse(message, 1);
    if (refused < 0) return refused;
    const struct attempt attempt = {.try = try_sendmsg,
                                    .fd = fd,
                                    .side = SIDE_OUT,
                                    .message = (struct msghdr *)(uintptr_t)message,
                                    .flags = flags};
    return attempt_perform(&attempt);
}

/* Calls it until all is written. */
static int all(ssize_t (*part)(int fd, const void *buf, size_t n, int flags), int fd, const char *buf,
               size_t n, int flags, size_t *done)
{
    size_t written = 0;
    ssize_t code;
    do {
        code = part(fd, written ? buf + written : buf, n - written, flags);
        if (code > 0) written += (size_t)code;
        if (code == 0 && written < n) code = -EIO; /* it takes nothing, and never will */
    } while (code > 0 && written < n);
    if (done) *done = written;
    return code < 0 ? (int)code : 0;
}

static ssize_t write_part(int fd, const void *buf, size_t n, int flags)
{
    (void)flags;
    return bide_write(fd, buf, n);
}

int bide_write_all(int fd, const void *buf, size_t n, size_t *done)
{
    return all(write_part, fd, buf, n, 0, done);
}

int bide_send_all(int fd, const void *buf, size_t n, int flags, size_t *done)
{
    return all(bide_send, fd, buf, n, flags, done);
}

int bide_poll(int fd, int events)
{
    if (!task_current) return -EPERM;
    if (!(events & (POLLIN | POLLOUT)) || events & ~(POLLIN | POLLOUT)) return -EINVAL;
    int code = cancel_check();
    if (code < 0) return code;
    struct descriptor *descriptor = poller_get_open(poller_current, fd);
    if (!descriptor) return -errno;
    const uint32_t generation = descriptor->generation;
    const uint32_t wanted = (events & POLLIN ? EPOLLIN : 0) | (events & POLLOUT ? EPOLLOUT : 0);
    if (attempt_is_long()) park_yield();
    if ((code = cancel_cut()) < 0) return code;
    if (descriptor->generation != generation) return -EBADF;
    int ready;
    while ((ready = sys_poll(fd, events)) == 0) {
        if ((code = cancel_cut()) < 0 || (code = attempt_wait(descriptor, wanted)) < 0) return code;
        if (descriptor->generation != generation) return -EBADF;
    }
    return ready;
}
