/* SPDX-License-Identifier: MIT */
/* Buffers double, so that appending n bytes one by one takes time in the order of n. */
#include "bytes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BUFFER_MIN = 1024 };

static bool grow(struct bytes *buffer, size_t n)
{
    size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_MIN;
    while (capacity - buffer->len < n) {
        if (capacity > SIZE_MAX / 2) return false;
        capacity *= 2;
    }
    char *data = realloc(buffer->data, capacity);
    if (!data) return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

char *bytes_reserve(struct bytes *buffer, size_t n)
{
    if ((!buffer->data || buffer->capacity - buffer->len < n) && !grow(buffer, n)) {
        buffer->failed = true;
        return NULL;
    }
    return buffer->data + buffer->len;
}

void bytes_append(struct bytes *buffer, const void *data, size_t n)
{
    char *end = n > 0 ? bytes_reserve(buffer, n) : NULL;
    if (!end) return;
    memcpy(end, data, n);
    buffer->len += n;
}

void bytes_free(struct bytes *buffer)
{
    free(buffer->data);
    *buffer = (struct bytes){0};
}

bool slice_is(struct slice slice, const char *word)
{
    return slice.len == strlen(word) && strncasecmp(slice.data, word, slice.len) == 0;
}

size_t decimal_format(char *out, int64_t number)
{
    char digits[DECIMAL_MAX];
    size_t n = 0, len = 0;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[n++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0) out[len++] = '-';
    while (n > 0) out[len++] = digits[--n];
    return len;
}

bool decimal_parse(struct slice slice, int64_t *number)
{
    const bool negative = slice.len > 0 && slice.data[0] == '-';
    const uint64_t limit = (uint64_t)INT64_MAX + negative;
    uint64_t value = 0;
    size_t i = negative;
    if (i == slice.len || (slice.data[i] == '0' && slice.len > 1)) return false;
    for (; i < slice.len; i++) {
        const unsigned digit = (unsigned)(unsigned char)slice.data[i] - '0';
        if (digit > 9 || value > (limit - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *number = (int64_t)(negative ? 0 - value : value);
    return true;
}
