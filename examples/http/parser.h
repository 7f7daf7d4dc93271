/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.x requests, as they stand in a buffer: no input or output, no memory of its own. It gives
 * the same result wherever the input was cut into pieces, and refuses what two servers in a row
 * could understand differently: a request smuggled past one of them begins with that.
 */
#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_LINE_MOST = 4096,   /* bytes of a request line: more is 414 */
    HTTP_FIELDS_MOST = 8192, /* bytes of all header fields: more is 431 */
    HTTP_FIELD_COUNT_MOST = 100,
    HTTP_HEAD_MOST =
        2 + HTTP_LINE_MOST + 2 + HTTP_FIELDS_MOST /* all together, with an empty line before it */
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS };

struct http_request {
    enum http_method method;
    size_t path;           /* an offset from the request's first byte, so that its buffer may move */
    size_t path_size;      /* without the query */
    int minor;             /* of HTTP/1.minor */
    bool keep_alive;       /* the client would like to ask again */
    bool expects_continue; /* it waits for "100 Continue" before it sends the body */
    bool has_length;
    bool chunked;    /* the body comes in chunks; never with a length */
    uint64_t length; /* of the body */
};

/* All zero before the first byte of a request. */
struct http_parser {
    struct http_request request;
    size_t line;   /* where the line begins that comes next */
    size_t seen;   /* no line end before that */
    size_t fields; /* where the header fields begin; 0: the request line has not come yet */
    unsigned count;
    bool skipped, has_host, closes, keeps;
};

/*
 * Goes on with a request of which n bytes, from its first one, are at hand; with more of them than at the
 * last call. Returns the size of its head once that is complete, 0 while it is not, or the negated status to
 * refuse it with. After a refusal nothing is known of what follows: answer, and close.
 */
int http_parse(struct http_parser *parser, const char *data, size_t n);

#endif
