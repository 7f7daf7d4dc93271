/* SPDX-License-Identifier: MIT */
/* Addresses: of a host by name, number or path, and in words. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    };
    socklen_t length;
};

/* Those of one host, each once, the families in turn. */
struct addresses {
    struct address *list; /* `two`, or memory of its own */
    size_t n;
    struct address two[2]; /* room for those that need no resolver */
};

/*
 * Finds them; `host` NULL stands for all addresses of this machine. May wait. 0, or a code whose text
 * names the host. Then addresses_done.
 */
int addresses_find(struct addresses *addresses, const char *host, int port, int family, int type);
void addresses_done(struct addresses *addresses);

static inline int address_family(const struct address *address)
{
    return address->any.sa_family;
}

/* Of IPv4 and IPv6; others have none. */
int address_port(const struct address *address);
void address_set_port(struct address *address, int port);

/* "cannot VERB ADDRESS: what the code means"; returns the code. */
int address_fail(int code, const char *verb, const struct address *address);

#endif
