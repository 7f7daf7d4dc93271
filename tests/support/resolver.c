/* SPDX-License-Identifier: MIT */
#include "resolver.h"

#include "../../src/sys.h"

#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

static const char *const *known;

/* The port comes with the service. Chained to one list, which glibc frees one by one. */
static int resolve(const char *host, const char *service, const struct addrinfo *hints,
                   struct addrinfo **list)
{
    (void)host;
    struct addrinfo numeric = *hints, **end = list;
    numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    *list = NULL;
    for (const char *const *address = known; *address; address++) {
        if (getaddrinfo(*address, service, &numeric, end) != 0) continue; /* of another family */
        end = &(*end)->ai_next;
    }
    return *list ? 0 : EAI_NONAME;
}

void resolver_set(const char *const *addresses)
{
    known = addresses;
    sys_addresses_of = resolve;
}

void resolver_clear(void)
{
    sys_addresses_of = NULL;
}

int resolver_listen(const char *address, int port)
{
    char service[8];
    struct addrinfo *list;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(address, service, &hints, &list) != 0) return -1;
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1; /* connections of an earlier test may still rest there */
    if (fd >= 0) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd >= 0 && (bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, 0) < 0)) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    return fd;
}

/* A queue of length 0 has room for one. */
int resolver_fill(int listener)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &len) < 0) return -1;
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, len) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

int resolver_port(int fd)
{
    struct sockaddr_in6 address; /* the port stands where that of IPv4 does */
    socklen_t len = sizeof address;
    return getsockname(fd, (struct sockaddr *)&address, &len) < 0 ? -1 : ntohs(address.sin6_port);
}

bool resolver_has_v6(void)
{
    const int fd = resolver_listen("::1", 0);
    if (fd >= 0) close(fd);
    return fd >= 0;
}
