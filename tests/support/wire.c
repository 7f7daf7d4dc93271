/* SPDX-License-Identifier: MIT */
#include "wire.h"

char wire_byte(size_t at)
{
    const size_t line = at / 83 % 7 + 1;
    return at % (line * 12) == 0 ? '\n' : (char)('a' + (at * 7 + (at >> 8)) % 26);
}

bool wire_is(const char *data, size_t n, size_t at)
{
    size_t i = 0;
    while (i < n && data[i] == wire_byte(at + i)) i++;
    return i == n;
}

void wire_fill(char *data, size_t n, size_t at)
{
    for (size_t i = 0; i < n; i++) data[i] = wire_byte(at + i);
}

size_t wire_draw(uint64_t *random, size_t most)
{
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return (size_t)(*random % most);
}

/* Waits, or is cut short: then nothing was done. */
static int hold_up(struct wire *wire)
{
    while (wire->stuck && !wire->closed) {
        const int code = bide_yield();
        if (code < 0) return code;
    }
    if (wire->closed) return -EBADF;
    if (!wire->random) return bide_yield();
    if (wire_draw(&wire->random, 4) == 0) bide_cancel(bide_current_task());
    for (size_t i = wire_draw(&wire->random, 3); i > 0; i--) {
        const int code = bide_yield();
        if (code < 0) return code;
    }
    return 0;
}

/* How much this call does of what it could do. */
static size_t share(struct wire *wire, size_t n, size_t most)
{
    if (most > 0 && n > most) n = most;
    return wire->random && n > 1 ? 1 + wire_draw(&wire->random, n) : n;
}

static ssize_t wire_read(void *arg, void *buf, size_t n)
{
    struct wire *wire = arg;
    const int code = hold_up(wire);
    if (code < 0) return code;
    if (wire->read_fails) return wire->read_fails;
    wire->reads++;
    wire->last = buf;
    if (n > wire->size - wire->read) n = wire->size - wire->read;
    n = share(wire, n, wire->read_most);
    wire_fill(buf, n, wire->read);
    wire->read += n;
    return (ssize_t)n;
}

static ssize_t wire_writev(void *arg, const struct iovec *iov, int n)
{
    struct wire *wire = arg;
    const int code = hold_up(wire);
    if (code < 0) return code;
    if (wire->write_fails) return wire->write_fails;
    wire->writes++;
    wire->parts = n;
    if (n == 0) {
        wire->unsent -= share(wire, wire->unsent, wire->write_most);
        return 0;
    }
    wire->last = iov[n - 1].iov_base;
    size_t total = 0;
    for (int i = 0; i < n; i++) total += iov[i].iov_len;
    size_t left = share(wire, total, wire->write_most);
    const size_t done = left;
    for (int i = 0; i < n && left > 0; i++) {
        const size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;
        if (!wire_is(iov[i].iov_base, part, wire->written)) wire->wrong = true;
        wire->written += part;
        left -= part;
    }
    return (ssize_t)done;
}

static int wire_shutdown(void *arg)
{
    struct wire *wire = arg;
    const int code = hold_up(wire);
    if (code < 0) return code;
    wire->shutdowns++;
    return wire->code;
}

static int wire_close(void *arg)
{
    struct wire *wire = arg;
    wire->closes++;
    wire->closed = true;
    return wire->code;
}

static void wire_free(void *arg)
{
    ((struct wire *)arg)->frees++;
}

static size_t wire_unsent(const void *arg)
{
    return ((const struct wire *)arg)->unsent;
}

static size_t wire_pending(const void *arg)
{
    return ((const struct wire *)arg)->pending;
}

const struct bide_transport wire_transport = {.read = wire_read,
                                              .writev = wire_writev,
                                              .shutdown = wire_shutdown,
                                              .close = wire_close,
                                              .free = wire_free,
                                              .pending = wire_pending,
                                              .unsent = wire_unsent};

struct bide_stream *wire_open(struct wire *wire)
{
    return bide_stream_new_with(&wire_transport, wire);
}
