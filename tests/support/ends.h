/* SPDX-License-Identifier: MIT */
/*
 * Descriptors to test with: every kind of which one end can be read and the other written, as
 * bide's own or as a foreign one, and shorthands for tasks. All but the kinds' `open` are for
 * tasks: they record a failed check.
 */
#ifndef ENDS_H
#define ENDS_H

#include "check.h"

#include <netinet/in.h>
#include <sys/types.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

struct kind {
    const char *name;
    int (*open)(int fds[2]); /* blocking ones: to read, to write. 0 or -1. */
    bool counts;             /* an eventfd: it holds a number, not bytes */
    bool messages;           /* a read stops at the end of a message */
    bool has_end;            /* once the writing end is closed a read gives 0, or a terminal's -EIO */
};

enum { UNIX_STREAM, UNIX_DATAGRAM, TCP, PIPE, FIFO, TTY, PTY_MASTER, EVENTFD, KINDS };
extern const struct kind kinds[KINDS];

/* Whose the descriptors are. */
enum manner { OWN, BLOCKING, NONBLOCKING, MANNERS };
extern const char *const manners[MANNERS];

extern int ends[2]; /* of the test that runs: to read, to write */

/* Are there pseudo-terminals? Not in a bare root without /dev/pts. */
bool have_terminals(void);

/* False for a kind of terminal where there are none. */
bool have_kind(const struct kind *kind);

/* On the main stack: skips the test, in words, where there are no pseudo-terminals and the kind is one. */
void need_kind(const struct kind *kind);

/* Opens both ends. Adopts them, or notes their flags. */
int open_ends(const struct kind *kind, enum manner manner);

/* Closes what is still open of them (>= 0), after a check that a foreign one has the flags that it had. */
int close_ends(void);

/* A listening socket of 127.0.0.1, blocking and not bide's own; its port is in the address. */
int open_listener(struct sockaddr_in *address, int backlog);

/* A task's read: of up to `n` bytes. It returns 0; what the call gave is in `code`. */
struct reading {
    int fd;
    size_t n;
    ssize_t code;
    char text[64];
};
int read_some(void *arg);

/* A task that writes n bytes, each its place times 7, in blocks; `done` are written, `code` is the failure or 0. */
struct flood {
    int fd;
    size_t n, block;
    size_t done;
    int code;
};
int write_flood(void *arg);

/* Reads that from a descriptor until `n` bytes were there, or without limit to the end (n = 0). Returns how many, or -EPROTO. */
ssize_t read_flood(int fd, size_t n, size_t from);

/* Fills it until nothing more can be written. Returns how many bytes. */
ssize_t fill(int fd);

/*
 * A task as a cmocka test, in a loop of its own on virtual or real time. It must return 0, and leave as
 * many descriptors as there were.
 */
struct in_loop {
    bide_fn fn;
    const struct bide_options *options;
};
extern const struct bide_options on_virtual_time, on_real_time;
void run_in_loop(void **state);
#define RUN(fn, clock)                                                                                       \
    {                                                                                                        \
#fn, run_in_loop, NULL, NULL, &(struct in_loop)                                                      \
        {                                                                                                    \
            fn, &on_##clock##_time                                                                           \
        }                                                                                                    \
    }

#endif
