/* SPDX-License-Identifier: MIT */
/*
 * The pages: a new one is a row in the table, and a function that answers. It may wait, for a while, a file
 * or others; meanwhile other clients are served. Its stack has 16 KiB (STACK in http_server.c), so large
 * buffers belong on the heap. c->path and c->body are good until it returns.
 */
#include "pages.h"

#include "answer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READS = 1 << HTTP_GET | 1 << HTTP_HEAD, WRITES = 1 << HTTP_POST | 1 << HTTP_PUT };

struct http_page {
    const char *path;
    unsigned methods;  /* 1 << enum http_method */
    const char *allow; /* the same in words, for 405 */
    bool is_folder;    /* the path is what its pages begin with */
    int (*answer)(struct http_connection *connection);
};

/* ---- what the pages say ---- */

static int hello(struct http_connection *c)
{
    static const char text[] = "Hello, world!";
    return http_answer(c, 200, "text/plain", "", text, sizeof text - 1);
}

static int json(struct http_connection *c)
{
    static const char text[] = "{\"message\": \"Hello, world!\"}\n";
    return http_answer(c, 200, "application/json", "", text, sizeof text - 1);
}

static int echo(struct http_connection *c)
{
    return http_answer(c, 200, "application/octet-stream", "", c->body ? c->body : "", c->body_size);
}

/* Allow: of the whole server. */
static int options(struct http_connection *c)
{
    return http_answer(c, 200, "text/plain", "Allow: GET, HEAD, POST, PUT, OPTIONS\r\n", "", 0);
}

/* ---- the static folder ---- */

static const char static_path[] = "/static/";

static bool is_file_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_./", c);
}

/* Only plain names: nothing hidden, nothing that leads upwards, nothing that needs decoding. */
static bool is_file_name(const char *name, size_t size)
{
    char before = '/';
    for (size_t i = 0; i < size; i++) {
        if (!is_file_character(name[i]) || (before == '/' && strchr("./", name[i]))) return false;
        before = name[i];
    }
    return size > 0;
}

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {{".html", "text/html"},       {".txt", "text/plain"},
                                           {".css", "text/css"},         {".js", "text/javascript"},
                                           {".png", "image/png"},        {".svg", "image/svg+xml"},
                                           {".json", "application/json"}};
    const char *end = strrchr(name, '.');
    for (size_t i = 0; end && i < sizeof types / sizeof *types; i++) {
        if (strcmp(end, types[i][0]) == 0) return types[i][1];
    }
    return "application/octet-stream";
}

/* Opens the file that the request names; -ENOENT for what is none, or not ours to show. */
static int open_static(const struct http_connection *c, char *name, size_t room, struct stat *about)
{
    const size_t prefix = sizeof static_path - 1;
    const size_t size = c->desk->parser.request.path_size - prefix;
    if (!c->worker->root || !is_file_name(c->path + prefix, size)) return -ENOENT;
    const int n = snprintf(name, room, "%s/%.*s", c->worker->root, (int)size, c->path + prefix);
    if (n < 0 || (size_t)n >= room) return -ENOENT;
    const int file = bide_open(name, O_RDONLY, 0);
    if (file < 0) return file;
    if (fstat(file, about) == 0 && S_ISREG(about->st_mode)) return file;
    bide_close(file);
    return -ENOENT;
}

static int serve_static(struct http_connection *c)
{
    char name[512];
    struct stat about;
    const int file = open_static(c, name, sizeof name, &about);
    if (file == -ECANCELED || file == -ETIMEDOUT) return file;
    if (file < 0) return http_answer_status(c, 404, "");
    return http_answer_file(c, type_of(name), file, (size_t)about.st_size);
}

/* ---- which page ---- */

static const struct http_page pages[] = {
    {"/", READS, "Allow: GET, HEAD\r\n", false, hello},
    {"/json", READS, "Allow: GET, HEAD\r\n", false, json},
    {"/echo", WRITES, "Allow: POST, PUT\r\n", false, echo},
    {static_path, READS, "Allow: GET, HEAD\r\n", true, serve_static},
    {"*", 1 << HTTP_OPTIONS, "Allow: OPTIONS\r\n", false, options},
};

static const struct http_page *find_path(const char *path, size_t size)
{
    if (size == 0) return pages; /* "http://host" asks for "/" */
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        const size_t length = strlen(pages[i].path);
        if (size < length || (size > length && !pages[i].is_folder)) continue;
        if (memcmp(path, pages[i].path, length) == 0) return &pages[i];
    }
    return NULL;
}

/* Bodies are read only where they mean something: elsewhere they are a way to smuggle requests. */
static int check_body(const struct http_page *page, const struct http_request *request)
{
    if (page->methods & WRITES) return request->chunked || request->has_length ? 0 : 411;
    return request->chunked || request->length > 0 ? 400 : 0;
}

const struct http_page *http_page_find(const struct http_connection *c, int *status, const char **more)
{
    const struct http_request *request = &c->desk->parser.request;
    const struct http_page *page = find_path(c->path, request->path_size);
    *status = 404;
    if (!page) return NULL;
    if (!(page->methods & 1U << request->method)) {
        *status = 405;
        *more = page->allow;
        return NULL;
    }
    *status = check_body(page, request);
    return *status == 0 ? page : NULL;
}

int http_page_answer(const struct http_page *page, struct http_connection *c)
{
    return page->answer(c);
}
