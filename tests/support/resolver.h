/* SPDX-License-Identifier: MIT */
/* A resolver of the tests' own, and sockets that never answer. */
#ifndef RESOLVER_H
#define RESOLVER_H

#include <stdbool.h>

/* From here on every name has these numeric addresses, in this order, up to a NULL. */
void resolver_set(const char *const *addresses);
void resolver_clear(void);

/* Has this machine an IPv6 loopback? */
bool resolver_has_v6(void);

/* Libc's descriptors: a socket that listens there, port 0 for any; and what fills its queue, after which connecting hangs. */
int resolver_listen(const char *address, int port);
int resolver_fill(int listener);
int resolver_port(int fd);

#endif
