/* SPDX-License-Identifier: MIT */
/* The writer takes all that is pending at once, so that many small messages make one write. */
#include "outbox.h"

#include <stdlib.h>
#include <sys/socket.h>

#define GRACE 1.0 /* seconds for the last messages */

static void drop(struct outbox *outbox)
{
    outbox->dropped = true;
    bytes_free(&outbox->pending);
    shutdown(outbox->fd, SHUT_RDWR);
}

static int write_pending(void *arg)
{
    struct outbox *outbox = arg;
    int code = 0;
    while (code == 0 && !outbox->dropped) {
        if (outbox->pending.len > 0) {
            struct bytes taken = outbox->pending;
            outbox->pending = (struct bytes){0};
            code = bide_write_all(outbox->fd, taken.data, taken.len, NULL);
            bytes_free(&taken);
        } else if (outbox->closing) {
            return 0;
        } else {
            code = bide_event_wait(&outbox->filled);
            bide_event_clear(&outbox->filled);
        }
    }
    if (code < 0 && !outbox->dropped) drop(outbox);
    return 0;
}

struct outbox *outbox_open(int fd)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);
    if (!outbox) return NULL;
    outbox->fd = fd;
    outbox->writer = bide_create_task(write_pending, outbox);
    if (outbox->writer) return outbox;
    free(outbox);
    return NULL;
}

void outbox_put(struct outbox *outbox, struct slice bytes)
{
    if (outbox->dropped) return;
    if (outbox->pending.len < OUTBOX_MAX) bytes_append(&outbox->pending, bytes.data, bytes.len);
    if (outbox->pending.len >= OUTBOX_MAX || outbox->pending.failed) drop(outbox);
    bide_event_set(&outbox->filled);
}

/* The shield is for the end of the server, when the client's task has been cancelled. */
void outbox_close(struct outbox *outbox)
{
    if (!outbox) return;
    outbox->closing = true;
    bide_event_set(&outbox->filled);
    BIDE_SHIELD(GRACE) {
        BIDE_TIMEOUT(GRACE) {
            bide_await(outbox->writer, NULL); /* cancels it if the time is up */
        }
    }
    bytes_free(&outbox->pending);
    free(outbox);
}
