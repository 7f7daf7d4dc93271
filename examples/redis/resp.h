/* SPDX-License-Identifier: MIT */
/*
 * RESP2, the protocol of Redis: requests are parsed from whatever pieces they come in, replies
 * are appended to a buffer. Knows nothing of connections or commands.
 */
#ifndef REDIS_RESP_H
#define REDIS_RESP_H

#include "bytes.h"

enum {
    RESP_MAX_INLINE = 64 * 1024,         /* bytes of a request that is a plain line */
    RESP_MAX_ARGS = 1024 * 1024,         /* strings of a request */
    RESP_MAX_BULK = 64 * 1024 * 1024,    /* bytes of one string */
    RESP_MAX_REQUEST = 128 * 1024 * 1024 /* bytes of a request */
};

/* Where an argument lies, from the first byte of its request: the buffer may move. */
struct resp_span {
    size_t start;
    size_t len;
};

/* Zero is a parser at the beginning of a request. */
struct resp_parser {
    size_t pos;    /* how many bytes of the request are understood; all of it, once it is complete */
    bool counted;  /* the line that says how many strings there are has been seen */
    bool measured; /* and the one that says how long the next string is */
    size_t left;   /* how many strings are still to come, if counted */
    size_t length; /* how long the next one is, if measured */
    size_t count;  /* how many have been seen; they are in spans */
    size_t capacity;
    struct resp_span *spans;
    const char *error; /* what was wrong, after RESP_ERROR; it begins with "ERR " */
};

enum resp_status { RESP_MORE, RESP_REQUEST, RESP_ERROR };

/*
 * Goes on with a request of which n bytes are there: all that were there at the last call, and
 * more. A string with escapes in a plain line is rewritten in place.
 * Returns RESP_MORE if some are missing; RESP_REQUEST if it is complete: its arguments are in
 * spans, and it takes pos bytes; RESP_ERROR if it cannot be one: nothing can follow then.
 */
enum resp_status resp_parse(struct resp_parser *parser, char *data, size_t n);

/* The next request begins. */
void resp_next(struct resp_parser *parser);

void resp_free(struct resp_parser *parser);

/* ---- replies ---- */

void reply_status(struct bytes *out, const char *text);
void reply_integer(struct bytes *out, int64_t number);
void reply_bulk(struct bytes *out, struct slice bytes);
void reply_text(struct bytes *out, const char *text); /* the same, for a C string */
void reply_null(struct bytes *out);
void reply_array(struct bytes *out, size_t n); /* the n replies that follow are its elements */

/* "-" and a line as of printf, cut to size; control characters become blanks. */
void reply_error(struct bytes *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
