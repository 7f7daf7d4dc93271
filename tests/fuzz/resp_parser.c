/* SPDX-License-Identifier: MIT */
/*
 * The parser of the Redis example: any bytes give the same in one piece as in small ones. The
 * first byte of the input says how large these are.
 */
#include "../../examples/redis/bytes.c"
#include "../../examples/redis/resp.c"
#include "../support/resp_pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const char *bytes = (const char *)data + 1;
    const size_t n = size - 1, step = 1 + data[0] % 16;
    const size_t whole[] = {1, n};
    size_t *pieces = malloc((n / step + 2) * sizeof *pieces);
    if (!pieces) return 0;
    pieces[0] = n / step + 1;
    for (size_t i = 1; i < pieces[0]; i++) pieces[i] = i * step;
    pieces[pieces[0]] = n;

    struct bytes expected = {0}, found = {0};
    resp_feed(bytes, whole, &expected);
    resp_feed(bytes, pieces, &found);
    if (expected.len != found.len || memcmp(expected.data, found.data, found.len) != 0) abort();
    bytes_free(&expected);
    bytes_free(&found);
    free(pieces);
    return 0;
}
