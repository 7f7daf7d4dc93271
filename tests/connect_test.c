/* SPDX-License-Identifier: MIT */
/* Connecting to one address: numbers, Unix sockets, bad input; addresses in words. */
#include "check.h"
#include "faults.h"
#include "holes.h"
#include "resolver.h"

#include <bide/net.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- one address ---- */

IN_WORLD(a_number_is_connected_at_once)
{
    char text[BIDE_ADDRESS_TEXT], expected[BIDE_ADDRESS_TEXT];
    const int fd = bide_connect_to("127.0.0.4", holes_port, NULL);
    CHECK(fd >= 0);
    CHECK_INT(holes_peer(fd, text), 0);
    snprintf(expected, sizeof expected, "127.0.0.4:%d", holes_port);
    CHECK(strcmp(text, expected) == 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(bide_close(fd), 0);
    return 0;
}

static int v6_loopback(void *arg)
{
    (void)arg;
    const int listener = resolver_listen("::1", 0);
    const int fd = bide_connect_to("::1", resolver_port(listener), NULL);
    CHECK(fd >= 0);
    CHECK_INT(bide_close(fd), 0);
    close(listener);
    return 0;
}

static void an_ipv6_number_is_connected(void **state)
{
    (void)state;
    if (!resolver_has_v6()) check_skip("there is no ::1");
    assert_int_equal(check_run(v6_loopback, NULL), 0);
}

IN_WORLD(who_refuses_is_named)
{
    char text[200];
    CHECK_INT(bide_connect_to("127.0.0.5", holes_port, NULL), -ECONNREFUSED);
    snprintf(text, sizeof text, "cannot connect to 127.0.0.5:%d: %s", holes_port, strerror(ECONNREFUSED));
    CHECK(strcmp(bide_error_text(-ECONNREFUSED), text) == 0);
    return 0;
}

IN_WORLD(the_local_address_is_chosen)
{
    char text[BIDE_ADDRESS_TEXT] = "";
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    struct bide_connect_options options = {.local_host = "127.0.0.9"};
    const int fd = bide_connect_to("127.0.0.4", holes_port, &options);
    CHECK(fd >= 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    CHECK_INT(bide_address_text((struct sockaddr *)&address, len, text, sizeof text), 0);
    CHECK(strncmp(text, "127.0.0.9:", 10) == 0);
    CHECK_INT(bide_close(fd), 0);
    options.local_host = "::1"; /* of another family */
    CHECK_INT(bide_connect_to("127.0.0.4", holes_port, &options), -EADDRNOTAVAIL);
    options.local_host = "203.0.113.1"; /* another machine's */
    CHECK_INT(bide_connect_to("127.0.0.4", holes_port, &options), -EADDRNOTAVAIL);
    CHECK(strstr(bide_error_text(EADDRNOTAVAIL), "to 127.0.0.4:") &&
          strstr(bide_error_text(EADDRNOTAVAIL), " from 203.0.113.1:0: "));
    options.family = AF_INET6;
    CHECK_INT(bide_connect_to("127.0.0.4", holes_port, &options), -EAFNOSUPPORT);
    return 0;
}

/* TCP would connect the port to itself. */
IN_WORLD(nobody_is_connected_to_himself)
{
    const int listener = resolver_listen("127.0.0.7", 0);
    const struct bide_connect_options options = {.local_host = "127.0.0.7",
                                                 .local_port = resolver_port(listener)};
    close(listener);
    CHECK_INT(bide_connect_to("127.0.0.7", options.local_port, &options), -ECONNREFUSED);
    return 0;
}

/* ---- bad input ---- */

static int bad_input(void *arg)
{
    char path[200] = "unix:/tmp/";
    (void)arg;
    CHECK_INT(bide_connect_to("127.0.0.1", 70000, NULL), -EINVAL);
    CHECK(strcmp(bide_error_text(-EINVAL), "70000 is no port: they end at 65535") == 0);
    CHECK_INT(bide_connect_to("127.0.0.1", -1, NULL), -EINVAL);
    CHECK_INT(bide_connect_to(NULL, 80, NULL), -EINVAL);
    CHECK(strstr(bide_error_text(-EINVAL), "no host"));
    CHECK_INT(bide_connect_to("", 80, NULL), -ENOENT);
    CHECK_INT(bide_connect_to("unix:", 0, NULL), -EINVAL);
    CHECK_INT(bide_connect_to("unix:@", 0, NULL), -EINVAL);
    CHECK_INT(bide_connect_to("unix:/no such/socket", 0, NULL), -ENOENT);
    CHECK(strstr(bide_error_text(-ENOENT), "unix:/no such/socket"));
    memset(path + 10, 'p', 189);
    CHECK_INT(bide_connect_to(path, 0, NULL), -ENAMETOOLONG);
    CHECK(strstr(bide_error_text(-ENAMETOOLONG), "unix:/tmp/ppp"));
    path[5 + sizeof((struct sockaddr_un *)0)->sun_path] = '\0'; /* one too many: the zero has no room */
    CHECK_INT(bide_connect_to(path, 0, NULL), -ENAMETOOLONG);
    path[5 + sizeof((struct sockaddr_un *)0)->sun_path - 1] = '\0';
    CHECK_INT(bide_connect_to(path, 0, NULL), -ENOENT);
    CHECK_INT(bide_connect_to("127.0.0.1", 80, &(struct bide_connect_options){.reserved = {1}}), -EINVAL);
    CHECK_INT(bide_connect_to("127.0.0.1", 80, &(struct bide_connect_options){.delay = NAN}), -EINVAL);
    CHECK(strstr(bide_error_text(-EINVAL), "127.0.0.1"));
    CHECK_INT(bide_connect_to("127.0.0.1", 80, &(struct bide_connect_options){.family = AF_UNIX}), -EINVAL);
    return 0;
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    assert_int_equal(bide_connect_to("127.0.0.1", 80, NULL), -EPERM);
    assert_int_equal(check_run(bad_input, NULL), 0);
}

static int no_address(const char *host, const char *service, const struct addrinfo *hints,
                      struct addrinfo **list)
{
    (void)host;
    (void)service;
    (void)hints;
    (void)list;
    return EAI_NONAME;
}

static int ask_for_unknown(void *arg)
{
    (void)arg;
    CHECK_INT(bide_connect_to("nowhere.example", 80, NULL), -ENOENT);
    CHECK(strstr(bide_error_text(-ENOENT), "nowhere.example"));
    CHECK_INT(bide_connect_to("127.0.0.1", 80, &(struct bide_connect_options){.local_host = "nowhere"}),
              -ENOENT);
    return 0;
}

static void an_unknown_host_is_named(void **state)
{
    (void)state;
    sys_addresses_of = no_address;
    assert_int_equal(check_run(ask_for_unknown, NULL), 0);
    resolver_clear();
}

/* ---- Unix sockets ---- */

static int accept_later(void *arg)
{
    const int *listener = arg;
    int code = bide_sleep(0.1);
    for (int i = 0; code >= 0 && i < 2; i++) {
        code = bide_accept(*listener, NULL, NULL);
        if (code >= 0) code = bide_close(code);
    }
    return code;
}

static int connect_to_full(void *arg)
{
    (void)arg;
    char text[BIDE_ADDRESS_TEXT];
    char name[64];
    snprintf(name, sizeof name, "unix:@bide connect_test %d", (int)getpid());
    CHECK_INT(bide_connect_to(name, 0, NULL), -ECONNREFUSED);
    CHECK(strstr(bide_error_text(-ECONNREFUSED), name));
    int listener = bide_listen(name, 0, 1);
    CHECK(listener >= 0);
    const int first = bide_connect_to(name, 0, NULL), second = bide_connect_to(name, 0, NULL);
    CHECK(first >= 0 && second >= 0);
    CHECK_INT(holes_peer(first, text), 0);
    CHECK(strcmp(text, name) == 0);
    int code = 0;
    BIDE_TIMEOUT(0.055) code = bide_connect_to(name, 0, NULL); /* the queue is full */
    CHECK_INT(code, -ETIMEDOUT);
    struct bide_task *server = bide_create_task(accept_later, &listener);
    const int third = bide_connect_to(name, 0, NULL);
    CHECK(third >= 0);
    CHECK_INT(bide_await(server, NULL), 0);
    CHECK_INT(bide_close(first), 0);
    CHECK_INT(bide_close(second), 0);
    CHECK_INT(bide_close(third), 0);
    CHECK_INT(bide_close(listener), 0);
    return 0;
}

static void a_full_unix_socket_is_waited_for(void **state)
{
    (void)state;
    assert_int_equal(check_run(connect_to_full, NULL), 0);
}

/* ---- in words ---- */

static void addresses_in_words(void **state)
{
    (void)state;
    char text[BIDE_ADDRESS_TEXT];
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    const struct sockaddr *any = (const struct sockaddr *)&local;
    assert_int_equal(bide_address_text(any, sizeof local.sun_family, text, sizeof text), 0);
    assert_string_equal(text, "unix:");
    memset(local.sun_path, 'x', sizeof local.sun_path); /* Linux needs no zero at its end */
    assert_int_equal(bide_address_text(any, sizeof local, text, sizeof text), 0);
    assert_int_equal(strlen(text), 5 + sizeof local.sun_path);
    assert_int_equal(bide_address_text(any, sizeof local, text, 5 + sizeof local.sun_path), -ENOSPC);
    assert_int_equal(bide_address_text(any, sizeof local, text, 0), -ENOSPC);
    local.sun_path[0] = '\0';
    assert_int_equal(bide_address_text(any, sizeof local.sun_family + 4, text, sizeof text), 0);
    assert_string_equal(text, "unix:@xxx");
    any = (const struct sockaddr *)&v6;
    assert_int_equal(bide_address_text(any, sizeof v6, text, sizeof text), 0);
    assert_string_equal(text, "[::]:80");
    v6.sin6_scope_id = 2;
    assert_int_equal(bide_address_text(any, sizeof v6, text, sizeof text), 0);
    assert_string_equal(text, "[::%2]:80");
    assert_int_equal(bide_address_text(any, 8, text, sizeof text), -EINVAL);
    assert_int_equal(bide_address_text(NULL, 8, text, sizeof text), -EINVAL);
    v6.sin6_family = AF_PACKET;
    assert_int_equal(bide_address_text(any, sizeof v6, text, sizeof text), -EAFNOSUPPORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_connected_at_once),
        cmocka_unit_test(an_ipv6_number_is_connected),
        cmocka_unit_test(who_refuses_is_named),
        cmocka_unit_test(the_local_address_is_chosen),
        cmocka_unit_test(nobody_is_connected_to_himself),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(an_unknown_host_is_named),
        cmocka_unit_test(a_full_unix_socket_is_waited_for),
        cmocka_unit_test(addresses_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
