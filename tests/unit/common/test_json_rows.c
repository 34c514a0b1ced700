#include "common/json.h"

#include "common/buf.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct seen {
    struct buf text;      /* the rows, compact, one a line */
    unsigned stop_at;     /* refuse this one; 0 = none */
    unsigned n;
};

static int on_row(void *data, json_t *row, struct err *err)
{
    struct seen *seen = data;
    if (++seen->n == seen->stop_at)
        return err_set(err, ERR_CONFLICT, "enough");
    char *text = json_dump(row);
    buf_printf(&seen->text, "%s\n", text);
    free(text);
    return 0;
}

struct result { struct seen seen; struct json_rows *rows; struct err err; int code; };

/* Feeds text in chunks of `chunk` bytes, then ends. */
static struct result run(const char *array, size_t max_row, const char *text, size_t n, size_t chunk, unsigned stop_at)
{
    struct result r = {.code = 0};
    struct seen seen = {.stop_at = stop_at};
    buf_init(&seen.text, 1 << 20);
    r.rows = json_rows_new(array, max_row, on_row, &seen);
    for (size_t at = 0; at < n && r.code == 0; at += chunk) {
        /* an own block per chunk, so that a sanitizer sees any look beyond it */
        size_t take = n - at < chunk ? n - at : chunk;
        char *block = xcalloc(1, take);
        memcpy(block, text + at, take);
        r.code = json_rows_feed(r.rows, block, take, &r.err);
        free(block);
    }
    if (r.code == 0)
        r.code = json_rows_end(r.rows, &r.err);
    r.seen = seen;
    return r;
}

static void done(struct result *r)
{
    json_rows_free(&r->rows);
    buf_done(&r->seen.text);
}

static const size_t chunks[] = {1, 2, 3, 7, 64, 1 << 20};

static void test_rows_at_every_boundary(void **state)
{
    (void)state;
    static const char text[] =
        "\xef\xbb\xbf \n{ \"before\" : {\"value\":[{\"not\":\"a row\"}],\"k\":[1,2]}, \"count\":5 , \"value\" : [ {\"a\":\"]},{\\\"\"} ,[1,[2]],\n"
        "\"te,xt\\\\\" , 12.5,null ] ,\"after\":\"\\\"value\\\":[1]\"} \n ";
    for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
        struct result r = run("value", 64, text, strlen(text), chunks[i], 0);
        assert_int_equal(r.code, 0);
        assert_string_equal(r.seen.text.data, "{\"a\":\"]},{\\\"\"}\n[1,[2]]\n\"te,xt\\\\\"\n12.5\nnull\n");
        assert_int_equal(json_rows_count(r.rows), 5);
        assert_true(json_rows_saw_array(r.rows));
        const json_t *envelope = json_rows_envelope(r.rows);
        assert_int_equal(json_number(envelope, "count", 0), 5);
        assert_string_equal(json_text(envelope, "after"), "\"value\":[1]");
        assert_int_equal(json_array_size(json_at(envelope, "value")), 0);
        assert_int_equal(json_array_size(json_at(envelope, "before.value")), 1);
        done(&r);
    }
}

static void test_no_array(void **state)
{
    (void)state;
    static const struct { const char *text; const char *message; } cases[] = {
        {"{}", ""}, {"{\"value\":null,\"message\":\"m\"}", "m"}, {"{\"value\":{\"value\":[1]},\"message\":\"m\"}", "m"},
        {"{\"values\":[1],\"valu\":[2],\"message\":\"value\"}", "value"}, {"{\"message\":\"value\",\"x\":[1]}", "value"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct result r = run("value", 64, cases[i].text, strlen(cases[i].text), 1, 0);
        assert_int_equal(r.code, 0);
        assert_false(json_rows_saw_array(r.rows));
        assert_int_equal(json_rows_count(r.rows), 0);
        assert_string_equal(json_text(json_rows_envelope(r.rows), "message"), cases[i].message);
        done(&r);
    }
}

static void test_empty_array(void **state)
{
    (void)state;
    struct result r = run("value", 64, "{\"value\":[ ],\"count\":0}", 23, 2, 0);
    assert_int_equal(r.code, 0);
    assert_true(json_rows_saw_array(r.rows));
    assert_int_equal(json_rows_count(r.rows), 0);
    done(&r);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct { const char *text; enum err_code code; } cases[] = {
        {"", ERR_INVALID}, {"<html>", ERR_INVALID}, {"[{}]", ERR_INVALID}, {"null", ERR_INVALID}, {"\xef\xbb{}", ERR_INVALID},
        {"{\"value\":[{}", ERR_INVALID}, {"{\"value\":[{}]", ERR_INVALID}, {"{\"value\":[{\"a\"", ERR_INVALID}, {"{\"value\":[\"", ERR_INVALID},
        {"{\"value\":[{},]}", ERR_INVALID}, {"{\"value\":[,{}]}", ERR_INVALID}, {"{\"value\":[{},,{}]}", ERR_INVALID},
        {"{\"value\":[{} {}]}", ERR_INVALID}, {"{\"value\":[1 2]}", ERR_INVALID}, {"{\"value\":[{\"a\":}]}", ERR_INVALID},
        {"{\"value\":[{\"a\":1]}]}", ERR_INVALID}, {"{\"value\":[nul]}", ERR_INVALID}, {"{\"value\":[}]}", ERR_INVALID},
        {"{\"value\":[1],\"value\":[2]}", ERR_INVALID}, {"{\"value\":[1]}x", ERR_INVALID}, {"{\"value\":[1]}{}", ERR_INVALID},
        {"{\"value\" [1]}", ERR_INVALID}, {"{\"value\":[1] \"x\":1}", ERR_INVALID}, {"{\"value\":[\"\xff\"]}", ERR_INVALID},
        {"{\"a\":1]", ERR_INVALID}, {"{\"value\":[\"0123456789012345678901234567890123456789\"]}", ERR_TOO_LARGE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t c = 0; c < ARRAY_SIZE(chunks); c++) {
            struct result r = run("value", 32, cases[i].text, strlen(cases[i].text), chunks[c], 0);
            if (r.code != -1 || r.err.code != cases[i].code)
                print_message("case %zu chunk %zu\n", i, chunks[c]);
            assert_int_equal(r.code, -1);
            assert_int_equal(r.err.code, cases[i].code);
            done(&r);
        }
}

static void test_row_stops(void **state)
{
    (void)state;
    struct result r = run("value", 64, "{\"value\":[1,2,3]}", 17, 17, 2);
    assert_int_equal(r.code, -1);
    assert_int_equal(r.err.code, ERR_CONFLICT);
    assert_int_equal(r.seen.n, 2);
    assert_int_equal(json_rows_feed(r.rows, " ", 1, &r.err), -1);
    assert_int_equal(json_rows_end(r.rows, &r.err), -1);
    done(&r);
}

static void test_depth(void **state)
{
    (void)state;
    struct buf text;
    for (int depth = 64; depth <= 65; depth++) {
        buf_init(&text, 4096);
        buf_puts(&text, "{\"value\":[");
        for (int i = 0; i < depth; i++)
            buf_puts(&text, "[");
        for (int i = 0; i < depth; i++)
            buf_puts(&text, "]");
        buf_puts(&text, "]}");
        struct result r = run("value", 4096, text.data, text.len, 5, 0);
        assert_int_equal(r.code, depth == 64 ? 0 : -1);
        done(&r);
        buf_done(&text);
    }
    char flood[4096];
    memset(flood, '{', sizeof flood);
    struct result r = run("value", 4096, flood, sizeof flood, 100, 0);
    assert_int_equal(r.err.code, ERR_INVALID);
    done(&r);
}

static void test_envelope_is_bounded(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 4 << 20);
    buf_puts(&text, "{\"junk\":\"");
    for (int i = 0; i < 20000; i++)
        buf_puts(&text, "0123456789012345678901234567890123456789012345678901234567890123");
    buf_puts(&text, "\",\"value\":[]}");
    struct result r = run("value", 64, text.data, text.len, 16384, 0);
    assert_int_equal(r.err.code, ERR_TOO_LARGE);
    done(&r);
    buf_done(&text);
}

static void test_lines(void **state)
{
    (void)state;
    static const char text[] = "{\"type\":\"ADDED\"}\n\r\n  \n{\"type\":\"BOOKMARK\",\"x\":\"\\n\"}\r\n{}\n";
    for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
        struct result r = run(NULL, 64, text, strlen(text), chunks[i], 0);
        assert_int_equal(r.code, 0);
        assert_string_equal(r.seen.text.data, "{\"type\":\"ADDED\"}\n{\"type\":\"BOOKMARK\",\"x\":\"\\n\"}\n{}\n");
        assert_null(json_rows_envelope(r.rows));
        done(&r);
    }
}

static void test_bad_lines(void **state)
{
    (void)state;
    static const struct { const char *text; enum err_code code; } cases[] = {
        {"{}\n{\"a\":", ERR_INVALID}, {"{}\nx\n", ERR_INVALID}, {"{}{}\n", ERR_INVALID},
        {"{\"a\":\"0123456789012345678901234567890123456789\"}\n", ERR_TOO_LARGE}, {"0123456789012345678901234567890123456789", ERR_TOO_LARGE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct result r = run(NULL, 32, cases[i].text, strlen(cases[i].text), 3, 0);
        assert_int_equal(r.code, -1);
        assert_int_equal(r.err.code, cases[i].code);
        done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_at_every_boundary), cmocka_unit_test(test_no_array), cmocka_unit_test(test_empty_array),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_row_stops), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_envelope_is_bounded), cmocka_unit_test(test_lines), cmocka_unit_test(test_bad_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
