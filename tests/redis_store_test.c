/* SPDX-License-Identifier: MIT */
/* The store of the Redis example against plain models: its hash table, its heap of deadlines, its lists. */
#include "check.h"

#include "../examples/redis/bytes.c"
#include "../examples/redis/dict.c"
#include "../examples/redis/store.c"

#include <stdio.h>

enum { NAMES = 3000, STEPS = 60000, TIMES = 1000 };

static uint32_t seed;

static uint32_t next_random(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

struct item {
    struct dict_node node;
    char name[16];
    bool present;
};

static size_t longest_chain(const struct dict *dict)
{
    size_t longest = 0;
    for (uint32_t i = 0; i < dict->buckets; i++) {
        size_t n = 0;
        for (const struct dict_node *node = *bucket_at(dict, i); node; node = node->next) n++;
        if (n > longest) longest = n;
    }
    return longest;
}

/* Grows to thousands and shrinks to nothing, by the odds, and always has what the model has. */
static void test_dict_against_model(void **state)
{
    (void)state;
    static struct item items[NAMES];
    struct dict dict = {0};
    size_t count = 0;
    seed = 1;
    for (int i = 0; i < NAMES; i++) {
        const int len = snprintf(items[i].name, sizeof items[i].name, "item %d", i);
        items[i].node = (struct dict_node){.key = items[i].name, .key_len = (uint32_t)len};
        items[i].present = false;
    }
    for (int step = 0; step < STEPS; step++) {
        struct item *item = &items[next_random(NAMES)];
        const uint32_t odds = step / (STEPS / 4) % 2 ? 1 : 8; /* of ten: in, rather than out */
        const bool in = next_random(10) < odds;
        struct dict_node *found = dict_find(&dict, (struct slice){item->name, item->node.key_len});
        assert_ptr_equal(found, item->present ? &item->node : NULL);
        if (in && !item->present) {
            assert_true(dict_add(&dict, &item->node));
            count++;
        } else if (!in && item->present) {
            dict_remove(&dict, &item->node);
            count--;
        }
        item->present = in;
        assert_int_equal(dict.count, count);
        assert_true(count <= dict.buckets);
        if (step % 1000 == 0) assert_true(longest_chain(&dict) < 12);
    }
    struct dict_node *any;
    while ((any = dict_pick(&dict, next_random(1000)))) dict_remove(&dict, any);
    assert_int_equal(dict.buckets, FIRST);
    dict_clear(&dict, NULL);
}

static struct entry *add_numbered(struct store *store, int number)
{
    char name[16];
    const int len = snprintf(name, sizeof name, "%d", number);
    struct entry *entry = store_find(store, (struct slice){name, (size_t)len});
    return entry ? entry : store_add(store, (struct slice){name, (size_t)len}, KIND_STRING);
}

/* Times are set, moved and taken away at random; then the clock runs and each key goes at its time. */
static int expire_in_order(void *arg)
{
    struct store *store = arg;
    double when[TIMES] = {0};
    seed = 2;
    for (int i = 0; i < 4 * TIMES; i++) {
        const int number = (int)next_random(TIMES);
        when[number] = next_random(4) ? bide_time() + 1 + next_random(100) : 0;
        struct entry *entry = add_numbered(store, number);
        CHECK(entry && store_expire_at(store, entry, when[number]));
    }
    size_t left = store->keys.count;
    for (int second = 0; second < 102; second++) {
        while (store_expire_due(store, 7) <= 0) continue;
        for (int i = 0; i < TIMES; i++) {
            if (when[i] == 0 || when[i] > bide_time()) continue;
            left--;
            when[i] = 0;
        }
        CHECK_INT(store->keys.count, left);
        CHECK(bide_sleep(1) == 0);
    }
    CHECK_INT(store->heap_count, 0);
    CHECK(store_expire_due(store, 7) == BIDE_FOREVER);
    store_clear(store);
    return 0;
}

static void test_expiry_against_model(void **state)
{
    (void)state;
    struct store store = {0};
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL, .stack_size = 256 * 1024};
    assert_int_equal(check_run_with(&options, expire_in_order, &store), 0);
}

/* Nobody finds a key whose time is over, also when nobody has deleted it yet. */
static int find_expired(void *arg)
{
    struct store *store = arg;
    struct slice key = {"key", 3};
    CHECK(store_set(store, key, key));
    CHECK(store_expire_at(store, store_find(store, key), bide_time() + 1));
    CHECK(bide_event_is_set(&store->sooner));
    CHECK(bide_sleep(0.5) == 0 && store_find(store, key));
    CHECK(bide_sleep(0.6) == 0 && !store_find(store, key));
    CHECK_INT(store->keys.count, 0);
    CHECK(store_set(store, key, key));
    CHECK(store_expire_at(store, store_find(store, key), bide_time() + 1));
    CHECK(store_set(store, key, key)); /* which takes the deadline away */
    CHECK(bide_sleep(2) == 0 && store_find(store, key));
    store_clear(store);
    return 0;
}

static void test_expired_is_not_found(void **state)
{
    (void)state;
    struct store store = {0};
    assert_int_equal(check_run(find_expired, &store), 0);
}

static void test_list_against_model(void **state)
{
    (void)state;
    struct list list = {0};
    char model[2 * 512], *first = model + 512, *end = first; /* pushes from the middle on, either way */
    seed = 3;
    for (int i = 0; i < 512; i++) {
        const bool left = next_random(2);
        const char letter = (char)('a' + i % 26);
        assert_true(list_push(&list, text_new((struct slice){&letter, 1}), left));
        *(left ? --first : end++) = letter;
        if (next_random(3) > 0) continue;
        struct text *text = list_pop(&list, !left);
        assert_int_equal(text->data[0], !left ? *first++ : *--end);
        free(text);
    }
    assert_int_equal(list.count, end - first);
    for (size_t i = 0; i < list.count; i++) assert_int_equal(list_at(&list, i)->data[0], first[i]);
    for (struct text *text = list_pop(&list, true); text; text = list_pop(&list, true)) free(text);
    free(list.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dict_against_model),
        cmocka_unit_test(test_expiry_against_model),
        cmocka_unit_test(test_expired_is_not_found),
        cmocka_unit_test(test_list_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
