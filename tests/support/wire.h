/* SPDX-License-Identifier: MIT */
/*
 * A transport for tests: reads give bytes that can be told from their place, writes are compared with
 * the same bytes, and each call does as much as the test says, after it has let others run.
 */
#ifndef WIRE_H
#define WIRE_H

#include "check.h"

struct wire {
    size_t size;                  /* how many bytes reads give, before the end */
    size_t read;                  /* how many they gave */
    size_t written;               /* how many came, all right */
    size_t read_most, write_most; /* by each call; 0: no limit */
    uint64_t
        random; /* if not 0, calls do less at random, wait, and are cut short by a cancel of themselves */
    int read_fails, write_fails; /* what the next calls fail with, or 0 */
    int code;                    /* of shutdown and close */
    int reads, writes, shutdowns, closes, frees;
    int parts;        /* in the last write */
    const void *last; /* the last part of it, or the buffer of the last read */
    bool wrong;       /* what was written is not what it should be */
    bool stuck;       /* calls wait until they are cancelled, or it is closed */
    bool closed;
    size_t pending;
    size_t unsent; /* taken, but sent only by a write of nothing */
};

extern const struct bide_transport wire_transport;

/* The byte at that place: letters, and a line's end now and then. */
char wire_byte(size_t at);

/* Are those the n bytes from that place on? */
bool wire_is(const char *data, size_t n, size_t at);

/* Fills them in. */
void wire_fill(char *data, size_t n, size_t at);

/* A number below `most`, of a seed that is not 0. */
size_t wire_draw(uint64_t *random, size_t most);

/* A stream over it. */
struct bide_stream *wire_open(struct wire *wire);

#endif
