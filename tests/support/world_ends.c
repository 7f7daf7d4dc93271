/* SPDX-License-Identifier: MIT */
/* Descriptors of random programs: how they come and go, and the account of their bytes. */
#include "world.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- bytes ---- */

static unsigned char byte_at(int writer, uint64_t index)
{
    return (unsigned char)((unsigned)writer << 5 | (unsigned)((uint32_t)(index * 2654435761U) >> 27));
}

void stream_fill(const struct stream *stream, int writer, unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) bytes[i] = byte_at(writer, stream->written[writer] + i);
}

void stream_take(struct stream *stream, const unsigned char *bytes, size_t n)
{
    WORLD_EXPECT(!stream->over, "%zu bytes after the end", n);
    for (size_t i = 0; i < n; i++) {
        const int writer = bytes[i] >> 5;
        const uint64_t index = stream->taken[writer]++;
        WORLD_EXPECT(bytes[i] == byte_at(writer, index), "byte %llu of writer %d", (unsigned long long)index,
                     writer);
        WORLD_EXPECT(index < stream->offered[writer], "nobody wrote it");
    }
}

int stream_writer(struct stream *stream, size_t n)
{
    for (int writer = 0; writer < MOST_WRITERS; writer++) {
        if (stream->busy[writer]) continue;
        stream->busy[writer] = true;
        stream->offered[writer] += n;
        return writer;
    }
    return -1;
}

void stream_written(struct stream *stream, int writer, size_t n)
{
    stream->written[writer] += n;
    stream->offered[writer] = stream->written[writer];
    stream->busy[writer] = false;
    WORLD_EXPECT(stream->taken[writer] <= stream->written[writer], "more was written than was told");
}

/* ---- ends ---- */

bool is_open_reader(const struct end *end)
{
    return end->fd >= 0 && end->is_reader;
}

bool is_open_writer(const struct end *end)
{
    return end->fd >= 0 && end->is_writer;
}

struct end *world_pick_end(uint64_t *random, bool (*fits)(const struct end *end))
{
    if (world.end_count == 0) return NULL;
    const int first = world_draw(random, world.end_count);
    for (int i = 0; i < world.end_count; i++) {
        struct end *end = &world.ends[(first + i) % world.end_count];
        if (fits(end)) return end;
    }
    return NULL;
}

static void end_init(struct end *end, struct end *peer, enum end_kind kind, int fd, bool own,
                     uint64_t *random)
{
    const int small = 1, on = 1;
    *end = (struct end){
        .kind = kind, .fd = fd, .own = own, .keeper = -1, .flags = -1, .peer = peer, .is_reader = true};
    end->is_writer = kind != END_PIPE;
    if (world_draw(random, 4) == 0) end->keeper = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (kind != END_PIPE && world_draw(random, 2) == 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small); /* else it is large: as good */
    if (kind == END_TCP) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (kind == END_PIPE && world_draw(random, 2) == 0) (void)fcntl(fd, F_SETPIPE_SZ, 4096);
}

static void close_either(int fd, bool own)
{
    WORLD_EXPECT((own ? bide_close(fd) : close(fd)) == 0, "close");
}

struct end *world_pair(enum end_kind kind, int fd, bool own, int peer_fd, bool peer_own, uint64_t *random)
{
    if (world.end_count + 2 > MOST_ENDS) {
        close_either(fd, own);
        close_either(peer_fd, peer_own);
        return NULL;
    }
    struct end *end = &world.ends[world.end_count], *peer = end + 1;
    end_init(end, peer, kind, fd, own, random);
    end_init(peer, end, kind, peer_fd, peer_own, random);
    if (kind == END_PIPE) {
        peer->is_reader = false;
        peer->is_writer = true;
    }
    world.end_count += 2;
    return end;
}

int act_open(struct body *body)
{
    const enum end_kind kind = world_draw(&body->random, 2) ? END_PIPE : END_UNIX;
    const bool own = world_draw(&body->random, 2);
    int fds[2] = {-1, -1};
    if (world.end_count + 2 > MOST_ENDS) return 0;
    const int blocks = world_draw(&body->random, 2) ? 0 : O_NONBLOCK;
    const int type = SOCK_STREAM | SOCK_CLOEXEC | (blocks ? SOCK_NONBLOCK : 0);
    const int code = own ? kind == END_PIPE ? bide_pipe(fds) : bide_socketpair(AF_UNIX, SOCK_STREAM, 0, fds)
                     : kind == END_PIPE ? pipe2(fds, O_CLOEXEC | blocks)
                                        : socketpair(AF_UNIX, type, 0, fds);
    WORLD_EXPECT(code == 0, "cannot open: %d", code);
    if (code == 0) world_pair(kind, fds[0], own, fds[1], own, &body->random);
    return code;
}

/* ---- closing ---- */

/* What the end of this descriptor means for the bytes on their way. */
static void end_account(struct end *end)
{
    end->fd = -1;
    end->generation++;
    end->peer->gone = true;
    if (end->keeper >= 0) return;
    if (!end->in.over) end->in.lossy = true;
    if (end->kind == END_TCP && !end->in.over) end->peer->in.lossy = true; /* it may be reset */
}

static void end_close(struct end *end, uint64_t *random)
{
    const int fd = end->fd;
    const bool behind = !end->own && end->users == 0 && world_draw(random, 2);
    end_account(end);
    const int code = behind ? close(fd) : bide_close(fd);
    WORLD_EXPECT(code == 0, "closing %d gave %d", fd, code);
}

/* A keeper goes with it, as far as it would hold the end back. */
void world_finish_writing(struct end *end)
{
    end->shut = end->peer->gone = true;
    if (end->kind != END_PIPE) {
        WORLD_EXPECT(shutdown(end->fd, SHUT_WR) == 0, "shutdown: errno %d", errno);
        return;
    }
    if (end->keeper >= 0) close(end->keeper);
    end->keeper = -1;
    WORLD_EXPECT(bide_close(end->fd) == 0, "closing %d", end->fd);
    end->fd = -1;
}

static bool is_open(const struct end *end)
{
    return end->fd >= 0;
}

void world_close_any(uint64_t *random)
{
    struct end *end = world_pick_end(random, is_open);
    if (end) end_close(end, random);
}

int act_close(struct body *body)
{
    if (world_draw(&body->random, 2)) return 0; /* more is opened than closed */
    if (world_draw(&body->random, 12) == 0)
        world_listener_close();
    else
        world_close_any(&body->random);
    return 0;
}

static bool is_open_socket(const struct end *end)
{
    return end->fd >= 0 && end->kind != END_PIPE;
}

int act_shutdown(struct body *body)
{
    struct end *end = world_pick_end(&body->random, is_open_socket);
    if (!end || world_draw(&body->random, 3)) return 0;
    (void)shutdown(end->fd, SHUT_WR); /* a connection that was reset has nothing to end */
    end->shut = end->peer->gone = true;
    return 0;
}

/* ---- adopted and released ---- */

static void end_release(struct end *end)
{
    const int fd = end->fd;
    end->own = false;
    end->generation++;
    WORLD_EXPECT(bide_release(fd) == 0, "releasing %d", fd);
    WORLD_EXPECT(end->flags < 0 || fcntl(fd, F_GETFL) == end->flags, "%d has other flags", fd);
    end->flags = -1;
}

static void end_adopt(struct end *end)
{
    end->flags = fcntl(end->fd, F_GETFL);
    end->own = true;
    end->generation++;
    WORLD_EXPECT(bide_adopt(end->fd) == 0, "adopting %d", end->fd);
    WORLD_EXPECT(fcntl(end->fd, F_GETFL) & O_NONBLOCK, "%d blocks", end->fd);
}

int act_adopt(struct body *body)
{
    struct end *end = world_pick_end(&body->random, is_open);
    if (!end) return 0;
    if (end->own)
        end_release(end);
    else
        end_adopt(end);
    return 0;
}

/* ---- at the end ---- */

/* Nothing more is written. */
static void end_finish(struct end *end)
{
    const int fd = end->fd >= 0 ? end->fd : end->keeper;
    WORLD_EXPECT(end->users == 0, "somebody still uses it");
    if (fd >= 0 && end->kind != END_PIPE) (void)shutdown(fd, SHUT_WR); /* as above */
    if (end->is_reader) return;
    if (end->fd >= 0) close(end->fd);
    if (end->keeper >= 0) close(end->keeper);
    end->fd = end->keeper = -1;
}

static void end_read_all(struct end *end)
{
    const int fd = end->fd >= 0 ? end->fd : end->keeper;
    unsigned char bytes[4096];
    if (fd < 0) return;
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    while (!end->in.over) {
        struct pollfd wait = {fd, POLLIN, 0};
        const ssize_t n = poll(&wait, 1, 5000) > 0 ? read(fd, bytes, sizeof bytes) : -1;
        if (n < 0 && errno == ECONNRESET) continue;
        WORLD_EXPECT(n >= 0, "no end comes of descriptor %d", fd);
        if (n > 0) stream_take(&end->in, bytes, (size_t)n);
        end->in.over = n <= 0;
    }
}

static void end_check(const struct end *end)
{
    for (int writer = 0; end->is_reader && writer < MOST_WRITERS; writer++) {
        WORLD_EXPECT(!end->in.busy[writer], "a call has not ended");
        WORLD_EXPECT(end->in.lossy || end->in.taken[writer] == end->in.written[writer],
                     "%llu bytes of writer %d were read, but %llu written",
                     (unsigned long long)end->in.taken[writer], writer,
                     (unsigned long long)end->in.written[writer]);
    }
}

void world_drain(void)
{
    static const struct linger none = {1, 0}; /* no connection shall stay behind in the kernel */
    for (int i = 0; i < world.end_count; i++) end_finish(&world.ends[i]);
    for (int i = 0; i < world.end_count; i++) end_read_all(&world.ends[i]);
    for (int i = 0; i < world.end_count; i++) {
        const struct end *end = &world.ends[i];
        end_check(end);
        const int fds[] = {end->fd, end->keeper};
        for (int k = 0; k < 2; k++) {
            if (fds[k] < 0) continue;
            if (end->kind == END_TCP) (void)setsockopt(fds[k], SOL_SOCKET, SO_LINGER, &none, sizeof none);
            close(fds[k]);
        }
    }
}
