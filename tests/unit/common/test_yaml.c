/* The table of what kubectl makes of each input, and what we refuse where it would lose data. */
#include "common/mem.h"
#include "common/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char *all_json(const struct yaml_doc *doc)
{
    char *text = xstrdup("");
    for (size_t i = 0; i < yaml_count(doc); i++) {
        json_t *json = yaml_to_json(yaml_root(doc, i));
        char *one = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        char *both = xasprintf("%s%s%s", text, i ? "\n" : "", one);
        free(text);
        free(one);
        json_decref(json);
        text = both;
    }
    return text;
}

struct row {
    const char *yaml;
    const char *json;     /* documents joined by a newline; NULL: an error */
    const char *error;    /* a part of it */
};

static void check_row(const struct row *row, size_t index)
{
    struct err err = {0};
    struct yaml_doc *doc = yaml_parse("f.yaml", row->yaml, strlen(row->yaml), &err);
    char *got = doc ? all_json(doc) : NULL;
    bool good = row->json ? got && strcmp(got, row->json) == 0 : !doc && err.code == ERR_CONFIG && strstr(err.text, row->error);
    if (!good)
        fail_msg("row %zu: <%s> gave <%s> error <%s>, wanted <%s> error <%s>", index, row->yaml, str_or_empty(got), err.text, str_or_empty(row->json),
                 str_or_empty(row->error));
    free(got);
    yaml_free(&doc);
}

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_row(&rows[i], i);
}

static void scalars_are_typed_as_kubectl_types_them(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"[y, Y, yes, Yes, YES, on, On, ON, true, True, TRUE]", "[true,true,true,true,true,true,true,true,true,true,true]", NULL},
        {"[n, N, no, No, NO, off, Off, OFF, false, False, FALSE]", "[false,false,false,false,false,false,false,false,false,false,false]", NULL},
        {"[yEs, tRUE, oN, nULL]", "[\"yEs\",\"tRUE\",\"oN\",\"nULL\"]", NULL},
        {"[~, null, Null, NULL, \"\", '']", "[null,null,null,null,\"\",\"\"]", NULL},
        {"a:", "{\"a\":null}", NULL},
        {"[1, +1, -1, -0]", "[1,1,-1,0]", NULL},
        {"[1_000, 1__0_, _1000]", "[1000,10,\"_1000\"]", NULL},
        {"[0777, 0o777, 0O777]", "[511,511,511]", NULL},
        {"[007, 00, 08, 09]", "[7,0,8,9]", NULL},
        {"[0xFF, -0x10, 0b101, -0b101, 0b102, 0B101, +0x10]", "[255,-16,5,-5,\"0b102\",5,16]", NULL},
        {"[0x, 0o8, 0xg, -, +, --1]", "[\"0x\",\"0o8\",\"0xg\",\"-\",\"+\",\"--1\"]", NULL},
        {"[1.0, 1., 5., 1.10, 1.2.3]", "[1,1,5,1.1,\"1.2.3\"]", NULL},
        {"[.5, +.5, -.5, 1e3, 1.5e-3, .1e2, 1E3, 1e+3]", "[0.5,0.5,-0.5,1000,0.0015,10,1000,1000]", NULL},
        {"[., 1e, e3, 1e400, .e3, .5_0, 1e3x, -.]", "[\".\",\"1e\",\"e3\",\"1e400\",\".e3\",\".5_0\",\"1e3x\",\"-.\"]", NULL},
        {"[1:30, 190:20:30]", "[\"1:30\",\"190:20:30\"]", NULL},
        {"[2024-01-02, 2024-01-02T03:04:05Z, 2024-1-2 3:4:5]", "[\"2024-01-02\",\"2024-01-02T03:04:05Z\",\"2024-1-2 3:4:5\"]", NULL},
        {"[9223372036854775807, -9223372036854775808]", "[9223372036854775807,-9223372036854775808]", NULL},
        {"[100Mi, 500m, 1k, 1, 0.5]", "[\"100Mi\",\"500m\",\"1k\",1,0.5]", NULL},
        {"[\"1\", 'yes', \"null\"]", "[\"1\",\"yes\",\"null\"]", NULL},
        {"a: |\n  x\n  y\nb: >\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\\n\"}", NULL},
        {"a: |-\n  x\nb: |+\n  x\n\n", "{\"a\":\"x\",\"b\":\"x\\n\\n\"}", NULL},
        {"a: |\n  yes\n", "{\"a\":\"yes\\n\"}", NULL},
    };
    check_rows(rows, ARRAY_SIZE(rows));
}

static void what_json_cannot_hold_is_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a: .inf", NULL, "f.yaml:1:4: .inf cannot be written as JSON"},
        {"a: -.Inf", NULL, "f.yaml:1:4: -.Inf"},
        {"a: +.INF", NULL, "+.INF"},
        {"a: .NaN", NULL, ".NaN"},
        {"a:\n  b: 9223372036854775808", NULL, "f.yaml:2:6: 9223372036854775808 is beyond 64 bits"},
        {"a: 18446744073709551615", NULL, "beyond 64 bits"},
        {"a: -9223372036854775809", NULL, "beyond 64 bits"},
        {"a: 99999999999999999999999", NULL, "beyond 64 bits"},
        {"a: 0xFFFFFFFFFFFFFFFFF", NULL, "beyond 64 bits"},
        {"a: \"x\\0y\"", NULL, "f.yaml:1:4: a text cannot contain \\0"},
    };
    check_rows(rows, ARRAY_SIZE(rows));
}

static void tags_force_a_type(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a: !!str 1", "{\"a\":\"1\"}", NULL},
        {"a: ! 1", "{\"a\":\"1\"}", NULL},
        {"a: &x ! yes", "{\"a\":\"yes\"}", NULL},
        {"a: !!str", "{\"a\":\"\"}", NULL},
        {"[!!int \"1\", !!bool \"yes\", !!float 1, !!null \"\", !!null ~]", "[1,true,1,null,null]", NULL},
        {"a: !!int 1.5", NULL, "f.yaml:1:4: \"1.5\" is not of the type its tag names"},
        {"a: !!null x", NULL, "not of the type"},
        {"a: !!bool 1", NULL, "not of the type"},
        {"a: !!binary aGVsbG8=", NULL, "tag tag:yaml.org,2002:binary is not supported"},
        {"a: !!timestamp x", "{\"a\":\"x\"}", NULL},
        {"a: !custom v", NULL, "f.yaml:1:4: tag !custom is not supported"},
        {"a: !custom {b: 1}", NULL, "f.yaml:1:4: this tag is not supported"},
        {"!!set {a}", "{\"a\":null}", NULL},
        {"!!omap [{a: 1}]", "[{\"a\":1}]", NULL},
        {"a: !!map {b: !!seq [1]}", "{\"a\":{\"b\":[1]}}", NULL},
    };
    check_rows(rows, ARRAY_SIZE(rows));
}

static void keys_become_texts(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{1: a, yes: b, 1.5: c, 0777: d}", "{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\",\"511\":\"d\"}", NULL},
        {"{1e3: a, 1e6: b, 1e21: c, 0.0001: d, 0.00001: e, 123456.5: f}", "{\"1000\":\"a\",\"1e+06\":\"b\",\"1e+21\":\"c\",\"0.0001\":\"d\",\"1e-05\":\"e\",\"123456.5\":\"f\"}", NULL},
        {"on: push", "{\"true\":\"push\"}", NULL},
        {"~: a", NULL, "a key must be a plain value, not empty"},
        {"? \n: a", NULL, "a key must be a plain value, not empty"},
        {"? [a]\n: b", NULL, "a key must be a plain value, not a list or map"},
        {"a: {{ .Values.x }}", NULL, "quote a placeholder"},
        {"a: \"{{ .Values.x }}\"", "{\"a\":\"{{ .Values.x }}\"}", NULL},
        {"a: &k 1\n*k : 2", "{\"a\":1,\"1\":2}", NULL},
        {"a: 1\nb: 2\na: 3", NULL, "f.yaml:3:1: key \"a\" is here a second time, after line 1"},
        {"on: 1\n\"true\": 2", NULL, "key \"true\" is here a second time"},
        {"{1: a, \"1\": b}", NULL, "key \"1\" is here a second time"},
    };
    check_rows(rows, ARRAY_SIZE(rows));
}

static void aliases_and_merges_are_written_out(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a: &x {p: 1}\nb: *x\nc: [*x, *x]", "{\"a\":{\"p\":1},\"b\":{\"p\":1},\"c\":[{\"p\":1},{\"p\":1}]}", NULL},
        {"a: *x", NULL, "f.yaml:1:4: this alias names an anchor that is not defined before it"},
        {"a: &x [*x]", NULL, "this alias would contain itself"},
        {"a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}", NULL},
        {"a: &x 1\n---\nb: *x", NULL, "not defined before it"},
        {"a: &x {p: 1}\nb:\n  <<: *x\n  q: 2", "{\"a\":{\"p\":1},\"b\":{\"p\":1,\"q\":2}}", NULL},
        {"a: &x {p: 1}\nb: {q: 2, <<: *x}", "{\"a\":{\"p\":1},\"b\":{\"q\":2,\"p\":1}}", NULL},
        {"a: &x {p: 1}\nb: &z {r: 1}\nc: {<<: [*x, *z]}", "{\"a\":{\"p\":1},\"b\":{\"r\":1},\"c\":{\"p\":1,\"r\":1}}", NULL},
        {"a: &x {q: 1}\nb:\n  q: 3\n  <<: *x", NULL, "f.yaml:3:3: key \"q\" comes into this map twice, one of them by a merge (<<): lines 1 and 3"},
        {"a: &x {q: 1}\nb:\n  <<: *x\n  q: 3", NULL, "key \"q\" comes into this map twice"},
        {"a: &x {q: 1}\nc: {<<: [*x, *x]}", NULL, "key \"q\" comes into this map twice"},
        {"\"<<\": {p: 1}", "{\"<<\":{\"p\":1}}", NULL},
        {"<<: 1", NULL, "f.yaml:1:5: << can merge only a map or a list of maps"},
        {"<<: [1]", NULL, "f.yaml:1:6: << can merge only maps"},
        {"<<: {}\na: []", "{\"a\":[]}", NULL},
        {"[<<]", "[\"<<\"]", NULL},
    };
    check_rows(rows, ARRAY_SIZE(rows));
}

static void documents_are_separated_as_kubectl_separates_them(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", "", NULL},
        {"# nothing\n", "", NULL},
        {"---\n---\na: 1\n---\n# no\n---\nb: 2\n...\n", "{\"a\":1}\n{\"b\":2}", NULL},
        {"--- # comment\na: 1", "{\"a\":1}", NULL},
        {"--- foo", NULL, "f.yaml:1:5: nothing may stand beside ---"},
        {"a: 1\n--- {b: 1}", NULL, "f.yaml:2:5: nothing may stand beside ---"},
        {"%YAML 1.1\n---\na: 1", "{\"a\":1}", NULL},
        {"%YAML 1.2\n---\na: 1", NULL, "f.yaml:1:1: this is read as YAML 1.1"},
        {"\xef\xbb\xbf" "a: 1", "{\"a\":1}", NULL},
        {"a: x\xef\xbb\xbf", "{\"a\":\"x\xef\xbb\xbf\"}", NULL},
        {"a:\tb", "{\"a\":\"b\"}", NULL},
        {"a:\n\tb: 1", NULL, "f.yaml:2:1: found character that cannot start any token"},
        {"a: 1\r\nb: |\r\n  x\r\n  y\r\n", "{\"a\":1,\"b\":\"x\\ny\\n\"}", NULL},
        {"a: 1\rb: 2", "{\"a\":1,\"b\":2}", NULL},
        {"a: [1\nb: 2", NULL, "f.yaml:2:2: did not find expected ',' or ']' while parsing a flow sequence that began in line 1"},
        {"a: 'x", NULL, "f.yaml:1:6: found unexpected end of stream while scanning a quoted scalar"},
        {"a: b: c", NULL, "f.yaml:1:5: mapping values are not allowed in this context"},
    };
    check_rows(rows, ARRAY_SIZE(rows));
}

static void bytes_are_checked_before_parsing(void **state)
{
    (void)state;
    static const struct { const char *bytes; size_t n; const char *error; } rows[] = {
        {"a: \0b", 5, "f.yaml:1:4: control character 0x00"},
        {"a: b\nc: \x07", 9, "f.yaml:2:4: control character 0x07"},
        {"a: \x7f", 4, "control character 0x7f"},
        {"a: \xc2\x80", 5, "control character 0x80"},
        {"a: \xff", 4, "f.yaml:1:4: byte 0xff is not UTF-8"},
        {"\xc3\xa4: \xc3", 5, "f.yaml:1:4: byte 0xc3 is not UTF-8"},
        {"\xc0\x80", 2, "byte 0xc0 is not UTF-8"},
        {"\xed\xa0\x80", 3, "byte 0xed is not UTF-8"},
        {"\xf4\x90\x80\x80", 4, "byte 0xf4 is not UTF-8"},
        {"\xff\xfe" "a\0", 4, "UTF-16"},
        {"\xfe\xff\0a", 4, "UTF-16"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err err = {0};
        struct yaml_doc *doc = yaml_parse("f.yaml", rows[i].bytes, rows[i].n, &err);
        if (doc || !strstr(err.text, rows[i].error))
            fail_msg("row %zu: wanted <%s>, got <%s>", i, rows[i].error, err.text);
    }
    static const struct row escapes[] = {
        {"a: \"\\x07\\u00e9\\/\"", "{\"a\":\"\\u0007\xc3\xa9/\"}", NULL},
        {"a: \"\\ud83d\\ude00\"", NULL, "invalid Unicode character escape"},
        {"a: \"\xf0\x9f\x98\x80\"", "{\"a\":\"\xf0\x9f\x98\x80\"}", NULL},
    };
    check_rows(escapes, ARRAY_SIZE(escapes));
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void refused(const char *bytes, size_t n, const char *error)
{
    struct err err = {0};
    double before = seconds();
    struct yaml_doc *doc = yaml_parse("f.yaml", bytes, n, &err);
    if (doc || !strstr(err.text, error))
        fail_msg("wanted <%s>, got <%s>", error, err.text);
    assert_true(seconds() - before < 1.0);
}

static void limits_hold_and_cost_little(void **state)
{
    (void)state;
    enum { BIG = 1024 * 1024 };
    char *bytes = xcalloc(BIG + 2, 1);
    memset(bytes, '[', BIG);
    refused(bytes, 200000, "nested too deeply");
    refused(bytes, BIG, "nested too deeply");
    refused(bytes, BIG + 1, "larger than 1 MiB");
    memset(bytes, '{', BIG);
    refused(bytes, BIG, "nested too deeply");
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = "- "[i % 2];
    refused(bytes, BIG, "nested too deeply");
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = ",a"[i % 2];
    bytes[0] = '[';
    refused(bytes, BIG, "too many values");
    free(bytes);
}

static void aliases_count_as_if_written_out(void **state)
{
    (void)state;
    const char *bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                       "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
    refused(bomb, strlen(bomb), "f.yaml:5:");
    refused(bomb, strlen(bomb), "too many values");
    char deep[4096];
    size_t n = (size_t)snprintf(deep, sizeof deep, "a0: &a0 x\n");
    for (int i = 1; i < 80; i++)
        n += (size_t)snprintf(deep + n, sizeof deep - n, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    refused(deep, n, "nested too deeply");
    const char *merges = "a: &a {k: [x,x,x,x,x,x,x,x,x,x]}\nb: &b [{<<: *a},{<<: *a},{<<: *a},{<<: *a},{<<: *a},{<<: *a},{<<: *a},{<<: *a},{<<: *a},{<<: *a}]\n"
                         "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d]";
    refused(merges, strlen(merges), "too many values");
}

static void depth_64_is_allowed(void **state)
{
    (void)state;
    char bytes[200] = "";
    memset(bytes, '[', 64);
    memset(bytes + 64, ']', 64);
    struct err err = {0};
    struct yaml_doc *doc = yaml_parse("f", bytes, 128, &err);
    assert_non_null(doc);
    yaml_free(&doc);
    memset(bytes, '[', 65);
    memset(bytes + 65, ']', 65);
    refused(bytes, 130, "f.yaml:1:65: nested too deeply");
}

static void nodes_know_their_place(void **state)
{
    (void)state;
    const char *text = "kind: Job\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        image: 1.10\n  labels:\n    a.b/c: x\n";
    struct err err = {0};
    struct yaml_doc *doc = yaml_parse("job.yaml", text, strlen(text), &err);
    assert_non_null(doc);
    const struct yaml_node *root = yaml_root(doc, 0);
    assert_null(yaml_root(doc, 1));
    assert_string_equal(yaml_name(doc), "job.yaml");
    static const struct { const char *path; int line, column; } places[] = {
        {"spec.template.spec.containers[0].image", 7, 16},
        {"spec.template.spec.containers[0].missing.deeper", 6, 9},
        {"spec.template.spec.containers[7].image", 6, 7},
        {"spec.template.spec.containers[x]", 6, 7},
        {"spec.labels[a.b/c]", 9, 12},
        {"nothing", 1, 1},
        {"", 1, 1},
        {"[0", 1, 1},
        {"..", 1, 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        const struct yaml_node *node = yaml_nearest(root, places[i].path);
        assert_int_equal(node->line, places[i].line);
        assert_int_equal(node->column, places[i].column);
    }
    const struct yaml_node *image = yaml_nearest(root, "spec.template.spec.containers[0].image");
    assert_int_equal(image->kind, YAML_REAL);
    assert_string_equal(image->text, "1.10");
    assert_int_equal(yaml_error(doc, image, &err, "quote %s", "this"), -1);
    assert_string_equal(err.text, "job.yaml:7:16: quote this");
    assert_int_equal(err.code, ERR_CONFIG);
    assert_null(yaml_get(image, "x"));
    assert_null(yaml_get(NULL, "x"));
    yaml_free(&doc);
    assert_null(doc);
}

static void files_that_cannot_be_read_are_told(void **state)
{
    (void)state;
    struct err err = {0};
    assert_null(yaml_read_file("/nonexistent/x.yaml", &err));
    assert_string_equal(err.text, "/nonexistent/x.yaml: cannot be opened: No such file or directory");
    assert_null(yaml_read_file("/", &err));
    assert_string_equal(err.text, "/: not a file");
    char path[] = "/tmp/test_yaml_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: [1, x]", 9), 9);
    struct yaml_doc *doc = yaml_read_file(path, &err);
    assert_non_null(doc);
    assert_int_equal(yaml_get(yaml_root(doc, 0), "a")->n, 2);
    yaml_free(&doc);
    assert_int_equal(ftruncate(fd, 1024 * 1024 + 1), 0);
    assert_null(yaml_read_file(path, &err));
    assert_non_null(strstr(err.text, "larger than 1 MiB"));
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_typed_as_kubectl_types_them),
        cmocka_unit_test(what_json_cannot_hold_is_refused),
        cmocka_unit_test(tags_force_a_type),
        cmocka_unit_test(keys_become_texts),
        cmocka_unit_test(aliases_and_merges_are_written_out),
        cmocka_unit_test(documents_are_separated_as_kubectl_separates_them),
        cmocka_unit_test(bytes_are_checked_before_parsing),
        cmocka_unit_test(limits_hold_and_cost_little),
        cmocka_unit_test(aliases_count_as_if_written_out),
        cmocka_unit_test(depth_64_is_allowed),
        cmocka_unit_test(nodes_know_their_place),
        cmocka_unit_test(files_that_cannot_be_read_are_told),
    };
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
