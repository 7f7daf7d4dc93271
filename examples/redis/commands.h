/* SPDX-License-Identifier: MIT */
/* Commands: what they share, and where each family of them is. */
#ifndef REDIS_COMMANDS_H
#define REDIS_COMMANDS_H

#include "resp.h"
#include "store.h"

struct client;
struct pubsub;

/* One request, and where its reply goes. */
struct call {
    struct store *store;
    struct pubsub *pubsub;
    struct client *client;
    const char *bytes; /* of the request */
    const struct resp_span *spans;
    size_t argc;
    struct bytes *out;
    bool quit; /* set by a command: the connection ends after its reply */
};

/* Argument i; the command's name is number 0. */
static inline struct slice arg(const struct call *call, size_t i)
{
    return (struct slice){call->bytes + call->spans[i].start, call->spans[i].len};
}

/* A command; arity: with the name, negative for at least so many. */
struct command {
    const char *name; /* in lower case */
    int arity;
    void (*run)(struct call *call);
    bool while_subscribed;      /* a client that has subscribed may send it too */
    const struct command *next; /* in the same list; set when the program starts */
};

/* To be called once, before the first request. */
void commands_init(void);

/* Does what the request says, and appends the reply. */
void commands_run(struct call *call);

/* Lists of all commands of a family, which end with one without a name. */
extern struct command string_commands[], collection_commands[], pubsub_commands[], server_commands[];

/*
 * For commands: *entry is that of argument 1, NULL if there is none. False if it is of another
 * kind; then the reply has been given.
 */
bool call_find(struct call *call, enum kind kind, struct entry **entry);

/* The same, but it is made if there is none. False: also if there is no memory. */
bool call_make(struct call *call, enum kind kind, struct entry **entry);

/* Reads argument i as a number; false if it is none, and the reply has been given. */
bool call_number(struct call *call, size_t i, int64_t *number);

void reply_no_memory(struct call *call);
void reply_syntax(struct call *call);
void reply_arity(struct call *call);

#endif
