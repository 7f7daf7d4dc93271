/* SPDX-License-Identifier: MIT */
/*
 * Linear hashing: a new bucket takes its nodes from one other, its buddy, whose index is its own
 * without the highest bit; the last bucket gives them back. Buckets lie in segments that double
 * in size and never move. With B buckets, H < B <= 2H for a power of two H, a hash belongs to
 * bucket (hash mod 2H) if there is such a one, else to (hash mod H).
 */
#include "dict.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { FIRST = 8, FIRST_BITS = 3, SPARSE = 4 };

/* ---- SipHash-1-3 (Aumasson and Bernstein), which is made for this ---- */

static uint64_t secret[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

void dict_seed(void)
{
    if (getrandom(secret, sizeof secret, 0) < 0) secret[0] ^= (uintptr_t)&secret; /* better than nothing */
}

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static uint32_t hash_of(struct slice key)
{
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
                     secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
    uint64_t word, last = (uint64_t)key.len << 56;
    size_t i = 0;
    for (; i + 8 <= key.len; i += 8) {
        memcpy(&word, key.data + i, 8);
        v[3] ^= word;
        mix(v);
        v[0] ^= word;
    }
    for (int shift = 0; i < key.len; i++, shift += 8) last |= (uint64_t)(unsigned char)key.data[i] << shift;
    v[3] ^= last;
    mix(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++) mix(v);
    const uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(hash ^ hash >> 32);
}

/* ---- buckets ---- */

static inline unsigned segment_of(uint32_t bucket)
{
    return bucket < FIRST ? 0 : 32 - FIRST_BITS - (unsigned)__builtin_clz(bucket);
}

/* A segment but the first has as many buckets as all before it, so its own begin at that number. */
static inline struct dict_node **bucket_at(const struct dict *dict, uint32_t bucket)
{
    const unsigned segment = segment_of(bucket);
    const uint32_t first = segment == 0 ? 0 : (uint32_t)FIRST << (segment - 1);
    return &dict->segments[segment][bucket - first];
}

static inline struct dict_node **bucket_for(const struct dict *dict, uint32_t hash)
{
    uint32_t bucket = hash & dict->mask;
    if (bucket >= dict->buckets) bucket = hash & (dict->mask >> 1);
    return bucket_at(dict, bucket);
}

static bool start(struct dict *dict)
{
    dict->segments[0] = calloc(FIRST, sizeof(struct dict_node *));
    if (!dict->segments[0]) return false;
    dict->buckets = FIRST;
    dict->mask = FIRST - 1;
    return true;
}

static bool has_segment_for(struct dict *dict, uint32_t bucket)
{
    const unsigned segment = segment_of(bucket);
    if (segment == DICT_SEGMENTS) return false;
    if (!dict->segments[segment])
        dict->segments[segment] = calloc((size_t)FIRST << (segment - 1), sizeof(struct dict_node *));
    return dict->segments[segment];
}

/* One bucket more. Without memory for it the chains only get longer. */
static void split(struct dict *dict)
{
    const uint32_t added = dict->buckets;
    if (!has_segment_for(dict, added)) return;
    if (added > dict->mask) dict->mask = 2 * dict->mask + 1;
    dict->buckets++;
    struct dict_node **to = bucket_at(dict, added), **from = bucket_at(dict, added & (dict->mask >> 1));
    while (*from) {
        struct dict_node *node = *from;
        if ((node->hash & dict->mask) == added) {
            *from = node->next;
            node->next = *to;
            *to = node;
        } else {
            from = &node->next;
        }
    }
}

/* One bucket less: its nodes go to the end of its buddy's. */
static void merge(struct dict *dict)
{
    const uint32_t last = --dict->buckets;
    const unsigned segment = segment_of(last);
    struct dict_node *nodes = *bucket_at(dict, last), **to = bucket_at(dict, last & (dict->mask >> 1));
    *bucket_at(dict, last) = NULL;
    while (*to) to = &(*to)->next;
    *to = nodes;
    if (last == (dict->mask >> 1) + 1) { /* the segment is empty */
        free(dict->segments[segment]);
        dict->segments[segment] = NULL;
        dict->mask >>= 1;
    }
}

/* ---- the table ---- */

struct dict_node *dict_find(const struct dict *dict, struct slice key)
{
    if (dict->count == 0) return NULL;
    const uint32_t hash = hash_of(key);
    struct dict_node *node = *bucket_for(dict, hash);
    while (node && !(node->hash == hash && node->key_len == key.len && !memcmp(node->key, key.data, key.len)))
        node = node->next;
    return node;
}

bool dict_add(struct dict *dict, struct dict_node *node)
{
    if (dict->buckets == 0 && !start(dict)) return false;
    node->hash = hash_of((struct slice){node->key, node->key_len});
    struct dict_node **bucket = bucket_for(dict, node->hash);
    node->next = *bucket;
    *bucket = node;
    if (++dict->count > dict->buckets) split(dict);
    return true;
}

void dict_remove(struct dict *dict, struct dict_node *node)
{
    struct dict_node **link = bucket_for(dict, node->hash);
    while (*link != node) link = &(*link)->next;
    *link = node->next;
    dict->count--;
    for (int i = 0; i < SPARSE && dict->buckets > FIRST && dict->count < dict->buckets / SPARSE; i++)
        merge(dict);
}

struct dict_node *dict_pick(const struct dict *dict, uint32_t number)
{
    if (dict->count == 0) return NULL;
    uint32_t bucket = number % dict->buckets;
    while (!*bucket_at(dict, bucket)) bucket = (bucket + 1) % dict->buckets;
    return *bucket_at(dict, bucket);
}

void dict_clear(struct dict *dict, void (*release)(struct dict_node *node))
{
    for (uint32_t i = 0; i < dict->buckets; i++) {
        for (struct dict_node *node = *bucket_at(dict, i), *next; node; node = next) {
            next = node->next;
            release(node);
        }
    }
    for (unsigned i = 0; i < DICT_SEGMENTS; i++) free(dict->segments[i]);
    *dict = (struct dict){0};
}
