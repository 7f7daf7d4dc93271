/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - A line is looked at once it is complete; before that only its size counts. So the result does not
 *    depend on where the input was cut.
 *  - Sizes are checked before syntax, for the same reason.
 */
#include "parser.h"

#include <string.h>
#include <strings.h>

struct text {
    const char *at;
    size_t size;
};

/* ---- characters ---- */

static bool is_letter(unsigned char c)
{
    const unsigned char lower = c | 0x20;
    return lower >= 'a' && lower <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_token(unsigned char c)
{
    return is_letter(c) || c == '-' || is_digit((char)c) || (c && strchr("!#$%&'*+.^_`|~", c));
}

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool is_visible(unsigned char c)
{
    return c > 0x20 && c < 0x7f;
}

static size_t token_size(struct text text)
{
    size_t n = 0;
    while (n < text.size && is_token((unsigned char)text.at[n])) n++;
    return n;
}

static bool all_visible(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_visible((unsigned char)text.at[i])) return false;
    }
    return true;
}

static bool any_control(struct text text)
{
    bool found = false;
    for (size_t i = 0; i < text.size; i++) found |= is_control((unsigned char)text.at[i]);
    return found;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct text trim(struct text text)
{
    for (; text.size > 0 && is_space(text.at[0]); text.at++) text.size--;
    while (text.size > 0 && is_space(text.at[text.size - 1])) text.size--;
    return text;
}

static bool is(struct text text, const char *word)
{
    return strlen(word) == text.size && strncasecmp(text.at, word, text.size) == 0;
}

/* Takes what is before the separator, or all there is, off the front. */
static struct text cut(struct text *rest, char separator)
{
    const char *end = rest->size > 0 ? memchr(rest->at, separator, rest->size) : NULL;
    const struct text first = {rest->at, end ? (size_t)(end - rest->at) : rest->size};
    const size_t taken = first.size + (end ? 1 : 0);
    rest->at += taken;
    rest->size -= taken;
    return first;
}

/* ---- the request line ---- */

/* Names of methods are case-sensitive. 501 for one that is fine but unknown. */
static int parse_method(struct http_request *request, struct text name)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) != name.size || memcmp(names[i], name.at, name.size) != 0) continue;
        request->method = (enum http_method)i;
        return 0;
    }
    return -501;
}

/* "/path?query", "http://host/path?query" as proxies get it, or "*" for OPTIONS. */
static int parse_target(struct http_request *request, const char *data, struct text target, bool is_options)
{
    const bool is_star = is_options && target.size == 1 && target.at[0] == '*';
    if (target.size >= 7 && strncasecmp(target.at, "http://", 7) == 0) {
        size_t host = 7;
        while (host < target.size && target.at[host] != '/' && target.at[host] != '?') host++;
        if (host == 7) return -400;
        target.at += host; /* it may be empty now, which stands for "/" */
        target.size -= host;
    } else if (target.at[0] != '/' && !is_star) {
        return -400;
    }
    request->path = (size_t)(target.at - data);
    request->path_size = cut(&target, '?').size;
    return 0;
}

static int parse_version(struct http_request *request, struct text version)
{
    if (version.size != 8 || memcmp(version.at, "HTTP/", 5) != 0 || !is_digit(version.at[5]) ||
        version.at[6] != '.' || !is_digit(version.at[7]))
        return -400;
    request->minor = version.at[7] - '0';
    return version.at[5] == '1' ? 0 : -505;
}

/* Syntax first: who does not speak HTTP gets 400, whatever his first word is. */
static int parse_request_line(struct http_parser *parser, const char *data, struct text line)
{
    struct http_request *request = &parser->request;
    const struct text method = cut(&line, ' ');
    const struct text target = cut(&line, ' ');
    if (method.size == 0 || token_size(method) != method.size) return -400;
    if (target.size == 0 || !all_visible(target)) return -400;
    int code = parse_version(request, line);
    if (code < 0) return code;
    code = parse_method(request, method);
    return code < 0 ? code : parse_target(request, data, target, request->method == HTTP_OPTIONS);
}

/* ---- header fields ---- */

/* The field says how long the body is: it must say so once, in digits. */
static int parse_length(struct http_request *request, struct text value)
{
    if (request->has_length || value.size == 0) return -400;
    for (size_t i = 0; i < value.size; i++) {
        if (!is_digit(value.at[i])) return -400;
        request->length = request->length * 10 + (uint64_t)(value.at[i] - '0');
        if (request->length > INT64_MAX / 10) return -413;
    }
    request->has_length = true;
    return 0;
}

static int parse_encoding(struct http_request *request, struct text value)
{
    if (request->chunked) return -400;
    request->chunked = true;
    return is(value, "chunked") ? 0 : -501;
}

/* A name or an address and a port: letters, digits and what these need, among it %41 and [::1]. */
static bool is_host_character(unsigned char c)
{
    return is_letter(c) || is_digit((char)c) || c == '.' || c == '-' || c == ':' ||
           (c && strchr("[]%_~!$&'()*+;=", c));
}

static int parse_host(struct http_parser *parser, struct text value)
{
    if (parser->has_host) return -400;
    for (size_t i = 0; i < value.size; i++) {
        if (!is_host_character((unsigned char)value.at[i])) return -400;
    }
    parser->has_host = true;
    return 0;
}

static int parse_connection(struct http_parser *parser, struct text value)
{
    while (value.size > 0) {
        const struct text option = trim(cut(&value, ','));
        parser->closes |= is(option, "close");
        parser->keeps |= is(option, "keep-alive");
    }
    return 0;
}

static int parse_expect(struct http_request *request, struct text value)
{
    request->expects_continue = true;
    return is(value, "100-continue") ? 0 : -417;
}

/* Only those that say where the request ends, and what becomes of the connection. */
static int parse_known_field(struct http_parser *parser, struct text name, struct text value)
{
    if (is(name, "host")) return parse_host(parser, value);
    if (is(name, "connection")) return parse_connection(parser, value);
    if (is(name, "content-length")) return parse_length(&parser->request, value);
    if (is(name, "transfer-encoding")) return parse_encoding(&parser->request, value);
    if (is(name, "expect")) return parse_expect(&parser->request, value);
    return 0;
}

/* The name is a token right before its colon: no space, and no line that continues the one before. */
static int parse_field(struct http_parser *parser, struct text line)
{
    const struct text name = {line.at, token_size(line)};
    if (name.size == 0 || name.size == line.size || line.at[name.size] != ':') return -400;
    const struct text value = trim((struct text){name.at + name.size + 1, line.size - name.size - 1});
    if (any_control(value)) return -400;
    if (++parser->count > HTTP_FIELD_COUNT_MOST) return -431;
    return parse_known_field(parser, name, value);
}

/* What can be said only when all fields are there. */
static int finish(struct http_parser *parser)
{
    struct http_request *request = &parser->request;
    const bool is_old = request->minor == 0;
    if (!is_old && !parser->has_host) return -400;
    if (request->chunked && (request->has_length || is_old)) return -400;
    request->keep_alive = !parser->closes && (parser->keeps || !is_old);
    if (is_old || !(request->chunked || request->length > 0)) request->expects_continue = false;
    return (int)parser->line;
}

/* ---- lines ---- */

/* Is the line, of which there are that many bytes without its end, too long already? */
static int check_size(const struct http_parser *parser, size_t size, size_t end)
{
    if (parser->fields == 0) return size > HTTP_LINE_MOST ? -414 : 0;
    return end - parser->fields > HTTP_FIELDS_MOST ? -431 : 0;
}

/* The size of the head after its last line, 0 after another one. */
static int parse_line(struct http_parser *parser, const char *data, struct text line)
{
    if (parser->fields > 0) return line.size == 0 ? finish(parser) : parse_field(parser, line);
    if (line.size == 0) { /* some clients end a body with a line too many */
        const bool again = parser->skipped;
        parser->skipped = true;
        return again ? -400 : 0;
    }
    parser->fields = parser->line;
    return parse_request_line(parser, data, line);
}

int http_parse(struct http_parser *parser, const char *data, size_t n)
{
    const char *end;
    while (n > parser->seen && (end = memchr(data + parser->seen, '\n', n - parser->seen))) {
        struct text line = {data + parser->line, (size_t)(end - data) - parser->line};
        const bool ends_well = line.size > 0 && end[-1] == '\r';
        if (ends_well) line.size--;
        parser->seen = (size_t)(end - data) + 1;
        int code = check_size(parser, line.size, parser->seen);
        if (code < 0) return code;
        if (!ends_well) return -400;
        parser->line = parser->seen;
        code = parse_line(parser, data, line);
        if (code != 0) return code;
    }
    parser->seen = n;
    const size_t pending = n - parser->line;
    return check_size(parser, pending > 0 ? pending - 1 : 0, n); /* its last byte may be the CR */
}
