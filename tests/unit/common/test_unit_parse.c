#include "common/unit_parse.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    return value;
}

static void test_job(void **state)
{
    (void)state;
    json_t *job = parse("{\"metadata\":{\"name\":\"agent-job-linux-7\",\"uid\":\"u7\",\"resourceVersion\":\"42\",\"namespace\":\"agents\","
                        "\"creationTimestamp\":\"2026-03-01T08:15:02Z\","
                        "\"labels\":{\"ado-orchestrator.io/pool-id\":\"12\",\"ado-orchestrator.io/template\":\"gpu\"},"
                        "\"annotations\":{\"ado-orchestrator.io/pool\":\"Linux pool\",\"ado-orchestrator.io/request-id\":\"90211\","
                        "\"ado-orchestrator.io/attempt\":\"2\",\"ado-orchestrator.io/hold\":\"\",\"ado-orchestrator.io/agent-container\":\"a\"}}}");
    struct unit_job_facts facts;
    assert_int_equal(unit_parse_job(job, &facts), 0);
    assert_string_equal(facts.meta.name, "agent-job-linux-7");
    assert_string_equal(facts.meta.uid, "u7");
    assert_string_equal(facts.meta.resource_version, "42");
    assert_string_equal(facts.meta.ns, "agents");
    assert_true(facts.meta.created.ms == 1772352902000);
    assert_int_equal(facts.pool_id, 12);
    assert_string_equal(facts.pool, "Linux pool");
    assert_string_equal(facts.template_name, "gpu");
    assert_true(facts.request_id == 90211);
    assert_int_equal(facts.attempt, 2);
    assert_string_equal(facts.agent_container, "a");
    assert_true(facts.meta.held);
    assert_false(facts.meta.deleting);
    assert_false(facts.finished);
    unit_job_facts_done(&facts);
    json_decref(job);
}

struct end_case {
    const char *status;
    bool finished;
    enum unit_trouble trouble;
    int64_t ended_ms;
};

static void test_ends(void **state)
{
    (void)state;
    static const struct end_case cases[] = {
        {"{}", false, UNIT_FINE, 0},
        {"{\"conditions\":[{\"type\":\"SuccessCriteriaMet\",\"status\":\"True\"}]}", false, UNIT_FINE, 0},
        {"{\"conditions\":[{\"type\":\"FailureTarget\",\"status\":\"True\"},{\"type\":\"Suspended\",\"status\":\"True\"}]}", false, UNIT_FINE, 0},
        {"{\"conditions\":[{\"type\":\"Complete\",\"status\":\"False\"}]}", false, UNIT_FINE, 0},
        {"{\"completionTime\":\"2026-03-01T08:15:02Z\",\"conditions\":[{\"type\":\"Complete\",\"status\":\"True\"}]}", true, UNIT_FINE, 1772352902000},
        {"{\"conditions\":[{\"type\":\"Failed\",\"status\":\"True\",\"reason\":\"BackoffLimitExceeded\",\"lastTransitionTime\":\"2026-03-01T08:15:02Z\"}]}",
         true, UNIT_CRASH, 1772352902000},
        {"{\"conditions\":[{\"type\":\"Failed\",\"status\":\"True\",\"reason\":\"DeadlineExceeded\"}]}", true, UNIT_DEADLINE, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *job = json_pack("{s:{s:s,s:s},s:o}", "metadata", "name", "n", "uid", "u", "status", parse(cases[i].status));
        struct unit_job_facts facts;
        assert_int_equal(unit_parse_job(job, &facts), 0);
        assert_int_equal(facts.finished, cases[i].finished);
        assert_int_equal(facts.trouble, cases[i].trouble);
        assert_true(facts.ended.ms == cases[i].ended_ms);
        unit_job_facts_done(&facts);
        json_decref(job);
    }
}

static void test_numbers_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "-1", "+7", " 7", "7x", "99999999999999999999999", "0x10"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        json_t *job = json_pack("{s:{s:s,s:s,s:{s:s},s:{s:s}}}", "metadata", "name", "n", "uid", "u", "annotations", ANNOTATION_REQUEST, bad[i], "labels",
                                LABEL_POOL_ID, bad[i]);
        struct unit_job_facts facts;
        assert_int_equal(unit_parse_job(job, &facts), 0);
        assert_true(facts.request_id == 0);
        assert_true(facts.pool_id == 0);
        unit_job_facts_done(&facts);
        json_decref(job);
    }
}

static void test_only_a_controller_owns(void **state)
{
    (void)state;
    json_t *object = parse("{\"metadata\":{\"name\":\"n\",\"uid\":\"u\",\"ownerReferences\":[{\"uid\":\"a\"},{\"uid\":\"b\",\"controller\":true}]}}");
    struct unit_meta meta;
    assert_int_equal(unit_parse_meta(object, &meta), 0);
    assert_string_equal(meta.owner_uid, "b");
    unit_meta_done(&meta);
    json_decref(object);
}

static void test_message(void **state)
{
    (void)state;
    assert_null(unit_clean_message(""));
    assert_null(unit_clean_message(" \n\t "));
    char *text = unit_clean_message("\n a\x1b[31mb\r\n");
    assert_string_equal(text, "a [31mb");
    free(text);
    char longer[600];
    memset(longer, 'x', 499);
    strcpy(longer + 499, "\xc3\xa4\xc3\xa4");           /* a two-byte character over the edge is left out whole */
    text = unit_clean_message(longer);
    assert_int_equal(strlen(text), 499);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_job),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_numbers_that_are_none),
        cmocka_unit_test(test_only_a_controller_owns),
        cmocka_unit_test(test_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
