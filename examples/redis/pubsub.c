/* SPDX-License-Identifier: MIT */
/*
 * A subscription is in two places: in its client's table, by name, and in its channel's list. The
 * key in the former is the channel's name, which outlives it.
 */
#include "pubsub.h"
#include "commands.h"

#include <stdlib.h>
#include <string.h>

struct channel {
    struct dict_node node;
    struct subscription *first;
    char name[];
};

struct subscription {
    struct dict_node node;
    struct client *client;
    struct channel *channel;
    struct subscription *next, **link; /* link: what points to this one */
};

/* ---- joining and leaving ---- */

static struct channel *open_channel(struct pubsub *pubsub, struct slice name)
{
    struct channel *channel = (struct channel *)dict_find(&pubsub->channels, name);
    if (channel) return channel;
    channel = malloc(sizeof *channel + name.len);
    if (!channel) return NULL;
    if (name.len > 0) memcpy(channel->name, name.data, name.len);
    channel->node = (struct dict_node){.key = channel->name, .key_len = (uint32_t)name.len};
    channel->first = NULL;
    if (dict_add(&pubsub->channels, &channel->node)) return channel;
    free(channel);
    return NULL;
}

static void close_if_unused(struct pubsub *pubsub, struct channel *channel)
{
    if (channel->first) return;
    dict_remove(&pubsub->channels, &channel->node);
    free(channel);
}

static bool join(struct subscriptions *mine, struct client *client, struct channel *channel)
{
    struct subscription *subscription = malloc(sizeof *subscription);
    if (!subscription) return false;
    *subscription = (struct subscription){
        .node = {.key = channel->name, .key_len = channel->node.key_len},
        .client = client,
        .channel = channel,
        .next = channel->first,
        .link = &channel->first,
    };
    if (!dict_add(&mine->by_name, &subscription->node)) {
        free(subscription);
        return false;
    }
    if (channel->first) channel->first->link = &subscription->next;
    channel->first = subscription;
    return true;
}

static bool subscribe(struct call *call, struct slice name)
{
    struct subscriptions *mine = client_subscriptions(call->client);
    if (dict_find(&mine->by_name, name)) return true;
    struct channel *channel = open_channel(call->pubsub, name);
    if (!channel) return false;
    const bool joined = join(mine, call->client, channel);
    close_if_unused(call->pubsub, channel);
    return joined;
}

static void leave(struct pubsub *pubsub, struct subscriptions *mine, struct subscription *subscription)
{
    dict_remove(&mine->by_name, &subscription->node);
    *subscription->link = subscription->next;
    if (subscription->next) subscription->next->link = subscription->link;
    close_if_unused(pubsub, subscription->channel);
    free(subscription);
}

static struct subscription *any_of(const struct subscriptions *mine)
{
    return (struct subscription *)dict_pick(&mine->by_name, 0);
}

void pubsub_leave(struct pubsub *pubsub, struct subscriptions *mine)
{
    for (struct subscription *one = any_of(mine); one; one = any_of(mine)) leave(pubsub, mine, one);
    dict_clear(&mine->by_name, NULL);
    if (pubsub->channels.count == 0) dict_clear(&pubsub->channels, NULL); /* there is no node to release */
}

/* ---- the commands ---- */

static void reply_change(struct call *call, const char *what, const struct slice *name)
{
    reply_array(call->out, 3);
    reply_text(call->out, what);
    if (name)
        reply_bulk(call->out, *name);
    else
        reply_null(call->out);
    reply_integer(call->out, (int64_t)client_subscriptions(call->client)->by_name.count);
}

static void run_subscribe(struct call *call)
{
    if (!client_accept_messages(call->client)) {
        reply_no_memory(call);
        return;
    }
    for (size_t i = 1; i < call->argc; i++) {
        const struct slice name = arg(call, i);
        if (subscribe(call, name))
            reply_change(call, "subscribe", &name);
        else
            reply_no_memory(call);
    }
}

static void unsubscribe(struct call *call, struct slice name)
{
    struct subscriptions *mine = client_subscriptions(call->client);
    struct subscription *subscription = (struct subscription *)dict_find(&mine->by_name, name);
    struct text *copy = subscription ? text_new(name) : NULL; /* the name may be the channel's own */
    if (subscription) leave(call->pubsub, mine, subscription);
    if (copy) name = text_slice(copy);
    reply_change(call, "unsubscribe", &name);
    free(copy);
}

static void run_unsubscribe(struct call *call)
{
    const struct subscriptions *mine = client_subscriptions(call->client);
    for (size_t i = 1; i < call->argc; i++) unsubscribe(call, arg(call, i));
    if (call->argc > 1) return;
    if (mine->by_name.count == 0) reply_change(call, "unsubscribe", NULL);
    for (struct subscription *one = any_of(mine); one; one = any_of(mine))
        unsubscribe(call, (struct slice){one->node.key, one->node.key_len});
}

static void run_publish(struct call *call)
{
    struct channel *channel = (struct channel *)dict_find(&call->pubsub->channels, arg(call, 1));
    struct bytes message = {0};
    int64_t sent = 0;
    if (channel) {
        reply_array(&message, 3);
        reply_text(&message, "message");
        reply_bulk(&message, arg(call, 1));
        reply_bulk(&message, arg(call, 2));
    }
    for (struct subscription *one = channel ? channel->first : NULL; one && !message.failed;
         one = one->next) {
        client_send(one->client, (struct slice){message.data, message.len});
        sent++;
    }
    bytes_free(&message);
    reply_integer(call->out, sent);
}

struct command pubsub_commands[] = {
    {"subscribe", -2, run_subscribe, true, NULL},
    {"unsubscribe", -1, run_unsubscribe, true, NULL},
    {"publish", 3, run_publish, false, NULL},
    {NULL, 0, NULL, false, NULL},
};
