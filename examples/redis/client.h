/* SPDX-License-Identifier: MIT */
/* A connection: reads requests, has them run, writes the replies. */
#ifndef REDIS_CLIENT_H
#define REDIS_CLIENT_H

#include "server.h"

/* A client for this connection, which is the client's from now on; NULL if there is no memory. */
struct client *client_new(struct redis_server *server, int fd);

/* Serves it until its end, and frees it. A task function; arg: the client. */
int client_serve(void *arg);

/* Frees a client that was never served, and closes its connection. */
void client_free(struct client *client);

#endif
