/* SPDX-License-Identifier: MIT */
/* Starting a server. */
#include "server.h"

#include "address.h"
#include "loop.h"
#include "sys.h"

#include <bide/error.h>
#include <bide/io.h>
#include <bide/task.h>
#include <errno.h>

enum { LISTENERS_MOST = 16 };

static bool is_sound(const struct bide_server_options *opt)
{
    for (size_t i = 0; i < sizeof opt->reserved / sizeof *opt->reserved; i++)
        if (opt->reserved[i]) return false;
    return (opt->stack_size == 0 || opt->stack_size >= bide_stack_min()) && opt->count <= LISTENERS_MOST &&
           (opt->count == 0 || opt->fds);
}

static int check(bide_serve_fn handler, const struct bide_server_options *opt)
{
    if (handler && is_sound(opt)) return 0;
    return bide_fail_at(NULL, 0, EINVAL, "the handler or the options of a server make no sense");
}

/* The sockets that the user has. */
static int take_sockets(const struct bide_server_options *opt, int *fds)
{
    int code = cancel_check();
    for (size_t i = 0; code >= 0 && i < opt->count; i++) {
        fds[i] = opt->fds[i];
        code = sys_listens(fds[i]);
        if (code >= 0) code = bide_adopt(fds[i]);
        if (code < 0) bide_fail_at(NULL, 0, code, "descriptor %d does not listen", fds[i]);
    }
    return code < 0 ? code : (int)opt->count;
}

static void add_listener(struct bide_server *server, int fd, bool own)
{
    struct address address = {.length = sizeof address.local};
    struct listener *listener = &server->listeners[server->count++];
    *listener = (struct listener){.server = server, .fd = fd, .own = own};
    list_init(&listener->late);
    if (sys_socket_name(fd, false, &address.any, &address.length) < 0) return;
    if (server->count == 1) server->port = address_port(&address);
    const bool named = address_family(&address) == AF_UNIX && address.local.sun_path[0] != '\0';
    if (own && named && !sys_file_identity(address.local.sun_path, listener->file))
        listener->file[1] = 0; /* it has gone already */
}

/* Before it listens: what cannot be had then leaves no socket's file behind. */
static struct bide_server *make(bide_serve_fn handler, void *arg, const struct bide_server_options *opt)
{
    struct bide_server *server = sys_alloc(sizeof *server + LISTENERS_MOST * sizeof *server->listeners);
    if (!server) return NULL;
    *server = (struct bide_server){
        .handler = handler, .arg = arg, .most = opt->max_connections, .stack_size = opt->stack_size};
    wait_init(&server->owner, &server_owner_ops);
    list_init(&server->tasks);
    list_append(&loop_current()->leftovers, &server->node);
    return server;
}

/* False without memory: then the listeners are closed, but not those that are its user's. */
static bool start_listeners(struct bide_server *server, bool own)
{
    for (size_t i = 0; i < server->count; i++) {
        const struct task_plan plan = {.fn = server_accept,
                                       .arg = &server->listeners[i],
                                       .name = "server",
                                       .owner = &server->owner,
                                       .members = &server->tasks,
                                       .index = LISTENER};
        struct bide_task *task = task_create(&plan);
        if (task) {
            server->left++;
            task_start(task);
            continue;
        }
        for (size_t k = 0; !own && k < server->count; k++) server->listeners[k].fd = -1;
        server_stop(server);
        server->given_up = true;
        if (i == 0) server_free(server);
        return false;
    }
    return true;
}

/* Those that the user has, or new ones. 0 or a code. */
static int open_listeners(struct bide_server *server, const char *host, int port,
                          const struct bide_server_options *opt)
{
    int fds[LISTENERS_MOST] = {0};
    const int n = opt->count > 0 ? take_sockets(opt, fds)
                                 : bide_listen_with(host, port, &opt->listen, fds, LISTENERS_MOST);
    for (int i = 0; i < n; i++) add_listener(server, fds[i], opt->count == 0);
    return n < 0 ? n : 0;
}

struct bide_server *bide_start_server(const char *host, int port, bide_serve_fn handler, void *arg,
                                      const struct bide_server_options *opt)
{
    const struct bide_server_options defaults = {0};
    if (!opt) opt = &defaults;
    int code = task_current ? check(handler, opt) : -EPERM;
    struct bide_server *server = code == 0 ? make(handler, arg, opt) : NULL;
    if (server) {
        code = open_listeners(server, host, port, opt);
        if (code == 0 && start_listeners(server, opt->count == 0)) return server;
        if (code < 0) server_free(server);
    }
    errno = code < 0 ? -code : ENOMEM;
    return NULL;
}
