/* SPDX-License-Identifier: MIT */
/* Messages to a client that others send, who must not wait: they are written by a task of their own. */
#ifndef REDIS_OUTBOX_H
#define REDIS_OUTBOX_H

#include "bytes.h"

#include <bide.h>

/* A client that leaves more bytes than this untaken is dropped. */
enum { OUTBOX_MAX = 4 * 1024 * 1024 };

struct outbox {
    int fd;
    struct bytes pending;
    struct bide_event filled; /* or there is something else that the writer should know */
    bool closing;             /* the writer ends once it has written all */
    bool dropped;
    struct bide_task *writer;
};

/* NULL if there is no memory. */
struct outbox *outbox_open(int fd);

/* Does not wait. Where the client is too slow, its connection is shut down, which its task will see. */
void outbox_put(struct outbox *outbox, struct slice bytes);

/* Waits a second, at most, until all is written, and frees it. NULL does nothing. */
void outbox_close(struct outbox *outbox);

#endif
