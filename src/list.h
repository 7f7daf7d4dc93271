/* SPDX-License-Identifier: MIT */
/*
 * Intrusive, circular, doubly linked lists. A list is a node of its own; a node that is in no
 * list points to itself, so that removing it twice does no harm.
 */
#ifndef LIST_H
#define LIST_H

#include <stdbool.h>
#include <stddef.h>

struct node {
    struct node *prev;
    struct node *next;
};

/* The struct of which `node` is the given member. */
#define CONTAINER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct node *list)
{
    list->prev = list;
    list->next = list;
}

static inline bool list_empty(const struct node *list)
{
    return list->next == list;
}

static inline void list_append(struct node *list, struct node *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

static inline void list_prepend(struct node *list, struct node *node)
{
    list_append(list->next, node);
}

static inline void list_remove(struct node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The first node, taken out; NULL of an empty list. */
static inline struct node *list_pop(struct node *list)
{
    if (list_empty(list)) return NULL;
    struct node *node = list->next;
    list_remove(node);
    return node;
}

/* Moves all nodes of one list to the end of another. */
static inline void list_splice(struct node *to, struct node *from)
{
    if (list_empty(from)) return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
