/* SPDX-License-Identifier: MIT */
/*
 * Connections by name: a host is a name, a numeric address, or the path of a Unix socket, and all
 * that is needed to come from there to a connected or listening descriptor is done. The
 * descriptors are bide's own (bide/io.h).
 *
 * host, everywhere in this file:
 *  - "example.org": resolved as by bide_getaddrinfo (bide/dns.h), of at most 255 bytes
 *  - "192.0.2.1", "2001:db8::1": taken as it is
 *  - "unix:/run/my.sock" or "unix:my.sock": a path; the port is not looked at
 *  - "unix:@name": a name in Linux's abstract namespace, which needs no file
 *
 * Failures have a text that names the address or the path: bide_error_text.
 */
#ifndef BIDE_NET_H
#define BIDE_NET_H

#include <bide/base.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bide_stream;

/* How to connect. All zero is the default; a NULL pointer to it too. */
struct bide_connect_options {
    double delay;           /* seconds an address has before the next one is tried too; 0: 0.25; < 0: none */
    const char *local_host; /* the address to connect from, or NULL */
    int local_port;         /* the port to connect from; 0: any */
    int family;             /* AF_INET or AF_INET6 for addresses of that family only; 0: all */
    uint64_t reserved[4];   /* zero */
};

/*
 * Connects a stream to the host's port: TCP, or a Unix socket. May wait. The addresses of a name
 * are tried in the resolver's order, IPv6 and IPv4 in turn; if one has neither answered nor failed
 * after `delay` the next one is tried beside it, and the first that answers wins (RFC 8305). When
 * cut short nothing is left open; so a timeout is a scope around the call:
 *
 *     BIDE_TIMEOUT(5) fd = bide_connect_to("example.org", 80, NULL);
 *     if (fd < 0) fprintf(stderr, "%s\n", bide_error_text(fd));
 *
 * Returns the descriptor. Errors: -EINVAL for a NULL host, an empty path, a port outside of 0 to
 * 65535 or bad options; -ENAMETOOLONG for a path or a name; those of bide_getaddrinfo; the first
 * address's failure when all have failed, as -ECONNREFUSED; -EPERM outside a task; -ENOMEM, or
 * -ENOSPC where epoll may watch no more (/proc/sys/fs/epoll/max_user_watches).
 */
BIDE_API int bide_connect_to(const char *host, int port, const struct bide_connect_options *opt);

/*
 * The same as a stream (bide/stream.h), whose bide_stream_close closes it. May wait; when cut short nothing
 * is left open.
 *
 *     struct bide_stream *stream = bide_open_connection("example.org", 80);
 *     if (!stream) return -errno;                         // bide_error_text(errno) says why
 *
 * Errors (NULL and errno): those of bide_connect_to.
 */
BIDE_API struct bide_stream *bide_open_connection(const char *host, int port);
BIDE_API struct bide_stream *bide_open_connection_with(const char *host, int port,
                                                       const struct bide_connect_options *opt);

/*
 * Listens for streams at the host's port: one descriptor, to be given to bide_accept. May wait, if
 * the host is a name. SO_REUSEADDR is set. A Unix socket's file that was left by a server which is
 * gone is replaced.
 *
 *     int listener = bide_listen("127.0.0.1", 8080, 0);
 *
 * host: NULL for all addresses, IPv6 and IPv4 by one socket; of a name's addresses the first one
 * that this machine has.
 * port: 0 for one that the system picks; getsockname tells.
 * backlog: connections that may wait to be accepted; 0: as many as the system allows.
 * Errors: -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EINVAL and -ENAMETOOLONG as in bide_connect_to,
 * those of bide_getaddrinfo and socket(2), -EPERM outside a task, -ENOMEM.
 */
BIDE_API int bide_listen(const char *host, int port, int backlog);

/* How to listen. All zero is the default; a NULL pointer to it too. */
struct bide_listen_options {
    int backlog;           /* connections that may wait to be accepted; 0: as many as the system allows */
    int family;            /* AF_INET or AF_INET6 for addresses of that family only; 0: all */
    bool reuse_port;       /* SO_REUSEPORT: several sockets, such as one a process, share the port */
    bool no_reuse_address; /* leaves SO_REUSEADDR off: the port rests a minute after its last server */
    uint64_t reserved[4];  /* zero */
};

/*
 * The same for all addresses of the host, at most n, each with a descriptor of its own. Those of a
 * family that this machine has not are passed over; with port 0 all get the same port. May wait.
 *
 * host: NULL gives a socket for IPv6 and one for IPv4 (of which n = 1 makes one for both).
 * Returns how many descriptors are in fds, at least one. Errors: those of bide_listen.
 */
BIDE_API int bide_listen_with(const char *host, int port, const struct bide_listen_options *opt, int *fds,
                              size_t n);

/*
 * Ends listening without losing a client: from its first call on nobody else is let in, and each call
 * takes one of those that the kernel had let in before, as bide_accept does. Never waits, works while
 * cancelled. To be followed by bide_close.
 *
 *     while ((client = bide_accept_last(listener, NULL, NULL)) >= 0) serve(client);
 *     bide_close(listener);
 *
 * Whoever knocks meanwhile is refused, over TCP when the socket is closed. That holds for all processes
 * that have the socket open: one that others go on listening with is better closed at once.
 * Errors: -EAGAIN when none is left, -EBADF, -ENOTSOCK, accept's, -EPERM where no loop runs, -ENOMEM.
 */
BIDE_API int bide_accept_last(int fd, struct sockaddr *addr, socklen_t *len);

/*
 * The listening sockets that systemd, or a like of it, has passed to this process (LISTEN_PID,
 * LISTEN_FDS), made bide's own. Never waits.
 *
 *     int fds[4], n = bide_listen_fds(fds, 4);
 *     if (n == 0) n = bide_listen_with(NULL, 80, NULL, fds, 4);
 *
 * Ask once: each call gives the same numbers, whatever they stand for by then. As any descriptor they
 * belong to one loop: of several that serve one socket, such as one a thread, each further one gets a
 * duplicate (dup(2)) of its own. Whoever is first then accepts a client, and what waits to be accepted when
 * all have closed theirs waits for the next process to which the socket is passed.
 *
 * Returns how many were passed, of which the first n are in fds and bide's own; 0 for none. Errors:
 * those of bide_adopt, -EPERM where no loop runs.
 */
BIDE_API int bide_listen_fds(int *fds, size_t n);

/* Room for any address in words. */
#define BIDE_ADDRESS_TEXT ((size_t)128)

/*
 * An address in words, for people: "192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1%2]:80" (by the second
 * interface), "unix:/run/my.sock", "unix:@name"; "unix:" for a socket without a name. Usable everywhere.
 * Returns 0. Errors: -ENOSPC for too little room, -EAFNOSUPPORT for another family, -EINVAL for a length
 * that is too short.
 */
BIDE_API int bide_address_text(const struct sockaddr *addr, socklen_t len, char *text, size_t size);

/*
 * Sends a descriptor to the process at the other end of a Unix socket, with one byte beside it. It
 * stays open here too. May wait; when cut short nothing was sent. Returns 0. Errors: sendmsg's.
 */
BIDE_API int bide_send_fd(int socket, int fd);

/*
 * Receives what bide_send_fd sends. May wait; when cut short nothing was received. The descriptor
 * is close-on-exec and a foreign one, as others may use its file too; bide_adopt it if it is yours
 * alone. Returns it. Errors: -EPIPE if the other end has closed, -EBADMSG for a byte that came
 * alone, -EMFILE if there is no room for it (it is lost then), recvmsg's.
 */
BIDE_API int bide_recv_fd(int socket);

#ifdef __cplusplus
}
#endif

#endif
