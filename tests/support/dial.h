/* SPDX-License-Identifier: MIT */
/* Clients of a server under test; for tasks. */
#ifndef DIAL_H
#define DIAL_H

#include "ends.h"

/* A stream to the server's port on 127.0.0.1; NULL and errno. */
struct bide_stream *dial(const struct bide_server *server);

/* Sends the line, and reads until the end: 0 if that gives this answer. Closes the stream. */
int ask(struct bide_stream *stream, const char *line, const char *answer);

/* A handler that echoes lines until the end. */
int echo_lines(struct bide_stream *client, void *arg);

#endif
