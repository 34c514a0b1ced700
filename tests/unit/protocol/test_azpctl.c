/* What azpctl makes of answers; the calls themselves are in the system tests. */
#include "protocol/azpctl/advice.c"
#include "protocol/azpctl/columns.c"
#include "protocol/azpctl/explain.c"
#include "protocol/azpctl/render_json.c"
#include "protocol/azpctl/render_text.c"
#include "protocol/azpctl/text.c"
#include "protocol/azpctl/view.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* client.c talks to sockets and belongs to the program */
const struct msg_status_reply *client_first(const struct answer *answer)
{
    return answer->n ? &answer->parts[0]->u.status_reply : NULL;
}

size_t client_whole(const struct answers *answers)
{
    return (size_t)answers->of[0].whole + answers->of[1].whole + answers->of[2].whole;
}

size_t client_asked(const struct answers *answers)
{
    return (size_t)answers->of[0].asked + answers->of[1].asked + answers->of[2].asked;
}

static void clean(void **state)
{
    (void)state;
    static const struct { const char *text, *want; } cases[] = {
        {"plain", "plain"}, {"", ""}, {"a\tb\r\nc", "a b  c"}, {"\x1b[31mred\x1b[0m", "[31mred[0m"}, {"bell\x07\x7f", "bell"},
        {"c1\xc2\x9b" "31m", "c131m"}, {"no\xc2\xa0" "break", "no\xc2\xa0" "break"}, {"\xe2\x80\xae" "evil\xe2\x81\xa6", "evil"}, {"\xd8\x9cx", "x"},
        {"\xe2\x80\x94 dash", "\xe2\x80\x94 dash"}, {"bad\xff\xc0 bytes", "bad bytes"}, {"\xf0\x9f\x9a\x80", "\xf0\x9f\x9a\x80"},
        {"a\xe2\x80\xa8" "b\xe2\x80\x8b" "c\xef\xbb\xbf", "abc"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *got = text_clean(cases[i].text);
        assert_string_equal(got, cases[i].want);
        free(got);
    }
}

static void widths(void **state)
{
    (void)state;
    static const struct { const char *text; size_t width, limit; const char *want; } cases[] = {
        {"abc", 3, 3, "abc"}, {"abcd", 4, 3, "ab\xe2\x80\xa6"}, {"l\xc3\xa9o", 3, 3, "l\xc3\xa9o"}, {"e\xcc\x81x", 2, 2, "e\xcc\x81x"},
        {"\xf0\x9f\x9a\x80\xf0\x9f\x9a\x80", 4, 4, "\xf0\x9f\x9a\x80\xf0\x9f\x9a\x80"}, {"\xf0\x9f\x9a\x80\xf0\x9f\x9a\x80", 4, 3, "\xf0\x9f\x9a\x80\xe2\x80\xa6"},
        {"\xf0\x9f\x9a\x80\xf0\x9f\x9a\x80", 4, 2, "\xe2\x80\xa6"}, {"\xe6\x97\xa5\xe6\x9c\xac", 4, 9, "\xe6\x97\xa5\xe6\x9c\xac"}, {"", 0, 2, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *got = text_clean(cases[i].text);
        assert_int_equal(text_width(got), cases[i].width);
        text_shorten(got, cases[i].limit);
        assert_string_equal(got, cases[i].want);
        free(got);
    }
}

static char *text;
static size_t text_size;

static FILE *open_text(void)
{
    text = NULL;
    return open_memstream(&text, &text_size);
}

static void aligned(void **state)
{
    (void)state;
    struct columns *c = columns_new(3);
    const char *const cells[] = {"POOL", "N", "WHY", "l\xc3\xa9o", NULL, "x", "a-long-one", "10", ""};
    for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
        columns_add(c, cells[i]);
    FILE *out = open_text();
    columns_print(c, out);
    fclose(out);
    assert_string_equal(text, "POOL        N   WHY\nl\xc3\xa9o         -   x\na-long-one  10  -\n");
    free(text);
    columns_free(&c);
}

/* ---- answers ---- */

static struct msg *part(enum role role, struct msg_status_reply reply)
{
    struct msg *msg = xcalloc(1, sizeof *msg);
    reply.role = role_name(role);
    reply.build = reply.instance = "";
    *msg = (struct msg){.type = MSG_status_reply, .u.status_reply = reply};
    return msg;
}

static void answer_with(struct answers *answers, enum role role, struct msg_status_reply reply)
{
    struct answer *a = &answers->of[role];
    a->asked = a->whole = true;
    a->parts = xreallocarray(a->parts, a->n + 1, sizeof(struct msg *));
    a->parts[a->n++] = part(role, reply);
}

static void answers_done(struct answers *answers)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        for (size_t k = 0; k < answers->of[i].n; k++)
            msg_free(&answers->of[i].parts[k]);
        free(answers->of[i].parts);
    }
}

static const struct pool_status watcher_pool = {.name = "linux", .state = "stale", .reason = "401", .age_ms = 90000, .queued = 9};
static const struct pool_status main_pool = {.name = "linux", .state = "ok", .reason = "", .age_ms = 100, .queued = 2};
static const struct request_status main_rows[] = {
    {.id = 5, .pool = "linux", .state = "waiting", .unit = "", .code = "limit", .reason = "the pool's limit of 1", .definition = "nightly", .url = ""},
    {.id = 6, .pool = "linux", .state = "running", .unit = "agent-6", .code = "", .reason = "", .definition = "", .url = "https://dev.azure.com/o/1"},
    {.id = 7, .pool = "linux", .state = "gone", .unit = "", .code = "", .reason = "succeeded", .definition = "", .url = ""},
    {.id = 8, .pool = "linux", .state = "waiting", .unit = "agent-8", .code = "", .reason = "", .definition = "", .url = ""}};
static const struct request_status watcher_rows[] = {
    {.id = 5, .pool = "linux", .state = "assigned", .unit = "", .code = "", .reason = "", .definition = "", .url = ""},
    {.id = 9, .pool = "linux", .state = "waiting", .unit = "", .code = "", .reason = "", .definition = "", .url = ""}};
static const struct unit_status main_unit = {
    .name = "agent-8", .pool = "linux", .template = "", .state = "pending", .request = 8, .trouble = "image-pull", .message = "no such image", .age_ms = 4000};
static const struct unit_status reaper_unit = {
    .name = "agent-8", .pool = "linux", .template = "", .state = "retiring", .request = 8, .trouble = "never-started", .message = "", .age_ms = 5000};

static struct answers all(void)
{
    struct answers a = {.of = {{.asked = true}}};
    answer_with(&a, ROLE_WATCHER, (struct msg_status_reply){.pools = &watcher_pool, .n_pools = 1, .requests = watcher_rows, .n_requests = 2});
    answer_with(&a, ROLE_PROVISIONER, (struct msg_status_reply){.pools = &main_pool, .n_pools = 1, .requests = main_rows, .n_requests = 2});
    answer_with(&a, ROLE_PROVISIONER, (struct msg_status_reply){.requests = main_rows + 2, .n_requests = 2, .units = &main_unit, .n_units = 1});
    answer_with(&a, ROLE_REAPER, (struct msg_status_reply){.units = &reaper_unit, .n_units = 1});
    return a;
}

static void merged(void **state)
{
    (void)state;
    struct answers a = all();
    struct view view;
    view_make(&a, &view);
    assert_int_equal(view.n_pools, 1);
    assert_ptr_equal(view.pools[0].main, &main_pool);
    assert_ptr_equal(view.pools[0].of[ROLE_WATCHER], &watcher_pool);
    assert_null(view.pools[0].of[ROLE_REAPER]);
    assert_int_equal(view.n_requests, 5);
    assert_string_equal(view.requests[0]->state, "waiting");
    assert_int_equal(view.n_units, 1);
    assert_string_equal(view.units[0]->state, "pending");
    FILE *out = open_text();
    render_json(&a, &view, out);
    fclose(out);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "requests")), 5);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(json, "requests"), 0), "reason")), "the pool's limit of 1");
    json_t *ages = json_object_get(json_array_get(json_object_get(json, "pools"), 0), "ages_ms");
    assert_int_equal(json_integer_value(json_object_get(ages, "watcher")), 90000);
    json_decref(json);
    free(text);
    view_done(&view);
    answers_done(&a);
}

static void explained(void **state)
{
    (void)state;
    static const struct { uint64_t id; bool known; const char *text; } cases[] = {
        {5, true, "Request 5 of pool linux, pipeline nightly is waiting.\nIt waits: the pool's limit of 1 (limit).\n"
                  "What to do: Wait, or raise the limit that is named.\n"
                  "The watcher's picture of the pool is stale: 401.\n"},
        {6, true, "Request 6 of pool linux is running.\nIts run: https://dev.azure.com/o/1\nUnit agent-6 has it.\n"
                  "The watcher no longer sees it in the list.\nThe watcher's picture of the pool is stale: 401.\n"},
        {7, true, "Request 7 of pool linux is not in the list any more.\nIt has ended: succeeded.\nThe watcher's picture of the pool is stale: 401.\n"},
        {8, true, "Request 8 of pool linux is waiting.\nIt waits for unit agent-8.\nThe watcher no longer sees it in the list.\n"
                  "The provisioner sees unit agent-8: pending for 4s (image-pull: no such image).\n"
                  "The reaper sees unit agent-8: retiring for 5s (never-started).\nThe watcher's picture of the pool is stale: 401.\n"},
        {9, true, "Request 9 of pool linux is waiting.\nIt waits; the provisioner has not said why.\n"
                  "The watcher has just seen it; the provisioner has not been told yet.\nThe watcher's picture of the pool is stale: 401.\n"},
        {10, false, "No process knows request 10: it was never queued in these pools, or it ended long ago.\n"},
    };
    struct answers a = all();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        FILE *out = open_text();
        assert_int_equal(explain_request(&a, cases[i].id, out), cases[i].known);
        fclose(out);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
    answers_done(&a);
}

/* Only the watcher answers: it does not know which agents are units, nor why a job waits. */
static void explained_without_the_provisioner(void **state)
{
    (void)state;
    static const struct request_status rows[] = {
        {.id = 5, .pool = "linux", .state = "running", .unit = "", .code = "", .reason = "", .definition = "", .url = ""},
        {.id = 6, .pool = "linux", .state = "waiting", .unit = "", .code = "", .reason = "", .definition = "", .url = ""}};
    static const struct { uint64_t id; const char *text; } cases[] = {
        {5, "Request 5 of pool linux is running.\nAn agent has it; the provisioner, which does not answer, knows which.\n"},
        {6, "Request 6 of pool linux is waiting.\nWhy it waits is not known: the provisioner does not answer.\n"},
        {7, "No process that answers knows request 7: it was never queued in these pools, or it ended long ago.\n"},
    };
    struct answers a = {.of = {[ROLE_PROVISIONER] = {.asked = true}}};
    answer_with(&a, ROLE_WATCHER, (struct msg_status_reply){.requests = rows, .n_requests = 2});
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        FILE *out = open_text();
        explain_request(&a, cases[i].id, out);
        fclose(out);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
    answers_done(&a);
}

/* 30 wait, of which 20 are shown one by one; every line of the table of pools and of numbers fits 80 columns. */
static void status_is_short(void **state)
{
    (void)state;
    struct request_status rows[30];
    struct answers a = {.of = {{.asked = true}}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        rows[i] = (struct request_status){.id = i + 1, .pool = "linux", .state = "waiting", .unit = "", .code = "limit", .reason = i % 2 ? "of 8" : "of 9",
                                          .definition = "a pipeline with a name that has no end", .queued_ms = 1, .url = ""};
    answer_with(&a, ROLE_PROVISIONER, (struct msg_status_reply){.pools = &main_pool, .n_pools = 1, .requests = rows, .n_requests = ARRAY_SIZE(rows)});
    struct view view;
    view_make(&a, &view);
    FILE *out = open_text();
    render_text(&a, &view, false, out);
    fclose(out);
    assert_non_null(strstr(text, "POOL   QUEUED  RUNNING  PEND  START  BUSY  ENDED  LIMIT  SEEN    STATE\n"
                                 "linux  2       0        0     0      0     0      -      -/0s/-  ok\n"));
    assert_non_null(strstr(text, "  a pipeline with a name \xe2\x80\xa6  limit: of 9\n"));
    assert_non_null(strstr(text, "\n... and 10 more that wait:\n        5  linux: limit: of 9\n        5  linux: limit: of 8\n"));
    assert_null(strstr(text, "\n21 "));
    free(text);
    view_done(&view);
    answers_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean), cmocka_unit_test(widths), cmocka_unit_test(aligned), cmocka_unit_test(merged), cmocka_unit_test(explained),
        cmocka_unit_test(explained_without_the_provisioner), cmocka_unit_test(status_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
