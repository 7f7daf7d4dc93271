/* SPDX-License-Identifier: MIT */
/* Datagrams: one at a time, or several in one call of the system. */
#include "attempt.h"
#include "cancel.h"
#include "listen.h"
#include "sys.h"

#include <bide/datagram.h>
#include <bide/error.h>
#include <bide/io.h>
#include <errno.h>

/* ---- sockets ---- */

static int connect_at(const struct address *address)
{
    const int fd = bide_socket(address_family(address), SOCK_DGRAM, 0);
    if (fd < 0) return fd;
    int code;
    do {
        code = sys_connect(fd, &address->any, address->length); /* it only notes the address */
    } while (code == -EINPROGRESS);                             /* interrupted */
    if (code == 0) return fd;
    (void)bide_close(fd); /* new and unused */
    return code;
}

/* The first that works; the first one's failure if none does. */
static int try_each(const struct addresses *addresses, const struct listen_plan *plan, const char *verb)
{
    int failure = 0;
    for (size_t i = 0; i < addresses->n; i++) {
        const struct address *address = &addresses->list[i];
        const int fd = plan ? listen_at(address, plan) : connect_at(address);
        if (fd >= 0) return fd;
        if (failure == 0) failure = fd;
    }
    return address_fail(failure, verb, addresses->list);
}

static int open_for(const char *host, int port, const struct listen_plan *plan, const char *verb)
{
    int code = cancel_check();
    if (code < 0) return code;
    struct addresses addresses;
    code = addresses_find(&addresses, host, port, AF_UNSPEC, SOCK_DGRAM);
    if (code == 0) code = try_each(&addresses, plan, verb);
    addresses_done(&addresses);
    return code;
}

int bide_datagram_bind(const char *host, int port)
{
    const struct listen_plan plan = {.type = SOCK_DGRAM, .both_families = !host};
    return open_for(host, port, &plan, "bind to");
}

int bide_datagram_connect(const char *host, int port)
{
    if (!task_current) return -EPERM;
    if (!host) return bide_fail_at(NULL, 0, EINVAL, "there is no host to connect to");
    return open_for(host, port, NULL, "connect to");
}

/* ---- one at a time ---- */

ssize_t bide_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len)
{
    if (addr && !len) return -EFAULT;
    struct iovec iov = {buf, n};
    struct msghdr message = {
        .msg_name = addr, .msg_namelen = addr ? *len : 0, .msg_iov = &iov, .msg_iovlen = 1};
    const ssize_t got = bide_recvmsg(fd, &message, flags);
    if (got >= 0 && addr) *len = message.msg_namelen;
    return got;
}

ssize_t bide_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t len)
{
    struct iovec iov = {(void *)(uintptr_t)buf, n};
    const struct msghdr message = {
        .msg_name = (void *)(uintptr_t)addr, .msg_namelen = addr ? len : 0, .msg_iov = &iov, .msg_iovlen = 1};
    return bide_sendmsg(fd, &message, flags);
}

/* ---- several at once: an attempt's message is the first of `count` struct mmsghdr ---- */

enum { BATCH_MOST = 1024 };

static struct mmsghdr *messages_of(const struct attempt *attempt)
{
    return (struct mmsghdr *)(void *)attempt->message;
}

static struct msghdr *first_of(struct mmsghdr *messages)
{
    return (struct msghdr *)(void *)messages;
}

static ssize_t try_recvmmsg(const struct attempt *attempt, enum how how)
{
    (void)how;
    return sys_recvmmsg(attempt->fd, messages_of(attempt), (unsigned)attempt->count,
                        attempt->flags | MSG_DONTWAIT);
}

static ssize_t try_sendmmsg(const struct attempt *attempt, enum how how)
{
    (void)how;
    return sys_sendmmsg(attempt->fd, messages_of(attempt), (unsigned)attempt->count,
                        attempt->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The kernel takes no more at a time either. */
static int at_once(unsigned n)
{
    return n < BATCH_MOST ? (int)n : BATCH_MOST;
}

static int perform(const struct attempt *attempt, const struct mmsghdr *messages, unsigned n)
{
    if (!task_current) return -EPERM;
    if (!messages || n == 0) return -EINVAL;
    return (int)attempt_perform(attempt);
}

int bide_recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    const struct attempt attempt = {.try = try_recvmmsg,
                                    .fd = fd,
                                    .side = SIDE_IN,
                                    .message = first_of(messages),
                                    .count = at_once(n),
                                    .flags = flags};
    return perform(&attempt, messages, n);
}

int bide_sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    const struct attempt attempt = {.try = try_sendmmsg,
                                    .fd = fd,
                                    .side = SIDE_OUT,
                                    .message = first_of(messages),
                                    .count = at_once(n),
                                    .flags = flags};
    return perform(&attempt, messages, n);
}
