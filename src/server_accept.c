/* SPDX-License-Identifier: MIT */
/* The tasks of a server: those that accept, and those that run its handler. */
#include "server.h"

#include "address.h"
#include "stream.h"
#include "sys.h"

#include <bide/cancel.h>
#include <bide/io.h>
#include <bide/scope.h>
#include <errno.h>
#include <stdio.h>

enum { CLIENT_NAME = 32 + BIDE_ADDRESS_TEXT };

static const double PAUSE = 0.1;    /* seconds until accepting is tried again, for want of anything */
static const double FAREWELL = 2.0; /* seconds for a client that is in full swing to take its end */

/* ---- a connection ---- */

/* The failure of a handler is reported under the name of its client. */
static void name_task(const struct client *client)
{
    char address[BIDE_ADDRESS_TEXT] = "?", name[CLIENT_NAME];
    (void)bide_address_text(&client->address.any, client->address.length, address, sizeof address);
    snprintf(name, sizeof name, "client %s", address);
    (void)task_set_name(task_current, name); /* without memory it has a number */
}

/*
 * Would closing the connection now lose what the client is to get? When the server ends nobody is waited for
 * who has it.
 */
static bool is_in_talk(const struct bide_stream *stream)
{
    const int fd = bide_stream_fd(stream);
    if (stream->eof || stream->read_error < 0 || stream->write_error < 0) return false;
    return bide_cancelled() ? sys_unsent(fd) > 0 : sys_unread(fd) > 0;
}

/*
 * A socket that is closed while input is unread resets the connection, and so does input that comes later:
 * what is still on its way to the client is lost. So the client is told that no more will come, and listened
 * to until it ends, too.
 */
static void linger(struct bide_stream *stream)
{
    struct bide_scope shield, limit;
    const char *data;
    ssize_t n;
    bide_shield_enter(&shield, FAREWELL);
    bide_timeout_enter(&limit, FAREWELL);
    (void)sys_shutdown(bide_stream_fd(stream)); /* a client that has gone is seen at once */
    while ((n = bide_stream_peek(stream, 1, &data)) > 0) (void)bide_stream_skip(stream, (size_t)n);
    (void)bide_scope_exit(&limit);
    (void)bide_scope_exit(&shield);
}

/* Sends what is left, unless it is cancelled, and closes. That the client has gone is nobody's failure. */
static void end_stream(struct bide_stream *stream)
{
    if (bide_stream_unsent(stream) > 0) (void)bide_stream_flush(stream);
    if (!stream->closed && is_in_talk(stream)) linger(stream);
    bide_stream_abort(stream);
}

static int run_handler(const struct client *client, struct bide_stream *stream)
{
    stream_hold(stream);
    const int code = client->server->handler(stream, client->server->arg);
    if (!stream->closed) end_stream(stream);
    stream_drop(stream);
    return code;
}

static int serve(void *arg)
{
    const struct client client =
        *(struct client *)arg; /* its listener's, which goes on when this one waits */
    struct bide_stream *stream = bide_stream_new(client.fd);
    if (!stream) {
        const int code = -errno;
        (void)bide_close(client.fd); /* new and unused */
        return code;
    }
    const int code = run_handler(&client, stream);
    if (code < 0 && code != -ECANCELED) name_task(&client);
    return code;
}

static bool start_client(struct bide_server *server, const struct task_plan *plan)
{
    struct bide_task *task = task_create(plan);
    if (!task) return false;
    server->left++;
    server->connections++;
    if (server->cancelled) cancel_by_owner(task);
    cancel_settle();
    task_start_eagerly(task);
    return true;
}

/* ---- accepting ---- */

static void describe_room(const struct wait *wait, char *text, size_t size)
{
    (void)wait;
    snprintf(text, size, "waits for a connection of its server to end");
}

static const struct wait_ops room_ops = {.drop = waiters_drop, .describe = describe_room};

static bool is_full(const struct bide_server *server)
{
    return server->most > 0 && server->connections >= server->most;
}

static int wait_for_room(struct bide_server *server)
{
    int code = 0;
    while (code == 0 && is_full(server)) code = server_stand_in(&server->room, &room_ops);
    return code;
}

/* Out of descriptors or memory: until a connection has ended, which may have been one of others' too. */
static int pause_accepting(struct bide_server *server)
{
    struct bide_scope scope;
    bide_timeout_enter(&scope, PAUSE);
    const int code = server_stand_in(&server->room, &room_ops);
    return bide_scope_exit(&scope) ? 0 : code;
}

static int start_connection(struct client *client)
{
    struct bide_server *server = client->server;
    const struct task_plan plan = {.fn = serve,
                                   .arg = client,
                                   .owner = &server->owner,
                                   .members = &server->tasks,
                                   .stack_size = server->stack_size,
                                   .index = CONNECTION};
    const int code = wait_for_room(server); /* another address's client may have come first */
    if (code == 0 && start_client(server, &plan)) return 0;
    (void)bide_close(client->fd); /* nothing was read from it */
    return code < 0 || server->stopped ? code : pause_accepting(server);
}

/* Is there no use in trying again? */
static bool is_final(int code)
{
    return code == -EBADF || code == -EINVAL || code == -ENOTSOCK || code == -EOPNOTSUPP ||
           code == -ECANCELED;
}

static int accept_one(const struct listener *listener)
{
    struct client client = {.server = listener->server};
    const int code = wait_for_room(listener->server);
    if (code < 0 || listener->fd < 0) return code < 0 ? code : -ECANCELED;
    client.address.length = sizeof client.address.local;
    client.fd = bide_accept(listener->fd, &client.address.any, &client.address.length);
    if (client.fd >= 0) return start_connection(&client);
    return is_final(client.fd) ? client.fd : pause_accepting(listener->server);
}

/* The clients that were let in when listening ended; none when the server is closed at once. */
static void start_late(struct listener *listener)
{
    struct node *node;
    while ((node = list_pop(&listener->late))) {
        struct late *late = CONTAINER(node, struct late, node);
        struct client client = late->client;
        sys_free(late);
        if (cancel_check() == 0)
            (void)start_connection(&client); /* it is the last thing that can be tried */
        else
            (void)bide_close(client.fd); /* nothing was read from it */
    }
}

int server_accept(void *arg)
{
    struct listener *listener = arg;
    int code = 0;
    while (code == 0) code = accept_one(listener);
    const bool stopped = listener->fd < 0;
    server_close_listener(listener);
    start_late(listener);
    return stopped ? 0 : code;
}
