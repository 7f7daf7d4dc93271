/* SPDX-License-Identifier: MIT */
/*
 * Entries that expire are in the heap too, and nobody else is: entry->expires != 0 says so.
 * Whoever looks for a key whose time is over finds nothing, and has deleted it.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

/* ---- the heap ---- */

static void put(struct store *store, size_t place, struct entry *entry)
{
    store->heap[place] = entry;
    entry->place = place;
}

/* Puts the entry where it belongs, from a free place on. */
static void sift(struct store *store, size_t place, struct entry *entry)
{
    while (place > 0 && entry->expires < store->heap[(place - 1) / 2]->expires) {
        put(store, place, store->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * place + 1;
        if (child + 1 < store->heap_count && store->heap[child + 1]->expires < store->heap[child]->expires)
            child++;
        if (child >= store->heap_count || entry->expires <= store->heap[child]->expires) break;
        put(store, place, store->heap[child]);
        place = child;
    }
    put(store, place, entry);
}

static bool has_room(struct store *store)
{
    if (store->heap_count < store->heap_capacity) return true;
    const size_t capacity = store->heap_capacity ? 2 * store->heap_capacity : 64;
    struct entry **heap = realloc(store->heap, capacity * sizeof(struct entry *));
    if (!heap) return false;
    store->heap = heap;
    store->heap_capacity = capacity;
    return true;
}

static void leave_heap(struct store *store, struct entry *entry)
{
    struct entry *last = store->heap[--store->heap_count];
    if (last != entry) sift(store, entry->place, last);
    entry->expires = 0;
}

bool store_expire_at(struct store *store, struct entry *entry, double when)
{
    if (when == 0) {
        if (entry->expires != 0) leave_heap(store, entry);
        return true;
    }
    if (entry->expires == 0) {
        if (!has_room(store)) return false;
        put(store, store->heap_count++, entry);
    }
    entry->expires = when;
    sift(store, entry->place, entry);
    if (entry->place == 0) bide_event_set(&store->sooner);
    return true;
}

double store_expire_due(struct store *store, size_t most)
{
    const double now = store->heap_count > 0 ? bide_time() : 0;
    for (; store->heap_count > 0; most--) {
        const double left = store->heap[0]->expires - now;
        if (left > 0) return left;
        if (most == 0) return 0;
        store_delete(store, store->heap[0]);
    }
    return BIDE_FOREVER;
}

/* ---- texts, lists, members ---- */

struct text *text_new(struct slice bytes)
{
    struct text *text = malloc(sizeof *text + bytes.len);
    if (!text) return NULL;
    text->len = text->capacity = bytes.len;
    if (bytes.len > 0) memcpy(text->data, bytes.data, bytes.len);
    return text;
}

struct slice text_slice(const struct text *text)
{
    return (struct slice){text->data, text->len};
}

bool text_set(struct text **text, struct slice bytes)
{
    struct text *old = *text;
    if (old && bytes.len <= old->capacity && bytes.len >= old->capacity / 2) {
        if (bytes.len > 0) memcpy(old->data, bytes.data, bytes.len);
        old->len = bytes.len;
        return true;
    }
    struct text *new = text_new(bytes);
    if (!new) return false;
    *text = new;
    free(old);
    return true;
}

static bool list_grow(struct list *list)
{
    const size_t capacity = list->capacity ? 2 * list->capacity : 4;
    struct text **items = malloc(capacity * sizeof *items);
    if (!items) return false;
    for (size_t i = 0; i < list->count; i++) items[i] = list->items[(list->first + i) & (list->capacity - 1)];
    free(list->items);
    list->items = items;
    list->first = 0;
    list->capacity = capacity;
    return true;
}

bool list_push(struct list *list, struct text *text, bool left)
{
    if (list->count == list->capacity && !list_grow(list)) return false;
    if (left) list->first = (list->first - 1) & (list->capacity - 1);
    list->items[(list->first + (left ? 0 : list->count)) & (list->capacity - 1)] = text;
    list->count++;
    return true;
}

struct text *list_pop(struct list *list, bool left)
{
    if (list->count == 0) return NULL;
    list->count--;
    if (!left) return list->items[(list->first + list->count) & (list->capacity - 1)];
    struct text *text = list->items[list->first];
    list->first = (list->first + 1) & (list->capacity - 1);
    return text;
}

const struct text *list_at(const struct list *list, size_t i)
{
    return list->items[(list->first + i) & (list->capacity - 1)];
}

static void list_free(struct list *list)
{
    for (struct text *text = list_pop(list, true); text; text = list_pop(list, true)) free(text);
    free(list->items);
    free(list);
}

struct member *member_find(const struct dict *members, struct slice name)
{
    return (struct member *)dict_find(members, name);
}

struct member *member_add(struct dict *members, struct slice name)
{
    struct member *member = malloc(sizeof *member + name.len);
    if (!member) return NULL;
    if (name.len > 0) memcpy(member->name, name.data, name.len);
    member->node = (struct dict_node){.key = member->name, .key_len = (uint32_t)name.len};
    member->value = NULL;
    if (dict_add(members, &member->node)) return member;
    free(member);
    return NULL;
}

void member_free(struct dict_node *node)
{
    struct member *member = (struct member *)node;
    free(member->value);
    free(member);
}

/* ---- entries ---- */

static bool make_value(struct entry *entry)
{
    entry->text = NULL;
    switch (entry->kind) {
    case KIND_STRING: entry->text = text_new((struct slice){"", 0}); break;
    case KIND_LIST: entry->list = calloc(1, sizeof *entry->list); break;
    case KIND_SET:
    case KIND_HASH: entry->members = calloc(1, sizeof *entry->members); break;
    }
    return entry->text; /* whichever it is */
}

static void free_value(struct entry *entry)
{
    if (entry->kind == KIND_STRING) {
        free(entry->text);
    } else if (entry->kind == KIND_LIST) {
        list_free(entry->list);
    } else {
        dict_clear(entry->members, member_free);
        free(entry->members);
    }
}

static void entry_free(struct dict_node *node)
{
    struct entry *entry = (struct entry *)node;
    free_value(entry);
    free(entry);
}

struct entry *store_find(struct store *store, struct slice key)
{
    struct entry *entry = (struct entry *)dict_find(&store->keys, key);
    if (!entry || entry->expires == 0 || entry->expires > bide_time()) return entry;
    store_delete(store, entry);
    return NULL;
}

struct entry *store_add(struct store *store, struct slice key, enum kind kind)
{
    struct entry *entry = malloc(sizeof *entry + key.len);
    if (!entry) return NULL;
    if (key.len > 0) memcpy(entry->name, key.data, key.len);
    entry->node = (struct dict_node){.key = entry->name, .key_len = (uint32_t)key.len};
    entry->expires = 0;
    entry->kind = kind;
    if (make_value(entry)) {
        if (dict_add(&store->keys, &entry->node)) return entry;
        free_value(entry);
    }
    free(entry);
    return NULL;
}

bool store_set(struct store *store, struct slice key, struct slice value)
{
    struct entry *entry = store_find(store, key);
    if (entry && entry->kind != KIND_STRING) {
        store_delete(store, entry);
        entry = NULL;
    }
    const bool added = !entry;
    if (added) entry = store_add(store, key, KIND_STRING);
    if (!entry) return false;
    if (text_set(&entry->text, value)) return store_expire_at(store, entry, 0);
    if (added) store_delete(store, entry);
    return false;
}

void store_delete(struct store *store, struct entry *entry)
{
    if (entry->expires != 0) leave_heap(store, entry);
    dict_remove(&store->keys, &entry->node);
    entry_free(&entry->node);
}

void store_clear(struct store *store)
{
    dict_clear(&store->keys, entry_free);
    free(store->heap);
    store->heap = NULL;
    store->heap_count = store->heap_capacity = 0;
}
