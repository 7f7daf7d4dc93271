/* SPDX-License-Identifier: MIT */
/*
 * To be preloaded by a server that is not ours: counts the system calls that it makes to serve clients, in
 * the file that COUNT_CALLS names. Not exact for several threads.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static uint64_t uncounted;
static uint64_t *calls = &uncounted;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("COUNT_CALLS");
    const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *place = mmap(NULL, sizeof *calls, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (place != MAP_FAILED) calls = place;
    close(fd);
}

/* Stands before libc's function of that name. */
#define COUNTED(type, name, parameters, ...)                                                                 \
    type name parameters                                                                                     \
    {                                                                                                        \
        static type(*next) parameters;                                                                       \
        if (!next) *(void **)&next = dlsym(RTLD_NEXT, #name);                                                \
        ++*calls;                                                                                            \
        return next(__VA_ARGS__);                                                                            \
    }

COUNTED(ssize_t, read, (int fd, void *buf, size_t n), fd, buf, n)
COUNTED(ssize_t, write, (int fd, const void *buf, size_t n), fd, buf, n)
COUNTED(ssize_t, recv, (int fd, void *buf, size_t n, int flags), fd, buf, n, flags)
COUNTED(ssize_t, send, (int fd, const void *buf, size_t n, int flags), fd, buf, n, flags)
COUNTED(ssize_t, readv, (int fd, const struct iovec *iov, int n), fd, iov, n)
COUNTED(ssize_t, writev, (int fd, const struct iovec *iov, int n), fd, iov, n)
COUNTED(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), fd, message, flags)
COUNTED(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), fd, message, flags)
COUNTED(int, epoll_wait, (int epfd, struct epoll_event *events, int n, int timeout), epfd, events, n, timeout)
COUNTED(int, epoll_ctl, (int epfd, int operation, int fd, struct epoll_event *event), epfd, operation, fd,
        event)
COUNTED(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size), fd, level, name,
        value, size)

/* Of what libc has no function for, such as epoll_pwait2. */
long syscall(long number, ...)
{
    static long (*next)(long number, ...);
    long argument[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) argument[i] = va_arg(list, long);
    va_end(list);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    ++*calls;
    return next(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}
