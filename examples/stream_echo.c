/* SPDX-License-Identifier: MIT */
/*
 * The echo server again, on streams: bide_start_server listens, accepts and has a task run for each
 * client. It also serves the sockets that systemd passes (LISTEN_FDS), and with workers it has a loop
 * in each of several threads, all at the same port.
 *
 *     stream_echo [PORT [WORKERS]]
 */
#include <bide.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS_MOST = 64, GRACE = 5 };

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

static struct bide_server *start(int port)
{
    int fds[4], passed = bide_listen_fds(fds, 4);
    struct bide_server_options options = {.listen.reuse_port = true, .stack_size = 16 * 1024};
    if (passed > 0) options.fds = fds, options.count = passed < 4 ? (size_t)passed : 4;
    return bide_start_server("127.0.0.1", port, echo, NULL, &options);
}

struct workers {
    pthread_t threads[WORKERS_MOST];
    int n;
    int port;
    int end[2]; /* a pipe: at its end they end */
};

/* A worker's whole life, in a loop of its own. */
static int serve_until_end(void *arg)
{
    const struct workers *workers = arg;
    struct bide_server *server = start(workers->port);
    if (!server) return -errno;
    bide_poll(workers->end[0], POLLIN);
    return bide_server_close(server, 0);
}

static void *work(void *arg)
{
    int code = bide_run(serve_until_end, arg);
    if (code < 0) fprintf(stderr, "stream_echo: a worker: %s\n", bide_error_text(code));
    return NULL;
}

static int start_workers(struct workers *workers, int n)
{
    if (pipe(workers->end) < 0) return -errno;
    for (; workers->n < n; workers->n++) {
        int error = pthread_create(&workers->threads[workers->n], NULL, work, workers);
        if (error) return -error;
    }
    return 0;
}

static void end_workers(struct workers *workers)
{
    close(workers->end[1]);
    for (int i = 0; i < workers->n; i++) pthread_join(workers->threads[i], NULL);
    close(workers->end[0]);
}

static int serve(void *arg)
{
    char **argv = arg;
    int more = (argv[1] && argv[2] ? atoi(argv[2]) : 1) - 1; /* this thread is a worker, too */
    struct bide_server *server = start(argv[1] ? atoi(argv[1]) : 0);
    if (!server) return -errno;
    struct workers workers = {.port = bide_server_port(server)};
    int code = more > 0 ? start_workers(&workers, more < WORKERS_MOST ? more : WORKERS_MOST) : 0;
    if (code == 0) {
        printf("listening on 127.0.0.1:%d\n", workers.port);
        fflush(stdout);
        code = bide_signal_wait(end_signals, 2);
    }
    bide_server_close(server, 0); /* whoever has asked is answered: see echo */
    if (more > 0) end_workers(&workers);
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
