/* SPDX-License-Identifier: MIT */
/*
 * Datagrams, of UDP and of Unix sockets: each call sends or receives whole ones. What the
 * descriptors are and how calls take turns is told in bide/io.h, what a host is in bide/net.h.
 */
#ifndef BIDE_DATAGRAM_H
#define BIDE_DATAGRAM_H

#include <bide/base.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mmsghdr; /* of <sys/socket.h> */

/*
 * A datagram socket that is bound to the host's port: UDP, or a Unix socket. May wait, if the host
 * is a name. Of several addresses it takes the first that this machine has; NULL stands for all, IPv6
 * and IPv4; with port 0 the system picks one. Returns the descriptor. Errors: those of bide_listen.
 */
BIDE_API int bide_datagram_bind(const char *host, int port);

/*
 * A datagram socket that sends to the host's port, and receives from there only; without a
 * connection, so that a host may be gone all the same: a call of later tells (-ECONNREFUSED). May
 * wait, if the host is a name; takes its first address that can be reached. Returns the descriptor.
 * Errors: those of bide_connect_to.
 */
BIDE_API int bide_datagram_connect(const char *host, int port);

/*
 * recvfrom(2): waits for a datagram. May wait; when cut short none was taken.
 *
 *     struct sockaddr_storage peer;
 *     socklen_t len = sizeof peer;
 *     ssize_t n = bide_recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&peer, &len);
 *     if (n >= 0) n = bide_sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&peer, len);
 *
 * flags: as in bide_recv; with MSG_TRUNC the result is the datagram's length, even if buf was too
 * small for it.
 * addr, len: the sender's address as for recvfrom(2), or NULL.
 * Returns the number of bytes; 0 for an empty datagram. Errors: recvfrom's; -EPERM outside a task.
 */
BIDE_API ssize_t bide_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len);

/* sendto(2) with MSG_NOSIGNAL: waits for room. May wait; when cut short nothing was sent. Returns n. */
BIDE_API ssize_t bide_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
                             socklen_t len);

/*
 * recvmmsg(2) and sendmmsg(2): several datagrams in one system call. They wait for the first one, or
 * room for it, and take what goes without waiting further, 1024 at the most. May wait; when cut short
 * none was taken or sent. struct mmsghdr is there for programs that define _GNU_SOURCE.
 * Return how many messages. Errors: theirs, for the first one; -EINVAL for n = 0 or NULL.
 */
BIDE_API int bide_recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags);
BIDE_API int bide_sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags);

#ifdef __cplusplus
}
#endif

#endif
