/* SPDX-License-Identifier: MIT */
/* bugs.md row 30: much data through the smallest buffers arrives once, whole and in order. */
#include "ends.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, MEGABYTES = 64, VECTORS = 7 };

static unsigned char block[BLOCK];

static void fill_block(void)
{
    uint32_t state = 1;
    for (size_t i = 0; i < BLOCK; i++) {
        state = state * 1664525u + 1013904223u;
        block[i] = (unsigned char)(state >> 24);
    }
}

struct transfer {
    long blocks;
    int (*send)(const struct transfer *transfer);
};

/* ---- writing ---- */

static int send_all(const struct transfer *transfer)
{
    for (long i = 0; i < transfer->blocks; i++) {
        size_t done = 0;
        CHECK_INT(bide_write_all(ends[1], block, BLOCK, &done), 0);
        CHECK_INT(done, BLOCK);
    }
    return 0;
}

/* Drops what was written from the buffers, wherever in them that ends. */
static int advance(struct iovec *iov, size_t n)
{
    int i = 0;
    for (; i < VECTORS && n >= iov[i].iov_len; i++) {
        n -= iov[i].iov_len;
        iov[i] = (struct iovec){NULL, 0};
    }
    if (i < VECTORS) iov[i] = (struct iovec){(char *)iov[i].iov_base + n, iov[i].iov_len - n};
    return i;
}

static int send_block_in_parts(bool as_message)
{
    struct iovec iov[VECTORS];
    size_t begin = 0;
    for (size_t i = 0; i < VECTORS; i++) {
        const size_t end = i + 1 == VECTORS ? BLOCK : BLOCK * (i + 1) * (i + 2) / 64 + i;
        iov[i] = (struct iovec){block + begin, end - begin};
        begin = end;
    }
    for (int i = 0; i < VECTORS;) {
        const struct msghdr message = {.msg_iov = iov, .msg_iovlen = VECTORS};
        const ssize_t n =
            as_message ? bide_sendmsg(ends[1], &message, 0) : bide_writev(ends[1], iov, VECTORS);
        CHECK(n > 0);
        i = advance(iov, (size_t)n);
    }
    return 0;
}

static int send_parts(const struct transfer *transfer)
{
    for (long i = 0; i < transfer->blocks; i++) CHECK_INT(send_block_in_parts(false), 0);
    return 0;
}

static int send_messages(const struct transfer *transfer)
{
    for (long i = 0; i < transfer->blocks; i++) CHECK_INT(send_block_in_parts(true), 0);
    return 0;
}

static int write_blocks(void *arg)
{
    const struct transfer *transfer = arg;
    const int code = transfer->send(transfer);
    const int closed = bide_close(ends[1]);
    ends[1] = -1;
    return code < 0 ? code : closed;
}

/* ---- reading ---- */

/* Compares all that comes with the blocks, in pieces whose size changes. Returns how much that was. */
static long long read_blocks(void)
{
    static unsigned char piece[65536];
    const int on = 1;
    size_t place = 0, size = 1;
    long long all = 0;
    for (;;) {
        setsockopt(ends[0], IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on); /* a sender may wait for it */
        const ssize_t n = bide_read(ends[0], piece, size);
        CHECK(n >= 0);
        if (n == 0) return all;
        const size_t first = (size_t)n < BLOCK - place ? (size_t)n : BLOCK - place;
        CHECK(memcmp(piece, block + place, first) == 0);
        CHECK(memcmp(piece + first, block, (size_t)n - first) == 0);
        place = (place + (size_t)n) % BLOCK;
        size = size * 7 % sizeof piece + 1000;
        if (size > sizeof piece) size = sizeof piece;
        all += n;
    }
}

/* The least that the kernel allows. */
static void shrink(const struct kind *kind)
{
    const int least = 1, on = 1;
    if (kind == &kinds[PIPE] || kind == &kinds[FIFO]) fcntl(ends[1], F_SETPIPE_SZ, 1);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    setsockopt(ends[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int pass(const struct kind *kind, enum manner manner, const struct transfer *transfer)
{
    int result = -1;
    CHECK_INT(open_ends(kind, manner), 0);
    shrink(kind);
    struct bide_task *writer = bide_create_task(write_blocks, (void *)(uintptr_t)transfer);
    CHECK_INT(read_blocks(), (long long)transfer->blocks * BLOCK);
    CHECK(bide_await(writer, &result) == 0 && result == 0);
    return close_ends();
}

/* ---- the tests ---- */

TASK(bug_30_64_megabytes_through_the_smallest_buffer)
{
    const struct transfer transfer = {rounds(MEGABYTES), send_all};
    return pass(&kinds[TCP], OWN, &transfer);
}

TASK(bug_30_every_kind_passes_all)
{
    static const int which[] = {UNIX_STREAM, TCP, PIPE, FIFO};
    const struct transfer transfer = {rounds(60) / 20, send_all};
    for (size_t i = 0; i < 4 * MANNERS; i++)
        CHECK_INT(pass(&kinds[which[i / MANNERS]], (enum manner)(i % MANNERS), &transfer), 0);
    return 0;
}

TASK(bug_30_buffers_are_cut_anywhere)
{
    static const int which[] = {UNIX_STREAM, TCP, PIPE};
    for (size_t i = 0; i < 3 * MANNERS; i++) {
        const bool is_socket = which[i / MANNERS] != PIPE;
        const struct transfer parts = {rounds(40) / 20, send_parts},
                              messages = {rounds(40) / 20, send_messages};
        CHECK_INT(pass(&kinds[which[i / MANNERS]], (enum manner)(i % MANNERS), &parts), 0);
        if (is_socket) CHECK_INT(pass(&kinds[which[i / MANNERS]], (enum manner)(i % MANNERS), &messages), 0);
    }
    return 0;
}

/* ---- cut short on the way ---- */

struct cut_transfer {
    size_t done;
    int code;
};

static int write_cut(void *arg)
{
    struct cut_transfer *cut = arg;
    cut->code = bide_write_all(ends[1], block, BLOCK, &cut->done);
    return 0;
}

/* Cancelled wherever it is: what it says that it has written is what comes. */
static int cut_after(size_t n)
{
    unsigned char piece[4096];
    struct cut_transfer cut = {0, 0};
    size_t got = 0;
    struct bide_task *writer = bide_create_task(write_cut, &cut);
    while (got < n) {
        const ssize_t part = bide_read(ends[0], piece, sizeof piece);
        CHECK(part > 0 && memcmp(piece, block + got, (size_t)part) == 0);
        got += (size_t)part;
    }
    CHECK_INT(bide_cancel(writer), 1);
    CHECK_INT(bide_await(writer, NULL), 0);
    CHECK(cut.code == -ECANCELED && cut.done >= got);
    while (got < cut.done) {
        const ssize_t part = bide_read(ends[0], piece, sizeof piece);
        CHECK(part > 0 && memcmp(piece, block + got, (size_t)part) == 0);
        got += (size_t)part;
    }
    CHECK_INT(got, cut.done);
    CHECK_INT(recv(ends[0], piece, 1, MSG_DONTWAIT), -1);
    return 0;
}

TASK(bug_30_a_cancel_tells_how_much_was_written)
{
    for (size_t i = 0; i < 24; i++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], (enum manner)(i % MANNERS)), 0);
        shrink(&kinds[UNIX_STREAM]);
        CHECK_INT(cut_after(i * 1237), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_30_64_megabytes_through_the_smallest_buffer, real),
        RUN(bug_30_every_kind_passes_all, real),
        RUN(bug_30_buffers_are_cut_anywhere, real),
        RUN(bug_30_a_cancel_tells_how_much_was_written, virtual),
    };
    fill_block();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
