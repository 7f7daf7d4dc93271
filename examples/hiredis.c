/* SPDX-License-Identifier: MIT */
/*
 * A library that knows nothing of bide, in a task: hiredis, the usual client for Redis. It gives
 * away its descriptor and never blocks when told so; bide_poll does the waiting in between.
 *
 *     hiredis [PORT]    of a server on 127.0.0.1; without one it is served in this very run
 */
#include "redis/server.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static uint16_t port;

static int failure(const redisContext *context)
{
    return bide_fail(EIO, "%s", context->errstr);
}

static int send_all(redisContext *context)
{
    int done = 0;
    while (!done) {
        int code = bide_poll(context->fd, POLLOUT);
        if (code < 0) return code;
        if (redisBufferWrite(context, &done) != REDIS_OK) return failure(context);
    }
    return 0;
}

/* redisCommand, for a task: the other ones run while it waits. */
static int command(redisContext *context, redisReply **reply, const char *format, const char *argument)
{
    void *ready = NULL;
    if (redisAppendCommand(context, format, argument) != REDIS_OK) return failure(context);
    int code = send_all(context);
    while (code >= 0) {
        if (redisGetReplyFromReader(context, &ready) != REDIS_OK) return failure(context);
        if (ready) break;
        code = bide_poll(context->fd, POLLIN);
        if (code >= 0 && redisBufferRead(context) != REDIS_OK) return failure(context);
    }
    *reply = ready;
    return code < 0 ? code : 0;
}

static int use(redisContext *context, const char *name)
{
    redisReply *reply;
    int code = 0;
    for (int i = 0; i < 100 && code >= 0; i++) {
        code = command(context, &reply, "RPUSH turns %s", name);
        if (code >= 0) freeReplyObject(reply);
    }
    return code;
}

static int client(void *arg)
{
    int code = -ENOMEM;
    redisContext *context = redisConnectNonBlock("127.0.0.1", port);
    BIDE_TIMEOUT(5.0) {
        if (context) code = context->err ? failure(context) : use(context, arg);
    }
    redisFree(context);
    return code;
}

static int show(redisContext *context)
{
    redisReply *reply;
    int code = command(context, &reply, "LLEN %s", "turns");
    if (code < 0) return code;
    printf("turns: %lld\n", reply->integer);
    freeReplyObject(reply);
    code = command(context, &reply, "DEL %s", "turns");
    if (code >= 0) freeReplyObject(reply);
    return code;
}

static int talk(void)
{
    static char *const names[] = {"ann", "bob", "cid"};
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 3; i++) bide_group_start(&group, client, names[i]);
    }
    int code = bide_group_result(&group);
    if (code < 0) return code;
    redisContext *context = redisConnectNonBlock("127.0.0.1", port);
    code = !context ? -ENOMEM : context->err ? failure(context) : show(context);
    redisFree(context);
    return code;
}

static int run(void *arg)
{
    struct redis_server server;
    struct bide_group group;
    if (arg) {
        port = (uint16_t)strtoul(arg, NULL, 10);
        return talk();
    }
    int code = redis_server_open(&server, 0);
    if (code < 0) return code;
    port = (uint16_t)code;
    BIDE_GROUP(group) {
        bide_group_start(&group, redis_server_serve, &server);
        code = talk();
        bide_group_cancel(&group);
    }
    return code;
}

int main(int argc, char **argv)
{
    const int code = bide_run(run, argc > 1 ? argv[1] : NULL);
    if (code < 0) fprintf(stderr, "hiredis: %s\n", bide_error_text(code));
    return code < 0;
}
