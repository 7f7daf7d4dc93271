/* SPDX-License-Identifier: MIT */
/* Servers in need: more clients than allowed, no descriptors, no memory, accepting that fails, cancels at random. */
#include "../src/sanitizer.h"
#include "counts.h"
#include "dial.h"
#include "faults.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MANY = 40 };

static struct bide_server *server; /* of the test that runs */
static int now, peak, served;

static int start_with(bide_serve_fn handler, size_t max_connections)
{
    const struct bide_server_options options = {.max_connections = max_connections};
    now = peak = served = 0;
    server = bide_start_server("127.0.0.1", 0, handler, NULL, &options);
    CHECK(server);
    return 0;
}

/* Echoes one byte, and stays for two seconds. */
static int serve_for_a_while(struct bide_stream *client, void *arg)
{
    char byte;
    (void)arg;
    if (++now > peak) peak = now;
    ssize_t n = bide_stream_read(client, &byte, 1);
    if (n > 0) n = bide_sleep(2);
    if (n == 0) n = bide_stream_write(client, &byte, 1);
    if (n > 0) served++;
    now--;
    return n < 0 ? (int)n : 0;
}

/* Connects without waiting: the kernel does it for a socket that listens. */
static int connect_many(int *fds, int n)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    CHECK_INT(getsockname(bide_server_fd(server, 0), (struct sockaddr *)&address, &length), 0);
    for (int i = 0; i < n; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(fds[i] >= 0 && connect(fds[i], (struct sockaddr *)&address, length) == 0);
        CHECK_INT(send(fds[i], "x", 1, 0), 1);
    }
    return 0;
}

/* Each has its answer. */
static int collect(const int *fds, int n)
{
    for (int i = 0; i < n; i++) {
        char byte = 0;
        CHECK_INT(bide_read(fds[i], &byte, 1), 1);
        CHECK_INT(byte, 'x');
        CHECK_INT(bide_close(fds[i]), 0);
    }
    return 0;
}

TASK(no_more_at_a_time_than_allowed)
{
    int fds[7];
    CHECK_INT(start_with(serve_for_a_while, 3), 0);
    CHECK_INT(connect_many(fds, 7), 0);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_server_connections(server), 3);
    CHECK_INT(collect(fds, 7), 0);
    CHECK(peak == 3 && served == 7);
    return bide_server_close(server, 5);
}

/* Nor with two sockets; and those that wait do not hold up the close. */
TASK(one_at_a_time_of_two_sockets)
{
    struct sockaddr_in address;
    const int listeners[] = {open_listener(&address, 8), open_listener(&address, 8)};
    const struct bide_server_options options = {.fds = listeners, .count = 2, .max_connections = 1};
    int fds[4];
    now = peak = served = 0;
    server = bide_start_server(NULL, 0, serve_for_a_while, NULL, &options);
    CHECK(server);
    CHECK_INT(connect_many(fds, 2), 0);
    for (int i = 2; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        CHECK_INT(connect(fds[i], (struct sockaddr *)&address, sizeof address), 0);
        CHECK_INT(send(fds[i], "x", 1, 0), 1);
    }
    CHECK_INT(bide_sleep(5), 0);
    CHECK(peak == 1 && served == 2);
    CHECK_INT(bide_server_close(server, 10), 0);
    CHECK(peak == 1 && served == 3);
    for (int i = 0; i < 4; i++) CHECK_INT(close(fds[i]), 0);
    return 0;
}

/* ---- out of descriptors ---- */

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

/* All are served a few at a time, and accepting is tried at most every 0.1 s, and at each end of a connection. */
TASK(bug_27_out_of_descriptors)
{
    int fds[MANY];
    CHECK_INT(start_with(serve_for_a_while, 0), 0);
    CHECK_INT(connect_many(fds, MANY), 0);
    const struct rlimit old = limit_descriptors(8);
    const double begun = bide_time();
    counts_start();
    CHECK_INT(collect(fds, MANY), 0);
    const long tries = counts_of(SYS_ACCEPT);
    counts_stop();
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    CHECK(peak >= 8 && peak < MANY && served == MANY);
    CHECK((double)tries < 3 * MANY + (bide_time() - begun) / 0.1);
    return bide_server_close(server, 5);
}

static void bug_27_for_real(void **state)
{
    if (sanitizer_valgrind()) check_skip("valgrind keeps the limit of descriptors to itself");
    run_in_loop(state);
}

/* Whatever accept says, the next client is served; of what lasts it is asked rarely. */
TASK(bug_28_accepting_fails)
{
    static const int errors[] = {EMFILE, ENFILE,    ENOBUFS,      ENOMEM, EPERM,
                                 ENOSR,  ETIMEDOUT, ECONNABORTED, EPROTO};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        int fd;
        CHECK_INT(start_with(serve_for_a_while, 0), 0);
        faults_set(SYS_ACCEPT, errors[i], 0, 20);
        CHECK_INT(connect_many(&fd, 1), 0);
        const double begun = bide_time();
        CHECK_INT(collect(&fd, 1), 0);
        faults_clear();
        const bool passed_over = errors[i] == ECONNABORTED || errors[i] == EPROTO;
        CHECK(passed_over || bide_time() - begun > 3.5);
        CHECK_INT(bide_server_close(server, 5), 0);
    }
    return 0;
}

static int refuse_memory(enum sys_call call)
{
    return call == SYS_ALLOC ? ENOMEM : 0;
}

/* A client for whom there is no memory is hung up on; the server goes on. */
TASK(no_memory_for_a_client)
{
    char byte;
    int fds[2];
    CHECK_INT(start_with(serve_for_a_while, 0), 0);
    CHECK_INT(connect_many(fds, 1), 0);
    sys_fault = refuse_memory;
    CHECK_INT(bide_sleep(1), 0);
    sys_fault = NULL;
    const ssize_t n = bide_read(fds[0], &byte, 1);
    CHECK(n == 0 || n == -ECONNRESET);
    CHECK_INT(bide_close(fds[0]), 0);
    CHECK_INT(connect_many(fds, 1), 0);
    CHECK_INT(collect(fds, 1), 0);
    return bide_server_close(server, 5);
}

static void ignore_report(void *arg, const struct bide_error *error)
{
    (void)arg;
    (void)error;
}

static const struct bide_options quietly = {.clock = BIDE_CLOCK_VIRTUAL, .on_error = ignore_report};

/* Each allocation of a start fails once: it starts later, or not at all, and leaves nothing. */
TASK(no_memory_to_start)
{
    for (long after = 0; after < 40; after++) {
        faults_set(SYS_ALLOC, ENOMEM, after, 1);
        server = bide_start_server("127.0.0.1", 0, echo_lines, NULL, NULL);
        const int error = errno;
        const bool failed = faults_asked() > after;
        faults_clear();
        CHECK(server || (failed && error == ENOMEM));
        if (server) CHECK_INT(ask(dial(server), "x\n", "x\n"), 0);
        bide_server_close(server, 1);
        bide_yield(); /* what has been given up ends */
    }
    return 0;
}

/* ---- many, some of whom give up ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static unsigned draw(unsigned below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % below);
}

static int answered;
static bool closing; /* its clients may see its end */

static int talk(void *arg)
{
    const int lines = (int)(intptr_t)arg;
    struct bide_stream *stream = dial(server);
    int code = stream ? 0 : -errno;
    for (int i = 0; code >= 0 && i < lines; i++) {
        char *line;
        bide_stream_printf(stream, "line %d\n", i);
        code = bide_stream_drain(stream);
        if (code < 0) break;
        code = (int)bide_stream_read_line(stream, &line);
        if (code >= 0 && !(closing && code == 0)) CHECK_INT(code, 7);
        if (code == 0) break;
        if (code >= 0) code = bide_yield();
    }
    if (code >= 0) answered++;
    bide_stream_abort(stream);
    return code == -ECANCELED || code == -ECONNRESET ? 0 : code;
}

TASK(a_hundred_clients)
{
    struct bide_group group;
    answered = 0;
    CHECK_INT(start_with(echo_lines, 0), 0);
    BIDE_GROUP(group) {
        for (int i = 0; i < 100; i++) bide_group_start(&group, talk, (void *)10);
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_INT(answered, 100);
    return bide_server_close(server, 1);
}

TASK(clients_that_are_cancelled_at_random)
{
    for (long round = 0; round < rounds(30); round++) {
        struct bide_task *clients[20];
        answered = 0;
        CHECK_INT(start_with(echo_lines, draw(2) * 5), 0);
        for (int i = 0; i < 20; i++) clients[i] = bide_create_task(talk, (void *)(intptr_t)draw(10));
        for (unsigned i = draw(60); i > 0; i--) {
            bide_yield();
            bide_cancel(clients[draw(20)]);
        }
        const bool early = draw(2);
        closing = early;
        if (early) CHECK(bide_server_close(server, draw(2)) >= 0);
        for (int i = 0; i < 20; i++) {
            int result;
            if (early) bide_cancel(clients[i]);
            CHECK_INT(bide_await(clients[i], &result), 0);
            CHECK(result == 0 || (early && (result == -ECONNREFUSED || result == -EPIPE)));
        }
        if (!early) CHECK(bide_server_close(server, 1) == 0 && answered >= 0);
        closing = false;
    }
    return 0;
}

#define RUN_QUIETLY(fn)                                                                                      \
    {                                                                                                        \
#fn, run_in_loop, NULL, NULL, &(struct in_loop)                                                      \
        {                                                                                                    \
            fn, &quietly                                                                                     \
        }                                                                                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(no_more_at_a_time_than_allowed, virtual),
        RUN(one_at_a_time_of_two_sockets, virtual),
        {"bug_27_out_of_descriptors", bug_27_for_real, NULL, NULL,
         &(struct in_loop){bug_27_out_of_descriptors, &on_virtual_time}},
        RUN(bug_28_accepting_fails, virtual),
        RUN_QUIETLY(no_memory_for_a_client),
        RUN_QUIETLY(no_memory_to_start),
        RUN(a_hundred_clients, virtual),
        RUN_QUIETLY(clients_that_are_cancelled_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
