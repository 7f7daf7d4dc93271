/* SPDX-License-Identifier: MIT */
/*
 * A hash table whose nodes are part of what they find. It grows and shrinks by one bucket at a
 * time (linear hashing), so no operation ever takes long, however much the table holds.
 */
#ifndef REDIS_DICT_H
#define REDIS_DICT_H

#include "bytes.h"

/* The key belongs to whoever owns the node, and must stay as it is. */
struct dict_node {
    struct dict_node *next;
    uint32_t hash;
    uint32_t key_len;
    const char *key;
};

enum { DICT_SEGMENTS = 28 };

/* Zero is an empty table, which has no memory yet. */
struct dict {
    size_t count;
    uint32_t buckets; /* how many there are */
    uint32_t mask;    /* of the hash, for a power of two buckets that is not less than there are */
    struct dict_node **segments[DICT_SEGMENTS]; /* the first has 8 buckets, then 8, 16, 32 and so on */
};

/* Keys are hashed with a secret, so that nobody can send keys that all meet in one bucket. */
void dict_seed(void);

struct dict_node *dict_find(const struct dict *dict, struct slice key);

/* Adds a node, whose key is not in the table yet. False if there is no memory. */
bool dict_add(struct dict *dict, struct dict_node *node);

/* Takes out a node of the table. */
void dict_remove(struct dict *dict, struct dict_node *node);

/* Some node, where to begin the search being chosen by `number`; NULL if there is none. */
struct dict_node *dict_pick(const struct dict *dict, uint32_t number);

/* Empties the table, and gives each node to `release`. */
void dict_clear(struct dict *dict, void (*release)(struct dict_node *node));

#endif
