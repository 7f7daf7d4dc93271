/* SPDX-License-Identifier: MIT */
/*
 * Connecting to hosts. A listener whose queue is full lets a connection hang, for as long as virtual
 * time wants it to; other addresses of 127.0.0.0/8 refuse.
 */
#include "check.h"
#include "faults.h"
#include "resolver.h"

#include <bide/net.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { HOLES = 3 };

/* 127.0.0.1 to 127.0.0.3 hang, 127.0.0.4 answers, 127.0.0.5 and others refuse; all at one port. */
static int holes[HOLES], fillers[HOLES], answerer, port;

static void world_down(void)
{
    for (int i = 0; i < HOLES; i++) {
        if (holes[i] >= 0) close(holes[i]);
        if (fillers[i] >= 0) close(fillers[i]);
        holes[i] = fillers[i] = -1;
    }
    if (answerer >= 0) close(answerer);
    answerer = -1;
    port = 0;
    resolver_clear();
}

static bool world_is_up(void)
{
    static const char *const names[HOLES] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    for (int i = 0; i < HOLES; i++) {
        holes[i] = resolver_listen(names[i], port);
        if (holes[i] < 0) return false;
        port = resolver_port(holes[i]);
        fillers[i] = resolver_fill(holes[i]);
        if (fillers[i] < 0) return false;
    }
    answerer = resolver_listen("127.0.0.4", port);
    return answerer >= 0;
}

/* Another program may have the port at one of these addresses: then with another one. */
static int world_up(void)
{
    for (int i = 0; i < HOLES; i++) holes[i] = fillers[i] = -1;
    for (int tries = 0; tries < 50; tries++) {
        if (world_is_up()) return 0;
        world_down();
    }
    check_failed(__FILE__, __LINE__, "no port is free at four addresses");
    return -EPROTO;
}

static int peer_text(int fd, char *text)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    CHECK_INT(getpeername(fd, (struct sockaddr *)&address, &len), 0);
    return bide_address_text((struct sockaddr *)&address, len, text, BIDE_ADDRESS_TEXT);
}

#define IN_WORLD(name)                                                                                       \
    static int in_world_##name(void);                                                                        \
    static int run_##name(void *arg)                                                                         \
    {                                                                                                        \
        (void)arg;                                                                                           \
        int code = world_up();                                                                               \
        if (code == 0) code = in_world_##name();                                                             \
        world_down();                                                                                        \
        return code;                                                                                         \
    }                                                                                                        \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        assert_int_equal(check_run(run_##name, NULL), 0);                                                    \
    }                                                                                                        \
    static int in_world_##name(void)

/* ---- one address ---- */

IN_WORLD(a_number_is_connected_at_once)
{
    char text[BIDE_ADDRESS_TEXT], expected[BIDE_ADDRESS_TEXT];
    const int fd = bide_connect_to("127.0.0.4", port, NULL);
    CHECK(fd >= 0);
    CHECK_INT(peer_text(fd, text), 0);
    snprintf(expected, sizeof expected, "127.0.0.4:%d", port);
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
    CHECK_INT(bide_connect_to("127.0.0.5", port, NULL), -ECONNREFUSED);
    snprintf(text, sizeof text, "cannot connect to 127.0.0.5:%d: %s", port, strerror(ECONNREFUSED));
    CHECK(strcmp(bide_error_text(-ECONNREFUSED), text) == 0);
    return 0;
}

IN_WORLD(the_local_address_is_chosen)
{
    char text[BIDE_ADDRESS_TEXT] = "";
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    struct bide_connect_options options = {.local_host = "127.0.0.9"};
    const int fd = bide_connect_to("127.0.0.4", port, &options);
    CHECK(fd >= 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    CHECK_INT(bide_address_text((struct sockaddr *)&address, len, text, sizeof text), 0);
    CHECK(strncmp(text, "127.0.0.9:", 10) == 0);
    CHECK_INT(bide_close(fd), 0);
    options.local_host = "::1"; /* of another family */
    CHECK_INT(bide_connect_to("127.0.0.4", port, &options), -EADDRNOTAVAIL);
    options.local_host = "203.0.113.1"; /* another machine's */
    CHECK_INT(bide_connect_to("127.0.0.4", port, &options), -EADDRNOTAVAIL);
    options.family = AF_INET6;
    CHECK_INT(bide_connect_to("127.0.0.4", port, &options), -EAFNOSUPPORT);
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

/* ---- several addresses ---- */

/* When each connect was begun, in hundredths of a second; the address it chose at last, and when. */
static int noted(enum sys_call call)
{
    if (call == SYS_CONNECT) log_event("%.0f", bide_time() * 100);
    return 0;
}

static int race(const char *const *addresses, double delay)
{
    char text[BIDE_ADDRESS_TEXT];
    const struct bide_connect_options options = {.delay = delay};
    const int before = check_open_fds();
    resolver_set(addresses);
    log_clear();
    sys_fault = noted;
    const int fd = bide_connect_to("host", port, &options);
    sys_fault = NULL;
    if (fd < 0) {
        CHECK_INT(check_open_fds(), before);
        log_event("failed %.0f", bide_time() * 100);
        return fd;
    }
    CHECK_INT(check_open_fds(), before + 1); /* the losers are closed */
    const int code = peer_text(fd, text);
    CHECK_INT(bide_close(fd), 0);
    CHECK_INT(code, 0);
    *strrchr(text, ':') = '\0';
    log_event("%s %.0f", text, bide_time() * 100);
    return 0;
}

IN_WORLD(the_next_address_is_tried_beside_a_slow_one)
{
    CHECK_INT(race((const char *const[]){"127.0.0.1", "127.0.0.4", NULL}, 0), 0);
    CHECK_LOG("0 25 127.0.0.4 25");
    return 0;
}

IN_WORLD(each_address_has_a_head_start)
{
    CHECK_INT(race((const char *const[]){"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", NULL}, 0.1), 0);
    CHECK_LOG("0 10 20 30 127.0.0.4 30");
    return 0;
}

IN_WORLD(all_at_once)
{
    CHECK_INT(race((const char *const[]){"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", NULL}, -1), 0);
    CHECK_LOG("0 0 0 0 127.0.0.4 0");
    return 0;
}

IN_WORLD(after_a_failure_the_next_one_need_not_wait)
{
    CHECK_INT(race((const char *const[]){"127.0.0.5", "127.0.0.6", "127.0.0.4", NULL}, 0), 0);
    CHECK_LOG("0 0 0 127.0.0.4 0");
    return 0;
}

/* The second one fails at 0.25: the third begins then, not at 0.5. */
IN_WORLD(a_failure_beside_a_slow_one)
{
    CHECK_INT(race((const char *const[]){"127.0.0.1", "127.0.0.5", "127.0.0.4", NULL}, 0), 0);
    CHECK_LOG("0 25 25 127.0.0.4 25");
    return 0;
}

IN_WORLD(the_first_failure_is_told)
{
    char text[200];
    CHECK_INT(race((const char *const[]){"127.0.0.6", "127.0.0.5", NULL}, 0), -ECONNREFUSED);
    CHECK_LOG("0 0 failed 0");
    snprintf(text, sizeof text, "cannot connect to 127.0.0.6:%d: %s", port, strerror(ECONNREFUSED));
    CHECK(strcmp(bide_error_text(-ECONNREFUSED), text) == 0);
    return 0;
}

IN_WORLD(an_address_that_stands_there_twice_is_tried_once)
{
    CHECK_INT(race((const char *const[]){"127.0.0.5", "127.0.0.5", "127.0.0.5", NULL}, 0), -ECONNREFUSED);
    CHECK_LOG("0 failed 0");
    return 0;
}

static int families_noted(enum sys_call call)
{
    if (call == SYS_CONNECT) log_event("c");
    return call == SYS_CONNECT ? ENETUNREACH : 0;
}

IN_WORLD(families_take_turns)
{
    const char *const order[] = {"::1", "2001:db8::1", "2001:db8::2", "127.0.0.5", "127.0.0.6", NULL};
    resolver_set(order);
    log_clear();
    sys_fault = families_noted;
    CHECK_INT(bide_connect_to("host", port, NULL), -ENETUNREACH);
    sys_fault = NULL;
    CHECK_LOG("c c c c c");
    CHECK(strstr(bide_error_text(-ENETUNREACH), "[::1]"));
    faults_set(SYS_CONNECT, ENETUNREACH, 0, 1);
    resolver_set((const char *const[]){"2001:db8::1", "2001:db8::2", "127.0.0.4", NULL});
    const int fd = bide_connect_to("host", port, NULL);
    CHECK_INT(faults_asked(), 2); /* the second one was IPv4's */
    faults_clear();
    CHECK(fd >= 0);
    CHECK_INT(bide_close(fd), 0);
    return 0;
}

IN_WORLD(only_one_family)
{
    const struct bide_connect_options options = {.family = AF_INET};
    resolver_set((const char *const[]){"::1", "127.0.0.4", NULL});
    faults_set(SYS_CONNECT, ENETUNREACH, 1, 1);
    const int fd = bide_connect_to("host", port, &options);
    faults_clear();
    CHECK(fd >= 0);
    CHECK_INT(bide_close(fd), 0);
    return 0;
}

/* ---- cut short ---- */

static int connect_somewhere(void *arg)
{
    const struct bide_connect_options *options = arg;
    const int fd = bide_connect_to("host", port, options);
    if (fd < 0) return fd;
    (void)bide_close(fd);
    return 0;
}

IN_WORLD(a_deadline_closes_all)
{
    const int before = check_open_fds();
    int code = 0;
    resolver_set((const char *const[]){"127.0.0.1", "127.0.0.2", "127.0.0.3", NULL});
    BIDE_TIMEOUT(0.6) code = bide_connect_to("host", port, NULL);
    CHECK_INT(code, -ETIMEDOUT);
    CHECK(bide_expired());
    CHECK_INT(bide_time() * 100, 60);
    CHECK_INT(check_open_fds(), before);
    return 0;
}

/* Before each turn that it takes, and a bit later each time. */
IN_WORLD(cancel_at_every_step)
{
    const int before = check_open_fds();
    resolver_set((const char *const[]){"127.0.0.1", "127.0.0.5", "127.0.0.2", "127.0.0.4", NULL});
    int ended = 0;
    CHECK_INT(fcntl(answerer, F_SETFL, O_NONBLOCK), 0);
    for (int step = 0; step < 60 && ended < 3; step++) {
        struct bide_task *task = bide_create_task(connect_somewhere, NULL);
        for (int i = 0; i < step && i < 10; i++) CHECK_INT(bide_yield(), 0);
        CHECK_INT(bide_sleep(step * 0.02), 0);
        const int cancelled = bide_cancel(task);
        const int code = bide_await(task, NULL);
        if (code == 0) ended++;
        CHECK(code == 0 || (cancelled && code == -ECANCELED));
        CHECK_INT(check_open_fds(), before);
        int peer;
        while ((peer = accept4(answerer, NULL, NULL, SOCK_NONBLOCK)) >= 0) close(peer);
    }
    CHECK_INT(ended, 3);
    return 0;
}

IN_WORLD(a_cancelled_task_connects_to_nothing)
{
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    faults_set(SYS_SOCKET, EMFILE, 0, 0);
    CHECK_INT(bide_connect_to("127.0.0.4", port, NULL), -ECANCELED);
    CHECK_INT(faults_asked(), 0);
    faults_clear();
    CHECK_INT(bide_uncancel(), 0);
    return 0;
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
    CHECK_INT(peer_text(first, text), 0);
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
        cmocka_unit_test(the_next_address_is_tried_beside_a_slow_one),
        cmocka_unit_test(each_address_has_a_head_start),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(after_a_failure_the_next_one_need_not_wait),
        cmocka_unit_test(a_failure_beside_a_slow_one),
        cmocka_unit_test(the_first_failure_is_told),
        cmocka_unit_test(an_address_that_stands_there_twice_is_tried_once),
        cmocka_unit_test(families_take_turns),
        cmocka_unit_test(only_one_family),
        cmocka_unit_test(a_deadline_closes_all),
        cmocka_unit_test(cancel_at_every_step),
        cmocka_unit_test(a_cancelled_task_connects_to_nothing),
        cmocka_unit_test(a_full_unix_socket_is_waited_for),
        cmocka_unit_test(addresses_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
