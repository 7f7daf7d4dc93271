/* SPDX-License-Identifier: MIT */
/* Commands on lists, sets and hashes. One that has become empty is a key that does not exist. */
#include "commands.h"

#include <stdlib.h>

static void delete_if_empty(struct call *call, struct entry *entry)
{
    const size_t count = entry->kind == KIND_LIST ? entry->list->count : entry->members->count;
    if (count == 0) store_delete(call->store, entry);
}

/* ---- lists ---- */

static bool push_copy(struct list *list, struct slice bytes, bool left)
{
    struct text *text = text_new(bytes);
    if (text && list_push(list, text, left)) return true;
    free(text);
    return false;
}

static void push(struct call *call, bool left)
{
    struct entry *entry;
    if (!call_make(call, KIND_LIST, &entry)) return;
    for (size_t i = 2; i < call->argc; i++) {
        if (push_copy(entry->list, arg(call, i), left)) continue;
        reply_no_memory(call);
        delete_if_empty(call, entry);
        return;
    }
    reply_integer(call->out, (int64_t)entry->list->count);
}

static void run_lpush(struct call *call)
{
    push(call, true);
}

static void run_rpush(struct call *call)
{
    push(call, false);
}

/* Without a count the reply is one element, with one an array, which may be shorter. */
static void pop(struct call *call, bool left)
{
    struct entry *entry;
    int64_t count = 1;
    if (call->argc > 3) {
        reply_arity(call);
        return;
    }
    if (call->argc == 3 && !call_number(call, 2, &count)) return;
    if (count < 0) {
        reply_error(call->out, "ERR value is out of range, must be positive");
        return;
    }
    if (!call_find(call, KIND_LIST, &entry)) return;
    if (!entry) {
        bytes_append(call->out, call->argc == 3 ? "*-1\r\n" : "$-1\r\n", 5);
        return;
    }
    if ((uint64_t)count > entry->list->count) count = (int64_t)entry->list->count;
    if (call->argc == 3) reply_array(call->out, (size_t)count);
    for (; count > 0; count--) {
        struct text *text = list_pop(entry->list, left);
        reply_bulk(call->out, text_slice(text));
        free(text);
    }
    delete_if_empty(call, entry);
}

static void run_lpop(struct call *call)
{
    pop(call, true);
}

static void run_rpop(struct call *call)
{
    pop(call, false);
}

static void run_llen(struct call *call)
{
    struct entry *entry;
    if (call_find(call, KIND_LIST, &entry)) reply_integer(call->out, entry ? (int64_t)entry->list->count : 0);
}

/* Negative places count from the end. */
static void run_lrange(struct call *call)
{
    struct entry *entry;
    int64_t first, last;
    if (!call_number(call, 2, &first) || !call_number(call, 3, &last)) return;
    if (!call_find(call, KIND_LIST, &entry)) return;
    const int64_t count = entry ? (int64_t)entry->list->count : 0;
    if (first < 0) first = first + count < 0 ? 0 : first + count;
    if (last < 0) last += count;
    if (last >= count) last = count - 1;
    reply_array(call->out, first > last ? 0 : (size_t)(last - first + 1));
    for (; first <= last; first++) reply_bulk(call->out, text_slice(list_at(entry->list, (size_t)first)));
}

/* ---- sets ---- */

static void run_sadd(struct call *call)
{
    struct entry *entry;
    int64_t added = 0;
    if (!call_make(call, KIND_SET, &entry)) return;
    for (size_t i = 2; i < call->argc; i++) {
        if (member_find(entry->members, arg(call, i))) continue;
        if (!member_add(entry->members, arg(call, i))) {
            reply_no_memory(call);
            delete_if_empty(call, entry);
            return;
        }
        added++;
    }
    reply_integer(call->out, added);
}

/* Any member will do, but not always the same: a step of a simple generator chooses where to look. */
static void run_spop(struct call *call)
{
    static uint32_t random = 1;
    struct entry *entry;
    if (!call_find(call, KIND_SET, &entry)) return;
    if (!entry) {
        reply_null(call->out);
        return;
    }
    random = random * 1664525 + 1013904223;
    struct dict_node *node = dict_pick(entry->members, random >> 8);
    dict_remove(entry->members, node);
    reply_bulk(call->out, (struct slice){node->key, node->key_len});
    member_free(node);
    delete_if_empty(call, entry);
}

/* ---- hashes ---- */

/* 1 if the field is new, 0 if it was there, -1 if there is no memory. */
static int set_field(struct dict *fields, struct slice name, struct slice value)
{
    struct member *field = member_find(fields, name);
    const bool added = !field;
    if (added) field = member_add(fields, name);
    if (!field) return -1;
    if (text_set(&field->value, value)) return added;
    if (added) {
        dict_remove(fields, &field->node);
        member_free(&field->node);
    }
    return -1;
}

static void run_hset(struct call *call)
{
    struct entry *entry;
    int64_t added = 0;
    if (call->argc % 2 != 0) {
        reply_arity(call);
        return;
    }
    if (!call_make(call, KIND_HASH, &entry)) return;
    for (size_t i = 2; i < call->argc; i += 2) {
        const int code = set_field(entry->members, arg(call, i), arg(call, i + 1));
        if (code < 0) {
            reply_no_memory(call);
            delete_if_empty(call, entry);
            return;
        }
        added += code;
    }
    reply_integer(call->out, added);
}

static void run_hget(struct call *call)
{
    struct entry *entry;
    if (!call_find(call, KIND_HASH, &entry)) return;
    const struct member *field = entry ? member_find(entry->members, arg(call, 2)) : NULL;
    if (field)
        reply_bulk(call->out, text_slice(field->value));
    else
        reply_null(call->out);
}

struct command collection_commands[] = {
    {"lpush", -3, run_lpush, false, NULL}, {"rpush", -3, run_rpush, false, NULL},
    {"lpop", -2, run_lpop, false, NULL},   {"rpop", -2, run_rpop, false, NULL},
    {"llen", 2, run_llen, false, NULL},    {"lrange", 4, run_lrange, false, NULL},
    {"sadd", -3, run_sadd, false, NULL},   {"spop", 2, run_spop, false, NULL},
    {"hset", -4, run_hset, false, NULL},   {"hget", 3, run_hget, false, NULL},
    {NULL, 0, NULL, false, NULL},
};
