/* SPDX-License-Identifier: MIT */
/* Keys and their values, and when they expire. Knows nothing of commands or replies. */
#ifndef REDIS_STORE_H
#define REDIS_STORE_H

#include "dict.h"

#include <bide.h>

/* Bytes with memory of their own. */
struct text {
    size_t len;
    size_t capacity;
    char data[];
};

/* A ring of texts: both ends are as near as any place in between. */
struct list {
    struct text **items;
    size_t first, count, capacity; /* the capacity is a power of two, or 0 */
};

/* An element of a set or a field of a hash; only the latter has a value. */
struct member {
    struct dict_node node;
    struct text *value;
    char name[];
};

enum kind { KIND_STRING, KIND_LIST, KIND_SET, KIND_HASH };

struct entry {
    struct dict_node node;
    double expires; /* in the seconds of bide_time(); 0: never */
    size_t place;   /* in the heap of those that expire */
    enum kind kind;
    union {
        struct text *text;
        struct list *list;
        struct dict *members;
    };
    char name[];
};

/* Zero is an empty store. */
struct store {
    struct dict keys;
    struct entry **heap; /* those that expire, the next one first */
    size_t heap_count, heap_capacity;
    struct bide_event sooner; /* the next one has become another one */
};

struct text *text_new(struct slice bytes);
struct slice text_slice(const struct text *text);

/* Replaces *text, which may be NULL, by these bytes. False if there is no memory: then nothing changed. */
bool text_set(struct text **text, struct slice bytes);

/* The entry of a key, NULL if there is none or its time is over. */
struct entry *store_find(struct store *store, struct slice key);

/* Adds an entry with an empty value for a key that has none; NULL if there is no memory. */
struct entry *store_add(struct store *store, struct slice key, enum kind kind);

/* Makes the key a string that does not expire, whatever it was. False if there is no memory. */
bool store_set(struct store *store, struct slice key, struct slice value);

void store_delete(struct store *store, struct entry *entry);

/* Lets an entry expire at that time; 0: never. False if there is no memory: then it stays as it was. */
bool store_expire_at(struct store *store, struct entry *entry, double when);

/* Deletes up to `most` entries whose time is over. Returns in how many seconds the next one's will be. */
double store_expire_due(struct store *store, size_t most);

void store_clear(struct store *store);

/* Lists: push takes the text over; false if there is no memory. Pop gives it away; NULL if there is none. */
bool list_push(struct list *list, struct text *text, bool left);
struct text *list_pop(struct list *list, bool left);
const struct text *list_at(const struct list *list, size_t i);

/* Sets and hashes: the member of that name, or a new one without a value. NULL if there is no memory. */
struct member *member_find(const struct dict *members, struct slice name);
struct member *member_add(struct dict *members, struct slice name);
void member_free(struct dict_node *node);

#endif
