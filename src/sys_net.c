/* SPDX-License-Identifier: MIT */
/* The seam, for addresses, names and what moves several messages or a file at once. */
#include "sys_call.h"

#include <sys/ioctl.h>
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

/*
 * A Unix socket refuses who comes once its reading half is shut down. TCP knows nothing like that: there a
 * filter drops the segments by which connections begin (flags with SYN, without ACK), as if they were lost.
 */
int sys_let_nobody_in(int fd)
{
    /* Those of linux/filter.h, which not every C library comes with. */
    enum { LOAD_BYTE = 0x30, AND = 0x54, JUMP_IF_EQUAL = 0x15, RETURN = 0x06 };
    enum { FLAGS_AT = 13, SYN = 0x02, SYN_ACK = 0x12 };
    struct instruction {
        uint16_t code;
        uint8_t if_true, if_false;
        uint32_t value;
    } drop_new[] = {
        {LOAD_BYTE, 0, 0, FLAGS_AT}, {AND, 0, 0, SYN_ACK},       {JUMP_IF_EQUAL, 0, 1, SYN},
        {RETURN, 0, 0, 0},           {RETURN, 0, 0, UINT32_MAX},
    };
    const struct {
        unsigned short length;
        struct instruction *instructions;
    } program = {sizeof drop_new / sizeof *drop_new, drop_new};
    int domain = 0;
    socklen_t len = sizeof domain;
    const int code = (int)ONCE(SYS_GETSOCKOPT, getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len));
    if (code < 0) return code;
    if (domain == AF_UNIX) return (int)ONCE(SYS_SOCKET, shutdown(fd, SHUT_RD));
    return (int)ONCE(SYS_SETSOCKOPT, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

int sys_shutdown(int fd)
{
    return (int)ONCE(SYS_SOCKET, shutdown(fd, SHUT_WR));
}

int sys_unread(int fd)
{
    int bytes = 0;
    const int result = (int)ONCE(SYS_GETSOCKOPT, ioctl(fd, FIONREAD, &bytes));
    return result < 0 ? result : bytes;
}

int sys_unsent(int fd)
{
    int bytes = 0;
    const int result = (int)ONCE(SYS_GETSOCKOPT, ioctl(fd, TIOCOUTQ, &bytes));
    return result < 0 ? result : bytes;
}

int sys_socket_name(int fd, bool peer, struct sockaddr *addr, socklen_t *len)
{
    return (int)ONCE(SYS_GETSOCKNAME, peer ? getpeername(fd, addr, len) : getsockname(fd, addr, len));
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

bool sys_file_identity(const char *path, uint64_t identity[2])
{
    struct stat status;
    if (lstat(path, &status) < 0) return false;
    identity[0] = status.st_dev;
    identity[1] = status.st_ino;
    return true;
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
