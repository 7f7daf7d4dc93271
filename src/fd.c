/* SPDX-License-Identifier: MIT */
/*
 * Descriptors: each call tries first, waits only on EAGAIN, and then tries again. Who must wait
 * to read holds the turn to read; others queue behind and get it in order. A call that is cut
 * short while it waits has done nothing.
 */
#include "cancel.h"
#include "poller.h"
#include "sys.h"

#include <bide/io.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

enum { STREAK = 64 }; /* calls that find data at hand, before others get their turn */

/* What is tried until it no longer says -EAGAIN. */
struct attempt {
    ssize_t (*try)(const struct attempt *attempt, bool own);
    int fd;
    enum side side;
    void *buf;
    size_t n;
    int flags;
    struct sockaddr *address;
    socklen_t *length;
};

/* ---- waiting ---- */

static int drop_fd_wait(struct wait *wait)
{
    poller_unwatch(CONTAINER(wait, struct fd_wait, wait));
    return 0;
}

static void describe_fd_wait(const struct wait *wait, char *text, size_t size)
{
    const struct fd_wait *fd_wait = CONTAINER(wait, struct fd_wait, wait);
    const char *what = fd_wait->events == EPOLLIN ? "read" : fd_wait->events == EPOLLOUT ? "write" : "poll";
    snprintf(text, size, "waits to %s descriptor %d", what, fd_wait->fd);
}

static const struct wait_ops fd_wait_ops = {.drop = drop_fd_wait, .describe = describe_fd_wait};

static int drop_turn(struct wait *wait)
{
    list_remove(&wait->link);
    return 0;
}

static void describe_turn(const struct wait *wait, char *text, size_t size)
{
    (void)wait;
    snprintf(text, size, "waits for its turn at a descriptor");
}

static const struct wait_ops turn_ops = {.drop = drop_turn, .describe = describe_turn};

/* Parks until an event; the events, or a negative code. */
static int wait_event(struct descriptor *descriptor, uint32_t events)
{
    struct fd_wait wait = {.events = events};
    wait_init(&wait.wait, &fd_wait_ops);
    const int code = poller_watch(poller_current, descriptor, &wait);
    if (code != -EPERM) return code < 0 ? code : park(&wait.wait);
    park_yield(); /* epoll does not know such files: they are always ready; others get their turn */
    return (int)events;
}

/* Gets the turn, in order. */
static int turn_take(struct descriptor *descriptor, enum side side)
{
    if (descriptor->taken[side]) {
        struct wait wait;
        wait_init(&wait, &turn_ops);
        list_append(&descriptor->turns[side], &wait.link);
        const int code = park(&wait);
        if (code < 0) return code;
    }
    descriptor->taken[side] = true;
    return 0;
}

static void turn_give(struct descriptor *descriptor, enum side side)
{
    struct node *node = list_pop(&descriptor->turns[side]);
    if (node)
        wake(CONTAINER(node, struct wait, link), 0); /* it stays taken: handed over */
    else
        descriptor->taken[side] = false;
}

/* Tries, with the turn, until it need not wait any more. */
static ssize_t try_in_turn(struct descriptor *descriptor, const struct attempt *attempt)
{
    const uint32_t generation = descriptor->generation;
    const uint32_t events = attempt->side == SIDE_IN ? EPOLLIN : EPOLLOUT;
    ssize_t n;
    for (;;) {
        n = attempt->try(attempt, descriptor->own);
        if (n != -EAGAIN) break;
        const int code = cancel_cut();
        n = code < 0 ? code : wait_event(descriptor, events);
        if (descriptor->generation != generation)
            return n < 0 ? n : -EBADF; /* closed meanwhile: no turn to give */
        if (n < 0) break;
    }
    turn_give(descriptor, attempt->side);
    return n;
}

static ssize_t perform(const struct attempt *attempt)
{
    const int code = cancel_check();
    if (code < 0) return code;
    struct descriptor *descriptor = poller_get(poller_current, attempt->fd);
    if (!descriptor) return -errno;
    if (++poller_current->streak > STREAK) {
        poller_current->streak = 0;
        park_yield();
    }
    if (!descriptor->taken[attempt->side]) {
        const ssize_t n = attempt->try(attempt, descriptor->own);
        if (n != -EAGAIN) return n;
    }
    const uint32_t generation = descriptor->generation;
    const int refused = turn_take(descriptor, attempt->side);
    if (refused < 0) return refused;
    return descriptor->generation == generation ? try_in_turn(descriptor, attempt) : -EBADF;
}

/* ---- what is tried ---- */

/* A foreign descriptor may block: it is asked first. Its owner may still be faster. */
static ssize_t ready_or_again(const struct attempt *attempt)
{
    const int events = sys_poll(attempt->fd, attempt->side == SIDE_IN ? POLLIN : POLLOUT);
    return events < 0 ? events : events == 0 ? -EAGAIN : events & POLLNVAL ? -EBADF : 0;
}

static ssize_t try_recv(const struct attempt *attempt, bool own)
{
    (void)own;
    return sys_recv(attempt->fd, attempt->buf, attempt->n, attempt->flags | MSG_DONTWAIT);
}

static ssize_t try_send(const struct attempt *attempt, bool own)
{
    (void)own;
    return sys_send(attempt->fd, attempt->buf, attempt->n, attempt->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t try_read(const struct attempt *attempt, bool own)
{
    if (own) return sys_read(attempt->fd, attempt->buf, attempt->n);
    const ssize_t n = try_recv(attempt, own);
    if (n != -ENOTSOCK) return n;
    const ssize_t ready = ready_or_again(attempt);
    return ready < 0 ? ready : sys_read(attempt->fd, attempt->buf, attempt->n);
}

static ssize_t try_write(const struct attempt *attempt, bool own)
{
    if (own) return sys_write(attempt->fd, attempt->buf, attempt->n);
    const ssize_t n = try_send(attempt, own);
    if (n != -ENOTSOCK) return n;
    const ssize_t ready = ready_or_again(attempt);
    const size_t most = attempt->n < 4096 ? attempt->n : 4096; /* PIPE_BUF: this much does not block */
    return ready < 0 ? ready : sys_write(attempt->fd, attempt->buf, most);
}

/* Failures of a connection that was not accepted yet: the next one may be fine. */
static bool is_of_the_peer(ssize_t code)
{
    return code == -ECONNABORTED || code == -EPROTO || code == -ENETDOWN || code == -ENOPROTOOPT ||
           code == -EHOSTDOWN || code == -ENONET || code == -EHOSTUNREACH || code == -ENETUNREACH;
}

static ssize_t try_accept(const struct attempt *attempt, bool own)
{
    const ssize_t ready = own ? 0 : ready_or_again(attempt);
    return ready < 0 ? ready : sys_accept(attempt->fd, attempt->address, attempt->length);
}

ssize_t bide_read(int fd, void *buf, size_t n)
{
    const struct attempt attempt = {.try = try_read, .fd = fd, .side = SIDE_IN, .buf = buf, .n = n};
    return perform(&attempt);
}

ssize_t bide_write(int fd, const void *buf, size_t n)
{
    const struct attempt attempt = {
        .try = try_write, .fd = fd, .side = SIDE_OUT, .buf = (void *)(uintptr_t)buf, .n = n};
    return perform(&attempt);
}

ssize_t bide_recv(int fd, void *buf, size_t n, int flags)
{
    const struct attempt attempt = {
        .try = try_recv, .fd = fd, .side = SIDE_IN, .buf = buf, .n = n, .flags = flags};
    return perform(&attempt);
}

ssize_t bide_send(int fd, const void *buf, size_t n, int flags)
{
    const struct attempt attempt = {
        .try = try_send, .fd = fd, .side = SIDE_OUT, .buf = (void *)(uintptr_t)buf, .n = n, .flags = flags};
    return perform(&attempt);
}

int bide_write_all(int fd, const void *buf, size_t n, size_t *done)
{
    size_t written = 0;
    ssize_t code = 0;
    do {
        code = bide_write(fd, (const char *)buf + written, n - written);
        if (code > 0) written += (size_t)code;
    } while (code >= 0 && written < n);
    if (done) *done = written;
    return code < 0 ? (int)code : 0;
}

/* ---- descriptors of bide's own ---- */

/* The number stands for something new, which bide opened. Closes it where that cannot be remembered. */
static int own(int fd)
{
    struct descriptor *descriptor = poller_get(poller_current, fd);
    if (!descriptor) {
        (void)sys_close(fd); /* new and unused: nothing to lose */
        return -ENOMEM;
    }
    if (descriptor->registered || descriptor->own) poller_forget(poller_current, descriptor);
    descriptor->own = true;
    return fd;
}

int bide_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    const struct attempt attempt = {
        .try = try_accept, .fd = fd, .side = SIDE_IN, .address = addr, .length = len};
    ssize_t client;
    do {
        client = perform(&attempt); /* each time anew: many such failures hold up nobody, nor a cancel */
    } while (is_of_the_peer(client));
    return client < 0 ? (int)client : own((int)client);
}

int bide_socket(int domain, int type, int protocol)
{
    if (!sched_current) return -EPERM;
    const int fd = sys_socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    return fd < 0 ? fd : own(fd);
}

static ssize_t try_connected(const struct attempt *attempt, bool is_own)
{
    (void)is_own;
    const ssize_t ready = ready_or_again(attempt);
    return ready < 0 ? ready : sys_socket_error(attempt->fd);
}

int bide_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    const int refused = cancel_check();
    if (refused < 0) return refused;
    const int code = sys_connect(fd, addr, len);
    if (code != -EINPROGRESS && code != -EINTR) return code;
    const struct attempt attempt = {.try = try_connected, .fd = fd, .side = SIDE_OUT};
    return (int)perform(&attempt);
}

int bide_poll(int fd, int events)
{
    if (!task_current) return -EPERM;
    if (!(events & (POLLIN | POLLOUT)) || events & ~(POLLIN | POLLOUT)) return -EINVAL;
    int code = cancel_check();
    if (code < 0) return code;
    struct descriptor *descriptor = poller_get(poller_current, fd);
    if (!descriptor) return -errno;
    for (;;) {
        const uint32_t generation = descriptor->generation;
        const int ready = sys_poll(fd, events);
        if (ready != 0) return ready > 0 && ready & POLLNVAL ? -EBADF : ready;
        if ((code = cancel_cut()) < 0) return code;
        code = wait_event(descriptor, (events & POLLIN ? EPOLLIN : 0) | (events & POLLOUT ? EPOLLOUT : 0));
        if (code < 0) return code;
        if (descriptor->generation != generation) return -EBADF;
    }
}

int bide_adopt(int fd)
{
    if (!sched_current) return -EPERM;
    struct descriptor *descriptor = poller_get(poller_current, fd);
    if (!descriptor) return -errno;
    if (descriptor->own) return 0;
    const int flags = sys_get_flags(fd);
    if (flags < 0) return flags;
    const int fd_flags = sys_get_fd_flags(fd);
    if (fd_flags < 0) return fd_flags;
    int code = sys_set_flags(fd, flags | O_NONBLOCK);
    if (code < 0) return code;
    code = sys_set_fd_flags(fd, fd_flags | FD_CLOEXEC);
    if (code < 0) {
        (void)sys_set_flags(fd, flags); /* what could be set can be set back */
        return code;
    }
    if (descriptor->registered) poller_forget(poller_current, descriptor);
    descriptor->own = true;
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
    (void)sys_set_flags(fd, flags); /* a descriptor that is gone has no flags to restore */
    (void)sys_set_fd_flags(fd, fd_flags);
    return 0;
}

int bide_close(int fd)
{
    struct descriptor *descriptor = poller_current ? poller_find(poller_current, fd) : NULL;
    if (descriptor) poller_forget(poller_current, descriptor);
    return sys_close(fd);
}
