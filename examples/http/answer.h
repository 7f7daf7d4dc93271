/* SPDX-License-Identifier: MIT */
/* Answering the request that a connection has read. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "connection.h"

/*
 * Answers the request. more: further header fields, each with its line end, or "". Returns 0, or a negative
 * code: the connection is over.
 */
int http_answer(struct http_connection *connection, int status, const char *type, const char *more,
                const char *body, size_t size);

/* Answers with a file of that many bytes. Closes it. */
int http_answer_file(struct http_connection *connection, const char *type, int file, size_t size);

/* Answers with a line of text that says what the status means. */
int http_answer_status(struct http_connection *connection, int status, const char *more);

/* Tells a client that asked that its body is welcome. Returns as http_answer. */
int http_answer_continue(struct http_connection *connection);

/* Sends what has been gathered. Returns 0, or a negative code. */
int http_flush(struct http_connection *connection);

#endif
