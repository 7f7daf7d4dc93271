/* SPDX-License-Identifier: MIT */
/* Sockets that are bound to an address: those that listen, and those for datagrams. */
#ifndef LISTEN_H
#define LISTEN_H

#include "address.h"

struct listen_plan {
    int type;
    int backlog;
    bool reuse_address;
    bool reuse_port;
    bool both_families; /* an IPv6 socket takes IPv4, too */
};

/* A descriptor of bide's own, which listens if its type is SOCK_STREAM; or a code, not yet with a text. */
int listen_at(const struct address *address, const struct listen_plan *plan);

#endif
