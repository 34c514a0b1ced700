#include "common/ado_reply.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ado_recorded.h"

static struct ado_result classify(struct ado_facts facts)
{
    struct ado_result result = {.status = 0};
    facts.body = str_or_empty(facts.body);
    facts.body_len = facts.body_len ? facts.body_len : strlen(facts.body);
    ado_classify(&facts, &result);
    return result;
}

#define ERROR(type, message) "{\"$id\":\"1\",\"message\":\"" message "\",\"typeKey\":\"" type "\",\"errorCode\":0}"

static void test_codes(void **state)
{
    (void)state;
    static const struct { int status; enum ado_content content; const char *body; enum err_code code; const char *part; } cases[] = {
        {200, ADO_CONTENT_JSON, "{}", ERR_NONE, ""}, {201, ADO_CONTENT_JSON, "{}", ERR_NONE, ""}, {204, ADO_CONTENT_NONE, "", ERR_NONE, ""},
        {200, ADO_CONTENT_HTML, "<html>", ERR_AUTH, "sign-in page"}, {200, ADO_CONTENT_OTHER, "hello", ERR_INVALID, "not JSON"},
        {200, ADO_CONTENT_NONE, "", ERR_INVALID, "not JSON"}, {203, ADO_CONTENT_HTML, "<html>", ERR_AUTH, "(HTTP 203)"},
        {203, ADO_CONTENT_JSON, "{}", ERR_AUTH, ""}, {302, ADO_CONTENT_HTML, "Object moved", ERR_AUTH, "(HTTP 302)"}, {307, ADO_CONTENT_NONE, "", ERR_AUTH, ""},
        {401, ADO_CONTENT_NONE, "", ERR_AUTH, "refused the credential"}, {401, ADO_CONTENT_HTML, "<h1>", ERR_AUTH, ""},
        {401, ADO_CONTENT_JSON, ERROR("AccessCheckException", "Access Denied: The Personal Access Token used has expired."), ERR_AUTH, "has expired"},
        {403, ADO_CONTENT_JSON, ERROR("AccessDeniedException", "Access denied. Ada needs Manage"), ERR_DENIED, "Ada needs Manage"},
        {404, ADO_CONTENT_JSON, ERROR("TaskAgentNotFoundException", "gone"), ERR_NOT_FOUND, "gone"},
        {404, ADO_CONTENT_OTHER, "The controller\r\nx", ERR_NOT_FOUND, "The controller"}, {404, ADO_CONTENT_HTML, "<html>", ERR_NOT_FOUND, "404"},
        {400, ADO_CONTENT_JSON, ERROR("TaskAgentJobStillRunningException", "is running a job"), ERR_CONFLICT, "is running a job"},
        {400, ADO_CONTENT_JSON, ERROR("TaskAgentPoolNotFoundException", "x"), ERR_NOT_FOUND, ""},
        {400, ADO_CONTENT_JSON, ERROR("X", "Internal error"), ERR_UNAVAILABLE, ""}, {400, ADO_CONTENT_JSON, ERROR("ArgumentException", "y"), ERR_INVALID, "y"},
        {400, ADO_CONTENT_HTML, "<html>", ERR_INVALID, ""}, {409, ADO_CONTENT_JSON, ERROR("TaskAgentExistsException", "x"), ERR_EXISTS, ""},
        {409, ADO_CONTENT_JSON, ERROR("TaskAgentSessionConflictException", "x"), ERR_CONFLICT, ""}, {410, ADO_CONTENT_NONE, "", ERR_GONE, ""},
        {429, ADO_CONTENT_HTML, "<html>", ERR_THROTTLED, ""}, {429, ADO_CONTENT_NONE, "", ERR_THROTTLED, ""},
        {503, ADO_CONTENT_JSON, ERROR("X", "TF400733: The request has been canceled"), ERR_THROTTLED, "TF400733"},
        {500, ADO_CONTENT_JSON, "{broken", ERR_UNAVAILABLE, "500"}, {502, ADO_CONTENT_HTML, "<html>", ERR_UNAVAILABLE, ""}, {408, ADO_CONTENT_NONE, "", ERR_UNAVAILABLE, ""},
        {413, ADO_CONTENT_NONE, "", ERR_TOO_LARGE, ""}, {418, ADO_CONTENT_NONE, "", ERR_INVALID, ""}, {599, ADO_CONTENT_NONE, "", ERR_UNAVAILABLE, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct ado_result r = classify((struct ado_facts){.status = cases[i].status, .content = cases[i].content, .body = cases[i].body, .retry_after_ms = -1});
        if (r.err.code != cases[i].code || !strstr(r.err.text, cases[i].part))
            fail_msg("%zu: %d %s: %s", i, cases[i].status, err_code_name(r.err.code), r.err.text);
        assert_int_equal(r.status, cases[i].status);
        assert_int_equal(r.wait_ms, 0);
    }
}

static void test_service_error_header(void **state)
{
    (void)state;
    struct ado_result r = classify((struct ado_facts){
        .status = 401, .content = ADO_CONTENT_HTML, .body = "<html>", .retry_after_ms = -1,
        .service_error = "Access%20Denied%3A+The token%2" });
    assert_non_null(strstr(r.err.text, ": Access Denied: The token%2"));
}

static void test_version(void **state)
{
    (void)state;
    struct ado_facts facts = {.status = 400, .content = ADO_CONTENT_JSON, .body = ERROR("VssVersionOutOfRangeException", "out of range")};
    facts.body_len = strlen(facts.body);
    assert_true(ado_refuses_version(&facts));
    facts.status = 404;
    assert_false(ado_refuses_version(&facts));
    facts = (struct ado_facts){.status = 400, .content = ADO_CONTENT_JSON, .body = ERROR("VssVersionNotSpecifiedException", "No api-version")};
    facts.body_len = strlen(facts.body);
    assert_false(ado_refuses_version(&facts));
}

enum { NOW_S = 1772352600 };

static void test_wait(void **state)
{
    (void)state;
    static const struct { struct ado_facts facts; int64_t wait; } cases[] = {
        {{.status = 200, .retry_after_ms = -1}, 0},
        {{.status = 200, .retry_after_ms = 7000, .delay = "3.250"}, 7000},
        {{.status = 200, .retry_after_ms = -1, .delay = "3.250"}, 3250},
        {{.status = 200, .retry_after_ms = 1000, .delay = "3.250"}, 3250},
        {{.status = 429, .retry_after_ms = 86400 * 1000L}, 30 * 60 * 1000},
        {{.status = 200, .retry_after_ms = -1, .delay = "nonsense"}, 0},
        {{.status = 200, .retry_after_ms = -1, .delay = "-5"}, 0},
        {{.status = 200, .retry_after_ms = -1, .delay = "nan"}, 0},
        {{.status = 503, .retry_after_ms = -1, .host_offline = true}, 30000},
        {{.status = 503, .retry_after_ms = 60000, .host_offline = true}, 60000},
        /* 200 s until the budget is renewed */
        {{.status = 200, .retry_after_ms = -1, .limit = "200", .remaining = "100", .reset = "1772352800"}, 0},
        {{.status = 200, .retry_after_ms = -1, .limit = "200", .remaining = "50", .reset = "1772352800"}, 0},
        {{.status = 200, .retry_after_ms = -1, .limit = "200", .remaining = "25", .reset = "1772352800"}, 12500},
        {{.status = 200, .retry_after_ms = -1, .limit = "200", .remaining = "0", .reset = "1772352800"}, 25000},
        {{.status = 200, .retry_after_ms = -1, .limit = "200", .remaining = "0", .reset = "1772356200"}, 30000},
        {{.status = 200, .retry_after_ms = -1, .limit = "200", .remaining = "0", .reset = "1772352500"}, 0},
        {{.status = 200, .retry_after_ms = -1, .limit = "0", .remaining = "0", .reset = "1772352800"}, 0},
        {{.status = 200, .retry_after_ms = 2000, .limit = "200", .remaining = "0", .reset = "1772352800"}, 2000},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (ado_wait_ms(&cases[i].facts, NOW_S * 1000L) != cases[i].wait)
            fail_msg("%zu: %lld", i, (long long)ado_wait_ms(&cases[i].facts, NOW_S * 1000L));
    /* without the server's clock there is nothing to compare the reset with */
    assert_int_equal(ado_wait_ms(&cases[13].facts, 0), 0);
}

static void test_date(void **state)
{
    (void)state;
    assert_true(classify((struct ado_facts){.status = 200, .content = ADO_CONTENT_JSON, .date = "Sun, 01 Mar 2026 08:10:00 GMT"}).server_ms == NOW_S * 1000L);
    assert_true(classify((struct ado_facts){.status = 200, .content = ADO_CONTENT_JSON, .date = "yesterday"}).server_ms == 0);
    assert_true(classify((struct ado_facts){.status = 200, .content = ADO_CONTENT_JSON}).server_ms == 0);
}

static void test_content(void **state)
{
    (void)state;
    assert_int_equal(ado_content_of("application/json; charset=utf-8; api-version=5.1", true), ADO_CONTENT_JSON);
    assert_int_equal(ado_content_of("Text/HTML; charset=utf-8", false), ADO_CONTENT_HTML);
    assert_int_equal(ado_content_of("text/plain", false), ADO_CONTENT_OTHER);
    assert_int_equal(ado_content_of("", false), ADO_CONTENT_NONE);
    assert_int_equal(ado_content_of(NULL, false), ADO_CONTENT_NONE);
}

static void test_recorded(void **state)
{
    (void)state;
    static const struct { const char *file; int status; enum ado_content content; enum err_code code; const char *part; } cases[] = {
        {"203-signin-page-head-only.html", 203, ADO_CONTENT_HTML, ERR_AUTH, "sign-in"},
        {"400-argumentexception.json", 400, ADO_CONTENT_JSON, ERR_INVALID, ""},
        {"401-empty-body-pools.txt", 401, ADO_CONTENT_NONE, ERR_AUTH, "refused"},
        {"401-tf400813-aad-user.json", 401, ADO_CONTENT_JSON, ERR_AUTH, "TF400813"},
        {"404-plain-text-no-controller.txt", 404, ADO_CONTENT_OTHER, ERR_NOT_FOUND, "controller"},
        {"404-project-does-not-exist.json", 404, ADO_CONTENT_JSON, ERR_NOT_FOUND, "does not exist"},
        {"503-organization-stopped-bom.json", 503, ADO_CONTENT_JSON, ERR_UNAVAILABLE, "stopped"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char name[128];
        size_t n;
        snprintf(name, sizeof name, "ado-errors/%s", cases[i].file);
        char *body = recorded(name, &n);
        if (!body)
            return;
        struct ado_result r = {.status = 0};
        ado_classify(&(struct ado_facts){.status = cases[i].status, .content = cases[i].content, .body = body, .body_len = n, .retry_after_ms = -1}, &r);
        if (r.err.code != cases[i].code || !strstr(r.err.text, cases[i].part))
            fail_msg("%s: %s: %s", cases[i].file, err_code_name(r.err.code), r.err.text);
        free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes), cmocka_unit_test(test_service_error_header), cmocka_unit_test(test_version), cmocka_unit_test(test_wait),
        cmocka_unit_test(test_date), cmocka_unit_test(test_content), cmocka_unit_test(test_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
