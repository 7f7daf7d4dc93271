/* SPDX-License-Identifier: MIT */
/* Descriptors that begin and end: opened, accepted, connected, adopted, released, closed. */
#include "attempt.h"
#include "cancel.h"
#include "sys.h"

#include <bide/io.h>
#include <bide/thread.h>
#include <errno.h>
#include <fcntl.h>

/* ---- of bide's own ---- */

/* The number stands for something new, which bide opened. Closes it where that cannot be remembered. */
static int own(int fd)
{
    struct descriptor *descriptor = poller_get(poller_current, fd);
    if (!descriptor) {
        (void)sys_close(fd); /* new and unused: nothing to lose */
        return -ENOMEM;
    }
    poller_forget(poller_current, descriptor);
    descriptor->own = true;
    return fd;
}

static int own_both(int fds[2], int *out)
{
    if (own(fds[0]) < 0) {
        (void)sys_close(fds[1]);
        return -ENOMEM;
    }
    if (own(fds[1]) < 0) {
        (void)bide_close(fds[0]);
        return -ENOMEM;
    }
    out[0] = fds[0];
    out[1] = fds[1];
    return 0;
}

int bide_socket(int domain, int type, int protocol)
{
    if (!sched_current) return -EPERM;
    const int fd = sys_socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    return fd < 0 ? fd : own(fd);
}

int bide_socketpair(int domain, int type, int protocol, int fds[2])
{
    int pair[2];
    if (!sched_current) return -EPERM;
    if (!fds) return -EINVAL;
    const int code = sys_socketpair(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol, pair);
    return code < 0 ? code : own_both(pair, fds);
}

int bide_pipe(int fds[2])
{
    int pair[2];
    if (!sched_current) return -EPERM;
    if (!fds) return -EINVAL;
    const int code = sys_pipe(pair);
    return code < 0 ? code : own_both(pair, fds);
}

struct opening {
    const char *path;
    int flags;
    mode_t mode;
    bool is_file;
};

static int open_in_thread(void *arg)
{
    struct opening *opening = arg;
    const int fd = sys_open(opening->path, opening->flags | O_CLOEXEC | O_NONBLOCK, opening->mode);
    if (fd >= 0) opening->is_file = sys_is_file(fd);
    return fd;
}

int bide_open(const char *path, int flags, mode_t mode)
{
    if (!task_current) return -EPERM;
    if (!path) return -EINVAL;
    struct opening opening = {path, flags, mode, false};
    int fd = -ECANCELED;
    const int code = bide_to_thread(open_in_thread, &opening, &fd);
    if (fd < 0) return code < 0 ? code : fd;
    fd = own(fd); /* even if the wait was cut short: it was opened, and the next call fails */
    if (fd >= 0) poller_find(poller_current, fd)->file = opening.is_file;
    return fd;
}

/* ---- connections ---- */

bool accept_may_go_on(ssize_t code)
{
    return code == -ECONNABORTED || code == -EPROTO || code == -ENETDOWN || code == -ENOPROTOOPT ||
           code == -EHOSTDOWN || code == -ENONET || code == -EHOSTUNREACH || code == -ENETUNREACH;
}

static ssize_t try_accept(const struct attempt *attempt, enum how how)
{
    ssize_t ready = how == HOW_FOREIGN ? attempt_ready(attempt) : 0;
    if (ready == -EAGAIN) ready = sys_listens(attempt->fd); /* what does not would be waited for in vain */
    if (ready < 0) return ready;
    if (ready > 0) return -EAGAIN;
    return sys_accept(attempt->fd, attempt->address, attempt->length);
}

int bide_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    const struct attempt attempt = {
        .try = try_accept, .fd = fd, .side = SIDE_IN, .address = addr, .length = len};
    ssize_t client;
    do {
        client =
            attempt_perform(&attempt); /* each time anew: many such failures hold up nobody, nor a cancel */
    } while (accept_may_go_on(client));
    return client < 0 ? (int)client : own((int)client);
}

static ssize_t try_connected(const struct attempt *attempt, enum how how)
{
    (void)how;
    const ssize_t ready = attempt_ready(attempt);
    return ready < 0 ? ready : sys_socket_error(attempt->fd);
}

struct connecting {
    int fd;
    const struct sockaddr *address;
    socklen_t length;
};

static int connect_in_thread(void *arg)
{
    const struct connecting *connecting = arg;
    return sys_connect(connecting->fd, connecting->address, connecting->length);
}

int bide_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    const int refused = cancel_check();
    if (refused < 0) return refused;
    const struct descriptor *descriptor = poller_find(poller_current, fd);
    if (!(descriptor && descriptor->own)) {
        const int flags = sys_fcntl(fd, F_GETFL, 0);
        struct connecting connecting = {fd, addr, len};
        if (flags < 0) return flags;
        if (!(flags & O_NONBLOCK))
            return bide_to_thread(connect_in_thread, &connecting, NULL); /* it would block */
    }
    const int code = sys_connect(fd, addr, len);
    if (code != -EINPROGRESS && code != -EINTR) return code;
    const struct attempt attempt = {.try = try_connected, .fd = fd, .side = SIDE_OUT};
    return (int)attempt_perform(&attempt);
}

/* ---- adopted, and given back ---- */

int bide_adopt(int fd)
{
    if (!sched_current) return -EPERM;
    struct descriptor *descriptor = poller_get_open(poller_current, fd);
    if (!descriptor) return -errno;
    const int flags = sys_fcntl(fd, F_GETFL, 0);
    if (flags < 0) return flags;
    const int fd_flags = sys_fcntl(fd, F_GETFD, 0);
    if (fd_flags < 0) return fd_flags;
    if (descriptor->own && (flags & O_NONBLOCK) && poller_knows(poller_current, descriptor)) {
        descriptor->drained = false;
        descriptor->streaming = STREAMING_UNKNOWN;
        return 0;
    }
    int code = sys_fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    if (code < 0) return code;
    code = sys_fcntl(fd, F_SETFD, fd_flags | FD_CLOEXEC);
    if (code < 0) {
        (void)sys_fcntl(fd, F_SETFL, flags); /* what could be set can be set back */
        return code;
    }
    poller_forget(poller_current, descriptor);
    descriptor->own = true;
    descriptor->file = sys_is_file(fd);
    descriptor->foreign_flags = flags;
    descriptor->foreign_fd_flags = fd_flags;
    return 0;
}

int bide_release(int fd)
{
    if (!sched_current) return -EPERM;
    struct descriptor *descriptor = poller_find(poller_current, fd);
    if (!descriptor || !descriptor->own) return -EBADF;
    const int flags = descriptor->foreign_flags;
    const int fd_flags = descriptor->foreign_fd_flags;
    poller_forget(poller_current, descriptor);
    if (flags < 0) return 0;
    (void)sys_fcntl(fd, F_SETFL, flags); /* a descriptor that is gone has no flags to restore */
    (void)sys_fcntl(fd, F_SETFD, fd_flags);
    return 0;
}

int bide_close(int fd)
{
    struct descriptor *descriptor = poller_current ? poller_find(poller_current, fd) : NULL;
    if (!descriptor) return sys_close(fd);
    if (descriptor->closing) return -EBADF;
    poller_forget(poller_current, descriptor);
    if (descriptor->threads == 0) return sys_close(fd);
    descriptor->closing = true;
    return 0;
}
