/* SPDX-License-Identifier: MIT */
/*
 * Names of hosts: libc's own resolver, in threads. Whoever is cut short while it waits goes at
 * once, and the thread is left behind with what it needs: bide_run waits for it at its end. So
 * that slow name servers cannot hold up other jobs, at most half of the loop's threads (but
 * one of one) resolve names; further calls wait in line.
 */
#ifndef BIDE_DNS_H
#define BIDE_DNS_H

#include <bide/base.h>
#include <netdb.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

struct addrinfo; /* <netdb.h> has it where POSIX is asked for */

/*
 * getaddrinfo(3): the addresses of a host. May wait; a numeric address with a numeric service is
 * answered without a thread. When cut short nothing is left to be freed.
 *
 *     struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
 *     int code = bide_getaddrinfo("example.org", "80", &hints, &list);
 *     if (code < 0) return code;
 *     ...
 *     freeaddrinfo(list);
 *
 * host: a name or a numeric address, at most 255 bytes, or NULL. Names are C strings: whoever has
 * bytes and a length must look for a zero byte himself.
 * service: a port's number, up to 65535, or name; or NULL. hints: as for getaddrinfo, or NULL; copied.
 * Returns 0 with *list. Errors, with gai_strerror's text: -ENOENT for what has no such name,
 * address or service, -EAGAIN when no name server answered, -EIO when one failed, -EAFNOSUPPORT,
 * -ESOCKTNOSUPPORT, -EINVAL for hints that make no sense, or no list; -ENAMETOOLONG, -ENOMEM,
 * -EPERM outside a task; other errnos of the system.
 */
BIDE_API int bide_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                              struct addrinfo **list);

/*
 * getnameinfo(3): the names of an address. May wait; with NI_NUMERICHOST | NI_NUMERICSERV it is
 * answered without a thread. When cut short the buffers are untouched.
 *
 * host, service: buffers, at least one of them not NULL; flags: NI_ ones.
 * Returns 0. Errors: those of bide_getaddrinfo; -EOVERFLOW for a name that does not fit.
 */
BIDE_API int bide_getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, size_t host_size,
                              char *service, size_t service_size, int flags);

#ifdef __cplusplus
}
#endif

#endif
