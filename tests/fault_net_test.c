/* SPDX-License-Identifier: MIT */
/* Names, connections and datagrams, with every one of their calls to the system failing. */
#include "resolver.h"
#include "sweep.h"

#include <bide/net.h>
#include <netinet/in.h>
#include <stdio.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

/* Ends what it began, also where closing fails: the descriptor is gone all the same. */
static int closing(int fd, int code)
{
    const int closed = bide_close(fd);
    return code < 0 ? code : closed;
}

/* ---- names ---- */

TASK(ask_for_host)
{
    struct addrinfo *list;
    sweep_begin(arg);
    const int code = bide_getaddrinfo("host", "80", &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &list);
    if (code == 0) freeaddrinfo(list);
    return sweep_end(arg, code);
}

TASK(names)
{
    struct bide_group group;
    char name[NI_MAXHOST];
    const struct sockaddr_in address = {.sin_family = AF_INET};
    BIDE_GROUP(group) {
        for (int i = 0; i < 3; i++) (void)sweep_start(&group, ask_for_host);
    }
    const int code = bide_group_result(&group);
    const int named = bide_getnameinfo((const struct sockaddr *)(const void *)&address, sizeof address, name,
                                       sizeof name, NULL, 0, NI_NUMERICHOST | NI_NUMERICSERV);
    return code < 0 ? code : named;
}

/* ---- connections ---- */

/* The first address refuses, the second one listens. */
static const char *const two[] = {"127.0.0.5", "127.0.0.2", NULL};
static int listener;

TASK(accept_one)
{
    sweep_begin(arg);
    const int fd = bide_accept(listener, NULL, NULL);
    return sweep_end(arg, fd < 0 ? fd : closing(fd, 0));
}

TASK(connect_one)
{
    sweep_begin(arg);
    const int fd = bide_connect_to("host", resolver_port(listener), NULL);
    return sweep_end(arg, fd < 0 ? fd : closing(fd, 0));
}

static int talk(void)
{
    struct bide_group group;
    BIDE_TIMEOUT(sweep_patience()) {
        BIDE_GROUP(group) {
            if (sweep_start(&group, accept_one)) (void)sweep_start(&group, connect_one);
        }
    }
    return closing(listener, bide_group_result(&group));
}

TASK(connect_to_host)
{
    listener = bide_listen("127.0.0.2", 0, 0);
    return listener < 0 ? listener : talk();
}

TASK(listen_to_host)
{
    int fds[4];
    const int n = bide_listen_with("host", 0, NULL, fds, 4);
    int code = n < 0 ? n : 0;
    for (int i = 0; i < n; i++) code = closing(fds[i], code);
    return code;
}

/* The file of a server that is gone is replaced. */
TASK(listen_to_path)
{
    char host[64];
    snprintf(host, sizeof host, "unix:/tmp/bide-fault-net-%d", (int)getpid());
    (void)unlink(host + 5);
    int fd = bide_listen(host, 0, 0);
    int code = fd < 0 ? fd : closing(fd, 0);
    if (code == 0) {
        fd = bide_listen(host, 0, 0);
        code = fd < 0 ? fd : closing(fd, 0);
    }
    (void)unlink(host + 5);
    return code;
}

/* ---- datagrams and descriptors ---- */

static int exchange(int server, int client)
{
    char buf[8] = "";
    struct iovec iov = {buf, sizeof buf};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
    ssize_t n = bide_sendmmsg(client, &message, 1, 0);
    if (n > 0) n = bide_recvmmsg(server, &message, 1, 0);
    if (n > 0) n = bide_sendto(client, buf, sizeof buf, 0, NULL, 0);
    if (n > 0) n = bide_recvfrom(server, buf, sizeof buf, 0, NULL, NULL);
    return n < 0 ? (int)n : 0;
}

TASK(datagrams)
{
    const int server = bide_datagram_bind("127.0.0.1", 0);
    if (server < 0) return server;
    const int client = bide_datagram_connect("127.0.0.1", resolver_port(server));
    int code = client;
    if (client >= 0) {
        BIDE_TIMEOUT(sweep_patience()) code = exchange(server, client);
        code = closing(client, code);
    }
    return closing(server, code);
}

TASK(pass_and_send)
{
    int ends[2], fd = 0;
    char buf[64];
    size_t done = 0;
    int code = bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    if (code < 0) return code;
    const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    BIDE_TIMEOUT(sweep_patience()) {
        code = bide_send_fd(ends[1], file);
        if (code == 0) code = fd = bide_recv_fd(ends[0]);
        if (code >= 0) code = bide_sendfile_all(ends[1], fd, 0, sizeof buf, &done);
        if (code == 0 && done != sizeof buf) code = -EPROTO;
    }
    if (fd > 0) code = closing(fd, code > 0 ? 0 : code);
    close(file);
    return closing(ends[0], closing(ends[1], code));
}

SWEEP(names, .threads = 2, .uses_threads = true)
SWEEP(connect_to_host, .threads = 1, .uses_threads = true, .codes = {-ECONNREFUSED})
SWEEP(listen_to_host, .threads = 1, .uses_threads = true)
SWEEP(listen_to_path, .codes = {-EADDRINUSE})
SWEEP(datagrams, .threads = 0)
SWEEP(pass_and_send, .threads = 0)

static int setup(void **state)
{
    (void)state;
    resolver_set(two);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    resolver_clear();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SWEEP_TEST(every_fault_of_names),          SWEEP_TEST(every_fault_of_connect_to_host),
        SWEEP_TEST(every_fault_of_listen_to_host), SWEEP_TEST(every_fault_of_listen_to_path),
        SWEEP_TEST(every_fault_of_datagrams),      SWEEP_TEST(every_fault_of_pass_and_send),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
