/* SPDX-License-Identifier: MIT */
/* The seam, for sockets, files and pipes. */
#include "sys_call.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8 /* of Linux 4.14 */
#endif

int sys_socket(int domain, int type, int protocol)
{
    return (int)ONCE(SYS_SOCKET, socket(domain, type, protocol));
}

int sys_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    return (int)REPEAT(SYS_ACCEPT, accept4(fd, addr, len, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    const int result = (int)ONCE(SYS_CONNECT, connect(fd, addr, len));
    return result == -EINTR ? -EINPROGRESS : result; /* it goes on by itself; repeating it would fail */
}

int sys_socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    const int result = (int)ONCE(SYS_GETSOCKOPT, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
    return result < 0 ? result : -error;
}

int sys_listens(int fd)
{
    int listens = 0;
    socklen_t len = sizeof listens;
    const int result = (int)ONCE(SYS_GETSOCKOPT, getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len));
    return result < 0 ? result : listens ? 1 : -EINVAL;
}

bool sys_is_plain_tcp(int fd)
{
    int protocol = 0;
    char upper[16] = "";
    socklen_t len = sizeof protocol, upper_len = sizeof upper;
    if (ONCE(SYS_GETSOCKOPT, getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len)) < 0) return false;
    if (protocol != IPPROTO_TCP) return false;
    return ONCE(SYS_GETSOCKOPT, getsockopt(fd, IPPROTO_TCP, TCP_ULP, upper, &upper_len)) == 0 &&
           upper_len == 0;
}

ssize_t sys_recv(int fd, void *buf, size_t n, int flags)
{
    return REPEAT(SYS_READ, recv(fd, buf, n, flags));
}

ssize_t sys_send(int fd, const void *buf, size_t n, int flags)
{
    return REPEAT(SYS_WRITE, send(fd, buf, n, flags));
}

int sys_poll(int fd, int events)
{
    struct pollfd poll_fd = {.fd = fd, .events = (short)events};
    const int result = (int)REPEAT(SYS_POLL, poll(&poll_fd, 1, 0));
    if (result <= 0) return result;
    return poll_fd.revents & POLLNVAL ? -EBADF : poll_fd.revents;
}

ssize_t sys_readv(int fd, const struct iovec *iov, int n)
{
    return REPEAT(SYS_READ, readv(fd, iov, n));
}

ssize_t sys_writev(int fd, const struct iovec *iov, int n)
{
    return REPEAT(SYS_WRITE, writev(fd, iov, n));
}

/* Not every C library has preadv2 and pwritev2. The position is two words, -1: where the file stands. */
ssize_t sys_readv_nowait(int fd, const struct iovec *iov, int n)
{
    const ssize_t result = REPEAT(SYS_READ, syscall(SYS_preadv2, fd, iov, (long)n, -1L, -1L, RWF_NOWAIT));
    return result == -ENOSYS ? -EOPNOTSUPP : result;
}

ssize_t sys_writev_nowait(int fd, const struct iovec *iov, int n)
{
    const ssize_t result = REPEAT(SYS_WRITE, syscall(SYS_pwritev2, fd, iov, (long)n, -1L, -1L, RWF_NOWAIT));
    return result == -ENOSYS ? -EOPNOTSUPP : result;
}

ssize_t sys_recvmsg(int fd, struct msghdr *message, int flags)
{
    return REPEAT(SYS_READ, recvmsg(fd, message, flags));
}

ssize_t sys_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return REPEAT(SYS_WRITE, sendmsg(fd, message, flags));
}

int sys_open(const char *path, int flags, mode_t mode)
{
    return (int)REPEAT(SYS_OPEN, open(path, flags, mode));
}

int sys_pipe(int fds[2])
{
    return (int)ONCE(SYS_OPEN, pipe2(fds, O_CLOEXEC | O_NONBLOCK));
}

int sys_socketpair(int domain, int type, int protocol, int fds[2])
{
    return (int)ONCE(SYS_SOCKET, socketpair(domain, type, protocol, fds));
}

bool sys_is_file(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 &&
           (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode));
}

bool sys_is_terminal(int fd)
{
    return isatty(fd);
}
