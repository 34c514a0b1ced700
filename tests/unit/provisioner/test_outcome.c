#include "common/json.h"
#include "common/mem.h"
#include "provisioner/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void creates(void **state)
{
    (void)state;
    static const struct { enum err_code code; enum kube_refusal refusal; enum ledger_outcome result; const char *text; bool exists, lost; } cases[] = {
        {ERR_NONE, KUBE_REFUSAL_NONE, LEDGER_OK, "", false, false},
        {ERR_EXISTS, KUBE_REFUSAL_NONE, LEDGER_RETRY, "name-taken", true, false},
        {ERR_DENIED, KUBE_QUOTA, LEDGER_REFUSED_QUOTA, "quota", false, false},
        {ERR_DENIED, KUBE_RBAC, LEDGER_REFUSED, "rbac", false, false},
        {ERR_DENIED, KUBE_ADMISSION, LEDGER_REFUSED, "admission", false, false},
        {ERR_INVALID, KUBE_ADMISSION, LEDGER_REFUSED, "admission", false, false},
        {ERR_DENIED, KUBE_NAMESPACE_TERMINATING, LEDGER_REFUSED, "namespace", false, true},
        {ERR_NOT_FOUND, KUBE_NAMESPACE_MISSING, LEDGER_REFUSED, "namespace", false, true},
        {ERR_NOT_FOUND, KUBE_API_MISSING, LEDGER_REFUSED, "api", false, false},
        {ERR_INVALID, KUBE_MANIFEST, LEDGER_REFUSED, "template", false, false},
        {ERR_AUTH, KUBE_REFUSAL_NONE, LEDGER_REFUSED, "auth", false, false},
        {ERR_DENIED, KUBE_REFUSAL_NONE, LEDGER_REFUSED, "refused", false, false},
        {ERR_CONFLICT, KUBE_REFUSAL_NONE, LEDGER_RETRY, "conflict", false, false},
        {ERR_THROTTLED, KUBE_REFUSAL_NONE, LEDGER_RETRY, "throttled", false, false},
        {ERR_UNAVAILABLE, KUBE_REFUSAL_NONE, LEDGER_RETRY, "unavailable", false, false},
        {ERR_IO, KUBE_REFUSAL_NONE, LEDGER_RETRY, "unreachable", false, false},
        {ERR_TIMEOUT, KUBE_REFUSAL_NONE, LEDGER_RETRY, "unreachable", false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct kube_result result = {.err = {.code = cases[i].code}, .refusal = cases[i].refusal};
        struct outcome o = outcome_of_create(&result);
        assert_int_equal(o.result, cases[i].result);
        assert_string_equal(o.code, cases[i].text);
        assert_int_equal(o.exists, cases[i].exists);
        assert_int_equal(o.namespace_lost, cases[i].lost);
    }
}

#define META(labels, annotations, more) "{\"metadata\":{\"uid\":\"u1\",\"labels\":{" labels "},\"annotations\":{" annotations "}" more "},\"status\":{}}"
#define OURS "\"app.kubernetes.io/managed-by\":\"ado-orchestrator\",\"ado-orchestrator.io/instance\":\"inst\""
#define FOR "\"ado-orchestrator.io/pool\":\"Linux\",\"ado-orchestrator.io/request-id\":\"7\",\"ado-orchestrator.io/attempt\":\"2\""
#define STATUS(condition) "{\"metadata\":{\"uid\":\"u1\",\"labels\":{" OURS "},\"annotations\":{" FOR "}},\"status\":{\"conditions\":[" condition "]}}"

static enum ledger_outcome judge(const char *job, const struct outcome_identity *us, const struct unit *shown)
{
    struct err err = {0};
    json_t *object = json_parse(job, strlen(job), &err);
    if (!object)
        fail_msg("%s: %s", err.text, job);
    struct kube_result result = {.object = object, .reason = ""};
    struct outcome o = outcome_of_existing(&result, us, shown);
    json_decref(object);
    return o.result;
}

static const struct outcome_identity us = {.instance = "inst", .pool = "Linux", .request_id = 7, .attempt = 2};

static void who_has_the_name(void **state)
{
    (void)state;
    static const struct { const char *job; enum ledger_outcome result; } cases[] = {
        {META(OURS, FOR, ""), LEDGER_OK},
        {META(OURS, FOR, ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""), LEDGER_SPENT},
        {STATUS("{\"type\":\"Complete\",\"status\":\"True\"}"), LEDGER_SPENT},
        {STATUS("{\"type\":\"Failed\",\"status\":\"True\"}"), LEDGER_SPENT},
        {STATUS("{\"type\":\"FailureTarget\",\"status\":\"True\"}"), LEDGER_SPENT},
        {STATUS("{\"type\":\"Complete\",\"status\":\"False\"}"), LEDGER_OK},
        {STATUS("{\"type\":\"Suspended\",\"status\":\"True\"}"), LEDGER_OK},
        {META("\"app.kubernetes.io/managed-by\":\"helm\"", FOR, ""), LEDGER_TAKEN},
        {META("\"app.kubernetes.io/managed-by\":\"ado-orchestrator\",\"ado-orchestrator.io/instance\":\"else\"", FOR, ""), LEDGER_TAKEN},
        {META(OURS, "\"ado-orchestrator.io/pool\":\"Other\",\"ado-orchestrator.io/request-id\":\"7\",\"ado-orchestrator.io/attempt\":\"2\"", ""), LEDGER_TAKEN},
        {META(OURS, "\"ado-orchestrator.io/pool\":\"Linux\",\"ado-orchestrator.io/request-id\":\"8\",\"ado-orchestrator.io/attempt\":\"2\"", ""), LEDGER_TAKEN},
        {META(OURS, "\"ado-orchestrator.io/pool\":\"Linux\",\"ado-orchestrator.io/request-id\":\"7\",\"ado-orchestrator.io/attempt\":\"1\"", ""), LEDGER_TAKEN},
        {META(OURS, "\"ado-orchestrator.io/pool\":\"Linux\",\"ado-orchestrator.io/attempt\":\"2\"", ""), LEDGER_TAKEN},
        {"{\"metadata\":5}", LEDGER_TAKEN},
        {"{}", LEDGER_TAKEN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (judge(cases[i].job, &us, NULL) != cases[i].result)
            fail_msg("case %zu", i);
}

static void a_warm_unit_has_no_request(void **state)
{
    (void)state;
    struct outcome_identity warm = {.instance = "inst", .pool = "Linux", .attempt = 1};
    assert_int_equal(judge(META(OURS, "\"ado-orchestrator.io/pool\":\"Linux\",\"ado-orchestrator.io/attempt\":\"1\"", ""), &warm, NULL), LEDGER_OK);
    assert_int_equal(judge(META(OURS, FOR, ""), &warm, NULL), LEDGER_TAKEN);
}

static void its_pod_is_ahead_of_its_status(void **state)
{
    (void)state;
    char uid[] = "u1", other[] = "u2";
    struct unit shown = {.uid = uid, .phase = UNIT_ENDED};
    assert_int_equal(judge(META(OURS, FOR, ""), &us, &shown), LEDGER_SPENT);
    shown.uid = other;
    assert_int_equal(judge(META(OURS, FOR, ""), &us, &shown), LEDGER_OK);
    shown = (struct unit){.uid = uid, .phase = UNIT_PENDING, .deleting = true};
    assert_int_equal(judge(META(OURS, FOR, ""), &us, &shown), LEDGER_SPENT);
    shown = (struct unit){.uid = uid, .phase = UNIT_RUNNING};
    assert_int_equal(judge(META(OURS, FOR, ""), &us, &shown), LEDGER_OK);
}

static void gone_between_the_two_calls(void **state)
{
    (void)state;
    struct kube_result result = {.err = {.code = ERR_NOT_FOUND}};
    assert_int_equal(outcome_of_existing(&result, &us, NULL).result, LEDGER_RETRY);
    result.refusal = KUBE_NAMESPACE_MISSING;
    assert_true(outcome_of_existing(&result, &us, NULL).namespace_lost);
    result = (struct kube_result){.err = {.code = ERR_TIMEOUT}};
    assert_int_equal(outcome_of_existing(&result, &us, NULL).result, LEDGER_RETRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creates),
        cmocka_unit_test(who_has_the_name),
        cmocka_unit_test(a_warm_unit_has_no_request),
        cmocka_unit_test(its_pod_is_ahead_of_its_status),
        cmocka_unit_test(gone_between_the_two_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
