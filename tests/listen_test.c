/* SPDX-License-Identifier: MIT */
/* Listening on all of a host's addresses. */
#include "check.h"
#include "faults.h"
#include "resolver.h"

#include <bide/net.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static int name_of(int fd, char *text)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return bide_address_text((struct sockaddr *)&address, len, text, BIDE_ADDRESS_TEXT);
}

/* Somebody connects to host, and the listener gets him. */
static int is_reached(int listener, const char *host)
{
    const int client = bide_connect_to(host, resolver_port(listener), NULL);
    if (client < 0) return client;
    const int server = bide_accept(listener, NULL, NULL);
    CHECK(server >= 0);
    CHECK_INT(bide_close(client), 0);
    return bide_close(server);
}

#define RUN(name)                                                                                            \
    static int run_##name(void *arg);                                                                        \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        assert_int_equal(check_run(run_##name, NULL), 0);                                                    \
    }                                                                                                        \
    static int run_##name(void *arg __attribute__((unused)))

/* ---- TCP ---- */

RUN(one_address)
{
    char text[BIDE_ADDRESS_TEXT];
    const int fd = bide_listen("127.0.0.1", 0, 0);
    CHECK(fd >= 0);
    CHECK_INT(name_of(fd, text), 0);
    CHECK(strncmp(text, "127.0.0.1:", 10) == 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK_INT(is_reached(fd, "127.0.0.1"), 0);
    CHECK_INT(is_reached(fd, "127.0.0.5"), -ECONNREFUSED);
    return bide_close(fd);
}

RUN(all_addresses_have_one_port)
{
    int fds[4];
    resolver_set((const char *const[]){"127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.3", NULL});
    const int n = bide_listen_with("host", 0, NULL, fds, 4);
    resolver_clear();
    CHECK_INT(n, 3); /* one stands there twice */
    CHECK_INT(resolver_port(fds[0]), resolver_port(fds[1]));
    CHECK_INT(resolver_port(fds[0]), resolver_port(fds[2]));
    CHECK_INT(is_reached(fds[0], "127.0.0.1"), 0);
    CHECK_INT(is_reached(fds[1], "127.0.0.2"), 0);
    CHECK_INT(is_reached(fds[2], "127.0.0.3"), 0);
    for (int i = 0; i < n; i++) CHECK_INT(bide_close(fds[i]), 0);
    return 0;
}

RUN(every_address_of_this_machine)
{
    int fds[4];
    const int n = bide_listen_with(NULL, 0, NULL, fds, 4);
    CHECK(n == 2 || (n == 1 && !resolver_has_v6())); /* the wildcard may be there without any address */
    CHECK_INT(is_reached(fds[n - 1], "127.0.0.1"), 0);
    if (resolver_has_v6()) CHECK_INT(is_reached(fds[0], "::1"), 0);
    for (int i = 0; i < n; i++) CHECK_INT(bide_close(fds[i]), 0);
    const int fd = bide_listen(NULL, 0, 0); /* the same by one socket */
    CHECK(fd >= 0);
    CHECK_INT(is_reached(fd, "127.0.0.1"), 0);
    if (resolver_has_v6()) CHECK_INT(is_reached(fd, "::1"), 0);
    return bide_close(fd);
}

RUN(only_one_family)
{
    int fds[4];
    const struct bide_listen_options options = {.family = AF_INET};
    CHECK_INT(bide_listen_with(NULL, 0, &options, fds, 4), 1);
    CHECK_INT(is_reached(fds[0], "127.0.0.1"), 0);
    return bide_close(fds[0]);
}

RUN(addresses_of_others_are_passed_over)
{
    int fds[4];
    resolver_set((const char *const[]){"203.0.113.1", "127.0.0.1", NULL});
    CHECK_INT(bide_listen_with("host", 0, NULL, fds, 4), 1);
    CHECK_INT(is_reached(fds[0], "127.0.0.1"), 0);
    CHECK_INT(bide_close(fds[0]), 0);
    resolver_set((const char *const[]){"203.0.113.1", "203.0.113.2", NULL});
    CHECK_INT(bide_listen_with("host", 80, NULL, fds, 4), -EADDRNOTAVAIL);
    resolver_clear();
    CHECK(strstr(bide_error_text(-EADDRNOTAVAIL), "cannot listen on 203.0.113.1:80: "));
    return 0;
}

RUN(an_address_in_use)
{
    char text[200], expected[200];
    int fds[2];
    const int fd = bide_listen("127.0.0.1", 0, 0), port = resolver_port(fd);
    CHECK_INT(bide_listen("127.0.0.1", port, 0), -EADDRINUSE);
    snprintf(text, sizeof text, "%s", bide_error_text(-EADDRINUSE));
    snprintf(expected, sizeof expected, "cannot listen on 127.0.0.1:%d: %s", port, strerror(EADDRINUSE));
    CHECK(strcmp(text, expected) == 0);
    resolver_set(
        (const char *const[]){"127.0.0.2", "127.0.0.1", NULL}); /* of two the second: both are given up */
    const int before = check_open_fds();
    CHECK_INT(bide_listen_with("host", port, NULL, fds, 2), -EADDRINUSE);
    CHECK_INT(check_open_fds(), before);
    resolver_clear();
    return bide_close(fd);
}

/* The port that was picked for the first address is taken at the second one: another one is picked. */
RUN(another_port_is_picked)
{
    int fds[2];
    resolver_set((const char *const[]){"127.0.0.1", "127.0.0.2", NULL});
    faults_set(SYS_BIND, EADDRINUSE, 1, 1);
    CHECK_INT(bide_listen_with("host", 0, NULL, fds, 2), 2);
    CHECK_INT(faults_asked(), 4);
    faults_clear();
    CHECK_INT(resolver_port(fds[0]), resolver_port(fds[1]));
    CHECK_INT(bide_close(fds[0]), 0);
    CHECK_INT(bide_close(fds[1]), 0);
    faults_set(SYS_BIND, EADDRINUSE, 1, FOR_EVER); /* it does not go on for ever */
    CHECK_INT(bide_listen_with("host", 0, NULL, fds, 2), -EADDRINUSE);
    faults_clear();
    resolver_clear();
    return 0;
}

RUN(a_shared_port)
{
    int one, other;
    const struct bide_listen_options options = {.reuse_port = true};
    CHECK_INT(bide_listen_with("127.0.0.1", 0, &options, &one, 1), 1);
    CHECK_INT(bide_listen_with("127.0.0.1", resolver_port(one), &options, &other, 1), 1);
    CHECK_INT(bide_close(one), 0);
    CHECK_INT(is_reached(other, "127.0.0.1"), 0);
    return bide_close(other);
}

static int option(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    CHECK_INT(getsockopt(fd, SOL_SOCKET, name, &value, &len), 0);
    return value;
}

RUN(options_are_set)
{
    int fd;
    CHECK_INT(bide_listen_with("127.0.0.1", 0, NULL, &fd, 1), 1);
    CHECK_INT(option(fd, SO_REUSEADDR), 1);
    CHECK_INT(option(fd, SO_REUSEPORT), 0);
    CHECK_INT(bide_close(fd), 0);
    const struct bide_listen_options options = {.no_reuse_address = true};
    CHECK_INT(bide_listen_with("127.0.0.1", 0, &options, &fd, 1), 1);
    CHECK_INT(option(fd, SO_REUSEADDR), 0);
    return bide_close(fd);
}

RUN(bad_input)
{
    int fd = -7;
    CHECK_INT(bide_listen("127.0.0.1", 70000, 0), -EINVAL);
    CHECK(strstr(bide_error_text(-EINVAL), "70000"));
    CHECK_INT(bide_listen("127.0.0.1", -1, 0), -EINVAL);
    CHECK_INT(bide_listen("127.0.0.1", 0, -1), -EINVAL);
    CHECK_INT(bide_listen("", 0, 0), -ENOENT);
    CHECK_INT(bide_listen_with("127.0.0.1", 0, NULL, NULL, 1), -EINVAL);
    CHECK_INT(bide_listen_with("127.0.0.1", 0, NULL, &fd, 0), -EINVAL);
    CHECK_INT(bide_listen_with("127.0.0.1", 0, &(struct bide_listen_options){.reserved = {1}}, &fd, 1),
              -EINVAL);
    CHECK_INT(fd, -7);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_listen("127.0.0.1", 0, 0), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

static void outside_of_tasks(void **state)
{
    int fd;
    (void)state;
    assert_int_equal(bide_listen("127.0.0.1", 0, 0), -EPERM);
    assert_int_equal(bide_listen_fds(&fd, 1), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address),
        cmocka_unit_test(all_addresses_have_one_port),
        cmocka_unit_test(every_address_of_this_machine),
        cmocka_unit_test(only_one_family),
        cmocka_unit_test(addresses_of_others_are_passed_over),
        cmocka_unit_test(an_address_in_use),
        cmocka_unit_test(another_port_is_picked),
        cmocka_unit_test(a_shared_port),
        cmocka_unit_test(options_are_set),
        cmocka_unit_test(bad_input),
        cmocka_unit_test(outside_of_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
