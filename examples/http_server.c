/* SPDX-License-Identifier: MIT */
/*
 * An HTTP/1.1 server: a task for each connection, a loop for each worker. http_server.md walks through it.
 *
 *     http_server [PORT] [--workers N] [--root FOLDER] [--timeout SECONDS] [--idle SECONDS]
 *
 * PORT on 127.0.0.1; 0, the default, picks a free one. --workers: threads, each with a loop and a listening
 * socket of its own, among which the kernel shares out the clients. --root: what is served as /static/.
 * --timeout: how long a client may take for a request's head, and three times that for its body. --idle: how
 * long it may keep a connection without asking. ^C or SIGTERM: what was read is answered, then it ends.
 */
#include "http/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WORKERS_MOST = 64, STACK = 16 * 1024 };

static const int end_signals[] = {SIGINT, SIGTERM};
static const double drain_most = 15.0; /* seconds that clients may hold up the end */

struct worker {
    struct http_worker http;
    struct bide_group clients;
    pthread_t thread;
    int listener;
    int stop;    /* a pipe's end: readable when the worker shall end */
    int stopper; /* its other end, or -1: the first worker has it, who waits for signals */
    int code;
};

struct settings {
    uint16_t port;
    unsigned workers;
    const char *root;
    struct http_patience patience;
};

/* ---- clients ---- */

static int accept_clients(void *arg)
{
    struct worker *worker = arg;
    for (;;) {
        const int client = bide_accept(worker->listener, NULL, NULL);
        if (client == -EMFILE || client == -ENFILE || client == -ENOBUFS || client == -ENOMEM) {
            bide_sleep(0.1); /* out of descriptors or memory: the client waits until there is some */
            continue;
        }
        if (client < 0) return client;
        http_connection_start(&worker->http, &worker->clients, client);
    }
}

/* Clients that the kernel has let in already count as ours. */
static void accept_last(struct worker *worker)
{
    int client;
    while ((client = bide_accept_last(worker->listener, NULL, NULL)) >= 0)
        http_connection_start(&worker->http, &worker->clients, client);
    bide_close(worker->listener);
}

/* ---- a worker ---- */

static void stop_others(struct worker *worker)
{
    if (worker->stopper >= 0) close(worker->stopper);
    worker->stopper = -1;
}

/* The first worker waits for a signal, and passes it on to all by closing the pipe; the others wait for that. */
static int wait_for_end(struct worker *worker)
{
    if (worker->stopper < 0) return bide_poll(worker->stop, POLLIN);
    const int code = bide_signal_wait(end_signals, 2);
    stop_others(worker);
    return code;
}

/* The group joins all connections before the block ends. */
static int work(void *arg)
{
    struct worker *worker = arg;
    int code = bide_adopt(worker->listener);
    if (code < 0) return code;
    BIDE_GROUP(worker->clients) {
        struct bide_task *acceptor = bide_group_start(&worker->clients, accept_clients, worker);
        code = wait_for_end(worker); /* cut short if accepting fails */
        bide_cancel(acceptor);
        bide_await(acceptor, NULL);
        http_drain(&worker->http);
        accept_last(worker);
        BIDE_TIMEOUT(drain_most) bide_group_wait(&worker->clients);
        bide_group_cancel(&worker->clients);
    }
    http_worker_done(&worker->http);
    const int failure = bide_group_result(&worker->clients);
    return failure < 0 ? failure : code;
}

/* Small stacks: what a connection needs of one is a page or two, and idle ones keep nothing else. */
static void *run_worker(void *arg)
{
    struct worker *worker = arg;
    const size_t least = bide_stack_min();
    const struct bide_options options = {.stack_size = least > STACK ? least : STACK};
    worker->code = bide_run_with(&options, work, worker);
    stop_others(worker); /* it may have failed before it could wait */
    if (worker->code < 0) fprintf(stderr, "http_server: %s\n", bide_error_text(worker->code));
    return NULL;
}

/* ---- all of them ---- */

/* A listening socket of its own for each worker, all on the port that the first one got. */
static int listen_on(uint16_t *port, bool shared)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(*port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof address;
    const int one = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* for the clients, who inherit it */
    if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        const int code = bide_fail(errno, "cannot listen on port %d: %s", *port, strerror(errno));
        close(fd);
        return code;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static int prepare(struct worker *workers, const struct settings *settings, uint16_t *port)
{
    int stop[2];
    if (pipe(stop) < 0) return -errno;
    for (unsigned i = 0; i < settings->workers; i++) {
        workers[i].http.patience = settings->patience;
        workers[i].http.root = settings->root;
        workers[i].stop = stop[0];
        workers[i].stopper = i == 0 ? stop[1] : -1;
        workers[i].listener = listen_on(port, settings->workers > 1);
        if (workers[i].listener < 0) return workers[i].listener;
    }
    return 0;
}

/* The first worker runs in this thread. */
static int serve(struct worker *workers, const struct settings *settings)
{
    uint16_t port = settings->port;
    int code = prepare(workers, settings, &port);
    if (code < 0) return code;
    printf("listening on 127.0.0.1:%d\n", port);
    fflush(stdout); /* whoever started us may read it through a pipe */

    unsigned started = 1;
    while (started < settings->workers &&
           pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) == 0)
        started++;
    if (started < settings->workers) stop_others(&workers[0]); /* nobody would accept what those listen for */
    run_worker(&workers[0]);
    for (unsigned i = 0; i < started; i++) {
        if (i > 0) pthread_join(workers[i].thread, NULL);
        if (workers[i].code < 0) code = workers[i].code;
    }
    return started < settings->workers ? -EAGAIN : code;
}

static int parse_options(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {{"workers", required_argument, NULL, 'w'},
                                            {"root", required_argument, NULL, 'r'},
                                            {"timeout", required_argument, NULL, 't'},
                                            {"idle", required_argument, NULL, 'i'},
                                            {0}};
    char *rest = "";
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'w': settings->workers = (unsigned)strtoul(optarg, &rest, 10); break;
        case 'r': settings->root = optarg; break;
        case 't':
            settings->patience.head = strtod(optarg, &rest);
            settings->patience.body = 3 * settings->patience.head;
            break;
        case 'i': settings->patience.idle = strtod(optarg, &rest); break;
        default: return -EINVAL;
        }
        if (*rest) return -EINVAL;
    }
    const unsigned long port = optind < argc ? strtoul(argv[optind], &rest, 10) : 0;
    settings->port = (uint16_t)port;
    const bool is_sound = !*rest && port <= UINT16_MAX && optind + 1 >= argc && settings->patience.head > 0 &&
                          settings->patience.idle > 0;
    return is_sound && settings->workers >= 1 && settings->workers <= WORKERS_MOST ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
    struct settings settings = {.workers = 1, .patience = {.idle = 60, .head = 10, .body = 30}};
    if (parse_options(argc, argv, &settings) < 0) {
        fprintf(stderr, "usage: http_server [PORT] [--workers N] [--root FOLDER] [--timeout S] [--idle S]\n");
        return 2;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* one that comes before the first wait is kept for it */
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max; /* each client is a descriptor */
        setrlimit(RLIMIT_NOFILE, &files);
    }
    struct worker *workers = calloc(settings.workers, sizeof *workers);
    const int code = workers ? serve(workers, &settings) : -ENOMEM;
    if (code < 0) fprintf(stderr, "http_server: %s\n", bide_error_text(code));
    free(workers);
    return code < 0;
}
