/* SPDX-License-Identifier: MIT */
/*
 * A pool of at most three connections for six clients: who comes first is served first, and a
 * connection that has broken is replaced.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct connection {
    int number;
    int queries_left; /* before it breaks */
};

static int connections;
static struct bide_pool *pool;

static int connection_open(void *arg, void **resource)
{
    (void)arg;
    int code = bide_sleep(0.5);
    if (code < 0) return code;
    struct connection *connection = malloc(sizeof *connection);
    if (!connection) return -ENOMEM;
    connection->number = ++connections;
    connection->queries_left = connection->number == 2 ? 1 : 100; /* the second one is a bad one */
    printf("%3.1f  connection %d is opened\n", bide_time(), connection->number);
    *resource = connection;
    return 0;
}

static void connection_close(void *arg, void *resource)
{
    (void)arg;
    struct connection *connection = resource;
    printf("%3.1f  connection %d is closed\n", bide_time(), connection->number);
    free(connection);
}

/* Asked before a connection is used again. */
static int connection_check(void *arg, void *resource)
{
    (void)arg;
    struct connection *connection = resource;
    return connection->queries_left > 0 ? 0 : -EPIPE;
}

static int client(void *arg)
{
    const char *name = arg;
    void *resource;
    int code = bide_pool_acquire(pool, &resource);
    if (code < 0) return code;
    struct connection *connection = resource;
    printf("%3.1f  %s has connection %d\n", bide_time(), name, connection->number);
    code = bide_sleep(1.0); /* a query */
    connection->queries_left--;
    bide_pool_release(pool, connection);
    return code;
}

static int serve_clients(void *arg)
{
    (void)arg;
    const struct bide_pool_options options = {
        .max = 3, .create = connection_open, .destroy = connection_close, .check = connection_check};
    pool = bide_pool_new(&options);
    if (!pool) return -errno;

    static char *const names[] = {"ann", "bob", "cid", "dan", "eva", "fay"};
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 6; i++) bide_group_start(&group, client, names[i]);
    }
    printf("%3.1f  all served: %zu connections, %zu idle\n", bide_time(), bide_pool_size(pool),
           bide_pool_idle(pool));
    bide_pool_free(pool);
    return bide_group_result(&group);
}

int main(void)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, serve_clients, NULL) < 0;
}
