/* SPDX-License-Identifier: MIT */
/* How a request finds its command, what commands share, and those that concern the server as a whole. */
#include "commands.h"
#include "pubsub.h"

#include <stdio.h>
#include <string.h>

enum { LETTERS = 32, LENGTHS = 16 };

/* Lists of commands, by first letter and length: there are hardly two in one. */
static const struct command *known[LETTERS][LENGTHS];

/* Where such a name is listed; the letters of both cases are the same modulo LETTERS. */
static const struct command **list_of(struct slice name)
{
    return &known[(unsigned char)name.data[0] % LETTERS][name.len % LENGTHS];
}

static void add_family(struct command *commands)
{
    for (; commands->name; commands++) {
        const struct command **list = list_of((struct slice){commands->name, strlen(commands->name)});
        commands->next = *list;
        *list = commands;
    }
}

void commands_init(void)
{
    memset(known, 0, sizeof known);
    add_family(server_commands);
    add_family(pubsub_commands);
    add_family(collection_commands);
    add_family(string_commands);
}

static const struct command *find(struct slice name)
{
    if (name.len == 0) return NULL;
    const struct command *command = *list_of(name);
    while (command && !slice_is(name, command->name)) command = command->next;
    return command;
}

static bool has_arity(const struct command *command, size_t argc)
{
    return command->arity < 0 ? argc >= (size_t)-command->arity : argc == (size_t)command->arity;
}

void commands_run(struct call *call)
{
    const struct slice name = arg(call, 0);
    const struct command *command = find(name);
    if (!command) {
        const int shown = name.len < 128 ? (int)name.len : 128;
        reply_error(call->out, "ERR unknown command '%.*s'", shown, name.data);
    } else if (!has_arity(command, call->argc)) {
        reply_error(call->out, "ERR wrong number of arguments for '%s' command", command->name);
    } else if (!command->while_subscribed && client_is_subscribed(call->client)) {
        reply_error(call->out,
                    "ERR Can't execute '%s': only (UN)SUBSCRIBE / PING / QUIT are allowed in this context",
                    command->name);
    } else {
        command->run(call);
    }
}

/* ---- what commands share ---- */

void reply_no_memory(struct call *call)
{
    reply_error(call->out, "OOM out of memory");
}

void reply_syntax(struct call *call)
{
    reply_error(call->out, "ERR syntax error");
}

void reply_arity(struct call *call)
{
    const struct command *command = find(arg(call, 0));
    reply_error(call->out, "ERR wrong number of arguments for '%s' command", command->name);
}

bool call_find(struct call *call, enum kind kind, struct entry **entry)
{
    *entry = store_find(call->store, arg(call, 1));
    if (!*entry || (*entry)->kind == kind) return true;
    reply_error(call->out, "WRONGTYPE Operation against a key holding the wrong kind of value");
    return false;
}

bool call_make(struct call *call, enum kind kind, struct entry **entry)
{
    if (!call_find(call, kind, entry)) return false;
    if (!*entry) *entry = store_add(call->store, arg(call, 1), kind);
    if (!*entry) reply_no_memory(call);
    return *entry;
}

bool call_number(struct call *call, size_t i, int64_t *number)
{
    if (decimal_parse(arg(call, i), number)) return true;
    reply_error(call->out, "ERR value is not an integer or out of range");
    return false;
}

/* ---- of the server ---- */

static void run_ping(struct call *call)
{
    if (call->argc > 2) {
        reply_arity(call);
    } else if (client_is_subscribed(call->client)) { /* who reads messages can tell it from one */
        reply_array(call->out, 2);
        reply_text(call->out, "pong");
        reply_bulk(call->out, call->argc == 2 ? arg(call, 1) : (struct slice){"", 0});
    } else if (call->argc == 2) {
        reply_bulk(call->out, arg(call, 1));
    } else {
        bytes_append(call->out, "+PONG\r\n", 7);
    }
}

static void run_echo(struct call *call)
{
    reply_bulk(call->out, arg(call, 1));
}

static void run_quit(struct call *call)
{
    reply_status(call->out, "OK");
    call->quit = true;
}

/* A browser that was talked into sending a form here: what is in it must not be run. */
static void run_http(struct call *call)
{
    call->quit = true;
}

static void run_select(struct call *call)
{
    int64_t number;
    if (!call_number(call, 1, &number)) return;
    if (number == 0)
        reply_status(call->out, "OK");
    else
        reply_error(call->out, "ERR DB index is out of range");
}

/* redis-benchmark asks for two of these, and shows them. */
static void run_config(struct call *call)
{
    static const char *const settings[][2] = {{"save", ""}, {"appendonly", "no"}, {"databases", "1"}};
    if (call->argc < 3 || !slice_is(arg(call, 1), "get")) {
        reply_error(call->out, "ERR only CONFIG GET is supported");
        return;
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (call->argc != 3 || !slice_is(arg(call, 2), settings[i][0])) continue;
        reply_array(call->out, 2);
        reply_text(call->out, settings[i][0]);
        reply_text(call->out, settings[i][1]);
        return;
    }
    reply_array(call->out, 0);
}

static struct command *const families[] = {string_commands, collection_commands, pubsub_commands,
                                           server_commands};

static size_t count_commands(void)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        for (const struct command *command = families[i]; command->name; command++) n++;
    }
    return n;
}

/* COMMAND gives name and arity, and of the rest (flags, keys) nothing; COMMAND DOCS is an empty book. */
static void run_command(struct call *call)
{
    if (call->argc > 1) {
        if (slice_is(arg(call, 1), "count"))
            reply_integer(call->out, (int64_t)count_commands());
        else
            reply_array(call->out, 0);
        return;
    }
    reply_array(call->out, count_commands());
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        for (const struct command *command = families[i]; command->name; command++) {
            reply_array(call->out, 6);
            reply_text(call->out, command->name);
            reply_integer(call->out, command->arity);
            reply_array(call->out, 0);
            for (int number = 0; number < 3; number++) reply_integer(call->out, 0);
        }
    }
}

static void run_info(struct call *call)
{
    char text[128];
    const int len =
        snprintf(text, sizeof text, "# Server\r\nredis_mode:standalone\r\n# Keyspace\r\ndb0:keys=%zu\r\n",
                 call->store->keys.count);
    reply_bulk(call->out, (struct slice){text, (size_t)len});
}

/* Clients introduce themselves, which they may, and ask for RESP3, which they do not get. */
static void run_hello(struct call *call)
{
    if (call->argc > 1 && !slice_is(arg(call, 1), "2")) {
        reply_error(call->out, "NOPROTO unsupported protocol version");
        return;
    }
    reply_array(call->out, 4);
    reply_text(call->out, "server");
    reply_text(call->out, "redis");
    reply_text(call->out, "proto");
    reply_integer(call->out, 2);
}

static void run_client(struct call *call)
{
    if (slice_is(arg(call, 1), "setname") || slice_is(arg(call, 1), "setinfo"))
        reply_status(call->out, "OK");
    else
        reply_error(call->out, "ERR only CLIENT SETNAME and SETINFO are supported");
}

static void run_monitor(struct call *call)
{
    reply_error(call->out, "ERR MONITOR is not supported");
}

static void run_dbsize(struct call *call)
{
    reply_integer(call->out, (int64_t)call->store->keys.count);
}

static void run_flushall(struct call *call)
{
    store_clear(call->store);
    reply_status(call->out, "OK");
}

struct command server_commands[] = {
    {"echo", 2, run_echo, false, NULL},
    {"quit", -1, run_quit, true, NULL},
    {"select", 2, run_select, false, NULL},
    {"config", -2, run_config, false, NULL},
    {"command", -1, run_command, false, NULL},
    {"info", -1, run_info, false, NULL},
    {"hello", -1, run_hello, false, NULL},
    {"client", -2, run_client, false, NULL},
    {"monitor", 1, run_monitor, false, NULL},
    {"dbsize", 1, run_dbsize, false, NULL},
    {"flushall", -1, run_flushall, false, NULL},
    {"post", -1, run_http, true, NULL},
    {"host:", -1, run_http, true, NULL},
    {"ping", -1, run_ping, true, NULL},
    {NULL, 0, NULL, false, NULL},
};
