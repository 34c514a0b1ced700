/* What azpctl makes of answers; the calls themselves are in the system tests. */
#include "protocol/azpctl/columns.c"
#include "protocol/azpctl/explain.c"
#include "protocol/azpctl/render_json.c"
#include "protocol/azpctl/view.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* client.c talks to sockets and belongs to the program */
const struct msg_status_reply *client_first(const struct answer *answer)
{
    return answer->n ? &answer->parts[0]->u.status_reply : NULL;
}

static void clean(void **state)
{
    (void)state;
    static const struct { const char *text, *want; } cases[] = {
        {"plain", "plain"}, {"", ""}, {"a\tb\r\nc", "a b  c"}, {"\x1b[31mred\x1b[0m", "[31mred[0m"}, {"bell\x07\x7f", "bell"},
        {"c1\xc2\x9b" "31m", "c131m"}, {"no\xc2\xa0" "break", "no\xc2\xa0" "break"}, {"\xe2\x80\xae" "evil\xe2\x81\xa6", "evil"}, {"\xd8\x9cx", "x"},
        {"\xe2\x80\x94 dash", "\xe2\x80\x94 dash"}, {"bad\xff\xc0 bytes", "bad bytes"}, {"\xf0\x9f\x9a\x80", "\xf0\x9f\x9a\x80"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *got = text_clean(cases[i].text);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean), cmocka_unit_test(aligned), cmocka_unit_test(merged), cmocka_unit_test(explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
