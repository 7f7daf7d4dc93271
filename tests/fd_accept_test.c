/* SPDX-License-Identifier: MIT */
/* Accepting: what the network does to it, and a process that is out of descriptors. */
#include "../src/sanitizer.h"
#include "counts.h"
#include "ends.h"
#include "faults.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 40, ROOM = 8 };

static struct sockaddr_in address;
static int listener;

static int listen_as(enum manner manner)
{
    listener = open_listener(&address, 2 * CLIENTS);
    CHECK(listener >= 0);
    if (manner == OWN) return bide_adopt(listener);
    return manner == NONBLOCKING ? fcntl(listener, F_SETFL, O_NONBLOCK) : 0;
}

static int connect_one(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* ---- failures of connections that nobody has accepted yet ---- */

TASK(bug_28_a_failed_connection_is_passed_over)
{
    static const int errors[] = {ECONNABORTED, EPROTO,       ENETDOWN,    ENOPROTOOPT, EHOSTDOWN,
                                 ENONET,       EHOSTUNREACH, ENETUNREACH, EINTR,       EAGAIN};
    for (size_t i = 0; i < MANNERS * sizeof errors / sizeof *errors; i++) {
        CHECK_INT(listen_as((enum manner)(i % MANNERS)), 0);
        const int client = connect_one();
        faults_set(SYS_ACCEPT, errors[i / MANNERS], 0, errors[i / MANNERS] == EAGAIN ? 1 : 3);
        const int fd = bide_accept(listener, NULL, NULL);
        CHECK(fd >= 0 && faults_asked() >= 2);
        faults_clear();
        CHECK(bide_close(fd) == 0 && close(client) == 0 && bide_close(listener) == 0);
    }
    return 0;
}

TASK(bug_28_other_failures_are_told_and_end_nothing)
{
    static const int errors[] = {EMFILE, ENFILE,     ENOBUFS, ENOMEM,          EPERM,
                                 EINVAL, EOPNOTSUPP, ENOSR,   ESOCKTNOSUPPORT, ETIMEDOUT};
    for (size_t i = 0; i < MANNERS * sizeof errors / sizeof *errors; i++) {
        CHECK_INT(listen_as((enum manner)(i % MANNERS)), 0);
        const int client = connect_one();
        faults_set(SYS_ACCEPT, errors[i / MANNERS], 0, 2);
        CHECK_INT(bide_accept(listener, NULL, NULL), -errors[i / MANNERS]);
        CHECK_INT(bide_accept(listener, NULL, NULL), -errors[i / MANNERS]);
        CHECK_INT(faults_asked(), 2);
        const int fd = bide_accept(listener, NULL, NULL);
        faults_clear();
        CHECK(fd >= 0 && bide_close(fd) == 0 && close(client) == 0 && bide_close(listener) == 0);
    }
    return 0;
}

static int tick(void *arg)
{
    int *ticks = arg;
    while (bide_yield() == 0) ++*ticks;
    return 0;
}

/* A flood of failed connections freezes neither the others nor the deadline. */
TASK(bug_28_failures_without_end_hold_up_nobody)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        int ticks = 0;
        CHECK_INT(listen_as(manner), 0);
        const int client = connect_one();
        struct bide_task *ticker = bide_create_task(tick, &ticks);
        faults_set(SYS_ACCEPT, ECONNABORTED, 0, FOR_EVER);
        BIDE_TIMEOUT(0.01) {
            CHECK_INT(bide_accept(listener, NULL, NULL), -ETIMEDOUT);
        }
        faults_clear();
        CHECK(bide_expired() && ticks > 0);
        CHECK(bide_cancel(ticker) == 1 && bide_await(ticker, NULL) == 0);
        const int fd = bide_accept(listener, NULL, NULL);
        CHECK(fd >= 0 && bide_close(fd) == 0 && close(client) == 0 && bide_close(listener) == 0);
    }
    return 0;
}

/* A client that resets its connection before it is accepted is no failure of the server. */
TASK(bug_28_a_reset_before_the_accept_ends_nothing)
{
    const struct linger reset = {1, 0};
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        char byte;
        CHECK_INT(listen_as(manner), 0);
        const int gone = connect_one(), client = connect_one();
        CHECK_INT(setsockopt(gone, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
        CHECK_INT(close(gone), 0);
        int fd = bide_accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        if (bide_read(fd, &byte, 0) == 0 && send(client, "x", 1, 0) == 1) {
            ssize_t n = bide_read(fd, &byte, 1);
            if (n == -ECONNRESET) { /* it was the one that is gone: the other comes next */
                CHECK_INT(bide_close(fd), 0);
                CHECK((fd = bide_accept(listener, NULL, NULL)) >= 0);
                n = bide_read(fd, &byte, 1);
            }
            CHECK_INT(n, 1);
        }
        CHECK(bide_close(fd) == 0 && close(client) == 0 && bide_close(listener) == 0);
    }
    return 0;
}

/* ---- out of descriptors ---- */

static int held, served, refused; /* connections: open now, done; refused calls */

static int serve(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char byte;
    CHECK_INT(bide_read(fd, &byte, 1), 1);
    CHECK_INT(bide_write(fd, &byte, 1), 1);
    CHECK_INT(bide_sleep(2), 0);
    served++;
    held--;
    return bide_close(fd);
}

/* As a server does: when there is no descriptor left it waits a little. */
static int accept_all(void *arg)
{
    struct bide_group *group = arg;
    for (int accepted = 0; accepted < CLIENTS;) {
        const int fd = bide_accept(listener, NULL, NULL);
        if (fd == -EMFILE) {
            refused++;
            CHECK_INT(bide_sleep(1), 0);
            continue;
        }
        CHECK(fd >= 0);
        CHECK_INT(bide_group_spawn(group, serve, (void *)(intptr_t)fd), 0);
        accepted++;
        held++;
    }
    return 0;
}

/* The limit is so that only a few more can be opened. Returns the old one. */
static struct rlimit limit_descriptors(int more)
{
    struct rlimit old, limit;
    const int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &old);
    limit = (struct rlimit){(rlim_t)(next + more), old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &limit);
    return old;
}

/*
 * valgrind keeps the limit to itself: the kernel accepts beyond it, then valgrind closes what came,
 * and that client waits for ever; a pair it closes, and gives out its numbers. There the seam
 * refuses what the kernel would.
 */
static int refuse_new(enum sys_call call)
{
    return call == SYS_SOCKET || call == SYS_OPEN ? EMFILE : 0;
}

static int (*count_call)(enum sys_call call);

static int count_and_refuse(enum sys_call call)
{
    const int code = count_call(call);
    return call == SYS_ACCEPT && held == ROOM ? EMFILE : code;
}

static void start_counts(void)
{
    counts_start();
    count_call = sys_fault;
    if (sanitizer_valgrind()) sys_fault = count_and_refuse;
}

/* bugs.md row 27: nobody spins while there is no descriptor, and all are served once there is one. */
TASK(bug_27_out_of_descriptors)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        int clients[CLIENTS];
        struct bide_group group;
        char byte;
        held = served = refused = 0;
        CHECK_INT(listen_as(manner), 0);
        for (int i = 0; i < CLIENTS; i++) CHECK((clients[i] = connect_one()) >= 0);
        for (int i = 0; i < CLIENTS; i++) CHECK_INT(send(clients[i], "x", 1, 0), 1);
        const struct rlimit old = limit_descriptors(ROOM);
        start_counts();
        BIDE_GROUP(group) {
            bide_group_start(&group, accept_all, &group);
        }
        const long accepts = counts_of(SYS_ACCEPT), polls = counts_of(SYS_EPOLL_WAIT);
        counts_stop();
        setrlimit(RLIMIT_NOFILE, &old);
        CHECK_INT(bide_group_result(&group), 0);
        CHECK_INT(served, CLIENTS);
        CHECK(refused >= CLIENTS / ROOM - 1 && refused < 2 * CLIENTS);
        CHECK(accepts <= 2 * CLIENTS + refused && polls < 20 * CLIENTS);
        for (int i = 0; i < CLIENTS; i++) CHECK(recv(clients[i], &byte, 1, 0) == 1 && close(clients[i]) == 0);
        CHECK_INT(bide_close(listener), 0);
    }
    return 0;
}

/* Nothing else can be opened either: each call says so, and leaves nothing behind. */
TASK(bug_27_nothing_can_be_opened)
{
    int fds[2] = {-7, -8};
    const struct rlimit old = limit_descriptors(1);
    const int socket_code = bide_socket(AF_INET, SOCK_STREAM, 0);
    if (sanitizer_valgrind()) sys_fault = refuse_new;
    const int none = bide_socket(AF_INET, SOCK_STREAM, 0);
    const int pipe_code = bide_pipe(fds), pair_code = bide_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
    const int open_code = bide_open("/dev/null", O_RDONLY, 0);
    sys_fault = NULL;
    setrlimit(RLIMIT_NOFILE, &old);
    CHECK(socket_code >= 0 && none == -EMFILE && pipe_code == -EMFILE && pair_code == -EMFILE);
    CHECK(open_code == -EMFILE && fds[0] == -7 && fds[1] == -8);
    return bide_close(socket_code);
}

/* ---- addresses ---- */

TASK(the_address_is_the_peers)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        struct sockaddr_in peer, mine;
        socklen_t len = sizeof peer, mine_len = sizeof mine, cut = 2;
        CHECK_INT(listen_as(manner), 0);
        const int client = connect_one(), other = connect_one();
        CHECK_INT(getsockname(client, (struct sockaddr *)&mine, &mine_len), 0);
        int fd = bide_accept(listener, (struct sockaddr *)&peer, &len);
        CHECK(fd >= 0 && len == sizeof peer && memcmp(&peer, &mine, len) == 0);
        CHECK_INT(bide_close(fd), 0);
        fd = bide_accept(listener, (struct sockaddr *)&peer, &cut);
        CHECK(fd >= 0 && cut == sizeof peer && bide_close(fd) == 0);
        CHECK(close(client) == 0 && close(other) == 0 && bide_close(listener) == 0);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_28_a_failed_connection_is_passed_over, virtual),
        RUN(bug_28_other_failures_are_told_and_end_nothing, virtual),
        RUN(bug_28_failures_without_end_hold_up_nobody, real),
        RUN(bug_28_a_reset_before_the_accept_ends_nothing, virtual),
        RUN(bug_27_out_of_descriptors, virtual),
        RUN(bug_27_nothing_can_be_opened, virtual),
        RUN(the_address_is_the_peers, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
