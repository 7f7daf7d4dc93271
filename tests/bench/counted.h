/* SPDX-License-Identifier: MIT */
/*
 * Counts the system calls of a program: the functions here stand before libc's own, for the shared
 * libraries too. They cost the same for whoever is compared. Included by one file of a program.
 */
#ifndef COUNTED_H
#define COUNTED_H

#undef _FORTIFY_SOURCE
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct counts {
    long reads;
    long writes;
    long waits;
    long others;
} counts;

ssize_t read(int fd, void *buf, size_t n)
{
    counts.reads++;
    return syscall(SYS_read, fd, buf, n);
}

ssize_t recv(int fd, void *buf, size_t n, int flags)
{
    counts.reads++;
    return syscall(SYS_recvfrom, fd, buf, n, flags, NULL, NULL);
}

ssize_t write(int fd, const void *buf, size_t n)
{
    counts.writes++;
    return syscall(SYS_write, fd, buf, n);
}

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
    counts.writes++;
    return syscall(SYS_sendto, fd, buf, n, flags, NULL, 0);
}

int epoll_wait(int epfd, struct epoll_event *events, int n, int timeout)
{
    counts.waits++;
    return (int)syscall(SYS_epoll_pwait, epfd, events, n, timeout, NULL, (size_t)8);
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    counts.others++;
    return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

/* glibc's type is a union of pointers to all kinds of addresses. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"

int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    counts.others++;
    return (int)syscall(SYS_accept4, fd, addr, len, flags);
}

#pragma GCC diagnostic pop

int close(int fd)
{
    counts.others++;
    return (int)syscall(SYS_close, fd);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    counts.others++;
    return (int)syscall(SYS_setsockopt, fd, level, option, value, len);
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    counts.others++;
    return (int)syscall(SYS_getsockopt, fd, level, option, value, len);
}

static inline double counts_all(const struct counts *all)
{
    return (double)(all->reads + all->writes + all->waits + all->others);
}

#endif
