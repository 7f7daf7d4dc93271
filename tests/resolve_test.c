/* SPDX-License-Identifier: MIT */
/* Names of hosts, by a resolver of the tests' own that takes as long as they want it to. */
#include "check.h"
#include "faults.h"
#include "resolver.h"

#include <arpa/inet.h>
#include <bide/dns.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 4096 };

static atomic_int begun, ended, open_gate;
static char seen[MOST + 1];

static void reset(void)
{
    atomic_store(&begun, 0);
    atomic_store(&ended, 0);
    atomic_store(&open_gate, 0);
    seen[0] = '\0';
}

static int address_of(const char *number, const char *service, struct addrinfo **list)
{
    const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    return getaddrinfo(number, service, &numeric, list);
}

static int resolve_late(const char *host, const char *service, const struct addrinfo *hints,
                        struct addrinfo **list)
{
    (void)host;
    (void)hints;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load(&open_gate)) usleep(500);
    const int code = address_of("127.0.0.7", service, list);
    atomic_fetch_add(&ended, 1);
    return code;
}

/* Left to itself it ends a moment later: the program's end must wait for it. */
static int resolve_slowly(const char *host, const char *service, const struct addrinfo *hints,
                          struct addrinfo **list)
{
    (void)host;
    (void)hints;
    atomic_fetch_add(&begun, 1);
    usleep(30000);
    const int code = address_of("127.0.0.7", service, list);
    atomic_fetch_add(&ended, 1);
    return code;
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

static int until_begun(int n)
{
    while (atomic_load(&begun) < n) {
        const int code = bide_sleep(0.001);
        if (code < 0) return code;
    }
    return 0;
}

static const struct bide_options real_time = {.threads = 4};

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
    CHECK_INT(bide_getaddrinfo("localhost", NULL, NULL, &list), 0);
    CHECK(list->ai_family == AF_INET || list->ai_family == AF_INET6);
    freeaddrinfo(list);
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

/* ---- cut short ---- */

RUN(a_cancelled_task_asks_nobody)
{
    char host[16];
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(ask("host"), -ECANCELED);
    CHECK_INT(ask("127.0.0.1"), -ECANCELED);
    CHECK_INT(name_of(host, sizeof host, NULL, 0, NI_NUMERICHOST | NI_NUMERICSERV), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(atomic_load(&begun), 0);
    return 0;
}
TEST(a_cancelled_task_asks_nobody, NULL, resolve_and_note)

RUN(who_is_cancelled_goes_at_once)
{
    struct bide_task *task = bide_create_task(ask, "host");
    CHECK_INT(until_begun(1), 0);
    CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(bide_await(task, NULL), -ECANCELED);
    CHECK_INT(atomic_load(&ended), 0); /* the gate is closed */
    atomic_store(&open_gate, 1);
    return 0;
}
TEST(who_is_cancelled_goes_at_once, &real_time, resolve_late)

RUN(a_deadline_leaves_it_behind)
{
    int code = 0;
    BIDE_TIMEOUT(0.005) code = ask("host");
    CHECK_INT(code, -ETIMEDOUT);
    CHECK(bide_expired());
    return 0;
}

/* The thread is waited for at the end, and what it found is freed: that is what the sanitizers look at. */
static void a_deadline_leaves_it_behind(void **state)
{
    (void)state;
    reset();
    sys_addresses_of = resolve_slowly;
    assert_int_equal(check_run_with(&real_time, run_a_deadline_leaves_it_behind, NULL), 0);
    assert_int_equal(atomic_load(&ended), atomic_load(&begun));
    sys_addresses_of = NULL;
}

RUN(left_behind_by_name)
{
    char host[64] = "old";
    int code = 0;
    BIDE_TIMEOUT(0.005) code = name_of(host, sizeof host, NULL, 0, 0);
    CHECK_INT(code, -ETIMEDOUT);
    CHECK(strcmp(host, "old") == 0);
    return 0;
}

static int names_slowly(const struct sockaddr *addr, socklen_t len, char *host, socklen_t host_size,
                        char *service, socklen_t service_size, int flags)
{
    usleep(30000);
    return long_names(addr, len, host, host_size, service, service_size, flags);
}

static void the_name_of_an_address_is_left_behind(void **state)
{
    (void)state;
    reset();
    sys_names_of = names_slowly;
    assert_int_equal(check_run_with(&real_time, run_left_behind_by_name, NULL), 0);
    assert_in_range(atomic_load(&begun), 0, 1); /* no thread may have begun it yet */
    sys_names_of = NULL;
}

/* A loop that runs again finds what was left behind in its first run, or has found it. */
static void left_behind_in_an_earlier_run(void **state)
{
    (void)state;
    reset();
    sys_addresses_of = resolve_slowly;
    struct bide_loop *loop = bide_loop_new(&real_time);
    assert_non_null(loop);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bide_loop_run(loop, run_a_deadline_leaves_it_behind, NULL, NULL), 0);
    bide_loop_free(loop);
    assert_int_equal(atomic_load(&ended), atomic_load(&begun));
    sys_addresses_of = NULL;
}

static int wait_for_gate(void *arg)
{
    (void)arg;
    while (!atomic_load(&open_gate)) usleep(500);
    return 0;
}

static int occupy(void *arg)
{
    return bide_to_thread(wait_for_gate, arg, NULL);
}

/* No thread has begun it: it is withdrawn, and never asked. */
RUN(a_queued_lookup_is_withdrawn)
{
    struct bide_task *job = bide_create_task(occupy, NULL);
    struct bide_task *task = bide_create_task(ask, "host");
    for (int i = 0; i < 10; i++) CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(bide_await(task, NULL), -ECANCELED);
    atomic_store(&open_gate, 1);
    CHECK_INT(bide_await(job, NULL), 0);
    CHECK_INT(atomic_load(&begun), 0);
    CHECK_INT(ask("host"), 0); /* its permit is back */
    CHECK_INT(atomic_load(&begun), 1);
    return 0;
}
TEST(a_queued_lookup_is_withdrawn, &(struct bide_options){.threads = 1}, resolve_and_note)

/* ---- half of the threads ---- */

RUN(names_hold_half_of_the_threads)
{
    struct bide_task *tasks[6];
    for (int i = 0; i < 6; i++) tasks[i] = bide_create_task(ask, "host");
    CHECK_INT(until_begun(2), 0);
    for (int i = 0; i < 20; i++) CHECK_INT(bide_sleep(0.001), 0);
    CHECK_INT(atomic_load(&begun), 2);   /* of four threads */
    CHECK_INT(bide_cancel(tasks[5]), 1); /* it waits in line */
    CHECK_INT(bide_await(tasks[5], NULL), -ECANCELED);
    CHECK_INT(bide_cancel(tasks[0]), 1); /* it is left behind: its thread is still held */
    CHECK_INT(bide_await(tasks[0], NULL), -ECANCELED);
    for (int i = 0; i < 20; i++) CHECK_INT(bide_sleep(0.001), 0);
    CHECK_INT(atomic_load(&begun), 2);
    struct bide_task *job = bide_create_task(occupy, NULL); /* other jobs have threads left */
    CHECK_INT(bide_sleep(0.001), 0);
    atomic_store(&open_gate, 1);
    CHECK_INT(bide_await(job, NULL), 0);
    for (int i = 1; i < 5; i++) CHECK_INT(bide_await(tasks[i], NULL), 0);
    CHECK_INT(atomic_load(&begun), 5);
    return 0;
}
TEST(names_hold_half_of_the_threads, &real_time, resolve_late)

/* Cancelled in the turn in which it was given the thread of another: it passes it on. */
RUN(a_permit_is_passed_on)
{
    struct bide_task *first = bide_create_task(ask, "host"), *second = bide_create_task(ask, "host"),
                     *third = bide_create_task(ask, "host");
    CHECK_INT(until_begun(1), 0);
    atomic_store(&open_gate, 1);
    CHECK_INT(bide_await(first, NULL), 0);
    (void)bide_cancel(second);
    (void)bide_await(second, NULL); /* at whatever point it was */
    CHECK_INT(bide_await(third, NULL), 0);
    CHECK_INT(ask("host"), 0);
    return 0;
}
TEST(a_permit_is_passed_on, &(struct bide_options){.threads = 2}, resolve_late)

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
        cmocka_unit_test(a_cancelled_task_asks_nobody),
        cmocka_unit_test(who_is_cancelled_goes_at_once),
        cmocka_unit_test(a_deadline_leaves_it_behind),
        cmocka_unit_test(the_name_of_an_address_is_left_behind),
        cmocka_unit_test(left_behind_in_an_earlier_run),
        cmocka_unit_test(a_queued_lookup_is_withdrawn),
        cmocka_unit_test(names_hold_half_of_the_threads),
        cmocka_unit_test(a_permit_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
