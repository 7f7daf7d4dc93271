/* SPDX-License-Identifier: MIT */
/*
 * The parser takes nothing for granted that it was not sent: memory grows with the bytes that
 * came, not with the lengths that they announce. What it has understood it never looks at again,
 * but for the line that it is in, which is short or (a plain one) searched from where it was left.
 */
#include "resp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_DIGITS = 10, SPANS_MIN = 8 };

static enum resp_status refuse(struct resp_parser *parser, const char *error)
{
    parser->error = error;
    return RESP_ERROR;
}

static bool grow_spans(struct resp_parser *parser)
{
    const size_t capacity = parser->capacity ? 2 * parser->capacity : SPANS_MIN;
    struct resp_span *spans = realloc(parser->spans, capacity * sizeof *spans);
    if (!spans) return false;
    parser->spans = spans;
    parser->capacity = capacity;
    return true;
}

static inline enum resp_status add_span(struct resp_parser *parser, size_t start, size_t len)
{
    if (parser->count == parser->capacity && !grow_spans(parser)) return refuse(parser, "ERR out of memory");
    parser->spans[parser->count++] = (struct resp_span){start, len};
    return RESP_REQUEST;
}

/* ---- requests that are arrays of strings ---- */

/*
 * A line such as "$12": its type, digits, CR LF. A minus sign makes a 0 of it where `may_be_less`.
 * Each byte is judged when it is seen, so that the verdict does not depend on the pieces.
 */
static inline enum resp_status take_number(struct resp_parser *parser, const char *data, size_t n,
                                           bool may_be_less, size_t *number)
{
    const char *at = data + parser->pos + 1, *const end = data + n;
    const bool negative = may_be_less && at < end && *at == '-';
    const char *const first = at += negative;
    size_t value = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (at - first == COUNT_DIGITS) return refuse(parser, "ERR Protocol error: number too long");
        value = 10 * value + (size_t)(*at - '0');
    }
    if (at >= end) return RESP_MORE;
    if (at == first || *at != '\r') return refuse(parser, "ERR Protocol error: invalid number");
    if (++at == end) return RESP_MORE;
    if (*at != '\n') return refuse(parser, "ERR Protocol error: expected LF after CR");
    *number = negative ? 0 : value;
    parser->pos = (size_t)(at + 1 - data);
    return RESP_REQUEST;
}

static enum resp_status take_count(struct resp_parser *parser, const char *data, size_t n)
{
    const enum resp_status status = take_number(parser, data, n, true, &parser->left);
    if (status != RESP_REQUEST) return status;
    if (parser->left > RESP_MAX_ARGS) return refuse(parser, "ERR Protocol error: invalid multibulk length");
    parser->counted = true;
    return RESP_REQUEST;
}

static enum resp_status take_length(struct resp_parser *parser, const char *data, size_t n)
{
    if (parser->pos == n) return RESP_MORE;
    if (data[parser->pos] != '$') return refuse(parser, "ERR Protocol error: expected '$'");
    const enum resp_status status = take_number(parser, data, n, false, &parser->length);
    if (status != RESP_REQUEST) return status;
    if (parser->length > RESP_MAX_BULK) return refuse(parser, "ERR Protocol error: invalid bulk length");
    if (parser->pos + parser->length > RESP_MAX_REQUEST)
        return refuse(parser, "ERR Protocol error: too big request");
    parser->measured = true;
    return RESP_REQUEST;
}

static enum resp_status take_string(struct resp_parser *parser, const char *data, size_t n)
{
    const size_t start = parser->pos, len = parser->length;
    if (n - start < len + 2) return RESP_MORE;
    if (data[start + len] != '\r' || data[start + len + 1] != '\n')
        return refuse(parser, "ERR Protocol error: expected CR LF after a bulk string");
    parser->pos = start + len + 2;
    parser->measured = false;
    parser->left--;
    return add_span(parser, start, len);
}

static enum resp_status parse_array(struct resp_parser *parser, const char *data, size_t n)
{
    enum resp_status status = parser->counted ? RESP_REQUEST : take_count(parser, data, n);
    while (status == RESP_REQUEST && parser->left > 0) {
        if (!parser->measured) status = take_length(parser, data, n);
        if (status == RESP_REQUEST) status = take_string(parser, data, n);
    }
    return status;
}

/* ---- requests that are plain lines ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What stands for the byte after a backslash; *i is moved to the last character of it. */
static char unescape(const char *data, size_t end, size_t *i)
{
    static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
    const char c = data[*i];
    if (c == 'x' && end - *i > 2 && hex_digit(data[*i + 1]) >= 0 && hex_digit(data[*i + 2]) >= 0) {
        *i += 2;
        return (char)(hex_digit(data[*i - 1]) * 16 + hex_digit(data[*i]));
    }
    const char *known = c ? strchr(from, c) : NULL;
    return known ? to[known - from] : c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

/* One word, perhaps in quotes, rewritten in place. Returns the place behind it, 0 for bad quotes. */
static size_t take_word(struct resp_parser *parser, char *data, size_t start, size_t end)
{
    const char quote = data[start] == '"' || data[start] == '\'' ? data[start] : '\0';
    size_t i = start + (quote != '\0'), len = 0;
    for (; i < end && (quote ? data[i] != quote : !is_blank(data[i])); i++) {
        char c = data[i];
        if (quote == '"' && c == '\\' && i + 1 < end) {
            i++;
            c = unescape(data, end, &i);
        } else if (quote == '\'' && c == '\\' && i + 1 < end && data[i + 1] == '\'') {
            c = data[++i];
        }
        data[start + len++] = c;
    }
    if (quote && (i == end || (i + 1 < end && !is_blank(data[i + 1])))) return 0;
    return add_span(parser, start, len) == RESP_REQUEST ? i + (quote != '\0') : 0;
}

static enum resp_status parse_line(struct resp_parser *parser, char *data, size_t n)
{
    const size_t seen = parser->length, most = n < RESP_MAX_INLINE ? n : RESP_MAX_INLINE;
    char *newline = most > seen ? memchr(data + seen, '\n', most - seen) : NULL;
    if (!newline && n >= RESP_MAX_INLINE) return refuse(parser, "ERR Protocol error: too big inline request");
    parser->length = most; /* searched so far */
    if (!newline) return RESP_MORE;

    const size_t end = (size_t)(newline - data);
    for (size_t i = 0; i < end;) {
        if (is_blank(data[i])) {
            i++;
            continue;
        }
        i = take_word(parser, data, i, end);
        if (i == 0 && !parser->error)
            return refuse(parser, "ERR Protocol error: unbalanced quotes in request");
        if (i == 0) return RESP_ERROR;
    }
    parser->pos = end + 1;
    return RESP_REQUEST;
}

enum resp_status resp_parse(struct resp_parser *parser, char *data, size_t n)
{
    if (n == 0) return RESP_MORE;
    return data[0] == '*' ? parse_array(parser, data, n) : parse_line(parser, data, n);
}

void resp_next(struct resp_parser *parser)
{
    parser->pos = parser->left = parser->length = parser->count = 0;
    parser->counted = parser->measured = false;
}

void resp_free(struct resp_parser *parser)
{
    free(parser->spans);
    *parser = (struct resp_parser){0};
}

/* ---- replies ---- */

/* A type, a number, CR LF, at `end`, which has room for it. Returns the place behind. */
static char *put_header(char *end, char type, int64_t number)
{
    *end++ = type;
    end += decimal_format(end, number);
    *end++ = '\r';
    *end++ = '\n';
    return end;
}

static void reply_header(struct bytes *out, char type, int64_t number)
{
    char *end = bytes_reserve(out, DECIMAL_MAX + 3);
    if (end) out->len = (size_t)(put_header(end, type, number) - out->data);
}

void reply_integer(struct bytes *out, int64_t number)
{
    reply_header(out, ':', number);
}

void reply_array(struct bytes *out, size_t n)
{
    reply_header(out, '*', (int64_t)n);
}

void reply_bulk(struct bytes *out, struct slice bytes)
{
    char *end = bytes_reserve(out, bytes.len + DECIMAL_MAX + 5);
    if (!end) return;
    end = put_header(end, '$', (int64_t)bytes.len);
    if (bytes.len > 0) memcpy(end, bytes.data, bytes.len);
    memcpy(end + bytes.len, "\r\n", 2);
    out->len = (size_t)(end - out->data) + bytes.len + 2;
}

void reply_text(struct bytes *out, const char *text)
{
    reply_bulk(out, (struct slice){text, strlen(text)});
}

void reply_null(struct bytes *out)
{
    bytes_append(out, "$-1\r\n", 5);
}

void reply_status(struct bytes *out, const char *text)
{
    bytes_append(out, "+", 1);
    bytes_append(out, text, strlen(text));
    bytes_append(out, "\r\n", 2);
}

void reply_error(struct bytes *out, const char *format, ...)
{
    char line[256];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    for (char *c = line; *c; c++) {
        if ((unsigned char)*c < ' ') *c = ' ';
    }
    bytes_append(out, "-", 1);
    bytes_append(out, line, strlen(line));
    bytes_append(out, "\r\n", 2);
}
