/* SPDX-License-Identifier: MIT */
/* Numbers and paths are understood here; names are left to the resolver. */
#include "address.h"

#include "sys.h"

#include <arpa/inet.h>
#include <bide/dns.h>
#include <bide/error.h>
#include <bide/net.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define fail(err, ...) bide_fail_at(NULL, 0, err, __VA_ARGS__)

enum { MOST_PORT = 65535, SHOWN = 100 };

static const char unix_prefix[] = "unix:";

/* ---- one address ---- */

int address_port(const struct address *address)
{
    if (address_family(address) == AF_INET) return ntohs(address->v4.sin_port);
    return address_family(address) == AF_INET6 ? ntohs(address->v6.sin6_port) : 0;
}

void address_set_port(struct address *address, int port)
{
    if (address_family(address) == AF_INET) address->v4.sin_port = htons((in_port_t)port);
    if (address_family(address) == AF_INET6) address->v6.sin6_port = htons((in_port_t)port);
}

/* A path keeps its final zero; a name in the abstract namespace begins with one, and has none at its end. */
static int parse_unix(struct address *address, const char *path)
{
    struct sockaddr_un *local = &address->local;
    const size_t length = strlen(path);
    const bool abstract = path[0] == '@';
    if (length == (abstract ? 1 : 0)) return fail(EINVAL, "'unix:%s' names no socket", path);
    if (length >= sizeof local->sun_path + abstract)
        return fail(ENAMETOOLONG, "the path 'unix:%.*s...' of %zu bytes is too long for a Unix socket", SHOWN,
                    path, length);
    *local = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(local->sun_path, path, length);
    if (abstract) local->sun_path[0] = '\0';
    address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
    return 0;
}

static bool parse_number(struct address *address, const char *host, int port)
{
    *address = (struct address){.v6 = {.sin6_family = AF_INET6}, .length = sizeof address->v6};
    if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) != 1) {
        *address = (struct address){.v4 = {.sin_family = AF_INET}, .length = sizeof address->v4};
        if (inet_pton(AF_INET, host, &address->v4.sin_addr) != 1) return false;
    }
    address_set_port(address, port);
    return true;
}

static int unix_text(const struct sockaddr_un *local, size_t length, char *text, size_t size)
{
    const size_t start = offsetof(struct sockaddr_un, sun_path);
    size_t n = length > start ? length - start : 0;
    if (n > sizeof local->sun_path) n = sizeof local->sun_path;
    const bool abstract = n > 1 && local->sun_path[0] == '\0';
    if (!abstract) n = strnlen(local->sun_path, n);
    const int written = snprintf(text, size, "%s%s%.*s", unix_prefix, abstract ? "@" : "",
                                 (int)(n - abstract), local->sun_path + abstract);
    return (size_t)written < size ? 0 : -ENOSPC;
}

static int inet_text(const struct address *address, char *text, size_t size)
{
    char number[INET6_ADDRSTRLEN];
    const bool is_v6 = address_family(address) == AF_INET6;
    const void *raw = is_v6 ? (const void *)&address->v6.sin6_addr : (const void *)&address->v4.sin_addr;
    if (!inet_ntop(address_family(address), raw, number, sizeof number)) return -errno;
    int written;
    if (is_v6 && address->v6.sin6_scope_id != 0)
        written =
            snprintf(text, size, "[%s%%%u]:%d", number, address->v6.sin6_scope_id, address_port(address));
    else
        written = snprintf(text, size, is_v6 ? "[%s]:%d" : "%s:%d", number, address_port(address));
    return (size_t)written < size ? 0 : -ENOSPC;
}

int bide_address_text(const struct sockaddr *addr, socklen_t len, char *text, size_t size)
{
    if (!addr || (!text && size > 0) || len < sizeof addr->sa_family) return -EINVAL;
    struct address address = {.length = len};
    char words[BIDE_ADDRESS_TEXT];
    memcpy(&address.local, addr, len < sizeof address.local ? len : sizeof address.local);
    int code = -EAFNOSUPPORT;
    if (addr->sa_family == AF_UNIX) code = unix_text(&address.local, len, words, sizeof words);
    if (addr->sa_family == AF_INET)
        code = len < sizeof address.v4 ? -EINVAL : inet_text(&address, words, sizeof words);
    if (addr->sa_family == AF_INET6)
        code = len < sizeof address.v6 ? -EINVAL : inet_text(&address, words, sizeof words);
    if (code < 0) return code;
    const size_t needed = strlen(words) + 1;
    if (needed > size) return -ENOSPC;
    memcpy(text, words, needed);
    return 0;
}

int address_fail(int code, const char *verb, const struct address *address)
{
    char text[BIDE_ADDRESS_TEXT] = "";
    (void)bide_address_text(&address->any, address->length, text, sizeof text); /* of ours, in words */
    return fail(code, "cannot %s %s: %s", verb, text, strerror(-code));
}

/* ---- those of a host ---- */

static bool is_known(const struct addresses *addresses, const struct addrinfo *info)
{
    for (size_t i = 0; i < addresses->n; i++) {
        const struct address *address = &addresses->list[i];
        if (address->length == info->ai_addrlen && memcmp(&address->any, info->ai_addr, address->length) == 0)
            return true;
    }
    return false;
}

static void add(struct addresses *addresses, const struct addrinfo *info)
{
    struct address *address = &addresses->list[addresses->n];
    if (info->ai_addrlen > sizeof address->local || is_known(addresses, info)) return;
    memcpy(&address->local, info->ai_addr, info->ai_addrlen);
    address->length = info->ai_addrlen;
    addresses->n++;
}

/* The next one that is, or is not, of the family. */
static const struct addrinfo *next_of(const struct addrinfo *info, int family, bool is)
{
    while (info && (info->ai_family == family) != is) info = info->ai_next;
    return info;
}

/* In the resolver's order, but the families in turn, so that one that does not work costs little time. */
static int take_in_turn(struct addresses *addresses, const struct addrinfo *list)
{
    size_t n = 0;
    const int family = list->ai_family;
    const struct addrinfo *one = list, *other = next_of(list, family, false);
    for (const struct addrinfo *info = list; info; info = info->ai_next) n++;
    addresses->list = sys_alloc(n * sizeof *addresses->list);
    if (!addresses->list) return -ENOMEM;
    while (one || other) {
        if (one) {
            add(addresses, one);
            one = next_of(one->ai_next, family, true);
        }
        if (other) {
            add(addresses, other);
            other = next_of(other->ai_next, family, false);
        }
    }
    return 0;
}

static int resolve(struct addresses *addresses, const char *host, int port, int family, int type)
{
    char service[8];
    struct addrinfo *list;
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = type, .ai_flags = AI_NUMERICSERV};
    snprintf(service, sizeof service, "%d", port);
    int code = bide_getaddrinfo(host, service, &hints, &list);
    if (code < 0) return code;
    code = take_in_turn(addresses, list);
    freeaddrinfo(list);
    return code;
}

static int take_all_of_machine(struct addresses *addresses, int port, int family)
{
    if (family != AF_INET) addresses->n += parse_number(&addresses->two[addresses->n], "::", port);
    if (family != AF_INET6) addresses->n += parse_number(&addresses->two[addresses->n], "0.0.0.0", port);
    return 0;
}

int addresses_find(struct addresses *addresses, const char *host, int port, int family, int type)
{
    addresses->list = addresses->two;
    addresses->n = 0;
    if (host && strncmp(host, unix_prefix, sizeof unix_prefix - 1) == 0) {
        addresses->n = 1;
        return parse_unix(addresses->two, host + sizeof unix_prefix - 1);
    }
    if (port < 0 || port > MOST_PORT) return fail(EINVAL, "%d is no port: they end at %d", port, MOST_PORT);
    if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6)
        return fail(EINVAL, "%d is no family of addresses with ports", family);
    if (!host) return take_all_of_machine(addresses, port, family);
    if (!parse_number(addresses->two, host, port)) return resolve(addresses, host, port, family, type);
    addresses->n = 1;
    if (family == AF_UNSPEC || family == address_family(addresses->two)) return 0;
    return fail(EAFNOSUPPORT, "'%s' is of another family of addresses", host);
}

void addresses_done(struct addresses *addresses)
{
    if (addresses->list != addresses->two) sys_free(addresses->list);
}
