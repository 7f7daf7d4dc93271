/* SPDX-License-Identifier: MIT */
/*
 * Servers: sockets that listen, and a task for each connection (asyncio.start_server).
 *
 *     static int echo(struct bide_stream *client, void *arg)
 *     {
 *         char buf[4096];
 *         (void)arg;
 *         for (;;) {
 *             ssize_t n = -ETIMEDOUT;
 *             BIDE_TIMEOUT(60) n = bide_stream_read(client, buf, sizeof buf);
 *             if (n <= 0) return 0;                           // the end, a reset, or silence
 *             BIDE_SHIELD(1) BIDE_TIMEOUT(30) {               // what was read is answered, and when
 *                 bide_stream_write(client, buf, (size_t)n);  // the server ends within a second
 *                 n = bide_stream_drain(client);
 *             }
 *             if (n < 0) return bide_stream_abort(client), 0; // else what is left would be sent first
 *         }
 *     }
 *
 *     const int signals[] = {SIGINT, SIGTERM};                // blocked before bide_run: bide/signal.h
 *     struct bide_server *server = bide_start_server("127.0.0.1", 8080, echo, NULL, NULL);
 *     if (!server) return -errno;
 *     bide_signal_wait(signals, 2);
 *     return bide_server_close(server, 10);
 *
 * Each connection's task has a stream and ends with it; it inherits the task locals of whoever
 * started the server. A server that runs out of descriptors or memory leaves its clients waiting
 * until one has gone, or 0.1 s later. It belongs to the loop where it was started, and what it has
 * open is closed when that ends.
 */
#ifndef BIDE_SERVER_H
#define BIDE_SERVER_H

#include <bide/base.h>
#include <bide/net.h>
#include <bide/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bide_server;

/*
 * Serves one client, in a task. The stream is the server's, which sends what the handler has left
 * in it, however long that takes, and closes it when the handler returns. The handler may close it
 * before that, by bide_stream_close or bide_stream_abort, and then touch it no more. Other tasks that
 * use it must end before the handler does.
 *
 * A client that still sends then is told that no more will come, and for up to 2 s what it sends is
 * thrown away until it ends, too: closing at once would reset the connection, and what is on its way to
 * the client might be lost. After a cancel this is so only with one that has not yet got all.
 *
 * Its failure, unless it is -ECANCELED, goes to .on_error, with the peer's address in the task's
 * name ("client 192.0.2.1:4711"), and harms no other client: by default that is a line on standard
 * error for each, so what clients do every day, such as to reset a connection or to be silent, is
 * better no failure.
 */
typedef int (*bide_serve_fn)(struct bide_stream *client, void *arg);

/* How to serve. All zero is the default; a NULL pointer to it too. */
struct bide_server_options {
    struct bide_listen_options listen; /* backlog, reuse_port and others */
    size_t max_connections;            /* handlers at a time, others wait; 0: no limit */
    size_t stack_size;                 /* of a handler's task in bytes, as in bide_task_options */
    const int *fds;                    /* `count` sockets that listen already, such as those of */
    size_t count;                      /* bide_listen_fds, at most 16; host and port are not looked at */
    uint64_t reserved[4];              /* zero */
};

/*
 * Listens at the host's port, at all of its addresses, and has `handler(client, arg)` run for each
 * connection. May wait, if the host is a name. The server must be given to bide_server_close, once.
 *
 * host, port: as for bide_listen_with: NULL for all addresses, "unix:/path", port 0 for one that is
 * picked. The file of a Unix socket is removed when the server no longer listens: from then on, while the
 * last handlers still run, another server can take the path; before it gets EADDRINUSE.
 * opt->fds: they become the server's, who closes them; on failure they are still yours.
 * Errors (NULL and errno, with a text that names the address): those of bide_listen_with and
 * bide_adopt, EINVAL for a NULL handler or bad options, ENOTSOCK or EINVAL for one of opt->fds that
 * does not listen, EPERM outside a task, ECANCELED or ETIMEDOUT, ENOMEM.
 */
BIDE_API struct bide_server *bide_start_server(const char *host, int port, bide_serve_fn handler, void *arg,
                                               const struct bide_server_options *opt);

/* The port at which it listens or did, of the first address if there are several; 0 for a Unix socket. */
BIDE_API int bide_server_port(const struct bide_server *server);

/* Its i-th listening socket, for getsockname and options. Errors: -EBADF if there is none, or no longer. */
BIDE_API int bide_server_fd(const struct bide_server *server, size_t i);

/* How many handlers run. 0 for NULL; the other functions here give -EINVAL for it. */
BIDE_API size_t bide_server_connections(const struct bide_server *server);

/*
 * Stops to listen; handlers go on. For a handler that ends its own server, as the first half of
 * bide_server_close. Clients that the kernel has let in by then still get a handler (bide_accept_last),
 * but not those of opt->fds: they stay for whoever else has the socket. Never waits, works while
 * cancelled. Returns 0. Errors: -EPERM where no loop runs.
 */
BIDE_API int bide_server_stop(struct bide_server *server);

/*
 * Waits until the server listens no more, because it was stopped or its sockets have failed, and all
 * handlers have returned. May wait; when cut short the server goes on. Returns 0. Errors: -EPERM
 * outside a task, -EDEADLK in one of its own handlers.
 */
BIDE_API int bide_server_wait(struct bide_server *server);

/*
 * Stops to listen as bide_server_stop does, lets the handlers run for `grace` seconds more, cancels
 * those that have not returned by then, joins them, and frees the server. May wait; when cut short it
 * cancels the handlers at once, and still joins them: one that ignores its cancel holds this up.
 *
 * A handler that answers a request in BIDE_SHIELD finishes that even when it is cancelled; with such
 * ones grace may be 0: only those clients are cut off that have asked for nothing. One that has
 * not yet got all its answers then has up to 2 s more.
 *
 * Returns how many handlers were cancelled. Errors: -ECANCELED or -ETIMEDOUT if this wait was cut
 * short; -EPERM outside a task, -EINVAL for NaN, -EDEADLK in one of its own handlers: the server is
 * then not closed. Nor may a handler wait for a task that closes its server: neither would ever end.
 * NULL does nothing. Two tasks that close one server abort the program.
 */
BIDE_API int bide_server_close(struct bide_server *server, double grace);

#ifdef __cplusplus
}
#endif

#endif
