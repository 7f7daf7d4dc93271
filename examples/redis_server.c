/* SPDX-License-Identifier: MIT */
/*
 * A server that Redis' own clients talk to: strings, lists, sets, hashes, expiry, publish and
 * subscribe. This is its main function; redis_server.md walks through the rest, in redis/.
 *
 *     redis_server [PORT]    on 127.0.0.1; 0, the default, picks a free one
 */
#include "redis/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const int end_signals[] = {SIGINT, SIGTERM};

/* The server runs in the group until a signal comes, or it fails. */
static int run(void *arg)
{
    struct redis_server server;
    const int port = redis_server_open(&server, *(uint16_t *)arg);
    if (port < 0) return port;
    printf("listening on 127.0.0.1:%d\n", port);
    fflush(stdout); /* whoever started us may read it through a pipe */

    struct bide_group group;
    int code = 0;
    BIDE_GROUP(group) {
        bide_group_start(&group, redis_server_serve, &server);
        code = bide_signal_wait(end_signals, 2);
        bide_group_cancel(&group);
    }
    const int failure = bide_group_result(&group);
    return failure < 0 ? failure : code;
}

int main(int argc, char **argv)
{
    char *rest = argc > 1 ? argv[1] : "0";
    const unsigned long number = strtoul(rest, &rest, 10);
    if (argc > 2 || *rest || number > UINT16_MAX) {
        fprintf(stderr, "usage: redis_server [PORT]\n");
        return 2;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* one that comes before the first wait is kept for it */

    uint16_t port = (uint16_t)number;
    const size_t least = bide_stack_min();
    const struct bide_options options = {.stack_size = least > REDIS_STACK_SIZE ? least : REDIS_STACK_SIZE};
    const int code = bide_run_with(&options, run, &port);
    if (code < 0) fprintf(stderr, "redis_server: %s\n", bide_error_text(code));
    return code < 0;
}
