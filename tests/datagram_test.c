/* SPDX-License-Identifier: MIT */
/* Datagrams over UDP and Unix sockets, one at a time and several at once. */
#include "check.h"
#include "faults.h"
#include "resolver.h"

#include <bide/datagram.h>
#include <bide/net.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 8, SIZE = 16 };

#define RUN(name)                                                                                            \
    static int run_##name(void *arg);                                                                        \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        assert_int_equal(check_run(run_##name, NULL), 0);                                                    \
    }                                                                                                        \
    static int run_##name(void *arg __attribute__((unused)))

static struct sockaddr_in address_of(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t len = sizeof address;
    (void)getsockname(fd, (struct sockaddr *)&address, &len); /* a wrong one is not reached */
    return address;
}

/* ---- one at a time ---- */

/* Sends each datagram back to whom it came from, until an empty one comes. */
static int echo(void *arg)
{
    const int fd = *(int *)arg;
    char buf[SIZE];
    for (;;) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        ssize_t n = bide_recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&peer, &len);
        if (n > 0) n = bide_sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&peer, len);
        if (n <= 0) return (int)n;
    }
}

static int ask(int fd, const char *text, const struct sockaddr_in *to)
{
    char buf[SIZE] = "";
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    CHECK_INT(bide_sendto(fd, text, strlen(text), 0, (const struct sockaddr *)to, sizeof *to), strlen(text));
    CHECK_INT(bide_recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&from, &len), strlen(text));
    CHECK(strcmp(buf, text) == 0);
    CHECK_INT(len, sizeof from);
    CHECK_INT(from.sin_port, to->sin_port);
    return 0;
}

static int echo_over(int server, int client)
{
    const struct sockaddr_in to = address_of(server);
    struct bide_task *task = bide_create_task(echo, &server);
    CHECK_INT(ask(client, "one", &to), 0);
    CHECK_INT(ask(client, "two", &to), 0);
    CHECK_INT(bide_sendto(client, NULL, 0, 0, (const struct sockaddr *)&to, sizeof to), 0);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(bide_close(server), 0);
    return bide_close(client);
}

RUN(an_echo)
{
    return echo_over(bide_datagram_bind("127.0.0.1", 0), bide_datagram_bind("127.0.0.1", 0));
}

static int foreign(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

RUN(an_echo_of_foreign_sockets)
{
    return echo_over(foreign(), foreign());
}

RUN(connected)
{
    char buf[SIZE];
    int server = bide_datagram_bind("127.0.0.1", 0);
    const int port = resolver_port(server);
    const int client = bide_datagram_connect("127.0.0.1", port);
    CHECK(server >= 0 && client >= 0);
    CHECK_INT(bide_send(client, "x", 1, 0), 1);
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    CHECK_INT(bide_recvfrom(server, buf, sizeof buf, 0, (struct sockaddr *)&from, &len), 1);
    CHECK_INT(bide_close(server), 0);
    CHECK_INT(bide_send(client, "x", 1, 0), 1);
    CHECK_INT(bide_recv(client, buf, sizeof buf, 0), -ECONNREFUSED); /* nobody is there any more */
    return bide_close(client);
}

RUN(all_addresses)
{
    char buf[SIZE];
    const int server = bide_datagram_bind(NULL, 0), port = resolver_port(server);
    CHECK(server >= 0);
    const char *const hosts[] = {"127.0.0.1", "::1"};
    for (int i = 0; i < (resolver_has_v6() ? 2 : 1); i++) {
        const int client = bide_datagram_connect(hosts[i], port);
        CHECK(client >= 0);
        CHECK_INT(bide_send(client, "xyz", 3, 0), 3);
        CHECK_INT(bide_recvfrom(server, buf, sizeof buf, 0, NULL, NULL), 3);
        CHECK_INT(bide_close(client), 0);
    }
    return bide_close(server);
}

/* Datagrams are never joined; what does not fit is lost, and MSG_TRUNC tells. */
RUN(bounds_are_kept)
{
    char buf[4];
    const int server = bide_datagram_bind("127.0.0.1", 0);
    const int client = bide_datagram_connect("127.0.0.1", resolver_port(server));
    CHECK_INT(bide_send(client, "", 0, 0), 0);
    CHECK_INT(bide_send(client, "abcdefgh", 8, 0), 8);
    CHECK_INT(bide_send(client, "ijklmnop", 8, 0), 8);
    CHECK_INT(bide_send(client, "q", 1, 0), 1);
    CHECK_INT(bide_recvfrom(server, buf, sizeof buf, 0, NULL, NULL), 0);
    CHECK_INT(bide_recvfrom(server, buf, sizeof buf, 0, NULL, NULL), 4);
    CHECK_INT(bide_recvfrom(server, buf, sizeof buf, MSG_TRUNC, NULL, NULL), 8);
    CHECK_INT(bide_recvfrom(server, buf, sizeof buf, 0, NULL, NULL), 1);
    CHECK(buf[0] == 'q');
    CHECK_INT(bide_close(client), 0);
    return bide_close(server);
}

/* ---- several at once ---- */

struct batch {
    struct mmsghdr messages[BATCH];
    struct iovec iov[BATCH];
    char text[BATCH][SIZE];
};

static void batch_init(struct batch *batch, const char *prefix)
{
    memset(batch, 0, sizeof *batch);
    for (int i = 0; i < BATCH; i++) {
        const int n = snprintf(batch->text[i], SIZE, "%s%d", prefix, i);
        batch->iov[i] = (struct iovec){batch->text[i], *prefix ? (size_t)n : SIZE};
        batch->messages[i].msg_hdr = (struct msghdr){.msg_iov = &batch->iov[i], .msg_iovlen = 1};
    }
}

static int receive_batch(void *arg)
{
    static struct batch batch;
    int total = 0;
    while (total < BATCH + 1) {
        batch_init(&batch, "");
        const int n = bide_recvmmsg(*(int *)arg, batch.messages, BATCH, 0);
        if (n <= 0) return n < 0 ? n : -EPROTO;
        for (int i = 0; i < n; i++) log_event("%.*s", (int)batch.messages[i].msg_len, batch.text[i]);
        total += n;
    }
    return total;
}

RUN(many_in_one_call)
{
    static struct batch batch;
    int code = 0;
    int server = bide_datagram_bind("127.0.0.1", 0);
    const int client = bide_datagram_connect("127.0.0.1", resolver_port(server));
    log_clear();
    struct bide_task *task = bide_create_task(receive_batch, &server);
    CHECK_INT(bide_sleep(1), 0); /* it waits by now */
    batch_init(&batch, "m");
    faults_set(SYS_WRITE, EIO, 0, 0);
    CHECK_INT(bide_sendmmsg(client, batch.messages, BATCH, 0), BATCH);
    CHECK_INT(faults_asked(), 1);
    faults_clear();
    CHECK_INT(bide_send(client, "end", 3, 0), 3);
    CHECK_INT(bide_await(task, &code), 0);
    CHECK_INT(code, BATCH + 1);
    CHECK_LOG("m0 m1 m2 m3 m4 m5 m6 m7 end");
    CHECK_INT(bide_close(client), 0);
    return bide_close(server);
}

/* ---- Unix datagrams: who sends waits for room ---- */

static int receive_later(void *arg)
{
    char buf[SIZE];
    CHECK_INT(bide_sleep(1), 0);
    for (int i = 0; i < 100 * BATCH; i++) {
        const ssize_t n = bide_recv(*(int *)arg, buf, sizeof buf, 0);
        if (n != 2 || buf[1] != (char)('0' + i % BATCH)) return -EPROTO;
    }
    return 0;
}

RUN(who_sends_waits_for_room)
{
    static struct batch batch;
    char host[64];
    snprintf(host, sizeof host, "unix:@bide datagram_test %d", (int)getpid());
    CHECK_INT(bide_datagram_connect(host, 0), -ECONNREFUSED);
    CHECK(strstr(bide_error_text(-ECONNREFUSED), host));
    int server = bide_datagram_bind(host, 0);
    const int client = bide_datagram_connect(host, 0);
    CHECK(server >= 0 && client >= 0);
    CHECK_INT(bide_datagram_bind(host, 0), -EADDRINUSE);
    struct bide_task *task = bide_create_task(receive_later, &server);
    for (int sent = 0; sent < 100 * BATCH;) {
        batch_init(&batch, "u");
        const int n =
            bide_sendmmsg(client, &batch.messages[sent % BATCH], (unsigned)(BATCH - sent % BATCH), 0);
        CHECK(n > 0);
        sent += n;
    }
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(bide_close(client), 0);
    return bide_close(server);
}

/* ---- cut short, and wrong ---- */

RUN(cut_short)
{
    static struct batch batch;
    char buf[SIZE];
    int server = bide_datagram_bind("127.0.0.1", 0), code = 0;
    const int client = bide_datagram_connect("127.0.0.1", resolver_port(server));
    batch_init(&batch, "");
    BIDE_TIMEOUT(1) code = (int)bide_recvfrom(server, buf, sizeof buf, 0, NULL, NULL);
    CHECK_INT(code, -ETIMEDOUT);
    BIDE_TIMEOUT(1) code = bide_recvmmsg(server, batch.messages, BATCH, 0);
    CHECK_INT(code, -ETIMEDOUT);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_send(client, "x", 1, 0), -ECANCELED);
    CHECK_INT(bide_sendto(client, "x", 1, 0, NULL, 0), -ECANCELED);
    CHECK_INT(bide_sendmmsg(client, batch.messages, 1, 0), -ECANCELED);
    CHECK_INT(bide_recvmmsg(server, batch.messages, 1, 0), -ECANCELED);
    CHECK_INT(bide_recvfrom(server, buf, 1, 0, NULL, NULL), -ECANCELED);
    CHECK_INT(bide_datagram_bind("127.0.0.1", 0), -ECANCELED);
    CHECK_INT(bide_datagram_connect("127.0.0.1", 80), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_send(client, "x", 1, 0), 1);
    CHECK_INT(bide_recvmmsg(server, batch.messages, BATCH, 0), 1); /* nothing was sent before */
    CHECK_INT(bide_close(client), 0);
    return bide_close(server);
}

RUN(bad_input)
{
    struct mmsghdr message = {0};
    struct sockaddr_in address;
    const int fd = bide_datagram_bind("127.0.0.1", 0);
    char byte = 0;
    CHECK_INT(bide_datagram_bind("127.0.0.1", 70000), -EINVAL);
    CHECK_INT(bide_datagram_bind("203.0.113.1", 0), -EADDRNOTAVAIL);
    CHECK(strstr(bide_error_text(-EADDRNOTAVAIL), "203.0.113.1"));
    CHECK_INT(bide_datagram_connect(NULL, 80), -EINVAL);
    CHECK_INT(bide_datagram_connect("127.0.0.1", -1), -EINVAL);
    CHECK_INT(bide_recvmmsg(fd, NULL, 1, 0), -EINVAL);
    CHECK_INT(bide_recvmmsg(fd, &message, 0, 0), -EINVAL);
    CHECK_INT(bide_sendmmsg(fd, &message, 0, 0), -EINVAL);
    CHECK_INT(bide_sendmmsg(-1, &message, 1, 0), -EBADF);
    BIDE_TIMEOUT(0) CHECK_INT(bide_recvmmsg(fd, &message, UINT_MAX, 0), -ETIMEDOUT); /* as the kernel */
    CHECK_INT(bide_recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&address, NULL), -EFAULT);
    CHECK_INT(bide_sendto(fd, &byte, 1, 0, NULL, 0), -EDESTADDRREQ);
    CHECK_INT(bide_recvfrom(-1, &byte, 1, 0, NULL, NULL), -EBADF);
    return bide_close(fd);
}

static void outside_of_tasks(void **state)
{
    struct mmsghdr message = {0};
    char byte = 0;
    (void)state;
    assert_int_equal(bide_datagram_bind("127.0.0.1", 0), -EPERM);
    assert_int_equal(bide_datagram_connect("127.0.0.1", 80), -EPERM);
    assert_int_equal(bide_recvfrom(0, &byte, 1, 0, NULL, NULL), -EPERM);
    assert_int_equal(bide_sendto(0, &byte, 1, 0, NULL, 0), -EPERM);
    assert_int_equal(bide_recvmmsg(0, &message, 1, 0), -EPERM);
    assert_int_equal(bide_sendmmsg(0, &message, 1, 0), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_echo),
        cmocka_unit_test(an_echo_of_foreign_sockets),
        cmocka_unit_test(connected),
        cmocka_unit_test(all_addresses),
        cmocka_unit_test(bounds_are_kept),
        cmocka_unit_test(many_in_one_call),
        cmocka_unit_test(who_sends_waits_for_room),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(bad_input),
        cmocka_unit_test(outside_of_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
