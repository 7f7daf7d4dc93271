/* SPDX-License-Identifier: MIT */
/* The life of a server: the end of its tasks, stopping, waiting, closing. */
#include "server.h"

#include "address.h"
#include "misuse.h"
#include "sys.h"

#include <bide/io.h>
#include <bide/scope.h>
#include <errno.h>
#include <stdio.h>

/* ---- waiting ---- */

static void describe_end(const struct wait *wait, char *text, size_t size)
{
    (void)wait;
    snprintf(text, size, "waits for the connections of a server to end");
}

static const struct wait_ops end_ops = {.drop = waiters_drop, .describe = describe_end};
static const struct wait_ops join_ops = {.describe = describe_end};

int server_stand_in(struct waiters *waiters, const struct wait_ops *ops)
{
    struct wait wait;
    const int code = cancel_check();
    if (code < 0) return code;
    wait_init(&wait, ops);
    return waiters_park(waiters, &wait);
}

static void wake_all(struct waiters *waiters)
{
    struct wait *wait;
    while ((wait = waiters_pop(waiters))) wake(wait, 0);
}

/* ---- the end of tasks, and of listening ---- */

enum { LATE_MOST = 1 << 16 }; /* more than any queue is long, but not all who come for ever */

void server_free(struct bide_server *server)
{
    list_remove(&server->node);
    sys_free(server);
}

static void task_ended(struct wait *wait, int result)
{
    (void)result;
    struct bide_server *server = CONTAINER(wait, struct bide_server, owner);
    struct bide_task *task = wait->task;
    if (task_index(task) == CONNECTION) server->connections--;
    list_remove(task_member(task));
    task_report(task);
    task_release(task);
    wake_all(&server->room);
    if (--server->left > 0) return;
    wake_all(&server->ended);
    if (server->given_up) server_free(server);
}

const struct wait_ops server_owner_ops = {.fire = task_ended};

/* Removes a Unix socket's file, unless another stands there by now. */
static void remove_file(const struct listener *listener)
{
    struct address address;
    uint64_t file[2];
    if (listener->file[1] == 0) return;
    address.length = sizeof address.local;
    if (sys_socket_name(listener->fd, false, &address.any, &address.length) < 0) return;
    if (!sys_file_identity(address.local.sun_path, file)) return;
    if (file[0] != listener->file[0] || file[1] != listener->file[1]) return;
    (void)sys_unlink(address.local.sun_path); /* a file that stays is replaced by the next server */
}

/* Clients that the kernel has let in count as the server's: the task of the listener starts their handlers. */
static void take_last(struct listener *listener)
{
    struct client client = {.server = listener->server};
    for (int n = 0; n < LATE_MOST; n++) {
        client.address.length = sizeof client.address.local;
        client.fd = bide_accept_last(listener->fd, &client.address.any, &client.address.length);
        if (client.fd < 0) return;
        struct late *late = sys_alloc(sizeof *late);
        if (late) {
            late->client = client;
            list_append(&listener->late, &late->node);
        } else {
            (void)bide_close(client.fd); /* nothing was read from it */
        }
    }
}

void server_close_listener(struct listener *listener)
{
    if (listener->fd < 0) return;
    remove_file(listener);
    (void)bide_close(listener->fd); /* there is nothing to lose */
    listener->fd = -1;
}

void server_stop(struct bide_server *server)
{
    server->stopped = true;
    for (size_t i = 0; i < server->count; i++) {
        struct listener *listener = &server->listeners[i];
        if (listener->own && listener->fd >= 0) take_last(listener);
        server_close_listener(listener);
    }
    wake_all(&server->room);
}

/* ---- the API ---- */

int bide_server_port(const struct bide_server *server)
{
    return server ? server->port : -EINVAL;
}

int bide_server_fd(const struct bide_server *server, size_t i)
{
    if (!server) return -EINVAL;
    return i < server->count && server->listeners[i].fd >= 0 ? server->listeners[i].fd : -EBADF;
}

size_t bide_server_connections(const struct bide_server *server)
{
    return server ? server->connections : 0;
}

int bide_server_stop(struct bide_server *server)
{
    if (!sched_current) return -EPERM;
    if (!server) return -EINVAL;
    server_stop(server);
    return 0;
}

int bide_server_wait(struct bide_server *server)
{
    if (!task_current) return -EPERM;
    if (!server) return -EINVAL;
    if (task_owner(task_current) == &server->owner) return -EDEADLK;
    if (server->left > 0) return server_stand_in(&server->ended, &end_ops);
    return cancel_check();
}

static int wait_until_ended(struct bide_server *server, double grace)
{
    struct bide_scope scope;
    if (server->left == 0) return cancel_check();
    bide_timeout_enter(&scope, grace);
    const int code = server_stand_in(&server->ended, &end_ops);
    const bool over = bide_scope_exit(&scope);
    return over || code == 0 ? 0 : cancel_cut(); /* which may be the deadline of the scope around the call */
}

/* Returns how many handlers were cancelled. */
static int cancel_and_join(struct bide_server *server)
{
    const size_t connections = server->connections;
    struct wait wait;
    server->cancelled = true;
    for (struct node *node = server->tasks.next; node != &server->tasks; node = node->next)
        cancel_by_owner(task_of_member(node));
    if (server->left > 0) {
        wait_init(&wait, &join_ops);
        waiters_join(&server->ended, &wait);
        park_join(&wait);
    }
    return (int)connections;
}

int bide_server_close(struct bide_server *server, double grace)
{
    if (!server) return 0;
    if (!task_current) return -EPERM;
    if (grace != grace) return -EINVAL;
    if (task_owner(task_current) == &server->owner) return -EDEADLK;
    if (server->closing)
        misuse("task '%s' closes the server at %p, which another task closes already",
               task_name(task_current), (void *)server);
    server->closing = true;
    server_stop(server);
    const int code = wait_until_ended(server, grace);
    const int cancelled = cancel_and_join(server);
    server_free(server);
    return code < 0 ? code : cancelled;
}
