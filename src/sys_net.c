/* SPDX-License-Identifier: MIT */
/* The seam, for addresses, names and what moves several messages or a file at once. */
#include "sys_call.h"

#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

int (*sys_addresses_of)(const char *host, const char *service, const struct addrinfo *hints,
                        struct addrinfo **list);
int (*sys_names_of)(const struct sockaddr *addr, socklen_t len, char *host, socklen_t host_size,
                    char *service, socklen_t service_size, int flags);

int sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return (int)ONCE(SYS_BIND, bind(fd, addr, len));
}

int sys_listen(int fd, int backlog)
{
    return (int)ONCE(SYS_LISTEN, listen(fd, backlog));
}

int sys_setsockopt(int fd, int level, int option, int value)
{
    return (int)ONCE(SYS_SETSOCKOPT, setsockopt(fd, level, option, &value, sizeof value));
}

int sys_unlink(const char *path)
{
    return (int)ONCE(SYS_UNLINK, unlink(path));
}

bool sys_is_socket_file(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* C libraries do not agree on the sign of the flags. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"

int sys_recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    return (int)REPEAT(SYS_READ, recvmmsg(fd, messages, n, flags, NULL));
}

int sys_sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    return (int)REPEAT(SYS_WRITE, sendmmsg(fd, messages, n, flags));
}

#pragma GCC diagnostic pop

ssize_t sys_sendfile(int out_fd, int in_fd, off_t *offset, size_t n)
{
    return REPEAT(SYS_SENDFILE, sendfile(out_fd, in_fd, offset, n));
}

bool sys_is_me(pid_t pid)
{
    return pid == getpid();
}

int sys_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                    struct addrinfo **list)
{
    if (faulty(SYS_RESOLVE)) return EAI_SYSTEM;
    errno = 0;
    return (sys_addresses_of ? sys_addresses_of : getaddrinfo)(host, service, hints, list);
}

int sys_getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, socklen_t host_size,
                    char *service, socklen_t service_size, int flags)
{
    if (faulty(SYS_RESOLVE)) return EAI_SYSTEM;
    errno = 0;
    if (sys_names_of) return sys_names_of(addr, len, host, host_size, service, service_size, flags);
    return getnameinfo(addr, len, host, host_size, service, service_size, flags);
}
