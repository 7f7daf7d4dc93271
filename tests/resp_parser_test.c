/* SPDX-License-Identifier: MIT */
/* The parser of the Redis example: what it takes and refuses, and that the pieces make no difference. */
#include "check.h"

#include "../examples/redis/bytes.c"
#include "../examples/redis/resp.c"
#include "resp_pieces.h"

/* What comes in, and what the parser makes of it (support/resp_pieces.h). */
struct example {
    const char *bytes;
    const char *log;
};

static const struct example examples[] = {
    {"", "+0"},
    {"*1\r\n$4\r\nPING\r\n", "4:PING;+0"},
    {"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n", "3:SET,1:a,0:;+0"},
    {"*2\r\n$3\r\nGET\r\n$4\r\n\r\n*1\r\n", "3:GET,4:\r\n*1;+0"},
    {"*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n*1\r\n$1", "1:a;1:b;+6"},
    {"*0\r\n*-1\r\n*1\r\n$1\r\na\r\n", ";;1:a;+0"},
    {"PING\r\nPING\n  \r\n GET  a\t b \r\n", "4:PING;4:PING;;3:GET,1:a,1:b;+0"},
    {"SET a \"x y\\n\\x41\\\"\\q\" 'it\\'s \\n'\n", "3:SET,1:a,7:x y\nA\"q,7:it's \\n;+0"},
    {"PING\r\n*1\r\n$1\r\na\r\nECHO b\r\n", "4:PING;1:a;4:ECHO,1:b;+0"},
    {"SET \"\" ''\n", "3:SET,0:,0:;+0"},
    {"SET \"a\n", "!ERR Protocol error: unbalanced quotes in request"},
    {"SET \"a\"b\n", "!ERR Protocol error: unbalanced quotes in request"},
    {"SET 'a", "+6"},
    {"*a\r\n", "!ERR Protocol error: invalid number"},
    {"*\r\n", "!ERR Protocol error: invalid number"},
    {"*--1\r\n", "!ERR Protocol error: invalid number"},
    {"*1\n$1\na\n", "!ERR Protocol error: invalid number"},
    {"*1\rx", "!ERR Protocol error: expected LF after CR"},
    {"*00000000001\r\n", "!ERR Protocol error: number too long"},
    {"*1048577\r\n", "!ERR Protocol error: invalid multibulk length"},
    {"*9999999999\r\n", "!ERR Protocol error: invalid multibulk length"},
    {"*1\r\n+OK\r\n", "!ERR Protocol error: expected '$'"},
    {"*1\r\n$-1\r\n", "!ERR Protocol error: invalid number"},
    {"*1\r\n$67108865\r\n", "!ERR Protocol error: invalid bulk length"},
    {"*1\r\n$67108864\r\nabc", "+18"},
    {"*1\r\n$1\r\nab\r\n", "!ERR Protocol error: expected CR LF after a bulk string"},
    {"*1\r\n$1\r\na\n\n", "!ERR Protocol error: expected CR LF after a bulk string"},
    {"*1\r\n$1\r\na\r\n*x", "1:a;!ERR Protocol error: invalid number"},
};

enum { EXAMPLES = sizeof examples / sizeof *examples, LONGEST = 64 };

static void assert_log(const char *bytes, const size_t *cuts, const char *expected)
{
    struct bytes log = {0};
    resp_feed(bytes, cuts, &log);
    assert_string_equal(log.data, expected);
    bytes_free(&log);
}

static void test_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        const size_t cuts[] = {1, strlen(examples[i].bytes)};
        assert_log(examples[i].bytes, cuts, examples[i].log);
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        size_t cuts[LONGEST + 2], n = strlen(examples[i].bytes);
        assert_true(n < LONGEST);
        cuts[0] = n + 1;
        for (size_t k = 0; k <= n; k++) cuts[k + 1] = k;
        assert_log(examples[i].bytes, cuts, examples[i].log);
    }
}

static void test_every_split_in_three(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        const size_t n = strlen(examples[i].bytes);
        for (size_t first = 0; first <= n; first++) {
            for (size_t second = first; second <= n; second++) {
                const size_t cuts[] = {3, first, second, n};
                assert_log(examples[i].bytes, cuts, examples[i].log);
            }
        }
    }
}

/* A plain line ends within 64 KiB, or is refused, however it comes. */
static void test_long_line(void **state)
{
    (void)state;
    for (size_t len = RESP_MAX_INLINE - 2; len <= RESP_MAX_INLINE + 1; len++) {
        char *line = malloc(len + 2);
        assert_non_null(line);
        memset(line, 'a', len);
        line[len] = '\n';
        for (size_t cut = RESP_MAX_INLINE - 3; cut <= len; cut++) {
            const size_t cuts[] = {2, cut, len + 1};
            struct bytes log = {0};
            resp_feed(line, cuts, &log);
            assert_int_equal(log.data[0] == '!', len >= RESP_MAX_INLINE);
            bytes_free(&log);
        }
        free(line);
    }
}

/* Memory is only taken for what has come. */
static void test_announced_lengths_take_no_memory(void **state)
{
    (void)state;
    struct resp_parser parser = {0};
    char bytes[] = "*1048576\r\n$67108864\r\n";
    assert_int_equal(resp_parse(&parser, bytes, strlen(bytes)), RESP_MORE);
    assert_int_equal(parser.capacity, 0);
    resp_free(&parser);
}

static void test_numbers(void **state)
{
    (void)state;
    static const char *const good[] = {"0", "7", "-7", "9223372036854775807", "-9223372036854775808", "10"};
    static const char *const bad[] = {"",
                                      "-",
                                      "-0",
                                      "01",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1x",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char text[DECIMAL_MAX + 1] = {0};
        int64_t number;
        assert_true(decimal_parse((struct slice){good[i], strlen(good[i])}, &number));
        decimal_format(text, number);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t number;
        assert_false(decimal_parse((struct slice){bad[i], strlen(bad[i])}, &number));
    }
}

/* Nothing that a client sent can end the line of an error and begin another reply. */
static void test_replies(void **state)
{
    (void)state;
    struct bytes out = {0};
    reply_status(&out, "OK");
    reply_integer(&out, -12);
    reply_array(&out, 2);
    reply_text(&out, "a\r\nb");
    reply_null(&out);
    reply_error(&out, "ERR %s", "x\r\n+OK");
    bytes_append(&out, "", 1);
    assert_string_equal(out.data, "+OK\r\n:-12\r\n*2\r\n$4\r\na\r\nb\r\n$-1\r\n-ERR x  +OK\r\n");
    bytes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_every_split_in_three),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_announced_lengths_take_no_memory),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
