/* SPDX-License-Identifier: MIT */
/* What the server serves. */
#ifndef HTTP_PAGES_H
#define HTTP_PAGES_H

#include "connection.h"

struct http_page;

/* The page that the request asks for, or NULL, with a status, and a header field to send if need be. */
const struct http_page *http_page_find(const struct http_connection *connection, int *status,
                                       const char **more);

/* Answers with it; the body has been read. Returns as http_answer. */
int http_page_answer(const struct http_page *page, struct http_connection *connection);

#endif
