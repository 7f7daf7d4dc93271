/* SPDX-License-Identifier: MIT */
/* What random tasks do with descriptors, often several with the same. */
#include "world.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { MOST_BYTES = 4096, MOST_AT_ONCE = 48 * 1024 };

/* A call on a descriptor, which others may close, adopt or release meanwhile. */
struct use {
    struct end *end;
    unsigned generation;
    bool before;
};

static struct use use_begin(struct end *end)
{
    end->users++;
    return (struct use){end, end->generation, bide_cancelled()};
}

/* What it gave: given stays given, but a descriptor that was given up gives no more. */
static void use_end(const struct use *use, ssize_t code)
{
    const bool lost = use->end->generation != use->generation;
    const bool broken = code == -EPIPE || code == -ECONNRESET;
    use->end->users--;
    world_check_cut(use->before, code);
    saw(SEEN_GIVEN_UP_MEANWHILE, code == -EBADF);
    saw(SEEN_BROKEN_STREAMS, broken);
    if (lost)
        WORLD_EXPECT(code == -EBADF || is_cut(code), "descriptor %d was given up, but %zd", use->end->fd,
                     code);
    else
        WORLD_EXPECT(code >= 0 || is_cut(code) || (broken && (use->end->gone || use->end->shut)),
                     "descriptor %d gave %zd", use->end->fd, code);
}

static size_t draw_size(uint64_t *random)
{
    return 1 + (size_t)world_draw(random, world_draw(random, 2) ? MOST_BYTES : 40);
}

static ssize_t read_somehow(const struct end *end, unsigned char *bytes, size_t n, int how)
{
    struct iovec iov[] = {{bytes, n / 3}, {bytes + n / 3, n - n / 3}};
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
    if (end->kind == END_PIPE) how %= 2;
    switch (how) {
    case 0: return bide_read(end->fd, bytes, n);
    case 1: return bide_readv(end->fd, iov, 2);
    case 2: return bide_recv(end->fd, bytes, n, 0);
    default: return bide_recvmsg(end->fd, &message, 0);
    }
}

ssize_t world_read(struct end *end, uint64_t *random)
{
    unsigned char bytes[MOST_BYTES];
    const size_t n = draw_size(random);
    const struct use use = use_begin(end);
    const ssize_t code = read_somehow(end, bytes, n, world_draw(random, 4));
    if (code > 0) stream_take(&end->in, bytes, (size_t)code);
    WORLD_EXPECT(code != 0 || end->gone, "the end of descriptor %d came too early", end->fd);
    saw(SEEN_BYTES, code > 0 ? (unsigned long)code : 0);
    saw(SEEN_ENDS_OF_STREAMS, code == 0);
    if (code == 0) end->in.over = true;
    use_end(&use, code);
    return code;
}

int act_read(struct body *body)
{
    struct end *end = world_pick_end(&body->random, is_open_reader);
    const ssize_t code = end ? world_read(end, &body->random) : 0;
    return code < 0 ? (int)code : 0;
}

static ssize_t write_somehow(const struct end *end, unsigned char *bytes, size_t n, int how)
{
    struct iovec iov[] = {{bytes, n / 3}, {bytes + n / 3, n - n / 3}};
    const struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
    if (end->kind == END_PIPE) how %= 2;
    switch (how) {
    case 0: return bide_write(end->fd, bytes, n);
    case 1: return bide_writev(end->fd, iov, 2);
    case 2: return bide_send(end->fd, bytes, n, 0);
    default: return bide_sendmsg(end->fd, &message, 0);
    }
}

ssize_t world_write(struct end *end, uint64_t *random, size_t n)
{
    unsigned char bytes[MOST_BYTES];
    if (n > sizeof bytes) n = sizeof bytes;
    const int writer = stream_writer(&end->peer->in, n);
    if (writer < 0) return 0;
    stream_fill(&end->peer->in, writer, bytes, n);
    const struct use use = use_begin(end);
    const ssize_t code = write_somehow(end, bytes, n, world_draw(random, 4));
    WORLD_EXPECT(code != 0 && code <= (ssize_t)n, "%zd of %zu bytes", code, n);
    stream_written(&end->peer->in, writer, code > 0 ? (size_t)code : 0);
    use_end(&use, code);
    return code;
}

int act_write(struct body *body)
{
    struct end *end = world_pick_end(&body->random, is_open_writer);
    const size_t n = draw_size(&body->random);
    const ssize_t code = end ? world_write(end, &body->random, n) : 0;
    return code < 0 ? (int)code : 0;
}

int world_write_all(struct end *end, size_t n, size_t *done)
{
    const int writer = stream_writer(&end->peer->in, n);
    *done = 0;
    if (writer < 0) return 0;
    unsigned char *bytes = malloc(n);
    stream_fill(&end->peer->in, writer, bytes, n);
    const struct use use = use_begin(end);
    *done = SIZE_MAX;
    const int code = bide_write_all(end->fd, bytes, n, done);
    free(bytes);
    WORLD_EXPECT(code == 0 ? *done == n : *done < n, "%zu of %zu bytes, but %d", *done, n, code);
    saw(SEEN_PARTLY_WRITTEN, code < 0 && *done > 0);
    stream_written(&end->peer->in, writer, *done);
    use_end(&use, code);
    return code;
}

int act_write_all(struct body *body)
{
    struct end *end = world_pick_end(&body->random, is_open_writer);
    const size_t n = 1 + (size_t)world_draw(&body->random, MOST_AT_ONCE);
    size_t done;
    return end ? world_write_all(end, n, &done) : 0;
}

static bool is_open(const struct end *end)
{
    return end->fd >= 0;
}

int world_poll(struct end *end, int events)
{
    const struct use use = use_begin(end);
    const int code = bide_poll(end->fd, events);
    WORLD_EXPECT(code != 0 && (code < 0 || !(code & ~(events | POLLERR | POLLHUP))), "poll gave %d", code);
    use_end(&use, code);
    return code;
}

int act_poll(struct body *body)
{
    static const int choices[] = {POLLIN, POLLOUT, POLLIN | POLLOUT};
    struct end *end = world_pick_end(&body->random, is_open);
    const int code = end ? world_poll(end, choices[world_draw(&body->random, 3)]) : 0;
    return code < 0 ? code : 0;
}
