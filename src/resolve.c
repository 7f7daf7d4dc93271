/* SPDX-License-Identifier: MIT */
/*
 * Names of hosts, resolved in threads.
 *
 * Invariants
 *  - A lookup owns all that its thread looks at. While it has an asker, who is parked, it is his once
 *    its job is over; without one it was left behind, and frees itself then.
 *  - Each lookup holds one of the loop's permits for lookups, from before its job is handed over until
 *    the job is over or withdrawn: so lookups that were left behind count, too.
 */
#include "loop.h"
#include "sys.h"

#include <arpa/inet.h>
#include <bide/dns.h>
#include <bide/sync.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define fail(err, ...) bide_fail_at(NULL, 0, err, __VA_ARGS__)

enum { MOST_PORT = 65535, MOST_NAME = 255, SHOWN = 100, NUMERIC = NI_NUMERICHOST | NI_NUMERICSERV };

/* Either the addresses of a name, or the names of an address. */
struct lookup {
    struct job job;
    struct asker *asker;
    int error;  /* an EAI_ code */
    int system; /* the errno of EAI_SYSTEM */
    bool has_hints;
    struct addrinfo hints;
    struct addrinfo *list;
    struct sockaddr_storage address;
    socklen_t length;
    int flags;
    char *host; /* in `text`, or NULL */
    char *service;
    char text[]; /* host and service, each with its zero; or room for them */
};

struct asker {
    struct wait wait;
    struct lookup *lookup;
};

static void lookup_free(struct lookup *lookup)
{
    if (lookup->list) freeaddrinfo(lookup->list);
    sys_free(lookup);
}

static struct lookup *lookup_new(size_t text, bide_fn fn)
{
    struct lookup *lookup = sys_alloc(sizeof *lookup + text);
    if (!lookup) return NULL;
    memset(lookup, 0, sizeof *lookup);
    lookup->job.fn = fn;
    lookup->job.arg = lookup;
    return lookup;
}

/* ---- waiting for it ---- */

static void lookup_over(struct wait *wait, int result)
{
    struct lookup *lookup = CONTAINER(wait, struct lookup, job.wait);
    bide_sem_release(&loop_current()->lookups);
    if (lookup->asker)
        wake(&lookup->asker->wait, result);
    else
        lookup_free(lookup);
}

static int drop_asker(struct wait *wait)
{
    struct lookup *lookup = CONTAINER(wait, struct asker, wait)->lookup;
    lookup->asker = NULL;
    if (pool_withdraw(&lookup->job) < 0) return 0; /* left behind */
    bide_sem_release(&loop_current()->lookups);
    lookup_free(lookup);
    return 0;
}

static void describe_asker(const struct wait *wait, char *text, size_t size)
{
    const struct lookup *lookup = CONTAINER(wait, struct asker, wait)->lookup;
    if (lookup->length)
        snprintf(text, size, "waits for the name of an address");
    else
        snprintf(text, size, "resolves '%.*s'", SHOWN, lookup->host ? lookup->host : "");
}

static const struct wait_ops lookup_ops = {.fire = lookup_over};
static const struct wait_ops asker_ops = {.drop = drop_asker, .describe = describe_asker};

/* With a permit, which goes to the lookup. */
static int park_for(struct lookup *lookup, struct asker *asker)
{
    struct bide_loop *loop = loop_current();
    *asker = (struct asker){.lookup = lookup};
    wait_init(&lookup->job.wait, &lookup_ops);
    wait_init(&asker->wait, &asker_ops);
    int code = cancel_cut();
    if (code == 0 && pool_submit(&loop->pool, &lookup->job) < 0) code = -ENOMEM;
    if (code < 0) {
        bide_sem_release(&loop->lookups);
        lookup_free(lookup);
        return code;
    }
    lookup->asker = asker;
    return park(&asker->wait); /* cut short: drop has given the lookup up */
}

/* Takes the lookup: it is the caller's again if this gives 0. */
static int perform(struct lookup *lookup, bool at_once)
{
    struct asker asker;
    const int code = at_once ? cancel_check() : bide_sem_acquire(&loop_current()->lookups);
    if (code < 0) {
        lookup_free(lookup);
        return code;
    }
    if (!at_once) return park_for(lookup, &asker);
    (void)lookup->job.fn(lookup); /* what it found stands in the lookup */
    return 0;
}

/* ---- what it found ---- */

static int code_of(const struct lookup *lookup)
{
    switch (lookup->error) {
    case 0: return 0;
    case EAI_AGAIN: return -EAGAIN;
    case EAI_FAIL: return -EIO;
    case EAI_FAMILY: return -EAFNOSUPPORT;
    case EAI_SOCKTYPE: return -ESOCKTNOSUPPORT;
    case EAI_BADFLAGS: return -EINVAL;
    case EAI_MEMORY: return -ENOMEM;
    case EAI_OVERFLOW: return -EOVERFLOW;
    case EAI_SYSTEM: return lookup->system > 0 ? -lookup->system : -EIO;
    default: return -ENOENT; /* no such name, address or service */
    }
}

static const char *text_of(const struct lookup *lookup)
{
    return lookup->error == EAI_SYSTEM ? strerror(-code_of(lookup)) : gai_strerror(lookup->error);
}

/* ---- the addresses of a name ---- */

static int look_up_addresses(void *arg)
{
    struct lookup *lookup = arg;
    lookup->error = sys_getaddrinfo(lookup->host, lookup->service, lookup->has_hints ? &lookup->hints : NULL,
                                    &lookup->list);
    lookup->system = errno;
    if (lookup->error) lookup->list = NULL;
    return 0;
}

static bool is_number(const char *service)
{
    return service[strspn(service, "0123456789")] == '\0';
}

/* libc would cut the upper bits off. */
static int check_port(const char *service)
{
    if (!is_number(service) || strtoul(service, NULL, 10) <= MOST_PORT) return 0;
    return fail(ENOENT, "%s is no port: they end at %d", service, MOST_PORT);
}

static bool is_address(const char *host)
{
    struct in6_addr number;
    return inet_pton(AF_INET, host, &number) == 1 || inet_pton(AF_INET6, host, &number) == 1;
}

static int check_name(const char *what, const char *name)
{
    const size_t length = name ? strlen(name) : 1;
    if (length == 0) return fail(ENOENT, "an empty name is no %s's", what);
    if (length <= MOST_NAME) return 0;
    return fail(ENAMETOOLONG, "the %s's name '%.*s...' of %zu bytes is too long", what, SHOWN, name, length);
}

static struct lookup *lookup_of_name(const char *host, const char *service, const struct addrinfo *hints)
{
    const size_t host_size = host ? strlen(host) + 1 : 0;
    const size_t service_size = service ? strlen(service) + 1 : 0;
    struct lookup *lookup = lookup_new(host_size + service_size, look_up_addresses);
    if (!lookup) return NULL;
    if (host) lookup->host = memcpy(lookup->text, host, host_size);
    if (service) lookup->service = memcpy(lookup->text + host_size, service, service_size);
    if (hints) {
        lookup->has_hints = true;
        lookup->hints = (struct addrinfo){.ai_flags = hints->ai_flags,
                                          .ai_family = hints->ai_family,
                                          .ai_socktype = hints->ai_socktype,
                                          .ai_protocol = hints->ai_protocol};
    }
    return lookup;
}

int bide_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                     struct addrinfo **list)
{
    if (!task_current) return -EPERM;
    if (!list) return -EINVAL;
    int code = check_name("host", host);
    if (code == 0) code = check_name("service", service);
    if (code == 0 && service) code = check_port(service);
    if (code < 0) return code;
    struct lookup *lookup = lookup_of_name(host, service, hints);
    if (!lookup) return -ENOMEM;
    code = perform(lookup, host && is_address(host) && (!service || is_number(service)));
    if (code < 0) return code;
    code = code_of(lookup);
    if (code == 0) {
        *list = lookup->list;
        lookup->list = NULL;
    } else {
        fail(code, "cannot resolve '%.*s'%s%.*s: %s", SHOWN, host ? host : "", service ? " " : "", SHOWN / 4,
             service ? service : "", text_of(lookup));
    }
    lookup_free(lookup);
    return code;
}

/* ---- the names of an address ---- */

static int look_up_names(void *arg)
{
    struct lookup *lookup = arg;
    lookup->error = sys_getnameinfo((struct sockaddr *)&lookup->address, lookup->length, lookup->host,
                                    lookup->host ? NI_MAXHOST : 0, lookup->service,
                                    lookup->service ? NI_MAXSERV : 0, lookup->flags);
    lookup->system = errno;
    return 0;
}

static struct lookup *lookup_of_address(const struct sockaddr *addr, socklen_t len, int flags)
{
    struct lookup *lookup = lookup_new(NI_MAXHOST + NI_MAXSERV, look_up_names);
    if (!lookup) return NULL;
    memcpy(&lookup->address, addr, len);
    lookup->length = len;
    lookup->flags = flags;
    return lookup;
}

/* Never cut: a part of a name is another name. */
static int hand_over(struct lookup *lookup, char *host, size_t host_size, char *service, size_t service_size)
{
    if (host && strlen(lookup->host) >= host_size) lookup->error = EAI_OVERFLOW;
    if (service && strlen(lookup->service) >= service_size) lookup->error = EAI_OVERFLOW;
    if (lookup->error) return code_of(lookup);
    if (host) memcpy(host, lookup->host, strlen(lookup->host) + 1);
    if (service) memcpy(service, lookup->service, strlen(lookup->service) + 1);
    return 0;
}

int bide_getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, size_t host_size, char *service,
                     size_t service_size, int flags)
{
    if (!task_current) return -EPERM;
    if (!addr || len == 0 || len > sizeof(struct sockaddr_storage) || (!host && !service)) return -EINVAL;
    struct lookup *lookup = lookup_of_address(addr, len, flags);
    if (!lookup) return -ENOMEM;
    if (host) lookup->host = lookup->text;
    if (service) lookup->service = lookup->text + NI_MAXHOST;
    int code = perform(lookup, (flags & NUMERIC) == NUMERIC);
    if (code < 0) return code;
    code = code_of(lookup);
    if (code == 0) code = hand_over(lookup, host, host_size, service, service_size);
    if (code < 0) fail(code, "cannot find the name of an address: %s", text_of(lookup));
    lookup_free(lookup);
    return code;
}
