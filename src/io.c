/* SPDX-License-Identifier: MIT */
/* Reading and writing: what is tried, on descriptors of bide's own, foreign ones, and in threads. */
#include "attempt.h"
#include "cancel.h"
#include "sys.h"

#include <bide/io.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

/* ---- what is tried ---- */

static ssize_t try_readv(const struct attempt *attempt)
{
    if (attempt->count == 1) return sys_read(attempt->fd, attempt->iov->iov_base, attempt->iov->iov_len);
    return sys_readv(attempt->fd, attempt->iov, attempt->count);
}

/* A socket, else what the kernel can read without blocking, else what poll promises; a file's turn is in a thread. */
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
    if (sys_is_file(attempt->fd)) return -EAGAIN;
    n = attempt_ready(attempt);
    return n < 0 ? n : try_readv(attempt);
}

static ssize_t try_read(const struct attempt *attempt, enum how how)
{
    return how == HOW_FOREIGN ? try_foreign_read(attempt) : try_readv(attempt);
}

static ssize_t try_writev(const struct attempt *attempt)
{
    if (attempt->count == 1) return sys_write(attempt->fd, attempt->iov->iov_base, attempt->iov->iov_len);
    return sys_writev(attempt->fd, attempt->iov, attempt->count);
}

/* Where poll says that it can be written, a pipe takes that much without blocking. */
static ssize_t write_a_little(const struct attempt *attempt)
{
    int i = 0;
    while (i + 1 < attempt->count && attempt->iov[i].iov_len == 0) i++;
    const size_t n = attempt->iov[i].iov_len;
    return sys_write(attempt->fd, attempt->iov[i].iov_base, n < PIPE_BUF ? n : PIPE_BUF);
}

static ssize_t try_foreign_write(const struct attempt *attempt)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)attempt->iov,
                             .msg_iovlen = (size_t)attempt->count};
    ssize_t n = sys_sendmsg(attempt->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n != -ENOTSOCK) return n;
    n = sys_writev_nowait(attempt->fd, attempt->iov, attempt->count);
    if (n != -EOPNOTSUPP) return n;
    if (sys_is_file(attempt->fd)) return -EAGAIN;
    n = attempt_ready(attempt);
    return n < 0 ? n : write_a_little(attempt);
}

static ssize_t try_write(const struct attempt *attempt, enum how how)
{
    return how == HOW_FOREIGN ? try_foreign_write(attempt) : try_writev(attempt);
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

ssize_t bide_readv(int fd, const struct iovec *iov, int n)
{
    const struct attempt attempt = {.try = try_read, .fd = fd, .side = SIDE_IN, .iov = iov, .count = n};
    return attempt_perform(&attempt);
}

ssize_t bide_writev(int fd, const struct iovec *iov, int n)
{
    const struct attempt attempt = {.try = try_write, .fd = fd, .side = SIDE_OUT, .iov = iov, .count = n};
    return attempt_perform(&attempt);
}

ssize_t bide_read(int fd, void *buf, size_t n)
{
    const struct iovec iov = {buf, n};
    return bide_readv(fd, &iov, 1);
}

ssize_t bide_write(int fd, const void *buf, size_t n)
{
    const struct iovec iov = {(void *)(uintptr_t)buf, n};
    return bide_writev(fd, &iov, 1);
}

ssize_t bide_recv(int fd, void *buf, size_t n, int flags)
{
    const struct iovec iov = {buf, n};
    const struct attempt attempt = {.try = try_recv, .fd = fd, .side = SIDE_IN, .iov = &iov, .flags = flags};
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
    const struct attempt attempt = {
        .try = try_recvmsg, .fd = fd, .side = SIDE_IN, .message = message, .flags = flags};
    return attempt_perform(&attempt);
}

ssize_t bide_sendmsg(int fd, const struct msghdr *message, int flags)
{
    const struct attempt attempt = {.try = try_sendmsg,
                                    .fd = fd,
                                    .side = SIDE_OUT,
                                    .message = (struct msghdr *)(uintptr_t)message,
                                    .flags = flags};
    return attempt_perform(&attempt);
}

int bide_write_all(int fd, const void *buf, size_t n, size_t *done)
{
    size_t written = 0;
    ssize_t code;
    do {
        code = bide_write(fd, (const char *)buf + written, n - written);
        if (code > 0) written += (size_t)code;
        if (code == 0 && written < n) code = -EIO; /* it takes nothing, and never will */
    } while (code > 0 && written < n);
    if (done) *done = written;
    return code < 0 ? (int)code : 0;
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
    if ((code = attempt_pace()) < 0) return code;
    const uint32_t wanted = (events & POLLIN ? EPOLLIN : 0) | (events & POLLOUT ? EPOLLOUT : 0);
    for (;;) {
        if (descriptor->generation != generation) return -EBADF;
        const int ready = sys_poll(fd, events);
        if (ready != 0) return ready > 0 && ready & POLLNVAL ? -EBADF : ready;
        if ((code = cancel_cut()) < 0 || (code = attempt_wait(descriptor, wanted)) < 0) return code;
    }
}
