/* SPDX-License-Identifier: MIT */
/* A task for each client and one that accepts them, in one group; the server's own deletes what expires. */
#include "server.h"
#include "client.h"
#include "commands.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

enum { EXPIRED_AT_ONCE = 100 };

/* Replies are written whole: there is nothing to gain by waiting for more. */
static void accept_client(struct redis_server *server, int fd)
{
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct client *client = client_new(server, fd);
    if (!client)
        bide_close(fd);
    else if (bide_group_spawn(&server->clients, client_serve, client) < 0)
        client_free(client);
}

static int accept_clients(void *arg)
{
    struct redis_server *server = arg;
    for (;;) {
        const int fd = bide_accept(server->listener, NULL, NULL);
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM)
            bide_sleep(0.1); /* out of descriptors or memory: the client waits until there is some */
        else if (fd < 0)
            return fd;
        else
            accept_client(server, fd);
    }
}

/* Sleeps until a key expires, or one that expires earlier turns up; lets others run between many. */
static int expire_keys(struct redis_server *server)
{
    for (;;) {
        int code = 0;
        BIDE_TIMEOUT(store_expire_due(&server->store, EXPIRED_AT_ONCE)) {
            code = bide_event_wait(&server->store.sooner);
        }
        if (code < 0 && !bide_expired()) return code;
        bide_event_clear(&server->store.sooner);
    }
}

int redis_server_open(struct redis_server *server, uint16_t port)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    const int fd = bide_listen("127.0.0.1", port, 0);
    if (fd < 0) return fd;
    getsockname(fd, (struct sockaddr *)&address, &len);
    *server = (struct redis_server){.listener = fd};
    dict_seed();
    commands_init();
    return ntohs(address.sin_port);
}

int redis_server_serve(void *arg)
{
    struct redis_server *server = arg;
    int code = 0;
    BIDE_GROUP(server->clients) {
        bide_group_start(&server->clients, accept_clients, server);
        code = expire_keys(server);
    }
    bide_close(server->listener);
    store_clear(&server->store);
    bytes_free(&server->spare);
    const int failure = bide_group_result(&server->clients);
    return failure < 0 ? failure : code;
}
