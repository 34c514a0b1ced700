#include "common/ado_parse.h"

#include "common/json.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ado_recorded.h"

static struct ado_scratch scratch;

static json_t *row_of(const char *text)
{
    json_t *row = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(row);
    return row;
}

static const char running[] =
    "{\"requestId\":90211,\"queueTime\":\"2026-03-01T08:15:02.5Z\",\"assignTime\":\"2026-03-01T08:15:30.1Z\",\"receiveTime\":\"2026-03-01T08:15:32.0530499Z\","
    "\"planId\":\"p\",\"jobId\":\"j\",\"demands\":[\"kubectl\",\"Agent.Version -gtVersion 2.182.1\"],\"reservedAgent\":{\"id\":11735,\"name\":\"a-1\","
    "\"enabled\":false,\"status\":\"Online\"},\"definition\":{\"id\":77,\"name\":\"payments - main\"},\"owner\":{\"_links\":{\"web\":{\"href\":\"https://x/y\"}},"
    "\"name\":\"20260301.4\"},\"priority\":3,\"result\":null,\"finishTime\":null,\"unheardOf\":[{}]}";

static void test_running(void **state)
{
    (void)state;
    struct ado_request r;
    struct err err;
    json_t *row = row_of(running);
    assert_int_equal(ado_parse_request(row, &scratch, &r, &err), 0);
    assert_int_equal(r.id, 90211);
    assert_true(r.queued_ms == 1772352902500 && r.assigned_ms == 1772352930100 && r.received_ms == 1772352932053 && r.finished_ms == 0);
    assert_int_equal(r.agent_id, 11735);
    assert_string_equal(r.agent_name, "a-1");
    assert_true(r.agent_online);
    assert_false(r.agent_enabled);
    assert_int_equal(r.n_demands, 2);
    assert_string_equal(r.demands[1], "Agent.Version -gtVersion 2.182.1");
    assert_int_equal(r.priority, 3);
    assert_string_equal(r.definition, "payments - main");
    assert_string_equal(r.run, "20260301.4");
    assert_string_equal(r.url, "https://x/y");
    assert_string_equal(r.job_id, "j");
    assert_string_equal(r.plan, "p");
    assert_string_equal(r.result, "");
    assert_false(ado_request_finished(&r));
    json_decref(row);
}

static void test_bare(void **state)
{
    (void)state;
    struct ado_request r;
    struct err err;
    json_t *row = row_of("{\"requestId\":\"7\",\"demands\":null,\"reservedAgent\":null,\"queueTime\":\"2026-03-01T08:15:02.5\",\"receiveTime\":\"0001-01-01T00:00:00\"}");
    assert_int_equal(ado_parse_request(row, &scratch, &r, &err), 0);
    assert_int_equal(r.id, 7);
    assert_true(r.queued_ms == 1772352902500);
    assert_true(r.received_ms == 0);
    assert_int_equal(r.agent_id, 0);
    assert_string_equal(r.agent_name, "");
    assert_false(r.agent_online);
    assert_int_equal(r.n_demands, 0);
    json_decref(row);
}

static void test_finished(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"requestId\":1,\"result\":\"canceled\"}", "{\"requestId\":1,\"finishTime\":\"2026-03-01T08:15:02Z\"}",
        "{\"requestId\":1,\"result\":\"succeeded\",\"finishTime\":\"2026-03-01T08:15:02Z\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ado_request r;
        struct err err;
        json_t *row = row_of(rows[i]);
        assert_int_equal(ado_parse_request(row, &scratch, &r, &err), 0);
        assert_true(ado_request_finished(&r));
        json_decref(row);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "null", "5", "[]", "{}", "{\"requestId\":0}", "{\"requestId\":-4}", "{\"requestId\":\"x\"}", "{\"requestId\":1,\"demands\":[{\"name\":\"a\"}]}",
        "{\"requestId\":1,\"demands\":[\"a\",null]}", "{\"requestId\":1,\"receiveTime\":\"yesterday\"}", "{\"requestId\":1,\"finishTime\":\"2026-13-01T00:00:00Z\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ado_request r;
        struct err err = {.code = ERR_NONE};
        json_t *row = row_of(rows[i]);
        if (ado_parse_request(row, &scratch, &r, &err) != -1)
            fail_msg("%s", rows[i]);
        assert_int_equal(err.code, ERR_INVALID);
        json_decref(row);
    }
}

static void test_agent(void **state)
{
    (void)state;
    struct ado_agent a;
    struct err err;
    json_t *row = row_of("{\"id\":501,\"name\":\"ci-7f3a\",\"status\":\"online\",\"enabled\":true,\"systemCapabilities\":{\"Agent.Version\":\"4.255.0\","
                         "\"HOSTNAME\":\"h\",\"Agent.ComputerName\":\"pod-1\",\"ADO_ORCHESTRATOR_INSTANCE\":\"i1\"},"
                         "\"assignedRequest\":{\"requestId\":90211,\"receiveTime\":\"2026-03-01T08:15:32Z\"},\"lastCompletedRequest\":{\"requestId\":90210}}");
    assert_int_equal(ado_parse_agent(row, &a, &err), 0);
    assert_int_equal(a.id, 501);
    assert_string_equal(a.name, "ci-7f3a");
    assert_string_equal(a.host_name, "pod-1");
    assert_string_equal(a.instance, "i1");
    assert_string_equal(a.version, "4.255.0");
    assert_true(a.online && a.enabled && a.assigned_received && !a.placeholder);
    assert_int_equal(a.assigned_request, 90211);
    assert_int_equal(a.last_request, 90210);
    json_decref(row);
    row = row_of("{\"id\":1,\"name\":\"x\",\"status\":\"offline\",\"enabled\":false,\"version\":\"2.1\",\"assignedRequest\":null,"
                 "\"systemCapabilities\":{\"HOSTNAME\":\"h\",\"ADO_ORCHESTRATOR_PLACEHOLDER\":\"1\"}}");
    assert_int_equal(ado_parse_agent(row, &a, &err), 0);
    assert_string_equal(a.host_name, "h");
    assert_string_equal(a.version, "2.1");
    assert_false(a.online || a.enabled || a.assigned_received);
    assert_true(a.placeholder);
    assert_int_equal(a.assigned_request, 0);
    json_decref(row);
    row = row_of("{\"name\":\"x\"}");
    assert_int_equal(ado_parse_agent(row, &a, &err), -1);
    json_decref(row);
}

static void test_pool(void **state)
{
    (void)state;
    static const struct { const char *rows; uint32_t id; const char *part; } cases[] = {
        {"{\"id\":12,\"name\":\"linux\",\"isHosted\":false}", 12, ""},
        {"{\"id\":11,\"name\":\"Linux\"},{\"id\":12,\"name\":\"linux\"},{\"id\":13,\"name\":\"linux2\"}", 12, ""},
        {"", 0, "no agent pool \"linux\""},
        {"{\"id\":11,\"name\":\"Linux\"}", 0, "there is \"Linux\""},
        {"{\"id\":11,\"name\":\"linux\"},{\"id\":12,\"name\":\"linux\"}", 0, "2 times"},
        {"{\"id\":12,\"name\":\"linux\",\"isHosted\":true}", 0, "Microsoft-hosted"},
        {"{\"name\":\"linux\"}", 0, "no id"},
        {"{\"id\":4294967296,\"name\":\"linux\"}", 0, "impossible"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct ado_pool pool = {.id = 0};
        struct err err = {.code = ERR_NONE};
        char *text = xasprintf("{\"count\":1,\"value\":[%s]}", cases[i].rows);
        json_t *reply = row_of(text);
        int result = ado_parse_pool(reply, "linux", &pool, &err);
        assert_int_equal(result, cases[i].id ? 0 : -1);
        assert_int_equal(pool.id, cases[i].id);
        assert_non_null(strstr(err.text, cases[i].part));
        json_decref(reply);
        free(text);
    }
}

static void test_count(void **state)
{
    (void)state;
    static const struct { const char *envelope; bool saw; uint64_t rows; int result; } cases[] = {
        {"{\"count\":2,\"value\":[]}", true, 2, 0}, {"{\"count\":3}", true, 2, -1}, {"{\"count\":1}", true, 2, -1}, {"{}", true, 2, 0},
        {"{}", false, 0, -1}, {"{\"count\":0,\"value\":null}", false, 0, 0}, {"{\"count\":1}", false, 0, -1}, {"{\"message\":\"no\"}", false, 0, -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err;
        json_t *envelope = row_of(cases[i].envelope);
        assert_int_equal(ado_check_count(envelope, cases[i].saw, cases[i].rows, &err), cases[i].result);
        json_decref(envelope);
    }
}

/* ---- real replies ---- */

struct tally { unsigned rows, running, queued, finished, online, hosts, demands; uint64_t first; };

static int tally_request(void *data, json_t *row, struct err *err)
{
    struct tally *tally = data;
    struct ado_request r;
    if (ado_parse_request(row, &scratch, &r, err))
        return -1;
    tally->first = tally->rows++ ? tally->first : r.id;
    tally->finished += ado_request_finished(&r);
    tally->running += !ado_request_finished(&r) && r.received_ms > 0;
    tally->queued += !ado_request_finished(&r) && !r.agent_id;
    tally->demands += (unsigned)r.n_demands;
    return 0;
}

static int tally_agent(void *data, json_t *row, struct err *err)
{
    struct tally *tally = data;
    struct ado_agent a;
    if (ado_parse_agent(row, &a, err))
        return -1;
    tally->first = tally->rows++ ? tally->first : a.id;
    tally->online += a.online;
    tally->hosts += *a.host_name != '\0';
    return 0;
}

static struct tally read_list(const char *name, json_row_fn *fn)
{
    struct tally tally = {0};
    struct err err = {.code = ERR_NONE};
    size_t n;
    char *text = recorded(name, &n);
    if (!text)
        return tally;
    struct json_rows *rows = json_rows_new("value", 1 << 20, fn, &tally);
    for (size_t at = 0; at < n; at += 1000)
        assert_int_equal(json_rows_feed(rows, text + at, n - at < 1000 ? n - at : 1000, &err), 0);
    assert_int_equal(json_rows_end(rows, &err), 0);
    assert_int_equal(ado_check_count(json_rows_envelope(rows), json_rows_saw_array(rows), json_rows_count(rows), &err), 0);
    json_rows_free(&rows);
    free(text);
    return tally;
}

static void test_recorded_requests(void **state)
{
    (void)state;
    struct tally t = read_list("ado/jobrequests-running-and-queued-keda.json", tally_request);
    if (t.rows) {
        assert_int_equal(t.rows, 2);
        assert_int_equal(t.running, 1);
        assert_int_equal(t.queued, 1);
        assert_int_equal(t.first, 890659);
        assert_int_equal(t.demands, 5);
    }
    t = read_list("ado/jobrequests-finished-services-vsteam.json", tally_request);
    assert_int_equal(t.rows, t.finished);
}

static void test_recorded_agents(void **state)
{
    (void)state;
    struct tally t = read_list("ado/agents-list-capabilities-vsteam.json", tally_agent);
    if (t.rows) {
        assert_int_equal(t.rows, 4);
        assert_int_equal(t.hosts, 4);
    }
    t = read_list("ado/agents-list-hosted-2025.json", tally_agent);
    if (t.rows)
        assert_int_equal(t.first, 1);
}

static void test_recorded_pool(void **state)
{
    (void)state;
    size_t n;
    char *text = recorded("ado/pools-by-name-hosted-2025.json", &n);
    if (!text)
        return;
    struct ado_pool pool;
    struct err err;
    json_t *reply = json_parse(text, n, &err);
    json_t *first = json_array_get(json_at(reply, "value"), 0);
    assert_int_equal(ado_parse_pool(reply, json_text(first, "name"), &pool, &err), json_flag(first, "isHosted", false) ? -1 : 0);
    assert_int_equal(ado_parse_pool(reply, "nothing like it", &pool, &err), -1);
    json_decref(reply);
    free(text);
}

static int teardown(void **state)
{
    (void)state;
    ado_scratch_done(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running), cmocka_unit_test(test_bare), cmocka_unit_test(test_finished), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_agent), cmocka_unit_test(test_pool), cmocka_unit_test(test_count), cmocka_unit_test(test_recorded_requests),
        cmocka_unit_test(test_recorded_agents), cmocka_unit_test(test_recorded_pool),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
