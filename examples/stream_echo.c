/* SPDX-License-Identifier: MIT */
/*
 * The echo server again, on streams: bide_start_server listens, accepts and has a task run for each
 * client. With workers it has a loop in each of several threads, all at the same port, and it serves the
 * sockets that systemd passes (LISTEN_FDS), with all of its workers.
 *
 *     stream_echo [PORT [WORKERS]]
 */
#include <bide.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORKERS_MOST = 64, PASSED_MOST = 4, GRACE = 5, STACK = 16 * 1024 };

static const int end_signals[] = {SIGINT, SIGTERM};
static atomic_llong echoed; /* bytes, by all workers */

/*
 * What was read is answered, also when the server is closed meanwhile. It goes out from where it was
 * read to, so that an idle client takes no buffer of ours.
 */
static int echo(struct bide_stream *client, void *arg)
{
    const char *data;
    ssize_t n;
    (void)arg;
    while ((n = bide_stream_peek(client, 1, &data)) > 0) {
        atomic_fetch_add_explicit(&echoed, n, memory_order_relaxed);
        BIDE_SHIELD(GRACE) {
            bide_stream_write(client, data, (size_t)n);
            bide_stream_skip(client, (size_t)n);
            n = bide_stream_drain(client);
        }
        if (n < 0) break;
    }
    return n == -ECONNRESET || n == -EPIPE ? 0 : (int)n; /* a client that is gone is nothing to report */
}

/* A thread with a loop of its own. */
struct worker {
    pthread_t thread;
    int port;
    int fds[PASSED_MOST]; /* sockets that systemd has passed, of which there are */
    size_t passed;
    int end; /* of a pipe: when that ends the worker does */
};

static struct bide_server *start(const struct worker *worker)
{
    const size_t least = bide_stack_min();
    struct bide_server_options options = {.listen.reuse_port = true,
                                          .stack_size = least > STACK ? least : STACK,
                                          .fds = worker->fds,
                                          .count = worker->passed};
    return bide_start_server("127.0.0.1", worker->port, echo, NULL, &options);
}

static int serve_until_end(void *arg)
{
    const struct worker *worker = arg;
    struct bide_server *server = start(worker);
    if (!server) return -errno;
    bide_poll(worker->end, POLLIN);
    return bide_server_close(server, 0);
}

static void *work(void *arg)
{
    int code = bide_run(serve_until_end, arg);
    if (code < 0) fprintf(stderr, "stream_echo: a worker: %s\n", bide_error_text(code));
    return NULL;
}

/*
 * Sockets of the same port each get their share of the clients. One that was passed is shared: a
 * descriptor belongs to one loop, so this one has another one of it, and whoever is first accepts.
 */
static int start_worker(struct worker *worker, const struct worker *first)
{
    *worker = *first;
    for (size_t i = 0; i < first->passed; i++) {
        worker->fds[i] = fcntl(first->fds[i], F_DUPFD_CLOEXEC, 0);
        if (worker->fds[i] < 0) return -errno;
    }
    return -pthread_create(&worker->thread, NULL, work, worker);
}

static void tell_where(const struct bide_server *server)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char text[BIDE_ADDRESS_TEXT] = "?";
    getsockname(bide_server_fd(server, 0), (struct sockaddr *)&address, &len);
    bide_address_text((struct sockaddr *)&address, len, text, sizeof text);
    printf("listening on %s\n", text);
    fflush(stdout); /* whoever started us may read it through a pipe */
}

/* The server is the first one's. All serve until a signal comes, then answer whoever has asked: see echo. */
static int serve_together(struct bide_server *server, struct worker *workers, int n)
{
    int end[2], started = 1, code = 0;
    if (pipe(end) < 0) return -errno;
    workers->port = bide_server_port(server);
    workers->end = end[0];
    while (started < n && (code = start_worker(&workers[started], workers)) == 0) started++;
    if (code == 0) {
        tell_where(server);
        code = bide_signal_wait(end_signals, 2);
    }
    bide_server_close(server, 0);
    close(end[1]);
    for (int i = 1; i < started; i++) pthread_join(workers[i].thread, NULL);
    close(end[0]);
    return code;
}

static int serve(void *arg)
{
    char **argv = arg;
    static struct worker workers[WORKERS_MOST]; /* this thread is the first one */
    int n = argv[1] && argv[2] ? atoi(argv[2]) : 1;
    int passed = bide_listen_fds(workers->fds, PASSED_MOST);
    if (passed < 0) return passed;
    workers->port = argv[1] ? atoi(argv[1]) : 0;
    workers->passed = passed < PASSED_MOST ? (size_t)passed : PASSED_MOST;
    struct bide_server *server = start(workers);
    if (!server) return -errno;
    int code = serve_together(server, workers, n < WORKERS_MOST ? n : WORKERS_MOST);
    printf("%lld bytes echoed\n", (long long)echoed);
    return code;
}

int main(int argc, char **argv)
{
    sigset_t set;
    (void)argc;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* in all threads: bide_signal_wait takes them */
    int code = bide_run(serve, argv);
    if (code < 0) fprintf(stderr, "stream_echo: %s\n", bide_error_text(code));
    return code < 0;
}
