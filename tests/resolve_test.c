/* SPDX-License-Identifier: MIT */
/* Names of hosts, and of addresses, mostly by a resolver of the tests' own. */
#include "check.h"
#include "faults.h"

#include <arpa/inet.h>
#include <bide/dns.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096 };

static atomic_int begun;
static char seen[MOST + 1];

static void reset(void)
{
    atomic_store(&begun, 0);
    seen[0] = '\0';
}

static int address_of(const char *number, const char *service, struct addrinfo **list)
{
    const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    return getaddrinfo(number, service, &numeric, list);
}

static int resolve_and_note(const char *host, const char *service, const struct addrinfo *hints,
                            struct addrinfo **list)
{
    (void)hints;
    atomic_fetch_add(&begun, 1);
    snprintf(seen, sizeof seen, "%s", host);
    return address_of("127.0.0.7", service, list);
}

static int failure;

static int resolve_badly(const char *host, const char *service, const struct addrinfo *hints,
                         struct addrinfo **list)
{
    (void)host;
    (void)service;
    (void)hints;
    (void)list;
    errno = ETIMEDOUT;
    return failure;
}

static int ask(void *name)
{
    struct addrinfo *list;
    const int code = bide_getaddrinfo(name, "80", NULL, &list);
    if (code < 0) return code;
    const struct sockaddr_in *address = (const struct sockaddr_in *)(const void *)list->ai_addr;
    const bool right = list->ai_family == AF_INET && ntohs(address->sin_port) == 80;
    freeaddrinfo(list);
    return right ? 0 : -EPROTO;
}

#define TEST(name, options, fn)                                                                              \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        reset();                                                                                             \
        sys_addresses_of = fn;                                                                               \
        assert_int_equal(check_run_with(options, run_##name, NULL), 0);                                      \
        sys_addresses_of = NULL;                                                                             \
        sys_names_of = NULL;                                                                                 \
    }
#define RUN(name) static int run_##name(void *arg __attribute__((unused)))

/* ---- what is found ---- */

RUN(numbers_need_no_thread)
{
    struct addrinfo *list;
    const struct addrinfo hints = {.ai_family = AF_INET6};
    faults_set(SYS_THREAD, EAGAIN, 0, FOR_EVER);
    const int code = ask("127.0.0.1");
    const int v6 = bide_getaddrinfo("::1", NULL, &hints, &list);
    if (v6 == 0) freeaddrinfo(list);
    const int name = ask("localhost");
    faults_clear();
    CHECK_INT(code, 0);
    CHECK_INT(v6, 0);
    CHECK_INT(name, -ENOMEM);
    CHECK_INT(bide_getaddrinfo("127.0.0.1", "80", &hints, &list), -ENOENT); /* not an IPv6 address */
    return 0;
}
TEST(numbers_need_no_thread, NULL, NULL)

RUN(names_of_the_hosts_file)
{
    struct addrinfo *list = NULL;
    const bool known =
        getaddrinfo("localhost", NULL, NULL, &list) == 0; /* a bare root may have no hosts file */
    if (known) freeaddrinfo(list);
    CHECK_INT(bide_getaddrinfo("localhost", NULL, NULL, &list), known ? 0 : -ENOENT);
    if (known) {
        CHECK(list->ai_family == AF_INET || list->ai_family == AF_INET6);
        freeaddrinfo(list);
    }
    const struct addrinfo passive = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    CHECK_INT(bide_getaddrinfo(NULL, "80", &passive, &list), 0);
    freeaddrinfo(list);
    return 0;
}
TEST(names_of_the_hosts_file, NULL, NULL)

RUN(several_names_at_once)
{
    int results[4];
    struct bide_call calls[4];
    for (int i = 0; i < 4; i++) calls[i] = (struct bide_call){ask, "host"};
    CHECK_INT(bide_gather(calls, 4, results), 0);
    for (int i = 0; i < 4; i++) CHECK_INT(results[i], 0);
    CHECK_INT(atomic_load(&begun), 4);
    return 0;
}
TEST(several_names_at_once, NULL, resolve_and_note)

RUN(failures_have_codes_and_texts)
{
    static const struct {
        int error, code;
    } known[] = {
        {EAI_NONAME, -ENOENT},      {EAI_SERVICE, -ENOENT},      {EAI_AGAIN, -EAGAIN},
        {EAI_FAIL, -EIO},           {EAI_FAMILY, -EAFNOSUPPORT}, {EAI_SOCKTYPE, -ESOCKTNOSUPPORT},
        {EAI_MEMORY, -ENOMEM},      {EAI_BADFLAGS, -EINVAL},     {EAI_SYSTEM, -ETIMEDOUT},
        {EAI_OVERFLOW, -EOVERFLOW},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[200];
        failure = known[i].error;
        const char *why = failure == EAI_SYSTEM ? strerror(ETIMEDOUT) : gai_strerror(failure);
        snprintf(text, sizeof text, "cannot resolve 'example.org' 80: %s", why);
        CHECK_INT(ask("example.org"), known[i].code);
        if (strcmp(bide_error_text(known[i].code), text) != 0) return bide_fail(EPROTO, "not \"%s\"", text);
    }
    return 0;
}
TEST(failures_have_codes_and_texts, NULL, resolve_badly)

RUN(wrong_use)
{
    struct addrinfo *list;
    char name[16];
    const struct sockaddr_in address = {.sin_family = AF_INET};
    const struct sockaddr *any = (const struct sockaddr *)(const void *)&address;
    CHECK_INT(bide_getaddrinfo("x", NULL, NULL, NULL), -EINVAL);
    CHECK_INT(bide_getaddrinfo(NULL, NULL, NULL, &list), -ENOENT); /* as getaddrinfo has it */
    CHECK_INT(bide_getaddrinfo("127.0.0.1", "", NULL, &list), -ENOENT);
    CHECK_INT(bide_getaddrinfo("127.0.0.1", "70000", NULL, &list), -ENOENT); /* libc makes 4464 of it */
    CHECK_INT(bide_getaddrinfo("127.0.0.1", "99999999999999999999999", NULL, &list), -ENOENT);
    CHECK_INT(bide_getnameinfo(NULL, 0, name, sizeof name, NULL, 0, 0), -EINVAL);
    CHECK_INT(bide_getnameinfo(any, 0, name, sizeof name, NULL, 0, 0), -EINVAL);
    CHECK_INT(bide_getnameinfo(any, 4096, name, sizeof name, NULL, 0, 0), -EINVAL);
    CHECK_INT(bide_getnameinfo(any, sizeof address, NULL, 0, NULL, 0, 0), -EINVAL);
    CHECK_INT(bide_getnameinfo(any, 4, name, sizeof name, NULL, 0, NI_NUMERICHOST | NI_NUMERICSERV),
              -EAFNOSUPPORT);
    return 0;
}
TEST(wrong_use, NULL, NULL)

static void outside_of_tasks(void **state)
{
    struct addrinfo *list;
    char name[16];
    const struct sockaddr any = {.sa_family = AF_INET};
    (void)state;
    assert_int_equal(bide_getaddrinfo("127.0.0.1", NULL, NULL, &list), -EPERM);
    assert_int_equal(bide_getnameinfo(&any, sizeof any, name, sizeof name, NULL, 0, 0), -EPERM);
}

/* ---- names of all lengths ---- */

RUN(bug_44_names_are_never_cut)
{
    static const struct {
        size_t length;
        int code;
    } known[] = {{0, -ENOENT}, {1, 0}, {254, 0}, {255, 0}, {256, -ENAMETOOLONG}, {MOST, -ENAMETOOLONG}};
    char *name = malloc(MOST + 1); /* of just that size, so that the sanitizers see a byte too many */
    int bad = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        memset(name, 'n', known[i].length);
        name[known[i].length] = '\0';
        seen[0] = '\0';
        atomic_store(&begun, 0);
        if (ask(name) != known[i].code) bad = (int)i + 1;
        if (atomic_load(&begun) != (known[i].code == 0)) bad = (int)i + 1;
        if (known[i].code == 0 && strcmp(seen, name) != 0) bad = (int)i + 1;
    }
    free(name);
    CHECK_INT(bad, 0);
    return 0;
}
TEST(bug_44_names_are_never_cut, NULL, resolve_and_note)

/* Bytes of all kinds reach the resolver as they are: what a name is, it decides. */
RUN(bug_44_random_names)
{
    unsigned random = 12345;
    char name[301];
    for (int round = 0; round < 300; round++) {
        random = random * 1103515245 + 12345;
        const size_t length = random / 65536 % sizeof name;
        for (size_t i = 0; i < length; i++) {
            random = random * 1103515245 + 12345;
            name[i] = (char)(random / 65536 % 255 + 1);
        }
        name[length] = '\0';
        seen[0] = '\0';
        const int code = ask(name);
        CHECK_INT(code, length == 0 ? -ENOENT : length > 255 ? -ENAMETOOLONG : 0);
        CHECK(code < 0 || strcmp(seen, name) == 0);
    }
    return 0;
}
TEST(bug_44_random_names, NULL, resolve_and_note)

/* A zero byte inside ends a C string: what stands behind it is never looked at, and never resolved. */
RUN(bug_44_a_zero_byte_ends_a_name)
{
    CHECK_INT(ask("host\0.example.org"), 0);
    CHECK(strcmp(seen, "host") == 0);
    return 0;
}
TEST(bug_44_a_zero_byte_ends_a_name, NULL, resolve_and_note)

/* ---- names of addresses ---- */

static const struct sockaddr_in loopback = {.sin_family = AF_INET};

static int name_of(char *host, size_t host_size, char *service, size_t service_size, int flags)
{
    struct sockaddr_in address = loopback;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(80);
    return bide_getnameinfo((struct sockaddr *)&address, sizeof address, host, host_size, service,
                            service_size, flags);
}

static int long_names(const struct sockaddr *addr, socklen_t len, char *host, socklen_t host_size,
                      char *service, socklen_t service_size, int flags)
{
    (void)addr;
    (void)len;
    (void)flags;
    atomic_fetch_add(&begun, 1);
    memset(host, 'h', host_size - 1);
    host[host_size - 1] = '\0';
    if (service) snprintf(service, service_size, "www");
    return 0;
}

RUN(numbers_of_addresses)
{
    char host[16], service[4];
    faults_set(SYS_THREAD, EAGAIN, 0, FOR_EVER);
    const int code = name_of(host, sizeof host, service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV);
    faults_clear();
    CHECK_INT(code, 0);
    CHECK(strcmp(host, "127.0.0.1") == 0 && strcmp(service, "80") == 0);
    return 0;
}
TEST(numbers_of_addresses, NULL, NULL)

RUN(bug_44_names_of_addresses_are_never_cut)
{
    static char host[NI_MAXHOST];
    char service[4] = "new";
    sys_names_of = long_names;
    CHECK_INT(name_of(host, sizeof host, service, sizeof service, 0), 0);
    CHECK_INT(strlen(host), NI_MAXHOST - 1);
    CHECK(strcmp(service, "www") == 0);
    strcpy(host, "old");
    CHECK_INT(name_of(host, sizeof host - 1, NULL, 0, 0), -EOVERFLOW);
    strcpy(service, "new");
    CHECK_INT(name_of(host, sizeof host, service, 3, 0), -EOVERFLOW);
    CHECK(strcmp(host, "old") == 0 && strcmp(service, "new") == 0);
    CHECK_INT(atomic_load(&begun), 3);
    return 0;
}
TEST(bug_44_names_of_addresses_are_never_cut, NULL, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_need_no_thread),
        cmocka_unit_test(names_of_the_hosts_file),
        cmocka_unit_test(several_names_at_once),
        cmocka_unit_test(failures_have_codes_and_texts),
        cmocka_unit_test(wrong_use),
        cmocka_unit_test(outside_of_tasks),
        cmocka_unit_test(bug_44_names_are_never_cut),
        cmocka_unit_test(bug_44_random_names),
        cmocka_unit_test(bug_44_a_zero_byte_ends_a_name),
        cmocka_unit_test(numbers_of_addresses),
        cmocka_unit_test(bug_44_names_of_addresses_are_never_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
