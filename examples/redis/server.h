/* SPDX-License-Identifier: MIT */
/* The server as a part of a program: it listens, then it is served as a task, until it is cancelled. */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include "pubsub.h"
#include "store.h"

#include <bide.h>

/* Enough for a client's task, as none of them prints. */
#define REDIS_STACK_SIZE ((size_t)16 * 1024)

struct redis_server {
    int listener;
    struct store store;
    struct pubsub pubsub;
    struct bide_group clients;
    struct bytes spare; /* for replies, while nobody uses it */
};

/* Makes a server that listens on 127.0.0.1. port: 0 picks one. Returns the port, or a negative errno. */
int redis_server_open(struct redis_server *server, uint16_t port);

/* Serves until it is cancelled, and then frees all that the server has. A task function; arg: the server. */
int redis_server_serve(void *arg);

#endif
