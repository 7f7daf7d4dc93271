/* SPDX-License-Identifier: MIT */
/*
 * An HTTP/1.1 client on streams: several pages one after the other over one connection that is kept
 * alive, then all at once over one each. It reads bodies of a known length, in chunks, and up to the end.
 *
 *     http_get [URL...]         of one host; without any from a server in this run
 *     http_get --serve [PORT]   that server alone, for curl
 */
#include <bide.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PAGES = 5, PAGES_MOST = 32 };

/* ---- the client ---- */

struct url {
    char host[256];
    int port;
    const char *path;
};

struct page {
    const struct url *url;
    int status;
    long long size;
    bool last; /* the server closes the connection */
};

static int parse(const char *text, struct url *url)
{
    int used = 0;
    url->port = 80;
    if (sscanf(text, "http://%255[^:/]%n:%d%n", url->host, &used, &url->port, &used) < 1)
        return bide_fail(EINVAL, "\"%s\" is no http://HOST[:PORT]/PATH", text);
    url->path = text[used] ? text + used : "/";
    return 0;
}

/* A line without its end; an end of the stream is none. */
static int read_line(struct bide_stream *stream, char **line)
{
    ssize_t n = bide_stream_read_line(stream, line);
    if (n <= 0) return n < 0 ? (int)n : bide_fail(ECONNRESET, "the server hung up");
    (*line)[strcspn(*line, "\r\n")] = '\0';
    return 0;
}

/* Reads n bytes, < 0: up to the end, and counts them. */
static int read_body(struct bide_stream *stream, long long n, struct page *page)
{
    char block[8192];
    while (n != 0) {
        size_t most = n < 0 || n > (long long)sizeof block ? sizeof block : (size_t)n;
        ssize_t got = bide_stream_read(stream, block, most);
        if (got < 0) return (int)got;
        if (got == 0) return n < 0 ? 0 : bide_fail(ECONNRESET, "%lld bytes are missing", n);
        page->size += got;
        if (n > 0) n -= got;
    }
    return 0;
}

/* Each chunk has its length before it, and an empty line behind; the last has none of either. */
static int read_chunks(struct bide_stream *stream, struct page *page)
{
    for (;;) {
        char *line, *end;
        int code = read_line(stream, &line);
        if (code < 0) return code;
        long long n = strtoll(line, &end, 16);
        if (end == line || n < 0) return bide_fail(EPROTO, "\"%.20s\" is no length of a chunk", line);
        if (n == 0) break;
        code = read_body(stream, n, page);
        if (code == 0) code = read_line(stream, &line);
        if (code < 0) return code;
    }
    for (;;) { /* trailers */
        char *line;
        int code = read_line(stream, &line);
        if (code < 0 || !*line) return code;
    }
}

/* The value, if that is the name of the header; or NULL. */
static const char *value_of(const char *line, const char *name)
{
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':') return NULL;
    return line + length + 1 + strspn(line + length + 1, " \t");
}

static int read_answer(struct bide_stream *stream, struct page *page)
{
    char *line;
    long long length = -1;
    bool chunked = false;
    int code = read_line(stream, &line), minor;
    if (code < 0) return code;
    if (sscanf(line, "HTTP/1.%d %d", &minor, &page->status) != 2)
        return bide_fail(EPROTO, "no HTTP: %.40s", line);
    page->last = minor == 0;
    while ((code = read_line(stream, &line)) == 0 && *line) {
        const char *value;
        if ((value = value_of(line, "Content-Length"))) length = strtoll(value, NULL, 10);
        if ((value = value_of(line, "Transfer-Encoding"))) chunked = strcasecmp(value, "chunked") == 0;
        if ((value = value_of(line, "Connection"))) page->last = strcasecmp(value, "close") == 0;
    }
    if (code < 0) return code;
    if (page->status == 204 || page->status == 304) return 0;
    if (chunked) return read_chunks(stream, page);
    page->last = page->last || length < 0;
    return read_body(stream, length, page);
}

static int get(struct bide_stream *stream, struct page *page)
{
    page->size = 0;
    bide_stream_printf(stream, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: bide\r\n\r\n", page->url->path,
                       page->url->host, page->url->port);
    int code = bide_stream_drain(stream);
    return code < 0 ? code : read_answer(stream, page);
}

/* As a task: one page over a connection of its own. */
static int get_alone(void *arg)
{
    struct page *page = arg;
    struct bide_stream *stream = bide_open_connection(page->url->host, page->url->port);
    int code = stream ? get(stream, page) : -errno;
    bide_stream_close(stream);
    return code;
}

static int get_in_turn(struct page *pages, size_t n)
{
    struct bide_stream *stream = NULL;
    int code = 0, connections = 0;
    for (size_t i = 0; code == 0 && i < n; i++) {
        if (!stream) stream = bide_open_connection(pages[i].url->host, pages[i].url->port), connections++;
        code = stream ? get(stream, &pages[i]) : -errno;
        if (code == 0 && !pages[i].last) continue;
        bide_stream_close(stream);
        stream = NULL;
    }
    bide_stream_close(stream);
    return code < 0 ? code : connections;
}

static int get_all(const struct url *urls, size_t n)
{
    struct page pages[PAGES_MOST];
    struct bide_call calls[PAGES_MOST];
    for (size_t i = 0; i < n; i++) {
        pages[i] = (struct page){.url = &urls[i]};
        calls[i] = (struct bide_call){get_alone, &pages[i]};
    }
    double begun = bide_time();
    int code = get_in_turn(pages, n);
    if (code < 0) return code;
    for (size_t i = 0; i < n; i++)
        printf("%d  %7lld bytes  %s\n", pages[i].status, pages[i].size, urls[i].path);
    printf("in turn over %d connection%s: %.2f s\n", code, code == 1 ? "" : "s", bide_time() - begun);
    begun = bide_time();
    code = bide_gather(calls, n, NULL);
    if (code == 0) printf("at once: %.2f s\n", bide_time() - begun);
    return code;
}

/* ---- the server ---- */

static int requests; /* that were read */

/* /N has N bytes, /chunked/N has them in chunks; each takes a while. */
static int answer(struct bide_stream *client, const char *path)
{
    static const char block[1000];
    bool chunked = strncmp(path, "/chunked", 8) == 0;
    long size = strtol(strrchr(path, '/') + 1, NULL, 10);
    int code = bide_sleep(0.1);
    if (code < 0) return code;
    bide_stream_printf(client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n");
    if (chunked)
        bide_stream_printf(client, "Transfer-Encoding: chunked\r\n\r\n");
    else
        bide_stream_printf(client, "Content-Length: %ld\r\n\r\n", size);
    while (size > 0) {
        long n = size < (long)sizeof block ? size : (long)sizeof block;
        if (chunked) bide_stream_printf(client, "%lx\r\n", n);
        bide_stream_write(client, block, (size_t)n);
        if (chunked) bide_stream_printf(client, "\r\n");
        size -= n;
    }
    if (chunked) bide_stream_printf(client, "0\r\n\r\n");
    return bide_stream_drain(client); /* tells of what a write could not do, too */
}

static int serve(struct bide_stream *client, void *arg)
{
    char *line, path[128];
    ssize_t n;
    (void)arg;
    while ((n = bide_stream_read_line(client, &line)) > 0) {
        if (sscanf(line, "GET %127s HTTP/1.1", path) != 1 || path[0] != '/')
            return (int)bide_stream_printf(client, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        while ((n = bide_stream_read_line(client, &line)) > 0 && line[0] != '\r' && line[0] != '\n') continue;
        if (n <= 0) break;
        int code = 0;
        requests++;
        BIDE_SHIELD(5) code = answer(client, path); /* also when the server is closed meanwhile */
        if (code < 0) return code == -EPIPE || code == -ECONNRESET ? 0 : code;
    }
    return n == -ECONNRESET ? 0 : (int)n;
}

static int demonstrate(void)
{
    static const char *const paths[PAGES] = {"/10", "/chunked/5000", "/100000", "/chunked/0", "/0"};
    struct url urls[PAGES];
    struct bide_server *server = bide_start_server("127.0.0.1", 0, serve, NULL, NULL);
    if (!server) return -errno;
    for (int i = 0; i < PAGES; i++)
        urls[i] = (struct url){.host = "127.0.0.1", .port = bide_server_port(server), .path = paths[i]};
    int code = get_all(urls, PAGES);
    bide_server_close(server, 1);
    return code;
}

static int serve_until_signal(int port)
{
    static const int end_signals[] = {SIGINT, SIGTERM};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* one that comes before the wait is kept for it */
    struct bide_server *server = bide_start_server("127.0.0.1", port, serve, NULL, NULL);
    if (!server) return -errno;
    printf("listening on 127.0.0.1:%d\n", bide_server_port(server));
    fflush(stdout);
    int code = bide_signal_wait(end_signals, 2);
    bide_server_close(server, 0); /* whoever has asked is answered */
    printf("%d requests read\n", requests);
    return code;
}

static int run(void *arg)
{
    char **argv = arg;
    struct url urls[PAGES_MOST];
    size_t n = 0;
    int code = 0;
    if (!argv[1]) return demonstrate();
    if (strcmp(argv[1], "--serve") == 0) return serve_until_signal(argv[2] ? atoi(argv[2]) : 0);
    for (; code == 0 && n < PAGES_MOST && argv[n + 1]; n++) code = parse(argv[n + 1], &urls[n]);
    if (code == 0) {
        BIDE_TIMEOUT(30) code = get_all(urls, n);
        if (bide_expired()) code = bide_fail(ETIMEDOUT, "no answer within 30 s");
    }
    return code;
}

int main(int argc, char **argv)
{
    (void)argc;
    int code = bide_run(run, argv);
    if (code < 0) fprintf(stderr, "http_get: %s\n", bide_error_text(code));
    return code < 0;
}
