/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - Functions that say so return 0, a status to refuse the request with, or a negative code: then the
 *    connection is over.
 *  - A connection without a desk is idle: nothing was read that is not answered, nothing waits to be sent.
 *  - The landing is used by no one while others run: bide_recv fills it at the moment when it returns.
 */
#include "connection.h"

#include "answer.h"
#include "chunks.h"
#include "pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FREE_DESKS_MOST = 64 };

static const double last_requests = 1.0; /* seconds in which those on their way may come when we drain */
static const double farewell = 2.0;      /* seconds for a client to take a refusal, and to stop sending */

/* ---- desks ---- */

static struct http_desk *desk_get(struct http_worker *worker)
{
    struct http_desk *desk = worker->desks;
    if (desk) {
        worker->desks = desk->next;
        worker->free_desks--;
    } else {
        desk = malloc(sizeof *desk);
        if (!desk) return NULL;
    }
    desk->parser = (struct http_parser){0};
    desk->begin = desk->end = desk->used = 0;
    return desk;
}

/* The last one used is the next one used: it is in the caches. */
static void desk_put(struct http_worker *worker, struct http_desk *desk)
{
    if (!desk) return;
    if (worker->free_desks == FREE_DESKS_MOST) {
        free(desk);
        return;
    }
    desk->next = worker->desks;
    worker->desks = desk;
    worker->free_desks++;
}

void http_worker_done(struct http_worker *worker)
{
    while (worker->desks) {
        struct http_desk *desk = worker->desks;
        worker->desks = desk->next;
        free(desk);
    }
}

/* ---- deadlines ---- */

static double patience(const struct http_connection *c, enum http_phase phase)
{
    const struct http_patience *most = &c->worker->patience;
    if (phase == HTTP_READING_HEAD) return most->head;
    if (phase != HTTP_IDLE) return most->body;
    return c->worker->draining ? last_requests : most->idle;
}

/*
 * A phase has one deadline, however many waits it takes. The one of an idle connection is put off once a
 * second, not with each request: a second does not matter there, and arming a timer is not free.
 */
void http_enter(struct http_connection *c, enum http_phase phase)
{
    const struct http_worker *worker = c->worker;
    const bool still = phase != HTTP_IDLE || (c->since == worker->second && !worker->draining);
    if (phase == c->phase && still) return;
    c->phase = phase;
    c->since = worker->second;
    bide_timeout_reschedule(&c->deadline, patience(c, phase)); /* one that has passed stays so */
}

/* ---- requests ---- */

/* Reads more, first sending what was answered so far. How much was read; 0 or a negative code: it is over. */
static ssize_t fill(struct http_connection *c)
{
    struct http_worker *worker = c->worker;
    struct http_desk *desk = c->desk;
    if (!desk) {
        const ssize_t n = bide_recv(c->fd, worker->landing, sizeof worker->landing, 0);
        if (n <= 0) return n;
        desk = c->desk = desk_get(worker);
        if (!desk) return -ENOMEM;
        memcpy(desk->in, worker->landing, (size_t)n);
        desk->end = (size_t)n;
        return n;
    }
    const int code = http_flush(c);
    if (code < 0) return code;
    if (desk->begin > 0) {
        desk->end -= desk->begin;
        memmove(desk->in, desk->in + desk->begin, desk->end);
        desk->begin = 0;
    }
    const ssize_t n = bide_recv(c->fd, desk->in + desk->end, sizeof desk->in - desk->end, 0);
    if (n > 0) desk->end += (size_t)n;
    return n;
}

/* Nothing is left to be answered. */
static int rest(struct http_connection *c)
{
    const int code = c->desk ? http_flush(c) : 0;
    desk_put(c->worker, c->desk);
    c->desk = NULL;
    http_enter(c, HTTP_IDLE);
    return code;
}

/* Reads until the head of a request is there. Returns 0, a status or a negative code. */
static int read_head(struct http_connection *c)
{
    for (;;) {
        struct http_desk *desk = c->desk;
        if (desk && desk->begin < desk->end) {
            const int n = http_parse(&desk->parser, desk->in + desk->begin, desk->end - desk->begin);
            if (n < 0) return -n;
            if (n > 0) {
                c->path = desk->in + desk->begin + desk->parser.request.path;
                desk->begin += (size_t)n;
                return 0;
            }
            http_enter(c, HTTP_READING_HEAD);
        } else {
            const int code = rest(c);
            if (code < 0) return code;
        }
        const ssize_t n = fill(c);
        if (n <= 0) return n < 0 ? (int)n : -ECONNRESET;
    }
}

static int body_append(struct http_connection *c, const char *data, size_t n)
{
    if (n > HTTP_BODY_MOST - c->body_size) return 413;
    if (c->body_size + n > c->body_room) {
        const size_t room = c->body_room * 2 > c->body_size + n ? c->body_room * 2 : c->body_size + n;
        char *body = realloc(c->body, room);
        if (!body) return 503;
        c->body = body;
        c->body_room = room;
    }
    memcpy(c->body + c->body_size, data, n);
    c->body_size += n;
    return 0;
}

/* Takes what has come of the body. Returns 0, a status or a negative code. */
static int take_body(struct http_connection *c, const struct http_request *request,
                     struct http_chunks *chunks)
{
    struct http_desk *desk = c->desk;
    const size_t at_hand = desk->end - desk->begin;
    size_t skip = 0, n = request->length - c->body_size;
    if (n > at_hand) n = at_hand;
    if (request->chunked) {
        const int code = http_chunks_take(chunks, desk->in + desk->begin, at_hand, &skip, &n);
        if (code < 0) return -code;
    }
    const int status = n > 0 ? body_append(c, desk->in + desk->begin + skip, n) : 0;
    desk->begin += skip + n;
    chunks->done |= !request->chunked && c->body_size == request->length;
    return status;
}

/* Returns 0, a status or a negative code. */
static int read_body(struct http_connection *c)
{
    const struct http_request *request = &c->desk->parser.request;
    struct http_chunks chunks = {.done = !request->chunked && request->length == 0};
    if (request->length > HTTP_BODY_MOST) return 413;
    if (request->expects_continue && c->desk->begin == c->desk->end) {
        const int code = http_answer_continue(c); /* sent by the first fill */
        if (code < 0) return code;
    }
    while (!chunks.done) {
        if (c->desk->begin == c->desk->end) {
            http_enter(c, HTTP_READING_BODY);
            const ssize_t n = fill(c);
            if (n <= 0) return n < 0 ? (int)n : -ECONNRESET;
        }
        const int status = take_body(c, request, &chunks);
        if (status != 0) return status;
    }
    return 0;
}

static bool has_body(const struct http_request *request)
{
    return request->chunked || request->length > 0;
}

/* A connection that is about to be drained is kept while more requests have been read. */
static bool keeps(const struct http_connection *c)
{
    const struct http_desk *desk = c->desk;
    return desk->parser.request.keep_alive && !(c->worker->draining && desk->begin == desk->end);
}

/* Answers the request whose head was read. Returns 0, a status or a negative code. */
static int serve_request(struct http_connection *c)
{
    const struct http_request *request = &c->desk->parser.request;
    int status = 0;
    const char *more = "";
    const struct http_page *page = http_page_find(c, &status, &more);
    if (!page) {
        c->broken = has_body(request); /* which is not worth reading */
        c->keep = !c->broken && keeps(c);
        return http_answer_status(c, status, more);
    }
    if (has_body(request)) status = read_body(c);
    if (status != 0) return status;
    c->keep = keeps(c);
    return http_page_answer(page, c);
}

/* Leaves nothing of this request to the next one. */
static void forget_request(struct http_connection *c)
{
    c->desk->parser = (struct http_parser){0};
    if (c->phase != HTTP_IDLE) c->phase = HTTP_NEW; /* what comes next has a deadline of its own */
    free(c->body);
    c->body = NULL;
    c->body_size = c->body_room = 0;
}

/* Returns 0 when the last answer has been given, a status to refuse a request with, or a negative code. */
static int converse(struct http_connection *c)
{
    for (;;) {
        int status = read_head(c);
        if (status == 0) status = serve_request(c);
        if (status != 0 || !c->keep) return status;
        forget_request(c);
    }
}

/* ---- a connection's life ---- */

/*
 * A socket that is closed while input is unread resets the connection, and the client may lose the answer
 * that it was sent. So it is told that no more will come, and listened to until it has understood.
 */
static void linger(struct http_connection *c)
{
    shutdown(c->fd, SHUT_WR);
    while (bide_recv(c->fd, c->worker->landing, sizeof c->worker->landing, 0) > 0) continue;
}

/* Sends what there is to be sent, and a refusal if there is one. */
static void part(struct http_connection *c, int status)
{
    if (status > 0) {
        c->keep = false;
        c->broken = true;
        if (http_answer_status(c, status, "") < 0) return;
    }
    if (http_flush(c) < 0) return;
    if (c->broken || c->worker->draining || c->desk->begin < c->desk->end) linger(c);
}

static void enlist(struct http_connection *c)
{
    struct http_worker *worker = c->worker;
    c->next = worker->connections;
    c->link = &worker->connections;
    if (c->next) c->next->link = &c->next;
    worker->connections = c;
}

static void dismiss(struct http_connection *c)
{
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    bide_close(c->fd);
    desk_put(c->worker, c->desk);
    free(c->body);
    free(c);
}

/* A client that goes away is no failure: whatever happens, the task has succeeded. */
static int live(void *arg)
{
    struct http_connection *c = arg;
    enlist(c);
    bide_timeout_enter(&c->deadline, BIDE_FOREVER);
    int status = converse(c);
    if (bide_scope_exit(&c->deadline))
        status = c->phase == HTTP_READING_HEAD || c->phase == HTTP_READING_BODY ? 408 : -ETIMEDOUT;
    c->phase = HTTP_PARTING;
    if (status >= 0) {
        BIDE_TIMEOUT(farewell) part(c, status);
    }
    dismiss(c);
    return 0;
}

bool http_connection_start(struct http_worker *worker, struct bide_group *group, int fd)
{
    struct http_connection *c = calloc(1, sizeof *c);
    if (c) {
        c->worker = worker;
        c->fd = fd;
        if (bide_group_spawn(group, live, c) == 0) return true;
    }
    free(c);
    bide_close(fd);
    return false;
}

void http_drain(struct http_worker *worker)
{
    worker->draining = true;
    for (struct http_connection *c = worker->connections; c; c = c->next) {
        if (c->phase == HTTP_IDLE) bide_timeout_reschedule(&c->deadline, last_requests);
    }
}
