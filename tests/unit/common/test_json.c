#include "common/json.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text, struct err *err)
{
    *err = (struct err){.code = ERR_NONE};
    return json_parse(text, strlen(text), err);
}

static void test_access(void **state)
{
    (void)state;
    struct err err;
    json_t *v = parse("{\"a\":{\"b\":{\"c\":\"deep\",\"n\":7,\"r\":7.9,\"huge\":1e300,\"t\":\"42\",\"f\":true,\"z\":null}},\"x\":[1]}", &err);
    assert_non_null(v);
    assert_string_equal(json_text(v, "a.b.c"), "deep");
    assert_string_equal(json_text(v, "a.b.n"), "");
    assert_string_equal(json_text(v, "a.b.c.d"), "");
    assert_string_equal(json_text(v, "a.nothing.c"), "");
    assert_string_equal(json_text(NULL, "a"), "");
    assert_int_equal(json_number(v, "a.b.n", -1), 7);
    assert_int_equal(json_number(v, "a.b.r", -1), 7);
    assert_int_equal(json_number(v, "a.b.t", -1), 42);
    assert_int_equal(json_number(v, "a.b.huge", -1), -1);
    assert_int_equal(json_number(v, "a.b.c", -1), -1);
    assert_int_equal(json_number(v, "a.b.z", -1), -1);
    assert_true(json_flag(v, "a.b.f", false));
    assert_true(json_flag(v, "a.b.n", true));
    assert_false(json_flag(v, "a.b.none", false));
    assert_int_equal(json_array_size(json_at(v, "x")), 1);
    assert_null(json_at(v, "x.y"));
    assert_ptr_equal(json_at(v, ""), v);
    json_decref(v);
}

static void test_numbers_as_text(void **state)
{
    (void)state;
    struct err err;
    json_t *v = parse("{\"a\":\"9223372036854775807\",\"b\":\"9223372036854775808\",\"c\":\"12.5\",\"d\":\"12x\",\"e\":\"\",\"f\":\"-3\"}", &err);
    assert_true(json_number(v, "a", 0) == INT64_MAX);
    assert_int_equal(json_number(v, "b", -1), -1);
    assert_int_equal(json_number(v, "c", -1), 12);
    assert_int_equal(json_number(v, "d", -1), -1);
    assert_int_equal(json_number(v, "e", -1), -1);
    assert_int_equal(json_number(v, "f", -1), -3);
    json_decref(v);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", " ", "{", "{}x", "{\"a\":1,\"a\":2}", "{\"a\":1}{\"b\":2}", "[1,]", "\xff", "\"\xc3\x28\"", "{\"a\":\"\\ud800\"}", "nul", "\xef\xbb{}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err err;
        assert_null(parse(bad[i], &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_true(strlen(err.text) > 0);
    }
}

static void test_error_quotes_nothing(void **state)
{
    (void)state;
    struct err err;
    assert_null(parse("{\"token\":\"sesame\" \"open\"}", &err));
    assert_null(strstr(err.text, "sesame"));
    assert_null(strstr(err.text, "open"));
}

static void test_depth(void **state)
{
    (void)state;
    struct err err;
    char text[2 * 65 + 1];
    for (int depth = 64; depth <= 65; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        json_t *v = parse(text, &err);
        assert_int_equal(v != NULL, depth == 64);
        json_decref(v);
    }
    json_t *brackets_in_text = parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"", &err);
    assert_non_null(brackets_in_text);
    json_decref(brackets_in_text);
}

static void test_mark_and_nul(void **state)
{
    (void)state;
    struct err err;
    json_t *v = parse("\xef\xbb\xbf{\"message\":\"stopped\"}", &err);
    assert_string_equal(json_text(v, "message"), "stopped");
    json_decref(v);
    v = parse("{\"name\":\"a\\u0000b\"}", &err);
    assert_string_equal(json_text(v, "name"), "a");
    json_decref(v);
}

static void test_dump(void **state)
{
    (void)state;
    struct err err;
    json_t *v = parse("{ \"b\" : [ 1 , \"\\u00e9\", 0.1, 1.10, 100.0, 2.5e-7 ] }", &err);
    char *text = json_dump(v);
    assert_string_equal(text, "{\"b\":[1,\"\xc3\xa9\",0.1,1.1,100.0,2.5e-7]}");
    free(text);
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access), cmocka_unit_test(test_numbers_as_text), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_error_quotes_nothing), cmocka_unit_test(test_depth), cmocka_unit_test(test_mark_and_nul), cmocka_unit_test(test_dump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
