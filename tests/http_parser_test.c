/* SPDX-License-Identifier: MIT */
/* The HTTP example's parser: a table of requests, each of them fed whole and cut at every place. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "../examples/http/parser.h"

#define HOST "Host: a\r\n"
#define GET(fields) "GET / HTTP/1.1\r\n" HOST fields "\r\n"
#define POST(fields) "POST /x HTTP/1.1\r\n" HOST fields "\r\n"
#define LINE(text)                                                                                           \
    {                                                                                                        \
        text, sizeof(text) - 1                                                                               \
    }

struct bytes {
    const char *at;
    size_t size;
};

/* The whole text is the head; what it says. */
static const struct good {
    struct bytes text;
    enum http_method method;
    const char *path;
    int minor;
    bool keep_alive, expects, chunked, has_length;
    uint64_t length;
} good[] = {
    {LINE(GET("")), HTTP_GET, "/", 1, true, false, false, false, 0},
    {LINE("\r\n" GET("")), HTTP_GET, "/", 1, true, false, false, false, 0},
    {LINE("HEAD /a/b?c=d HTTP/1.1\r\nhOsT:\r\n\r\n"), HTTP_HEAD, "/a/b", 1, true, false, false, false, 0},
    {LINE("GET /a?b/../c HTTP/1.0\r\n\r\n"), HTTP_GET, "/a", 0, false, false, false, false, 0},
    {LINE("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), HTTP_GET, "/", 0, true, false, false, false,
     0},
    {LINE("GET / HTTP/1.9\r\n" HOST "\r\n"), HTTP_GET, "/", 9, true, false, false, false, 0},
    {LINE("GET http://b:1/p?q HTTP/1.1\r\n" HOST "\r\n"), HTTP_GET, "/p", 1, true, false, false, false, 0},
    {LINE("GET HTTP://b HTTP/1.1\r\n" HOST "\r\n"), HTTP_GET, "", 1, true, false, false, false, 0},
    {LINE("GET http://b?q HTTP/1.1\r\n" HOST "\r\n"), HTTP_GET, "", 1, true, false, false, false, 0},
    {LINE("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), HTTP_OPTIONS, "*", 1, true, false, false, false, 0},
    {LINE(GET("Connection: close\r\n")), HTTP_GET, "/", 1, false, false, false, false, 0},
    {LINE(GET("Connection: Upgrade, ,CLOSE\t\r\n")), HTTP_GET, "/", 1, false, false, false, false, 0},
    {LINE(GET("Connection: keep-alive\r\nConnection: close\r\n")), HTTP_GET, "/", 1, false, false, false,
     false, 0},
    {LINE(GET("Connection: closed\r\n")), HTTP_GET, "/", 1, true, false, false, false, 0},
    {LINE(GET("X: \t a b\tc \t \r\nY:\r\nZ-1!: \xc3\xa9\r\n")), HTTP_GET, "/", 1, true, false, false, false,
     0},
    {LINE(GET("Expect: 100-continue\r\n")), HTTP_GET, "/", 1, true, false, false, false, 0},
    {LINE(POST("content-length: 0\r\n")), HTTP_POST, "/x", 1, true, false, false, true, 0},
    {LINE(POST("Content-Length:0042 \r\n")), HTTP_POST, "/x", 1, true, false, false, true, 42},
    {LINE(POST("Content-Length: 900719925474099200\r\n")), HTTP_POST, "/x", 1, true, false, false, true,
     900719925474099200},
    {LINE(POST("Transfer-Encoding: Chunked\r\n")), HTTP_POST, "/x", 1, true, false, true, false, 0},
    {LINE(POST("Expect: 100-Continue\r\nContent-Length: 5\r\n")), HTTP_POST, "/x", 1, true, true, false, true,
     5},
    {LINE("POST /x HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"), HTTP_POST, "/x", 0, false,
     false, false, true, 5},
};

static const struct bad {
    struct bytes text;
    int status;
} bad[] = {
    /* request lines */
    {LINE("\r\n\r\n"), 400},
    {LINE("\n"), 400},
    {LINE("GET / HTTP/1.1\n"), 400},
    {LINE("GET / HTTP/1.1\r\r\n"), 400},
    {LINE("GET /\r\n"), 400},
    {LINE("GET\r\n"), 400},
    {LINE(" GET / HTTP/1.1\r\n"), 400},
    {LINE("GET  / HTTP/1.1\r\n"), 400},
    {LINE("GET /  HTTP/1.1\r\n"), 400},
    {LINE("GET / HTTP/1.1 \r\n"), 400},
    {LINE("GET\t/ HTTP/1.1\r\n"), 400},
    {LINE("GET / http/1.1\r\n"), 400},
    {LINE("GET / HTTP/1.\r\n"), 400},
    {LINE("GET / HTTP/11\r\n"), 400},
    {LINE("GET / HTTP/1.10\r\n"), 400},
    {LINE("GET / HTTP/2.0\r\n"), 505},
    {LINE("GET / HTTP/0.9\r\n"), 505},
    {LINE("BREW / HTTP/3.0\r\n"), 505},
    {LINE("BREW / HTTP/1.1\r\n"), 501},
    {LINE("get / HTTP/1.1\r\n"), 501},
    {LINE("CONNECT a:1 HTTP/1.1\r\n"), 501},
    {LINE("G(T / HTTP/1.1\r\n"), 400},
    {LINE("GET a HTTP/1.1\r\n"), 400},
    {LINE("GET * HTTP/1.1\r\n"), 400},
    {LINE("GET http:// HTTP/1.1\r\n"), 400},
    {LINE("GET http:///a HTTP/1.1\r\n"), 400},
    {LINE("GET /\xc3\xa9 HTTP/1.1\r\n"), 400},
    {LINE("GET /\0 HTTP/1.1\r\n"), 400},
    {LINE("GET /\x7f HTTP/1.1\r\n"), 400},
    {LINE("PRI * HTTP/2.0\r\n"), 505},
    {LINE("\x16\x03\x01\x02\r\n"), 400},
    /* header fields */
    {LINE("GET / HTTP/1.1\r\n\r\n"), 400},
    {LINE(GET(HOST)), 400},
    {LINE("GET / HTTP/1.1\r\nHost: a b\r\n"), 400},
    {LINE("GET / HTTP/1.1\r\nHost: a/b\r\n"), 400},
    {LINE("GET / HTTP/1.1\r\nHost: a,b\r\n"), 400},
    {LINE("GET / HTTP/1.1\r\n Host: a\r\n"), 400},
    {LINE(GET("X : y\r\n")), 400},
    {LINE(GET("X\t: y\r\n")), 400},
    {LINE(GET("X\r\n")), 400},
    {LINE(GET(": y\r\n")), 400},
    {LINE(GET("X: y\r\n z\r\n")), 400},
    {LINE(GET("X: y\r\n\tz\r\n")), 400},
    {LINE(GET("X: y\n")), 400},
    {LINE(GET("X: y\rZ: a\r\n")), 400},
    {LINE(GET("X: \0\r\n")), 400},
    {LINE(GET("X: \x7f\r\n")), 400},
    {LINE(GET("X: \x01\r\n")), 400},
    {LINE(GET("X\xc3: y\r\n")), 400},
    {LINE(GET("Expect: 200-ok\r\n")), 417},
    /* how long the body is */
    {LINE(POST("Content-Length: 5\r\nContent-Length: 5\r\n")), 400},
    {LINE(POST("Content-Length: 0\r\ncontent-length: 5\r\n")), 400},
    {LINE(POST("Content-Length: 5, 5\r\n")), 400},
    {LINE(POST("Content-Length: +5\r\n")), 400},
    {LINE(POST("Content-Length: -5\r\n")), 400},
    {LINE(POST("Content-Length: 0x5\r\n")), 400},
    {LINE(POST("Content-Length: 5 5\r\n")), 400},
    {LINE(POST("Content-Length:\r\n")), 400},
    {LINE(POST("Content-Length : 5\r\n")), 400},
    {LINE(POST("Content-Length: 18446744073709551621\r\n")), 413},
    {LINE(POST("Content-Length: 99999999999999999999999999999999999\r\n")), 413},
    {LINE(POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")), 400},
    {LINE(POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")), 400},
    {LINE(POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 400},
    {LINE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
    {LINE(POST("Transfer-Encoding: xchunked\r\n")), 501},
    {LINE(POST("Transfer-Encoding: gzip, chunked\r\n")), 501},
    {LINE(POST("Transfer-Encoding: chunked, identity\r\n")), 501},
    {LINE(POST("Transfer-Encoding: \x0b"
               "chunked\r\n")),
     400},
    {LINE(POST("Transfer-Encoding:\r\n")), 501},
};

/* Feeds all but the last n - first bytes at once, then the rest. As http_parse. */
static int parse_cut(struct http_parser *parser, struct bytes text, size_t first)
{
    *parser = (struct http_parser){0};
    const int code = http_parse(parser, text.at, first);
    return code != 0 ? code : http_parse(parser, text.at, text.size);
}

static int parse_bytewise(struct http_parser *parser, struct bytes text)
{
    *parser = (struct http_parser){0};
    int code = 0;
    for (size_t n = 1; n <= text.size && code == 0; n++) {
        char *exact = malloc(n); /* so that a sanitizer sees what is read beyond */
        memcpy(exact, text.at, n);
        code = http_parse(parser, exact, n);
        free(exact);
    }
    return code;
}

static void check_good(const struct good *row, const struct http_parser *parser, int code)
{
    const struct http_request *request = &parser->request;
    assert_int_equal(code, row->text.size);
    assert_int_equal(request->method, row->method);
    assert_int_equal(request->path_size, strlen(row->path));
    assert_memory_equal(row->text.at + request->path, row->path, request->path_size);
    assert_int_equal(request->minor, row->minor);
    assert_int_equal(request->keep_alive, row->keep_alive);
    assert_int_equal(request->expects_continue, row->expects);
    assert_int_equal(request->chunked, row->chunked);
    assert_int_equal(request->has_length, row->has_length);
    assert_int_equal(request->length, row->length);
}

static void requests_are_understood_wherever_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct http_parser parser;
        for (size_t first = 0; first <= good[i].text.size; first++)
            check_good(&good[i], &parser, parse_cut(&parser, good[i].text, first));
        check_good(&good[i], &parser, parse_bytewise(&parser, good[i].text));
    }
}

static void what_two_servers_could_read_differently_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_parser parser;
        for (size_t first = 0; first <= bad[i].text.size; first++)
            assert_int_equal(parse_cut(&parser, bad[i].text, first), -bad[i].status);
        assert_int_equal(parse_bytewise(&parser, bad[i].text), -bad[i].status);
    }
}

static void what_follows_a_head_is_left_alone(void **state)
{
    (void)state;
    const struct bytes text = LINE(GET("") "GET / HTTP/9.9\n");
    struct http_parser parser = {0};
    assert_int_equal(http_parse(&parser, text.at, text.size), sizeof(GET("")) - 1);
}

/* ---- limits ---- */

/* The same character again and again between the two texts. */
static struct bytes padded(const char *before, size_t n, const char *after)
{
    const size_t front = strlen(before), back = strlen(after);
    char *text = malloc(front + n + back);
    assert_non_null(text);
    memcpy(text, before, front);
    memset(text + front, 'a', n);
    memcpy(text + front + n, after, back);
    return (struct bytes){text, front + n + back};
}

static void check_padded(const char *before, size_t n, const char *after, int status)
{
    const struct bytes text = padded(before, n, after);
    const int expected = status ? -status : (int)text.size;
    struct http_parser parser;
    for (size_t first = 0; first <= text.size; first += 61)
        assert_int_equal(parse_cut(&parser, text, first), expected);
    for (size_t first = text.size - 8; first <= text.size; first++)
        assert_int_equal(parse_cut(&parser, text, first), expected);
    free((char *)(uintptr_t)text.at);
}

static void a_request_line_has_a_limit(void **state)
{
    (void)state;
    const size_t most = HTTP_LINE_MOST - strlen("GET / HTTP/1.1");
    check_padded("GET /", most, " HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    check_padded("GET /", most + 1, " HTTP/1.1\r\nHost: a\r\n\r\n", 414);
    check_padded("GET /", most + 1, " HTTP/1.1\n", 414);
    check_padded("GET /", HTTP_LINE_MOST * 2, "", 414);
    check_padded("", HTTP_LINE_MOST * 2, "", 414);
}

static void header_fields_have_a_limit(void **state)
{
    (void)state;
    const size_t most = HTTP_FIELDS_MOST - strlen("Host: a\r\nX: \r\n\r\n");
    check_padded("GET / HTTP/1.1\r\nHost: a\r\nX: ", most, "\r\n\r\n", 0);
    check_padded("GET / HTTP/1.1\r\nHost: a\r\nX: ", most + 1, "\r\n\r\n", 431);
    check_padded("GET / HTTP/1.1\r\nHost: a\r\nX: ", HTTP_FIELDS_MOST * 2, "", 431);
    check_padded("GET / HTTP/1.1\r\n", HTTP_FIELDS_MOST * 2, "", 431);
}

static void there_may_be_a_hundred_header_fields(void **state)
{
    (void)state;
    char text[1024] = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 1; i < HTTP_FIELD_COUNT_MOST; i++) strcat(text, "X:\r\n");
    struct http_parser parser = {0};
    assert_int_equal(http_parse(&parser, text, strlen(text)), 0);
    strcat(text, "X:\r\n");
    assert_int_equal(http_parse(&parser, text, strlen(text)), -431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_understood_wherever_they_are_cut),
        cmocka_unit_test(what_two_servers_could_read_differently_is_refused),
        cmocka_unit_test(what_follows_a_head_is_left_alone),
        cmocka_unit_test(a_request_line_has_a_limit),
        cmocka_unit_test(header_fields_have_a_limit),
        cmocka_unit_test(there_may_be_a_hundred_header_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
