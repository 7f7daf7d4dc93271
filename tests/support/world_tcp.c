/* SPDX-License-Identifier: MIT */
/*
 * Connections of random programs. Whoever accepts does not know whose connection it is: the two
 * halves find each other by the client's port, whichever comes first.
 */
#include "world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static void half_close(const struct half *half)
{
    if (half->fd < 0) return;
    const int code = half->own ? bide_close(half->fd) : close(half->fd);
    WORLD_EXPECT(code == 0, "closing %d gave %d", half->fd, code);
}

static void half_join(const struct half *half, const struct half *other, uint64_t *random)
{
    if (half->fd >= 0 && other->fd >= 0) {
        saw(SEEN_CONNECTIONS, 1);
        world_pair(END_TCP, half->fd, half->own, other->fd, other->own, random);
        return;
    }
    half_close(half);
    half_close(other);
}

static void half_add(struct half half, uint64_t *random)
{
    for (int i = 0; i < world.half_count; i++) {
        const struct half other = world.halves[i];
        if (other.port != half.port || other.is_client == half.is_client) continue;
        world.halves[i] = world.halves[--world.half_count];
        half_join(&half, &other, random);
        return;
    }
    if (world.half_count == MOST_HALVES)
        half_close(&half);
    else
        world.halves[world.half_count++] = half;
}

void world_halves_close(void)
{
    for (int i = 0; i < world.half_count; i++) {
        if (world.halves[i].fd >= 0) close(world.halves[i].fd);
    }
}

/* ---- the listener ---- */

static struct sockaddr_in local(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    WORLD_EXPECT(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    return ntohs(address.sin_port);
}

void world_listen(uint64_t *random)
{
    const struct sockaddr_in address = local(0);
    world.listener_is_own = world_draw(random, 2);
    const int fd = world.listener_is_own ? bide_socket(AF_INET, SOCK_STREAM, 0)
                                         : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    WORLD_EXPECT(fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0, "bind");
    WORLD_EXPECT(listen(fd, 128) == 0, "listen");
    world.listener = fd;
    world.listener_port = port_of(fd);
}

void world_listener_close(void)
{
    const int fd = world.listener;
    if (fd < 0) return;
    world.listener = -1;
    world.listener_generation++;
    WORLD_EXPECT(bide_close(fd) == 0, "closing the listener");
}

/* ---- actions ---- */

int act_accept(struct body *body)
{
    if (world.listener < 0) return 0;
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    const unsigned generation = world.listener_generation;
    const bool before = bide_cancelled();
    const int code = bide_accept(world.listener, (struct sockaddr *)&address, &length);
    world_check_cut(before, code);
    WORLD_EXPECT(code >= 0 || is_cut(code) || (code == -EBADF && generation != world.listener_generation),
                 "accept gave %d", code);
    if (code < 0) return code;
    WORLD_EXPECT(generation == world.listener_generation, "accepted after the close");
    half_add((struct half){.fd = code, .own = true, .port = ntohs(address.sin_port)}, &body->random);
    return 0;
}

int act_connect(struct body *body)
{
    if (world.listener < 0) return 0;
    static const int types[] = {SOCK_STREAM | SOCK_CLOEXEC, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK};
    struct half half = {.is_client = true, .own = world_draw(&body->random, 2)};
    const int type = types[world_draw(&body->random, 2)];
    const struct sockaddr_in address = local(world.listener_port);
    half.fd = half.own ? bide_socket(AF_INET, SOCK_STREAM, 0) : socket(AF_INET, type, 0);
    const bool before = bide_cancelled();
    const int code = bide_connect(half.fd, (const struct sockaddr *)&address, sizeof address);
    world_check_cut(before, code);
    const bool refused = (code == -ECONNREFUSED || code == -ECONNRESET) && world.listener < 0;
    WORLD_EXPECT(code == 0 || is_cut(code) || refused, "connect gave %d", code);
    saw(SEEN_CUT_CONNECTS, is_cut(code) && !before);
    half.port = port_of(half.fd);
    if (code < 0) {
        half_close(&half);
        half.fd = -1;
        if (half.port == 0) return code; /* it was never bound */
    }
    half_add(half, &body->random);
    return code;
}
