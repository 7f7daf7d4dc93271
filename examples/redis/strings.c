/* SPDX-License-Identifier: MIT */
/* Commands on strings, and on keys whatever they hold. */
#include "commands.h"

#include <bide.h>

/* In seconds or milliseconds. No clock will ever count that far, and a double can. */
static const int64_t expiry_max = 1000000000000000;

/* ---- SET and its options ---- */

struct set_options {
    bool only_new;
    bool only_old;
    double expires; /* 0: never */
};

/* The seconds from now in argument i, which must be over 0. */
static bool read_expiry(struct call *call, size_t i, double unit, double *expires)
{
    int64_t number;
    if (i >= call->argc || *expires != 0) {
        reply_syntax(call);
        return false;
    }
    if (!call_number(call, i, &number)) return false;
    if (number <= 0 || number > expiry_max) {
        reply_error(call->out, "ERR invalid expire time in 'set' command");
        return false;
    }
    *expires = bide_time() + (double)number * unit;
    return true;
}

static bool read_options(struct call *call, struct set_options *options)
{
    for (size_t i = 3; i < call->argc; i++) {
        const struct slice word = arg(call, i);
        if (slice_is(word, "nx") && !options->only_old) {
            options->only_new = true;
        } else if (slice_is(word, "xx") && !options->only_new) {
            options->only_old = true;
        } else if (slice_is(word, "ex") || slice_is(word, "px")) {
            if (!read_expiry(call, ++i, slice_is(word, "ex") ? 1 : 1e-3, &options->expires)) return false;
        } else {
            reply_syntax(call);
            return false;
        }
    }
    return true;
}

static void run_set(struct call *call)
{
    struct set_options options = {false, false, 0};
    if (call->argc > 3 && !read_options(call, &options)) return;
    if (options.only_new || options.only_old) {
        const bool exists = store_find(call->store, arg(call, 1));
        if (exists != options.only_old) {
            reply_null(call->out);
            return;
        }
    }
    bool done = store_set(call->store, arg(call, 1), arg(call, 2));
    if (done && options.expires != 0)
        done = store_expire_at(call->store, store_find(call->store, arg(call, 1)), options.expires);
    if (done)
        bytes_append(call->out, "+OK\r\n", 5);
    else
        reply_no_memory(call);
}

/* ---- the other ones on strings ---- */

static void run_get(struct call *call)
{
    struct entry *entry;
    if (!call_find(call, KIND_STRING, &entry)) return;
    if (entry)
        reply_bulk(call->out, text_slice(entry->text));
    else
        reply_null(call->out);
}

/* A key that holds no string counts here as one that does not exist. */
static void run_mget(struct call *call)
{
    reply_array(call->out, call->argc - 1);
    for (size_t i = 1; i < call->argc; i++) {
        const struct entry *entry = store_find(call->store, arg(call, i));
        if (entry && entry->kind == KIND_STRING)
            reply_bulk(call->out, text_slice(entry->text));
        else
            reply_null(call->out);
    }
}

static void run_mset(struct call *call)
{
    if (call->argc % 2 == 0) {
        reply_arity(call);
        return;
    }
    for (size_t i = 1; i < call->argc; i += 2) {
        if (store_set(call->store, arg(call, i), arg(call, i + 1))) continue;
        reply_no_memory(call);
        return;
    }
    reply_status(call->out, "OK");
}

static void add(struct call *call, int64_t by)
{
    char digits[DECIMAL_MAX];
    int64_t number = 0;
    struct entry *entry;
    if (!call_find(call, KIND_STRING, &entry)) return;
    if (entry && !decimal_parse(text_slice(entry->text), &number)) {
        reply_error(call->out, "ERR value is not an integer or out of range");
        return;
    }
    if (__builtin_add_overflow(number, by, &number)) {
        reply_error(call->out, "ERR increment or decrement would overflow");
        return;
    }
    const struct slice text = {digits, decimal_format(digits, number)};
    if (entry ? text_set(&entry->text, text) : store_set(call->store, arg(call, 1), text))
        reply_integer(call->out, number);
    else
        reply_no_memory(call);
}

static void run_incr(struct call *call)
{
    add(call, 1);
}

static void run_decr(struct call *call)
{
    add(call, -1);
}

/* ---- on keys ---- */

static void run_del(struct call *call)
{
    int64_t deleted = 0;
    for (size_t i = 1; i < call->argc; i++) {
        struct entry *entry = store_find(call->store, arg(call, i));
        if (!entry) continue;
        store_delete(call->store, entry);
        deleted++;
    }
    reply_integer(call->out, deleted);
}

static void run_exists(struct call *call)
{
    int64_t found = 0;
    for (size_t i = 1; i < call->argc; i++) found += store_find(call->store, arg(call, i)) != NULL;
    reply_integer(call->out, found);
}

static void run_expire(struct call *call)
{
    int64_t seconds;
    if (!call_number(call, 2, &seconds)) return;
    if (seconds > expiry_max) {
        reply_error(call->out, "ERR invalid expire time in 'expire' command");
        return;
    }
    struct entry *entry = store_find(call->store, arg(call, 1));
    if (entry && seconds <= 0)
        store_delete(call->store, entry);
    else if (entry && !store_expire_at(call->store, entry, bide_time() + (double)seconds)) {
        reply_no_memory(call);
        return;
    }
    reply_integer(call->out, entry != NULL);
}

static void run_ttl(struct call *call)
{
    const struct entry *entry = store_find(call->store, arg(call, 1));
    int64_t seconds = -2;
    if (entry) seconds = entry->expires == 0 ? -1 : (int64_t)(entry->expires - bide_time() + 0.5);
    reply_integer(call->out, seconds);
}

struct command string_commands[] = {
    {"mset", -3, run_mset, false, NULL},    {"mget", -2, run_mget, false, NULL},
    {"del", -2, run_del, false, NULL},      {"exists", -2, run_exists, false, NULL},
    {"expire", 3, run_expire, false, NULL}, {"ttl", 2, run_ttl, false, NULL},
    {"incr", 2, run_incr, false, NULL},     {"decr", 2, run_decr, false, NULL},
    {"set", -3, run_set, false, NULL},      {"get", 2, run_get, false, NULL},
    {NULL, 0, NULL, false, NULL},
};
