/* SPDX-License-Identifier: MIT */
/* Sockets bound to the addresses of a host; those that were passed to this process. */
#include "listen.h"

#include "attempt.h"
#include "cancel.h"
#include "sys.h"

#include <bide/error.h>
#include <bide/io.h>
#include <bide/net.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>

#define fail(err, ...) bide_fail_at(NULL, 0, err, __VA_ARGS__)

enum { FIRST_PASSED = 3, TRIES_FOR_PORT = 16 };

/* ---- one socket ---- */

static int set_options(int fd, int family, const struct listen_plan *plan)
{
    int code = 0;
    if (family == AF_UNIX) return 0;
    if (plan->reuse_address) code = sys_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (code == 0 && plan->reuse_port) code = sys_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (code == 0 && family == AF_INET6)
        code = sys_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, !plan->both_families);
    return code;
}

/* Is its file a socket's that nobody has open any more? Then connecting is refused. */
static bool is_stale(const struct address *address, int type)
{
    if (address_family(address) != AF_UNIX || address->local.sun_path[0] == '\0') return false;
    if (!sys_is_socket_file(address->local.sun_path)) return false;
    const int fd = sys_socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const int code = sys_connect(fd, &address->any, address->length);
    (void)sys_close(fd); /* nothing was sent */
    return code == -ECONNREFUSED;
}

static int bind_to(int fd, const struct address *address, int type)
{
    const int code = sys_bind(fd, &address->any, address->length);
    if (code != -EADDRINUSE || !is_stale(address, type)) return code;
    const int removed = sys_unlink(address->local.sun_path);
    return removed < 0 ? code : sys_bind(fd, &address->any, address->length);
}

int listen_at(const struct address *address, const struct listen_plan *plan)
{
    const int fd = bide_socket(address_family(address), plan->type, 0);
    if (fd < 0) return fd;
    int code = set_options(fd, address_family(address), plan);
    if (code == 0) code = bind_to(fd, address, plan->type);
    if (code == 0 && plan->type == SOCK_STREAM)
        code = sys_listen(fd, plan->backlog > 0 ? plan->backlog : INT_MAX);
    if (code == 0) return fd;
    (void)bide_close(fd); /* new and unused */
    return code;
}

/* ---- those of a host ---- */

struct listeners {
    int *fds;
    size_t n, most;
};

static int port_of(int fd)
{
    struct address address = {.length = sizeof address.local};
    const int code = sys_socket_name(fd, false, &address.any, &address.length);
    return code < 0 ? code : address_port(&address);
}

/* This machine has no such family of addresses, or not this address. */
static bool is_absent(int code)
{
    return code == -EAFNOSUPPORT || code == -EADDRNOTAVAIL;
}

static void close_all(struct listeners *listeners)
{
    while (listeners->n > 0) (void)bide_close(listeners->fds[--listeners->n]); /* new and unused */
}

/* Listens at all of them. *picked: the port that the system has picked for the first one. */
static int listen_at_all(const struct addresses *addresses, const struct listen_plan *plan,
                         struct listeners *listeners, int *picked)
{
    int absent = 0;
    for (size_t i = 0; i < addresses->n && listeners->n < listeners->most; i++) {
        struct address address = addresses->list[i];
        if (*picked > 0) address_set_port(&address, *picked);
        const int fd = listen_at(&address, plan);
        if (is_absent(fd)) {
            if (absent == 0) absent = fd;
            continue;
        }
        if (fd < 0) return address_fail(fd, "listen on", &address);
        listeners->fds[listeners->n++] = fd;
        if (address_port(&address) == 0 && addresses->n > 1 && (*picked = port_of(fd)) < 0) return *picked;
    }
    return listeners->n > 0 ? 0 : address_fail(absent, "listen on", addresses->list);
}

/* A port that is free at the first address may be in use at the next. */
static int listen_until_free(const struct addresses *addresses, const struct listen_plan *plan,
                             struct listeners *listeners)
{
    for (int tries = TRIES_FOR_PORT;; tries--) {
        int picked = 0;
        const int code = listen_at_all(addresses, plan, listeners, &picked);
        if (code == 0) return 0;
        close_all(listeners);
        if (code != -EADDRINUSE || picked <= 0 || tries == 0) return code;
    }
}

static bool is_sound(const struct bide_listen_options *opt)
{
    for (size_t i = 0; i < sizeof opt->reserved / sizeof *opt->reserved; i++)
        if (opt->reserved[i]) return false;
    return opt->backlog >= 0;
}

int bide_listen_with(const char *host, int port, const struct bide_listen_options *opt, int *fds, size_t n)
{
    const struct bide_listen_options defaults = {0};
    if (!opt) opt = &defaults;
    if (!task_current) return -EPERM;
    if (!fds || n == 0 || !is_sound(opt))
        return fail(EINVAL, "the options to listen on %s make no sense", host ? host : "all addresses");
    int code = cancel_check();
    if (code < 0) return code;
    const struct listen_plan plan = {.type = SOCK_STREAM,
                                     .backlog = opt->backlog,
                                     .reuse_address = !opt->no_reuse_address,
                                     .reuse_port = opt->reuse_port,
                                     .both_families = !host && n == 1 && opt->family == AF_UNSPEC};
    struct addresses addresses;
    struct listeners listeners = {.fds = fds, .most = n < INT_MAX ? n : INT_MAX};
    code = addresses_find(&addresses, host, port, opt->family, SOCK_STREAM);
    if (code == 0) code = listen_until_free(&addresses, &plan, &listeners);
    addresses_done(&addresses);
    return code < 0 ? code : (int)listeners.n;
}

int bide_listen(const char *host, int port, int backlog)
{
    const struct bide_listen_options options = {.backlog = backlog};
    int fd = -1;
    const int n = bide_listen_with(host, port, &options, &fd, 1);
    return n < 0 ? n : fd;
}

/* ---- the end ---- */

/* It need not be non-blocking, and a Unix socket whose reading half is shut down is always ready. */
static int accept_now(int fd, struct sockaddr *addr, socklen_t *len)
{
    const int events = sys_poll(fd, POLLIN);
    if (events <= 0) return events < 0 ? events : -EAGAIN;
    const int client = sys_accept(fd, addr, len);
    return client == -EINVAL ? -EAGAIN : client;
}

int bide_accept_last(int fd, struct sockaddr *addr, socklen_t *len)
{
    if (!sched_current) return -EPERM;
    int client = sys_listens(fd);
    if (client < 0) return client;
    (void)sys_let_nobody_in(fd); /* where it cannot be done, others still come until the socket is closed */
    int tries = SOMAXCONN;
    do {
        client = accept_now(fd, addr, len);
    } while (accept_may_go_on(client) && --tries > 0);
    if (client < 0 || bide_adopt(client) == 0) return client;
    (void)sys_close(client); /* new and unused */
    return -ENOMEM;
}

/* ---- those that were passed ---- */

static int number_in(const char *name)
{
    const char *text = getenv(name);
    char *end;
    if (!text || *text == '\0') return 0;
    errno = 0;
    const long number = strtol(text, &end, 10);
    return errno == 0 && *end == '\0' && number > 0 && number < INT_MAX - FIRST_PASSED ? (int)number : 0;
}

int bide_listen_fds(int *fds, size_t n)
{
    if (!sched_current) return -EPERM;
    if (!fds && n > 0) return -EINVAL;
    const int passed = sys_is_me(number_in("LISTEN_PID")) ? number_in("LISTEN_FDS") : 0;
    for (int i = 0; i < passed && (size_t)i < n; i++) {
        const int code = bide_adopt(FIRST_PASSED + i);
        if (code < 0)
            return fail(code, "descriptor %d, which LISTEN_FDS speaks of, is none", FIRST_PASSED + i);
        fds[i] = FIRST_PASSED + i;
    }
    return passed;
}
