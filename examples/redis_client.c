/* SPDX-License-Identifier: MIT */
/*
 * What a client library is made of: a connection, pipelining, timeouts, and a pool.
 *
 *     redis_client [PORT]    of a server on 127.0.0.1; without one it is served in this very run
 */
#include "redis/resp.h"
#include "redis/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a connection ---- */

struct connection {
    int fd;
    struct bytes out; /* commands that are not sent yet */
    struct bytes in;  /* what has come; in front of `start` it has been used */
    size_t start;
};

/* Adds a command to those that the next flush sends; its words end with NULL. */
static void add_command(struct connection *connection, const char *word, ...)
{
    va_list words, count;
    size_t n = 1;
    va_start(words, word);
    va_copy(count, words);
    while (va_arg(count, const char *)) n++;
    va_end(count);
    reply_array(&connection->out, n); /* an array of strings looks the same both ways */
    for (; word; word = va_arg(words, const char *)) reply_text(&connection->out, word);
    va_end(words);
}

static int flush(struct connection *connection)
{
    struct bytes *out = &connection->out;
    const int code = out->failed ? -ENOMEM : bide_write_all(connection->fd, out->data, out->len, NULL);
    out->len = 0;
    return code;
}

/* Waits until n bytes are there that have not been used. */
static int need(struct connection *connection, size_t n)
{
    struct bytes *in = &connection->in;
    while (in->len - connection->start < n) {
        if (!bytes_reserve(in, n)) return -ENOMEM;
        const ssize_t got = bide_read(connection->fd, in->data + in->len, in->capacity - in->len);
        if (got == 0) return bide_fail(ECONNRESET, "the server hung up");
        if (got < 0) return (int)got;
        in->len += (size_t)got;
    }
    return 0;
}

static int read_line(struct connection *connection, struct slice *line)
{
    for (size_t n = 1;; n++) {
        const int code = need(connection, n);
        if (code < 0) return code;
        const char *data = connection->in.data + connection->start;
        if (data[n - 1] != '\n') continue;
        *line = (struct slice){data, n < 2 ? 0 : n - 2};
        connection->start += n;
        return 0;
    }
}

/* The next reply, good until the next call: its text or how many elements follow; or a failure. */
static int read_reply(struct connection *connection, struct slice *reply)
{
    int64_t len;
    if (connection->start == connection->in.len) connection->start = connection->in.len = 0;
    int code = read_line(connection, reply);
    if (code < 0) return code;
    if (reply->len == 0) return -EPROTO;
    const char type = *reply->data;
    *reply = (struct slice){reply->data + 1, reply->len - 1};
    if (type == '-') return bide_fail(EREMOTEIO, "%.*s", (int)reply->len, reply->data);
    if (type != '$') return 0;
    if (!decimal_parse(*reply, &len) || len > RESP_MAX_BULK) return -EPROTO;
    if (len < 0) return -ENOENT;
    if ((code = need(connection, (size_t)len + 2)) < 0) return code;
    *reply = (struct slice){connection->in.data + connection->start, (size_t)len};
    connection->start += (size_t)len + 2;
    return 0;
}

/* ---- a pool of them; arg: the port ---- */

static void disconnect(void *arg, void *resource)
{
    (void)arg;
    struct connection *connection = resource;
    bide_close(connection->fd);
    bytes_free(&connection->in);
    bytes_free(&connection->out);
    free(connection);
}

static int connect_to(void *arg, void **resource)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*(uint16_t *)arg)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) return -ENOMEM;
    int code = connection->fd = bide_socket(AF_INET, SOCK_STREAM, 0);
    BIDE_TIMEOUT(5.0) {
        if (code >= 0) code = bide_connect(connection->fd, (struct sockaddr *)&address, sizeof address);
    }
    if (code < 0)
        disconnect(arg, connection);
    else
        *resource = connection;
    return code;
}

/* A connection that may still get replies nobody waits for is of no use to others. */
static void give_back(struct bide_pool *pool, struct connection *connection, int code)
{
    if (code < 0 && code != -EREMOTEIO && code != -ENOENT)
        bide_pool_discard(pool, connection);
    else
        bide_pool_release(pool, connection);
}

/* ---- its use ---- */

static struct bide_pool *pool;

/* One command and its reply, which is copied to text. */
static int ask(const char *verb, const char *key, const char *value, char *text, size_t size)
{
    struct slice reply = {"", 0};
    void *connection;
    int code = bide_pool_acquire(pool, &connection);
    if (code < 0) return code;
    BIDE_TIMEOUT(5.0) {
        add_command(connection, verb, key, value, NULL);
        code = flush(connection);
        if (code >= 0) code = read_reply(connection, &reply);
    }
    if (code >= 0) snprintf(text, size, "%.*s", (int)reply.len, reply.data);
    give_back(pool, connection, code);
    return code;
}

static int visit(void *arg)
{
    char count[32];
    (void)arg;
    return ask("INCR", "visits", NULL, count, sizeof count);
}

/* A thousand commands in one write; the replies come in the order of the commands. */
static int fill_list(void)
{
    struct slice reply = {"", 0};
    void *connection;
    int code = bide_pool_acquire(pool, &connection);
    if (code < 0) return code;
    BIDE_TIMEOUT(5.0) {
        for (int i = 0; i < 1000; i++) add_command(connection, "RPUSH", "list", "element", NULL);
        code = flush(connection);
        for (int i = 0; i < 1000 && code >= 0; i++) code = read_reply(connection, &reply);
    }
    if (code >= 0) printf("pipelining: the last of 1000 replies is %.*s\n", (int)reply.len, reply.data);
    give_back(pool, connection, code);
    return code;
}

/* Nobody publishes anything there, so only the reply to the command itself comes: an array of three. */
static int listen_in_vain(void)
{
    struct slice reply;
    void *connection;
    int code = bide_pool_acquire(pool, &connection);
    if (code < 0) return code;
    BIDE_TIMEOUT(0.05) {
        add_command(connection, "SUBSCRIBE", "silence", NULL);
        code = flush(connection);
        while (code >= 0) code = read_reply(connection, &reply);
    }
    if (bide_expired()) puts("no message in time");
    give_back(pool, connection, code);
    return bide_expired() ? 0 : code;
}

static int use_pool(void)
{
    char text[64];
    struct bide_group visitors;
    int code = ask("DEL", "visits", "list", text, sizeof text);
    if (code < 0) return code;
    BIDE_GROUP(visitors) {
        for (int i = 0; i < 6; i++) bide_group_start(&visitors, visit, NULL);
    }
    code = bide_group_result(&visitors);
    if (code >= 0) code = ask("GET", "visits", NULL, text, sizeof text);
    if (code >= 0) printf("visits: %s, through %zu connections\n", text, bide_pool_size(pool));
    if (code >= 0) code = fill_list();
    if (code < 0) return code;
    code = ask("INCR", "list", NULL, text, sizeof text);
    printf("refused: %s\n", bide_error_text(code));
    return listen_in_vain();
}

static int talk(uint16_t port)
{
    const struct bide_pool_options options = {
        .max = 3, .create = connect_to, .destroy = disconnect, .arg = &port};
    pool = bide_pool_new(&options);
    if (!pool) return -errno;
    const int code = use_pool();
    printf("connections at the end: %zu\n", bide_pool_size(pool));
    bide_pool_free(pool);
    return code;
}

static int talk_to_myself(void)
{
    struct redis_server server;
    struct bide_group group;
    int code = 0;
    const int port = redis_server_open(&server, 0);
    if (port < 0) return port;
    BIDE_GROUP(group) {
        bide_group_start(&group, redis_server_serve, &server);
        code = talk((uint16_t)port);
        bide_group_cancel(&group);
    }
    return code;
}

static int run(void *arg)
{
    const char *port = arg;
    return port ? talk((uint16_t)strtoul(port, NULL, 10)) : talk_to_myself();
}

int main(int argc, char **argv)
{
    const int code = bide_run(run, argc > 1 ? argv[1] : NULL);
    if (code < 0) fprintf(stderr, "redis_client: %s\n", bide_error_text(code));
    return code < 0;
}
