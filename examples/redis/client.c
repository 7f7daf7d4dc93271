/* SPDX-License-Identifier: MIT */
/*
 * The replies to all requests of one read go out in one write. A client that does not take its
 * replies is not read from either. One that has subscribed gets its replies, too, by its outbox,
 * so that they and the messages do not mix.
 *
 * Buffers are small until there is need: an idle client has 1 KiB for requests and nothing for
 * replies, which are written to a spare buffer that all share. Only who must wait while writing
 * keeps it for so long.
 */
#include "client.h"
#include "commands.h"
#include "outbox.h"

#include <bide.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define GRACE 3.0 /* seconds for the last replies */

enum {
    INPUT_USUAL = 16 * 1024,  /* bytes that are read at once, unless a request is larger */
    OUTPUT_USUAL = 64 * 1024, /* bytes of replies after which they are written, complete or not */
    SPANS_USUAL = 1024
};

struct client {
    int fd;
    struct redis_server *server;
    struct bytes in;
    size_t start; /* what is in front of it in the buffer has been done */
    struct resp_parser parser;
    struct subscriptions subscriptions;
    struct outbox *outbox; /* NULL until it subscribes */
};

/* ---- replies ---- */

/* What has been done is also answered, even when the server ends: a cancel has to wait for it. */
static int send_replies(struct client *client, const struct bytes *out)
{
    size_t done;
    int code = bide_send_all(client->fd, out->data, out->len, 0, &done);
    if (code != -ECANCELED) return code;
    BIDE_SHIELD(GRACE) {
        code = bide_send_all(client->fd, out->data + done, out->len - done, 0, NULL);
    }
    return code;
}

static int flush(struct client *client, struct bytes *out)
{
    int code = 0;
    if (out->failed) return -ENOMEM;
    if (out->len == 0) return 0;
    if (client->outbox)
        outbox_put(client->outbox, (struct slice){out->data, out->len});
    else
        code = send_replies(client, out);
    out->len = 0;
    return code;
}

static struct bytes take_spare(struct redis_server *server)
{
    struct bytes buffer = server->spare;
    server->spare = (struct bytes){0};
    return buffer;
}

static void give_spare(struct redis_server *server, struct bytes *buffer)
{
    if (server->spare.data || buffer->capacity > 2 * OUTPUT_USUAL || buffer->failed)
        bytes_free(buffer);
    else
        server->spare = *buffer;
}

/* ---- requests ---- */

static bool run_request(struct client *client, struct bytes *out)
{
    struct call call = {
        .store = &client->server->store,
        .pubsub = &client->server->pubsub,
        .client = client,
        .bytes = client->in.data + client->start,
        .spans = client->parser.spans,
        .argc = client->parser.count,
        .out = out,
    };
    if (call.argc > 0) commands_run(&call);
    return !call.quit;
}

/* Runs all requests that are complete. Negative or 0 once the connection must end. */
static int run_requests(struct client *client, struct bytes *out)
{
    for (;;) {
        struct resp_parser *parser = &client->parser;
        switch (resp_parse(parser, client->in.data + client->start, client->in.len - client->start)) {
        case RESP_MORE: return 1;
        case RESP_ERROR: reply_error(out, "%s", parser->error); return 0;
        case RESP_REQUEST: break;
        }
        const bool goes_on = run_request(client, out);
        client->start += parser->pos;
        resp_next(parser);
        if (!goes_on) return 0;
        if (out->len < OUTPUT_USUAL) continue;
        const int code = flush(client, out);
        if (code < 0) return code;
    }
}

/* Keeps only what is not done yet, and no more memory than is usual. */
static void tidy(struct client *client)
{
    struct bytes *in = &client->in;
    in->len -= client->start;
    if (in->len > 0 && client->start > 0) memmove(in->data, in->data + client->start, in->len);
    if (in->len == 0 && in->capacity > INPUT_USUAL) bytes_free(in);
    client->start = 0;
    if (client->parser.count == 0 && client->parser.capacity > SPANS_USUAL) resp_free(&client->parser);
}

static int answer(struct client *client)
{
    struct bytes out = take_spare(client->server);
    const int more = run_requests(client, &out);
    const int code = more < 0 ? more : flush(client, &out);
    give_spare(client->server, &out);
    tidy(client);
    return code < 0 ? code : more;
}

/* Where a read filled the buffer there may be more to come, and the next one gets more room. */
static int read_requests(struct client *client)
{
    struct bytes *in = &client->in;
    if (!bytes_reserve(in, 1)) return -ENOMEM;
    const ssize_t n = bide_recv(client->fd, in->data + in->len, in->capacity - in->len, 0);
    if (n <= 0) return (int)n;
    in->len += (size_t)n;
    return 1;
}

static void grow_input(struct client *client, bool filled)
{
    struct bytes *in = &client->in;
    if (filled && in->len < in->capacity && in->capacity < INPUT_USUAL) bytes_reserve(in, in->capacity);
}

/* ---- the connection ---- */

/* Are there requests that nobody will read, or replies that are still on their way? */
static bool is_in_talk(int fd)
{
    int unread = 0, unsent = 0;
    return (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0) ||
           (ioctl(fd, TIOCOUTQ, &unsent) == 0 && unsent > 0);
}

/*
 * Closing with requests unread would reset the connection, and the client might lose its last replies. It
 * takes place also when the server ends, which waits for those who are in the midst of it.
 */
static void say_goodbye(struct client *client)
{
    char rest[4096];
    shutdown(client->fd, SHUT_WR);
    BIDE_SHIELD(GRACE)
        BIDE_TIMEOUT(GRACE) {
            while (bide_read(client->fd, rest, sizeof rest) > 0) continue;
        }
}

struct client *client_new(struct redis_server *server, int fd)
{
    struct client *client = calloc(1, sizeof *client);
    if (!client) return NULL;
    client->fd = fd;
    client->server = server;
    return client;
}

void client_free(struct client *client)
{
    bytes_free(&client->in);
    resp_free(&client->parser);
    bide_close(client->fd);
    free(client);
}

/* Whatever goes wrong with a connection is the client's to know, not the server's. */
int client_serve(void *arg)
{
    struct client *client = arg;
    int more;
    while ((more = read_requests(client)) > 0) {
        const bool filled = client->in.len == client->in.capacity;
        more = answer(client);
        if (more <= 0) break;
        grow_input(client, filled);
    }
    pubsub_leave(&client->server->pubsub, &client->subscriptions);
    outbox_close(client->outbox);
    if (more == 0 || (more == -ECANCELED && is_in_talk(client->fd))) say_goodbye(client);
    client_free(client);
    return 0;
}

/* ---- for the commands ---- */

bool client_is_subscribed(const struct client *client)
{
    return client->subscriptions.by_name.count > 0;
}

struct subscriptions *client_subscriptions(struct client *client)
{
    return &client->subscriptions;
}

bool client_accept_messages(struct client *client)
{
    if (!client->outbox) client->outbox = outbox_open(client->fd);
    return client->outbox;
}

void client_send(struct client *client, struct slice message)
{
    outbox_put(client->outbox, message);
}
