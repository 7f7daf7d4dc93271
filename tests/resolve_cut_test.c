/* SPDX-License-Identifier: MIT */
/* Lookups that are cut short, withdrawn or left behind, by a resolver that takes as long as the tests want it to. */
#include "check.h"
#include "sys.h"

#include <arpa/inet.h>
#include <bide/dns.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int begun, ended, open_gate;

static void reset(void)
{
    atomic_store(&begun, 0);
    atomic_store(&ended, 0);
    atomic_store(&open_gate, 0);
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

/* It ends a moment after it was left behind: the program's end must wait for it. */
static int resolve_slowly(const char *host, const char *service, const struct addrinfo *hints,
                          struct addrinfo **list)
{
    (void)host;
    (void)hints;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load(&open_gate)) usleep(500);
    usleep(20000);
    const int code = address_of("127.0.0.7", service, list);
    atomic_fetch_add(&ended, 1);
    return code;
}

static int resolve_at_once(const char *host, const char *service, const struct addrinfo *hints,
                           struct addrinfo **list)
{
    (void)host;
    (void)hints;
    atomic_fetch_add(&begun, 1);
    return address_of("127.0.0.7", service, list);
}

static int names_slowly(const struct sockaddr *addr, socklen_t len, char *host, socklen_t host_size,
                        char *service, socklen_t service_size, int flags)
{
    (void)addr;
    (void)len;
    (void)service;
    (void)service_size;
    (void)flags;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load(&open_gate)) usleep(500);
    usleep(20000);
    return snprintf(host, host_size, "new") > 0 ? 0 : EAI_FAIL;
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

static const struct sockaddr_in loopback = {.sin_family = AF_INET};

static int name_of(char *host, size_t host_size, char *service, size_t service_size, int flags)
{
    struct sockaddr_in address = loopback;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(80);
    return bide_getnameinfo((struct sockaddr *)&address, sizeof address, host, host_size, service,
                            service_size, flags);
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
TEST(a_cancelled_task_asks_nobody, NULL, resolve_at_once)

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
    atomic_store(&open_gate, 0);
    BIDE_TIMEOUT(0.005) code = ask("host");
    const bool expired = bide_expired();
    atomic_store(&open_gate, 1);
    CHECK_INT(code, -ETIMEDOUT);
    CHECK(expired);
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
    atomic_store(&open_gate, 1);
    CHECK_INT(code, -ETIMEDOUT);
    CHECK(strcmp(host, "old") == 0);
    return 0;
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
TEST(a_queued_lookup_is_withdrawn, &(struct bide_options){.threads = 1}, resolve_at_once)

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
