#include "common/kube_status.h"

#include "common/json.h"
#include "common/kube_priv.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Bodies as kube-apiserver 1.36.3 sends them. */
#define STATUS(code, reason, message, details) \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"" message "\",\"reason\":\"" reason "\",\"details\":" details \
    ",\"code\":" #code "}"

struct refusal_case {
    const char *method, *resource;
    int status;
    const char *body;             /* NULL: text/plain */
    enum err_code code;
    enum kube_refusal refusal;
    const char *field;
    int64_t retry_after_ms;
};

static const struct refusal_case cases[] = {
    {"POST", "jobs", 201, "{\"kind\":\"Job\"}", ERR_NONE, KUBE_REFUSAL_NONE, "", -1},
    {"POST", "jobs", 409, STATUS(409, "AlreadyExists", "jobs.batch \\\"a\\\" already exists", "{\"name\":\"a\",\"group\":\"batch\",\"kind\":\"jobs\"}"),
     ERR_EXISTS, KUBE_REFUSAL_NONE, "", -1},
    {"POST", "jobs", 409, STATUS(409, "Conflict", "Operation cannot be fulfilled on resourcequotas \\\"q\\\"", "{}"), ERR_CONFLICT, KUBE_REFUSAL_NONE, "", -1},
    {"POST", "jobs", 409, NULL, ERR_EXISTS, KUBE_REFUSAL_NONE, "", -1},
    {"PUT", "leases", 409, NULL, ERR_CONFLICT, KUBE_REFUSAL_NONE, "", -1},
    {"POST", "jobs", 403,
     STATUS(403, "Forbidden", "jobs.batch \\\"a\\\" is forbidden: exceeded quota: q, requested: count/jobs.batch=1, used: count/jobs.batch=2, limited: 2",
            "{\"name\":\"a\",\"group\":\"batch\",\"kind\":\"jobs\"}"), ERR_DENIED, KUBE_QUOTA, "", -1},
    {"POST", "jobs", 403,
     STATUS(403, "Forbidden", "jobs.batch is forbidden: User \\\"bob\\\" cannot create resource \\\"jobs\\\" in API group \\\"batch\\\"",
            "{\"group\":\"batch\",\"kind\":\"jobs\"}"), ERR_DENIED, KUBE_RBAC, "", -1},
    {"GET", "jobs", 403,
     STATUS(403, "Forbidden", "jobs.batch \\\"x\\\" is forbidden: User \\\"bob\\\" cannot get resource \\\"jobs\\\"",
            "{\"name\":\"x\",\"group\":\"batch\",\"kind\":\"jobs\"}"), ERR_DENIED, KUBE_RBAC, "", -1},
    {"POST", "jobs", 403,
     STATUS(403, "Forbidden", "jobs.batch \\\"a\\\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: User \\\"x\\\" cannot", "{}"),
     ERR_DENIED, KUBE_ADMISSION, "", -1},
    {"POST", "jobs", 422,
     STATUS(422, "Invalid", "jobs.batch \\\"a\\\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: only signed images",
            "{\"name\":\"a\",\"causes\":[{\"message\":\"only signed images\"}]}"), ERR_INVALID, KUBE_ADMISSION, "", -1},
    {"POST", "jobs", 422, STATUS(422, "Invalid", "Job.batch \\\"a\\\" is invalid: spec.x: Forbidden: \\\"b\\\" is forbidden: no", "{}"), ERR_INVALID, KUBE_MANIFEST,
     "", -1},
    {"POST", "pods", 403, STATUS(403, "Forbidden", "pods \\\"a\\\" is forbidden: violates PodSecurity \\\"restricted:latest\\\"", "{\"name\":\"a\"}"),
     ERR_DENIED, KUBE_ADMISSION, "", -1},
    {"POST", "jobs", 400, STATUS(400, "BadRequest", "admission webhook \\\"v.example\\\" denied the request: no", "{}"), ERR_INVALID, KUBE_ADMISSION, "", -1},
    {"POST", "jobs", 403,
     STATUS(403, "Forbidden", "admission webhook \\\"v\\\" denied the request: is forbidden: User \\\"x\\\" cannot; exceeded quota:", "{}"),
     ERR_DENIED, KUBE_ADMISSION, "", -1},
    {"POST", "jobs", 403,
     STATUS(403, "Forbidden", "jobs.batch \\\"a\\\" is forbidden: unable to create new content in namespace n because it is being terminated",
            "{\"causes\":[{\"reason\":\"NamespaceTerminating\",\"message\":\"\",\"field\":\"metadata.namespace\"}]}"),
     ERR_DENIED, KUBE_NAMESPACE_TERMINATING, "metadata.namespace", -1},
    {"POST", "jobs", 404, STATUS(404, "NotFound", "namespaces \\\"n\\\" not found", "{\"name\":\"n\",\"kind\":\"namespaces\"}"), ERR_NOT_FOUND,
     KUBE_NAMESPACE_MISSING, "", -1},
    {"GET", "namespaces", 404, STATUS(404, "NotFound", "namespaces \\\"n\\\" not found", "{\"name\":\"n\",\"kind\":\"namespaces\"}"), ERR_NOT_FOUND,
     KUBE_REFUSAL_NONE, "", -1},
    {"DELETE", "jobs", 404, STATUS(404, "NotFound", "jobs.batch \\\"a\\\" not found", "{\"name\":\"a\",\"group\":\"batch\",\"kind\":\"jobs\"}"), ERR_NOT_FOUND,
     KUBE_REFUSAL_NONE, "", -1},
    {"GET", "jobs", 404, STATUS(404, "NotFound", "the server could not find the requested resource", "{}"), ERR_NOT_FOUND, KUBE_API_MISSING, "", -1},
    {"GET", "jobs", 404, NULL, ERR_NOT_FOUND, KUBE_API_MISSING, "", -1},
    {"POST", "jobs", 422,
     STATUS(422, "Invalid", "Job.batch \\\"a\\\" is invalid",
            "{\"causes\":[{\"reason\":\"FieldValueRequired\",\"message\":\"m\",\"field\":\"spec.template.spec.containers\"}]}"),
     ERR_INVALID, KUBE_MANIFEST, "spec.template.spec.containers", -1},
    {"POST", "jobs", 400, STATUS(400, "BadRequest", "strict decoding error: unknown field \\\"spec.backofLimit\\\"", "{}"), ERR_INVALID, KUBE_MANIFEST, "", -1},
    {"POST", "jobs", 400, NULL, ERR_INVALID, KUBE_REFUSAL_NONE, "", -1},
    {"POST", "jobs", 401, STATUS(401, "Unauthorized", "Unauthorized", "{}"), ERR_AUTH, KUBE_REFUSAL_NONE, "", -1},
    {"GET", "jobs", 410, STATUS(410, "Expired", "The provided continue parameter is too old", "{}"), ERR_GONE, KUBE_REFUSAL_NONE, "", -1},
    {"POST", "jobs", 429, NULL, ERR_THROTTLED, KUBE_REFUSAL_NONE, "", -1},
    {"GET", "jobs", 504, STATUS(504, "Timeout", "Too large resource version", "{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\"}],\"retryAfterSeconds\":1}"),
     ERR_UNAVAILABLE, KUBE_REFUSAL_NONE, "", 1000},
    {"POST", "jobs", 500, "[1]", ERR_UNAVAILABLE, KUBE_REFUSAL_NONE, "", -1},
    {"POST", "jobs", 302, NULL, ERR_UNAVAILABLE, KUBE_REFUSAL_NONE, "", -1},
    {"POST", "jobs", 415, NULL, ERR_INVALID, KUBE_REFUSAL_NONE, "", -1},
    {"GET", "jobs", 404, "{\"kind\":\"Status\",\"details\":7,\"message\":[],\"reason\":{}}", ERR_NOT_FOUND, KUBE_API_MISSING, "", -1},
};

static void replies_mean_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct refusal_case *c = &cases[i];
        struct err err = {.text = ""};
        json_t *body = c->body ? json_parse(c->body, strlen(c->body), &err) : NULL;
        if (c->body && !body)
            fail_msg("case %zu: %s", i, err.text);
        struct kube_reply reply = {.method = c->method, .resource = c->resource, .status = c->status, .body = body, .text = "plain", .retry_after_ms = -1};
        struct kube_result result;
        kube_status_decode(&reply, &result);
        if (result.err.code != c->code || result.refusal != c->refusal)
            fail_msg("case %zu: %s / %s (%s)", i, err_code_name(result.err.code), kube_refusal_name(result.refusal), result.err.text);
        assert_string_equal(result.field, c->field);
        assert_int_equal(result.retry_after_ms, c->retry_after_ms);
        assert_int_equal(result.status, c->status);
        json_decref(body);
    }
}

static void text_names_code_reason_message(void **state)
{
    (void)state;
    const char *text = STATUS(409, "AlreadyExists", "jobs.batch a already exists", "{}");
    json_t *body = json_parse(text, strlen(text), NULL);
    struct kube_reply reply = {.method = "POST", .resource = "jobs", .status = 409, .body = body, .retry_after_ms = 7000};
    struct kube_result result;
    kube_status_decode(&reply, &result);
    assert_string_equal(result.err.text, "409 AlreadyExists: jobs.batch a already exists");
    assert_string_equal(result.reason, "AlreadyExists");
    assert_int_equal(result.retry_after_ms, 7000);
    json_decref(body);
    reply = (struct kube_reply){.method = "GET", .resource = "jobs", .status = 429, .text = "Too many requests, please try again later.", .retry_after_ms = -1};
    kube_status_decode(&reply, &result);
    assert_string_equal(result.err.text, "429 Too Many Requests: Too many requests, please try again later.");
}

static void error_events(void **state)
{
    (void)state;
    static const struct { const char *status; enum err_code code; int64_t retry; } events[] = {
        {"{\"code\":410,\"reason\":\"Expired\",\"message\":\"too old resource version\"}", ERR_GONE, -1},
        {"{\"code\":410,\"reason\":\"Gone\"}", ERR_GONE, -1},
        {"{\"reason\":\"Expired\"}", ERR_GONE, -1},
        {"{\"code\":500,\"reason\":\"Expired\"}", ERR_GONE, -1},
        {"{\"code\":429,\"details\":{\"retryAfterSeconds\":3}}", ERR_THROTTLED, 3000},
        {"{\"code\":500,\"reason\":\"InternalError\"}", ERR_UNAVAILABLE, -1},
        {"{\"code\":403}", ERR_DENIED, -1},
        {"{\"code\":200}", ERR_UNAVAILABLE, -1},
        {"[]", ERR_UNAVAILABLE, -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        json_t *status = json_parse(events[i].status, strlen(events[i].status), NULL);
        struct err err;
        int64_t retry = 0;
        kube_status_event(status, &err, &retry);
        assert_int_equal(err.code, events[i].code);
        assert_int_equal(retry, events[i].retry);
        json_decref(status);
    }
}

static void headers(void **state)
{
    (void)state;
    char out[32];
    assert_int_equal(kube_reply_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777000);
    assert_int_equal(kube_reply_date("Sunday, 06-Nov-94 08:49:37 GMT"), 0);
    assert_int_equal(kube_reply_date("Sun, 06 Nov 1994 08:49:37 GMT!"), 0);
    assert_int_equal(kube_reply_date(NULL), 0);
    assert_string_equal(kube_status_warning("299 - \"unknown field \\\"x\\\"\"", out, sizeof out), "unknown field \"x\"");
    assert_string_equal(kube_status_warning("299 - \"0123456789012345678901234567890123456789\"", out, sizeof out), "0123456789012345678901234567890");
    assert_string_equal(kube_status_warning("199 - \"x\"", out, sizeof out), "");
    assert_string_equal(kube_status_warning("299 -", out, sizeof out), "");
    assert_string_equal(kube_status_warning(NULL, out, sizeof out), "");
    assert_string_equal(kube_status_warning("299 - \"x\"", out, 1), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_mean_what_the_table_says),
        cmocka_unit_test(text_names_code_reason_message),
        cmocka_unit_test(error_events),
        cmocka_unit_test(headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
