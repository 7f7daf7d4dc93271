/* SPDX-License-Identifier: MIT */
/*
 * The inside of a server, for the files server*.c. It has a task for each socket that listens, and one
 * for each connection. They have one wait in common, their owner, which counts those that end.
 *
 * Invariants
 *  - `left` counts all tasks in `tasks`, `connections` those that run a handler.
 *  - A socket is closed once: its `fd` is -1 from then on. Its task looks at `fd` anew whenever it has
 *    waited, as the number may stand for something else by then.
 *  - Clients are `late` only after their listener was closed, and before its task has ended.
 *  - The memory is its user's until bide_server_close has joined all tasks; then it is freed. One that
 *    is never closed is freed with the loop, as others may still close it while that ends. One that
 *    could not be started is freed by the last of its tasks.
 */
#ifndef SERVER_H
#define SERVER_H

#include "address.h"
#include "waiters.h"

#include <bide/server.h>

enum { LISTENER, CONNECTION }; /* a task's index */

struct client {
    struct bide_server *server;
    int fd;
    struct address address;
};

/* A client that was let in when listening ended, and that has no handler yet. */
struct late {
    struct node node;
    struct client client;
};

struct listener {
    struct bide_server *server;
    int fd;
    bool own;         /* nobody else listens by it */
    uint64_t file[2]; /* of a Unix socket, to be removed with it; else zero */
    struct node late; /* clients, in their order */
};

struct bide_server {
    struct node node; /* among the loop's leftovers */
    struct wait owner;
    struct node tasks;
    struct waiters room;  /* listeners' tasks, until a connection has ended */
    struct waiters ended; /* who waits until no task is left */
    bide_serve_fn handler;
    void *arg;
    size_t most; /* connections */
    size_t stack_size;
    size_t connections;
    size_t left;
    int port;
    bool stopped;
    bool closing;   /* bide_server_close was called */
    bool cancelled; /* its handlers are, also those to come */
    bool given_up;  /* nobody has it: the last task frees it */
    size_t count;
    struct listener listeners[];
};

/* How the owner is told that a task has ended. */
extern const struct wait_ops server_owner_ops;

/* Waits in line until somebody wakes all that stand there. */
int server_stand_in(struct waiters *waiters, const struct wait_ops *ops);

void server_close_listener(struct listener *listener);
void server_stop(struct bide_server *server);
void server_free(struct bide_server *server);

/* The function of a listener's task. */
int server_accept(void *arg);

#endif
