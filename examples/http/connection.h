/* SPDX-License-Identifier: MIT */
/*
 * One client's connection: requests in, answers out, and what limits both. It does not know which pages
 * there are: pages.h does.
 */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "parser.h"

#include <bide.h>
#include <time.h>

enum {
    HTTP_BODY_MOST = 1024 * 1024, /* bytes: more is 413 */
    HTTP_BUFFER = 16 * 1024
};

_Static_assert((int)HTTP_HEAD_MOST < (int)HTTP_BUFFER, "a head that is not too large must fit");

/* How long a client may take, in seconds. */
struct http_patience {
    double idle; /* until the next request begins */
    double head; /* from its first byte to the end of its head: 408 */
    double body; /* the same for the body; and to take an answer, or the next part of a file */
};

/* What a connection has only while a request is at hand; idle ones have none. */
struct http_desk {
    struct http_desk *next; /* of those that nobody uses */
    struct http_parser parser;
    size_t begin, end; /* what was read and not used yet */
    size_t used;       /* of the answers, which go out together */
    char in[HTTP_BUFFER];
    char out[HTTP_BUFFER];
};

/* What the connections of one loop share. All zero but for the patience, before the first of them. */
struct http_worker {
    struct http_patience patience;
    const char *root; /* the folder of the static pages, or NULL */
    bool draining;    /* no further requests than those on their way */
    struct http_connection *connections;
    struct http_desk *desks; /* free ones */
    unsigned free_desks;
    time_t second;     /* when the preamble was made */
    char preamble[80]; /* the fields that all answers of a second have in common */
    size_t preamble_size;
    char landing[HTTP_BUFFER]; /* where idle connections read to */
};

enum http_phase { HTTP_NEW, HTTP_IDLE, HTTP_READING_HEAD, HTTP_READING_BODY, HTTP_ANSWERING, HTTP_PARTING };

/* What each request needs comes first, in one cache line or two. */
struct http_connection {
    struct http_worker *worker;
    struct http_desk *desk;
    int fd;
    enum http_phase phase;
    time_t since;     /* the second in which the phase was entered */
    const char *path; /* of this request, until its body is read */
    char *body;       /* of this request */
    bool keep;        /* it stays open after this answer */
    bool broken;      /* what follows in the input is of no use */
    size_t body_size, body_room;
    struct http_connection *next, **link; /* of the worker's */
    struct bide_scope deadline;           /* of the phase */
};

/* Takes the descriptor, and serves it in a task of the group. False without memory: it is closed. */
bool http_connection_start(struct http_worker *worker, struct bide_group *group, int fd);

/* Ends all connections of the worker: idle ones soon, others after the answers they are at. */
void http_drain(struct http_worker *worker);

/* The connection is in that phase now, which may be cut short by its deadline. */
void http_enter(struct http_connection *connection, enum http_phase phase);

/* Frees what the connections have left. */
void http_worker_done(struct http_worker *worker);

#endif
