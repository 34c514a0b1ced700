/* Calls, credentials and replays, against scripted replies. */
#include "common/kube.h"

#include "common/json.h"
#include "common/kube_identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kube_fixture.h"

#include <sys/stat.h>

#define assert_contains(text, part) do { if (!strstr((text), (part))) fail_msg("\"%s\" is not in: %s", (part), (text)); } while (0)

static const struct kube_right rights[] = {
    {KUBE_GET, "jobs"}, {KUBE_LIST, "jobs"}, {KUBE_CREATE, "jobs"}, {KUBE_DELETE, "jobs"}, {KUBE_PATCH, "secrets"}, {KUBE_GET, "pods/log"}, {KUBE_GET, "namespaces"},
    {KUBE_UPDATE, "leases"}, {KUBE_GET, NULL},
};

static struct seen {
    int n, status;
    struct err err;
    enum kube_refusal refusal;
    char reason[64], name[64], warning[64];
    int64_t retry_after_ms, server_ms;
} seen;

static int wanted;
static bool enough(void) { return seen.n >= wanted; }

static void on_done(void *data, const struct kube_result *r)
{
    (void)data;
    seen.n++;
    seen.status = r->status;
    seen.err = r->err;
    seen.refusal = r->refusal;
    seen.retry_after_ms = r->retry_after_ms;
    seen.server_ms = r->server_ms;
    snprintf(seen.reason, sizeof seen.reason, "%s", r->reason);
    snprintf(seen.warning, sizeof seen.warning, "%s", r->warning);
    snprintf(seen.name, sizeof seen.name, "%s", json_is_string(r->object) ? json_string_value(r->object) : json_text(r->object, "metadata.name"));
}

static bool wait_for(int n)
{
    wanted = n;
    return wait_until(enough);
}

static int begin(void **state)
{
    seen = (struct seen){.n = 0};
    return world_begin(state);
}

static struct kube_call *get_job(const char *name)
{
    return kube_send(world.kube, &(struct kube_call_spec){.verb = KUBE_GET, .api = "apis/batch/v1", .ns = "ns1", .resource = "jobs", .name = name, .on_done = on_done});
}

#define JOB "{\"kind\":\"Job\",\"metadata\":{\"name\":\"a\"}}"
#define UNAUTHORIZED "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401}"

static void a_create(void **state)
{
    (void)state;
    world_open_as("token: sesame", rights);
    assert_string_equal(kube_namespace(world.kube), "ns1");
    script((struct step){.to = "POST", .status = 201, .body = JOB, .headers = "Warning: 299 - \"unknown field\"\r\n"});
    json_t *body = json_pack("{s:{s:s}}", "metadata", "name", "a");
    kube_send(world.kube, &(struct kube_call_spec){.verb = KUBE_CREATE, .api = "apis/batch/v1", .ns = "ns1", .resource = "jobs",
                                                   .query = "fieldValidation=Strict", .body = body, .on_done = on_done});
    json_decref(body);
    assert_int_equal(seen.n, 0);
    assert_true(wait_for(1));
    assert_int_equal(seen.err.code, ERR_NONE);
    assert_int_equal(seen.status, 201);
    assert_string_equal(seen.name, "a");
    assert_string_equal(seen.warning, "unknown field");
    assert_int_equal(seen.server_ms, 784111777000);
    const char *r = world.requests[0];
    assert_contains(r, "POST /base/apis/batch/v1/namespaces/ns1/jobs?fieldValidation=Strict&fieldManager=ado-orchestrator HTTP/1.1\r\n");
    assert_contains(r, "Authorization: Bearer sesame\r\n");
    assert_contains(r, "User-Agent: test/1\r\n");
    assert_contains(r, "Content-Type: application/json\r\n");
    assert_contains(r, "Accept: application/json\r\n");
    assert_contains(r, "\r\n\r\n{\"metadata\":{\"name\":\"a\"}}");
    assert_null(strstr(r, "gzip"));
}

static void other_verbs(void **state)
{
    (void)state;
    world_open_as("username: me, password: pa", rights);
    json_t *body = json_pack("{s:s}", "a", "b");
    script((struct step){.to = "PATCH", .status = 200, .body = JOB});
    kube_send(world.kube, &(struct kube_call_spec){.verb = KUBE_PATCH, .api = "api/v1", .ns = "ns1", .resource = "secrets", .name = "t", .body = body,
                                                   .content_type = "application/merge-patch+json", .on_done = on_done});
    assert_true(wait_for(1));
    assert_contains(world.requests[0], "PATCH /base/api/v1/namespaces/ns1/secrets/t?fieldManager=ado-orchestrator HTTP/1.1\r\n");
    assert_contains(world.requests[0], "Content-Type: application/merge-patch+json\r\n");
    assert_contains(world.requests[0], "Authorization: Basic bWU6cGE=\r\n");
    script((struct step){.to = "PUT", .status = 200, .body = JOB});
    kube_send(world.kube, &(struct kube_call_spec){.verb = KUBE_UPDATE, .api = "apis/coordination.k8s.io/v1", .ns = "ns1", .resource = "leases", .name = "l", .body = body,
                                                   .urgent = true, .on_done = on_done});
    assert_true(wait_for(2));
    script((struct step){.to = "/pods/p%20q/log?tailLines=5", .status = 200, .body = "one\ntwo"});
    kube_send(world.kube, &(struct kube_call_spec){.verb = KUBE_GET, .api = "api/v1", .ns = "ns1", .resource = "pods/log", .name = "p q", .query = "tailLines=5", .on_done = on_done});
    assert_true(wait_for(3));
    assert_string_equal(seen.name, "one\ntwo");
    json_decref(body);
}

static void a_delete(void **state)
{
    (void)state;
    world_open_as("token: sesame", rights);
    script((struct step){.to = "DELETE /base/apis/batch/v1/namespaces/ns1/jobs/a HTTP", .status = 200, .body = JOB});
    script((struct step){.to = "DELETE", .status = 409, .body = "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"code\":409,\"message\":\"uid\"}"});
    kube_delete(world.kube, "apis/batch/v1", "ns1", "jobs", "a", "u-1", "77", 0, on_done, NULL);
    assert_true(wait_for(1));
    assert_int_equal(seen.err.code, ERR_NONE);
    assert_contains(world.requests[0], "\"propagationPolicy\":\"Background\"");
    assert_contains(world.requests[0], "\"preconditions\":{\"uid\":\"u-1\",\"resourceVersion\":\"77\"}");
    assert_contains(world.requests[0], "\"gracePeriodSeconds\":0");
    kube_delete(world.kube, "apis/batch/v1", "ns1", "jobs", "a", "u-1", NULL, -1, on_done, NULL);
    assert_true(wait_for(2));
    assert_int_equal(seen.err.code, ERR_CONFLICT);
    assert_string_equal(seen.err.text, "delete jobs ns1/a: 409 Conflict: uid");
    assert_null(strstr(world.requests[1], "resourceVersion"));
    assert_null(strstr(world.requests[1], "gracePeriodSeconds"));
}

static void replies_that_are_no_json(void **state)
{
    (void)state;
    static const struct { int status; const char *body, *headers, *says; enum err_code code; int64_t retry; } cases[] = {
        {200, "<html>Sign in", NULL, "<html>Sign in", ERR_INVALID, -1},
        {200, "{\"metadata\":", NULL, "not JSON", ERR_INVALID, -1},
        {429, "Too many requests, please try again later.\n", "Retry-After: 3\r\n", "try again later.", ERR_THROTTLED, 3000},
        {502, "<html>\n<body>", NULL, "502", ERR_UNAVAILABLE, -1},
        {404, "404 page not found\n", NULL, "404 page not found", ERR_NOT_FOUND, -1},
        {200, "\xef\xbb\xbf{\"metadata\":{\"name\":\"bom\"}}", NULL, "", ERR_NONE, -1},
        {200, "", NULL, "", ERR_NONE, -1},
        {0, NULL, NULL, "get jobs ns1/a", ERR_IO, -1},
    };
    world_open_as("token: sesame", rights);
    for (int i = 0; i < (int)ARRAY_SIZE(cases); i++) {
        script((struct step){.to = "GET", .status = cases[i].status, .body = cases[i].body, .headers = cases[i].headers});
        if (!cases[i].body)      /* libcurl asks once more when a connection that it used before is closed on it */
            script((struct step){.to = "GET"});
        get_job("a");
        assert_true(wait_for(i + 1));
        if (seen.err.code != cases[i].code)
            fail_msg("case %d: %s %s", i, err_code_name(seen.err.code), seen.err.text);
        assert_contains(seen.err.text, cases[i].says);
        assert_int_equal(seen.retry_after_ms, cases[i].retry);
    }
}

static void writes_that_nobody_confirms(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "[]", "{}", "\"done\"", "{\"kind\":5}", "<html>"};
    world_open_as("token: sesame", rights);
    for (int i = 0; i < (int)ARRAY_SIZE(bodies); i++) {
        script((struct step){.to = "DELETE", .status = 200, .body = bodies[i]});
        kube_delete(world.kube, "apis/batch/v1", "ns1", "jobs", "a", "u-1", NULL, -1, on_done, NULL);
        assert_true(wait_for(i + 1));
        assert_int_equal(seen.err.code, ERR_INVALID);
        assert_contains(seen.err.text, "delete jobs ns1/a: 200, but the reply is no");
    }
}

static void names_that_are_no_segments(void **state)
{
    (void)state;
    static const char *const names[] = {"", ".", "..", "a/b", "..%2f"};
    world_open_as("token: sesame", rights);
    for (int i = 0; i < (int)ARRAY_SIZE(names); i++) {
        get_job(names[i]);
        assert_int_equal(seen.n, i);
        assert_true(wait_for(i + 1));
        assert_int_equal(seen.err.code, ERR_INVALID);
    }
    kube_cancel(get_job(".."));
    assert_int_equal(world.n_requests, 0);
}

static void cancelled_calls_say_nothing(void **state)
{
    (void)state;
    world_open_as("token: sesame", rights);
    script((struct step){.to = "slow", .silent = true});
    script((struct step){.to = "quick", .status = 200, .body = JOB});
    struct kube_call *slow = get_job("slow");
    get_job("quick");
    assert_true(wait_for(1));
    kube_cancel(slow);
    for (int i = 0; i < 200; i++)
        get_job("never-answered");     /* still queued when the world ends: closed without a callback */
    assert_in_range(kube_queued(world.kube), 100, 200);
    kube_close(&world.kube);
    assert_int_equal(seen.n, 1);
}

static void deadline_is_our_own(void **state)
{
    (void)state;
    world_open_as("token: sesame", rights);
    script((struct step){.to = "GET", .silent = true});
    kube_send(world.kube, &(struct kube_call_spec){.verb = KUBE_GET, .api = "api/v1", .resource = "namespaces", .name = "x", .deadline_ms = 50, .on_done = on_done});
    assert_true(wait_for(1));
    assert_int_equal(seen.err.code, ERR_TIMEOUT);
    assert_int_equal(seen.status, 0);
}

/* ---- 401 ---- */

static void token_file_is_read_again_after_401(void **state)
{
    (void)state;
    write_file("token", "old\n");
    world_open_as("tokenFile: token", rights);
    script((struct step){.to = "GET", .status = 401, .body = UNAUTHORIZED});
    script((struct step){.to = "GET", .status = 200, .body = JOB});
    write_file("token", "new\n");
    get_job("a");
    assert_true(wait_for(1));
    assert_int_equal(seen.err.code, ERR_NONE);
    assert_contains(world.requests[0], "Bearer old\r\n");
    assert_contains(world.requests[1], "Bearer new\r\n");
    script((struct step){.to = "GET", .status = 401, .body = UNAUTHORIZED});
    get_job("a");                      /* the file holds what was just refused: no replay */
    assert_true(wait_for(2));
    assert_int_equal(seen.err.code, ERR_AUTH);
    assert_int_equal(world.n_requests, 3);
    write_file("token", "third");
    script((struct step){.to = "GET", .status = 401, .body = UNAUTHORIZED});
    script((struct step){.to = "GET", .status = 401, .body = UNAUTHORIZED});
    get_job("a");
    assert_true(wait_for(3));
    assert_int_equal(world.n_requests, 5);
}

static void a_static_token_is_not_replayed(void **state)
{
    (void)state;
    world_open_as("token: sesame", rights);
    script((struct step){.to = "GET", .status = 401, .body = UNAUTHORIZED});
    get_job("a");
    assert_true(wait_for(1));
    assert_int_equal(seen.err.code, ERR_AUTH);
    assert_string_equal(seen.err.text, "get jobs ns1/a: 401 Unauthorized: Unauthorized");
}

static void plugin(const char *shell)
{
    char *text = xasprintf("#!/bin/sh\necho run >> %s/runs\n%s\n", world.dir, shell), *path = path_in_dir("plugin");
    write_file("plugin", text);
    chmod(path, 0700);
    free(path);
    free(text);
}

static size_t runs(void)
{
    struct stat s;
    char *path = path_in_dir("runs");
    size_t n = stat(path, &s) ? 0 : (size_t)s.st_size / 4;
    free(path);
    return n;
}

#define EXEC "exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./plugin}"
#define PRINT(status) "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{" status "}}'"

static void a_plugin_runs_once_for_many_calls(void **state)
{
    (void)state;
    plugin(PRINT("\"token\":\"from-plugin\",\"expirationTimestamp\":\"2999-01-01T00:00:00Z\""));
    world_open_as(EXEC, rights);
    for (int i = 0; i < 5; i++) {
        script((struct step){.to = "GET", .status = 200, .body = JOB});
        get_job("a");
    }
    assert_true(wait_for(5));
    assert_int_equal(seen.err.code, ERR_NONE);
    assert_contains(world.requests[4], "Bearer from-plugin\r\n");
    assert_int_equal(runs(), 1);
    script((struct step){.to = "GET", .status = 401, .body = UNAUTHORIZED});
    script((struct step){.to = "GET", .status = 401, .body = UNAUTHORIZED});
    script((struct step){.to = "GET", .status = 200, .body = JOB});
    script((struct step){.to = "GET", .status = 200, .body = JOB});
    plugin(PRINT("\"token\":\"second\""));
    get_job("a");
    get_job("a");
    assert_true(wait_for(7));
    assert_int_equal(seen.err.code, ERR_NONE);
    assert_int_equal(runs(), 2);
    assert_contains(world.requests[8], "Bearer second\r\n");
}

/* A server that refuses whatever the plugin gives: one refresh and one replay, not a loop. */
static void a_call_is_replayed_once(void **state)
{
    (void)state;
    plugin("t=$(wc -l < $(dirname $0)/runs);" "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"'$t'\"}}'");
    world_open_as(EXEC, rights);
    for (int i = 0; i < 4; i++)
        script((struct step){.to = "GET", .status = 401, .body = UNAUTHORIZED});
    get_job("a");
    assert_true(wait_for(1));
    assert_int_equal(seen.err.code, ERR_AUTH);
    assert_int_equal(seen.status, 401);
    assert_int_equal(world.n_requests, 2);
    assert_int_equal(runs(), 2);
}

static bool has_request(void) { return world.n_requests >= (size_t)wanted; }
static bool has_run(void) { return runs() >= (size_t)wanted; }

/* A 401 for a credential that was replaced meanwhile is no reason to fetch another one. */
static void a_late_401_uses_the_newer_credential(void **state)
{
    (void)state;
    plugin(PRINT("\"token\":\"first\""));
    world_open_as(EXEC, rights);
    script((struct step){.to = "/late ", .silent = true});
    script((struct step){.to = "/a ", .status = 401, .body = UNAUTHORIZED});
    script((struct step){.to = "/a ", .status = 200, .body = JOB});
    script((struct step){.to = "/late ", .status = 200, .body = JOB});
    get_job("late");
    wanted = 1;
    assert_true(wait_until(has_request));
    plugin(PRINT("\"token\":\"second\""));
    get_job("a");
    assert_true(wait_for(1));
    assert_int_equal(runs(), 2);
    release((struct step){.status = 401, .body = UNAUTHORIZED});
    assert_true(wait_for(2));
    assert_int_equal(seen.err.code, ERR_NONE);
    assert_contains(world.requests[3], "Bearer second\r\n");
    assert_int_equal(runs(), 2);
}

static void a_call_cancelled_before_its_replay(void **state)
{
    (void)state;
    plugin(PRINT("\"token\":\"first\""));
    world_open_as(EXEC, rights);
    script((struct step){.to = "/a ", .status = 401, .body = UNAUTHORIZED});
    script((struct step){.to = "/b ", .status = 200, .body = JOB});
    script((struct step){.to = "/b ", .status = 200, .body = JOB});
    get_job("b");
    assert_true(wait_for(1));
    plugin("sleep 0.1;" PRINT("\"token\":\"second\""));
    struct kube_call *a = get_job("a");
    wanted = 2;
    assert_true(wait_until(has_run));
    kube_cancel(a);
    get_job("b");
    assert_true(wait_for(2));
    assert_int_equal(world.n_requests, 3);
}

static void an_expired_credential_is_renewed(void **state)
{
    (void)state;
    plugin(PRINT("\"token\":\"stale\",\"expirationTimestamp\":\"2000-01-01T00:00:00Z\""));
    world_open_as(EXEC, rights);
    for (int i = 1; i <= 2; i++) {
        script((struct step){.to = "GET", .status = 200, .body = JOB});
        get_job("a");
        assert_true(wait_for(i));
        assert_int_equal(seen.err.code, ERR_NONE);
        assert_int_equal(runs(), (size_t)i);
    }
}

static void a_plugin_that_fails(void **state)
{
    (void)state;
    static const struct { const char *shell, *says; enum err_code code; } cases[] = {
        {"exit 3", "exit code 3", ERR_AUTH},
        {"kill -9 $$", "signal 9", ERR_AUTH},
        {"echo '<html>'", "did not print JSON", ERR_AUTH},
        {PRINT("\"token\":\"\""), "neither a token nor", ERR_AUTH},
        {"head -c 2000000 /dev/zero", "more than 1 MiB", ERR_TOO_LARGE},
    };
    plugin("exit 3");
    world_open_as(EXEC, rights);
    for (int i = 0; i < (int)ARRAY_SIZE(cases); i++) {
        plugin(cases[i].shell);
        get_job("a");
        get_job("b");
        assert_true(wait_for(2 * i + 2));
        if (seen.err.code != cases[i].code)
            fail_msg("case %d: %s", i, seen.err.text);
        assert_contains(seen.err.text, cases[i].says);
        assert_contains(seen.err.text, "plugin");
        assert_int_equal(runs(), (size_t)i + 1);
    }
    assert_int_equal(world.n_requests, 0);
}

static void a_plugin_that_is_not_there(void **state)
{
    (void)state;
    world_open_as("exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: no-such-plugin-here, installHint: get it}", rights);
    get_job("a");
    assert_true(wait_for(1));
    assert_int_equal(seen.err.code, ERR_AUTH);
    assert_contains(seen.err.text, "no-such-plugin-here");
    assert_contains(seen.err.text, "get it");
}

static void a_call_cancelled_while_the_plugin_runs(void **state)
{
    (void)state;
    plugin("sleep 0.1;" PRINT("\"token\":\"t\""));
    world_open_as(EXEC, rights);
    script((struct step){.to = "/b ", .status = 200, .body = JOB});
    struct kube_call *a = get_job("a");
    get_job("b");
    kube_cancel(a);
    assert_true(wait_for(1));
    assert_int_equal(world.n_requests, 1);
    plugin("sleep 30");
    world_end(NULL);                   /* and a plugin that still runs goes with it */
    world_begin(NULL);
    plugin("sleep 30");
    world_open_as(EXEC, rights);
    get_job("a");
}

static void plain_http_carries_credentials_on_loopback_only(void **state)
{
    (void)state;
    static const struct { const char *server; bool loopback; } cases[] = {
        {"http://127.0.0.1", true}, {"http://127.0.0.1:8001/x", true}, {"http://127.1.2.3:1", true}, {"http://localhost:8001", true}, {"http://[::1]:80", true},
        {"http://127.0.0.1.evil.example", false}, {"http://localhost.evil.example", false}, {"http://10.0.0.1", false}, {"http://[::1].evil", false}, {"http://localhostess", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (kube_server_is_loopback(cases[i].server) != cases[i].loopback)
            fail_msg("%s", cases[i].server);
    struct loop *loop = world.loop;
    struct err err = {.text = ""};
    struct kube_config config = {.server = xstrdup("http://10.0.0.1"), .token = xstrdup("secret")};
    struct kube_identity *id = kube_identity_new(loop, &config, NULL, NULL, &err);
    assert_null(kube_identity_authorization(id));
    kube_identity_free(&id);
    config = (struct kube_config){.server = xstrdup("https://10.0.0.1"), .token = xstrdup("secret")};
    id = kube_identity_new(loop, &config, NULL, NULL, &err);
    assert_string_equal(kube_identity_authorization(id), "Authorization: Bearer secret");
    kube_identity_free(&id);
}

static void impersonation(void **state)
{
    (void)state;
    world_open_as("token: t, as: boss, as-groups: [g1, g2]", rights);
    script((struct step){.to = "GET", .status = 200, .body = JOB});
    get_job("a");
    assert_true(wait_for(1));
    assert_contains(world.requests[0], "Impersonate-User: boss\r\n");
    assert_contains(world.requests[0], "Impersonate-Group: g1\r\nImpersonate-Group: g2\r\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_create),
        TEST(other_verbs),
        TEST(a_delete),
        TEST(replies_that_are_no_json),
        TEST(writes_that_nobody_confirms),
        TEST(names_that_are_no_segments),
        TEST(cancelled_calls_say_nothing),
        TEST(deadline_is_our_own),
        TEST(token_file_is_read_again_after_401),
        TEST(a_static_token_is_not_replayed),
        TEST(a_plugin_runs_once_for_many_calls),
        TEST(a_call_is_replayed_once),
        TEST(a_late_401_uses_the_newer_credential),
        TEST(a_call_cancelled_before_its_replay),
        TEST(an_expired_credential_is_renewed),
        TEST(a_plugin_that_fails),
        TEST(a_plugin_that_is_not_there),
        TEST(a_call_cancelled_while_the_plugin_runs),
        TEST(plain_http_carries_credentials_on_loopback_only),
        TEST(impersonation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
