/* SPDX-License-Identifier: MIT */
/*
 * Answers. Their heads, and what is small, are gathered on the connection's desk, so that answers to
 * requests that came together leave together.
 */
#include "answer.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
    HEAD_ROOM = 256,        /* bytes of a head, but for its type and further fields */
    FILE_PART = 256 * 1024, /* bytes of a file that have a deadline of their own */
};

static void put(struct http_desk *desk, const char *text, size_t n)
{
    memcpy(desk->out + desk->used, text, n);
    desk->used += n;
}

#define PUT(desk, literal) put(desk, literal, sizeof(literal) - 1)

static void put_text(struct http_desk *desk, const char *text)
{
    put(desk, text, strlen(text));
}

static void put_number(struct http_desk *desk, size_t number)
{
    char digits[20];
    size_t i = sizeof digits;
    do {
        digits[--i] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(desk, digits + i, sizeof digits - i);
}

static const char *status_text(int status)
{
    switch (status) {
    case 200: return "200 OK";
    case 400: return "400 Bad Request";
    case 404: return "404 Not Found";
    case 405: return "405 Method Not Allowed";
    case 408: return "408 Request Timeout";
    case 411: return "411 Length Required";
    case 413: return "413 Content Too Large";
    case 414: return "414 URI Too Long";
    case 417: return "417 Expectation Failed";
    case 431: return "431 Request Header Fields Too Large";
    case 501: return "501 Not Implemented";
    case 503: return "503 Service Unavailable";
    case 505: return "505 HTTP Version Not Supported";
    default: return "500 Internal Server Error";
    }
}

/* The date changes once a second, and so does this. */
static void put_preamble(struct http_worker *worker, struct http_desk *desk)
{
    const time_t now = time(NULL);
    if (now != worker->second) {
        struct tm tm;
        const char *format = "\r\nServer: bide/" BIDE_VERSION "\r\nDate: %a, %d %b %Y %H:%M:%S GMT\r\n";
        worker->preamble_size =
            strftime(worker->preamble, sizeof worker->preamble, format, gmtime_r(&now, &tm));
        worker->second = now;
    }
    put(desk, worker->preamble, worker->preamble_size);
}

/* send(2) and recv(2) go to the socket directly, write(2) and read(2) by way of the file: that costs more. */
int http_flush(struct http_connection *c)
{
    struct http_desk *desk = c->desk;
    if (desk->used == 0) return 0;
    const int code = bide_send_all(c->fd, desk->out, desk->used, 0, NULL);
    desk->used = 0;
    if (code < 0) c->phase = HTTP_ANSWERING; /* half an answer went out: no other may follow */
    return code;
}

/* Answers to requests that came together go out together, as long as there is room for them. */
static int make_room(struct http_connection *c, size_t room)
{
    return c->desk->used + room > sizeof c->desk->out ? http_flush(c) : 0;
}

static int put_head(struct http_connection *c, int status, const char *type, const char *more, size_t size)
{
    struct http_desk *desk = c->desk;
    const size_t room = HEAD_ROOM + strlen(type) + strlen(more);
    if (room > sizeof desk->out) return -EMSGSIZE;
    const int code = make_room(c, room);
    if (code < 0) return code;
    PUT(desk, "HTTP/1.1 ");
    put_text(desk, status_text(status));
    put_preamble(c->worker, desk);
    PUT(desk, "Content-Type: ");
    put_text(desk, type);
    PUT(desk, "\r\nContent-Length: ");
    put_number(desk, size);
    PUT(desk, "\r\n");
    put_text(desk, more);
    if (c->keep)
        PUT(desk, "Connection: keep-alive\r\n\r\n");
    else
        PUT(desk, "Connection: close\r\n\r\n");
    return 0;
}

int http_answer_continue(struct http_connection *c)
{
    const int code = make_room(c, HEAD_ROOM);
    if (code == 0) PUT(c->desk, "HTTP/1.1 100 Continue\r\n\r\n");
    return code;
}

int http_answer(struct http_connection *c, int status, const char *type, const char *more, const char *body,
                size_t size)
{
    int code = put_head(c, status, type, more, size);
    if (code < 0 || c->desk->parser.request.method == HTTP_HEAD) return code;
    if (size <= sizeof c->desk->out - c->desk->used) {
        put(c->desk, body, size);
        return 0;
    }
    http_enter(c, HTTP_ANSWERING);
    code = http_flush(c);
    return code < 0 ? code : bide_send_all(c->fd, body, size, 0, NULL);
}

int http_answer_status(struct http_connection *c, int status, const char *more)
{
    const char *text = status_text(status);
    return http_answer(c, status, "text/plain", more, text, strlen(text));
}

/* A client that takes a part of the file has the time anew for the next one. */
static int send_file(struct http_connection *c, int file, size_t size)
{
    while (size > 0) {
        const ssize_t n = bide_sendfile(c->fd, file, NULL, size < FILE_PART ? size : FILE_PART);
        if (n <= 0) return n < 0 ? (int)n : -EIO; /* it has become shorter */
        size -= (size_t)n;
        c->phase = HTTP_NEW;
        http_enter(c, HTTP_ANSWERING);
    }
    return 0;
}

int http_answer_file(struct http_connection *c, const char *type, int file, size_t size)
{
    int code = put_head(c, 200, type, "", size);
    if (code == 0 && c->desk->parser.request.method != HTTP_HEAD) {
        http_enter(c, HTTP_ANSWERING);
        code = http_flush(c);
        if (code == 0) code = send_file(c, file, size);
    }
    bide_close(file);
    return code;
}
