/* SPDX-License-Identifier: MIT */
/* Channels, and who has subscribed to them. */
#ifndef REDIS_PUBSUB_H
#define REDIS_PUBSUB_H

#include "dict.h"

struct client;

/* Zero has no channels. A channel exists as long as somebody has subscribed to it. */
struct pubsub {
    struct dict channels;
};

/* The client's own side: the channels that it has subscribed to. Zero has none. */
struct subscriptions {
    struct dict by_name;
};

/* Ends all that the client has subscribed to. */
void pubsub_leave(struct pubsub *pubsub, struct subscriptions *mine);

/* What the commands need of a client. */
bool client_is_subscribed(const struct client *client);
struct subscriptions *client_subscriptions(struct client *client);

/* From now on it may be sent messages at any time. False if there is no memory. */
bool client_accept_messages(struct client *client);

/* Sends a message, without waiting: a client that does not take its messages is dropped. */
void client_send(struct client *client, struct slice message);

#endif
