#include "http_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct http_options plain = {.user_agent = "test/1"};

#define assert_contains(text, part) do { if (!strstr((text), (part))) fail_msg("\"%s\" is not in: %s", (part), (text)); } while (0)

static struct http_request none(void)
{
    return (struct http_request){.method = NULL};
}

/* ---- requests and replies ---- */

static void get_gives_status_body_headers(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    get(w, "hello", none());
    assert_int_equal(w->n, 0);
    assert_int_equal(http_in_flight(w->http), 1);
    assert_true(wait_for(w, 1));
    assert_int_equal(w->seen[0].status, 200);
    assert_string_equal(w->seen[0].body, "hello");
    assert_int_equal(w->seen[0].err.code, ERR_NONE);
    assert_true(w->seen[0].connection > 0);
    assert_false(w->seen[0].json);
    assert_true(w->seen[0].began.ns > 0 && w->seen[0].began.ns <= w->seen[0].ended.ns);
    assert_int_equal(http_in_flight(w->http), 0);
    world_free(&w);
}

static void sends_exactly_what_it_is_given(void **state)
{
    (void)state;
    static const struct { const char *method, *body, *length; } cases[] = {
        {"POST", "{\"a\":1}", "\"content-length\": \"7\""}, {"PUT", NULL, "\"content-length\": \"0\""},
        {"DELETE", "{}", "\"content-length\": \"2\""},
        {"PATCH", "x", "\"content-length\": \"1\""}, {"DELETE", NULL, NULL}, {"GET", NULL, NULL},
    };
    static const char *const headers[] = {"Authorization: Basic abc", "X-Empty-Not: 1", NULL};
    struct world *w = world_new(&plain);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        char want[64];
        const char *sent = cases[i].body;
        get(w, "echo", (struct http_request){
            .method = cases[i].method, .body = sent, .body_len = strlen(str_or_empty(sent)), .headers = headers});
        assert_true(wait_for(w, i + 1));
        const char *body = w->seen[i].body;
        snprintf(want, sizeof want, "\"method\": \"%s\"", cases[i].method);
        assert_contains(body, want);
        assert_contains(body, "\"authorization\": \"Basic abc\"");
        assert_contains(body, "\"user-agent\": \"test/1\"");
        assert_null(strstr(body, "content-type"));
        assert_null(strstr(body, "\"expect\""));
        assert_null(strstr(body, "accept-encoding"));
        if (cases[i].length)
            assert_contains(body, cases[i].length);
        else
            assert_null(strstr(body, "content-length"));
        assert_true(w->seen[i].json);
    }
    world_free(&w);
}

static void gzip_only_when_asked_and_counted_unpacked(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    get(w, "gzip?n=5000", (struct http_request){.gzip = true});
    get(w, "gzip?n=5000", none());
    get(w, "gzip?n=500000", (struct http_request){.gzip = true, .max_body = 10000});
    assert_true(wait_for(w, 3));
    unsigned good = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (w->seen[i].err.code == ERR_NONE)
            good += strlen(w->seen[i].body) == 5000;
        else
            assert_int_equal(w->seen[i].err.code, ERR_TOO_LARGE);
    }
    assert_int_equal(good, 2);
    world_free(&w);
}

static void failures_have_a_code_and_name_the_host(void **state)
{
    (void)state;
    static const struct { const char *path; enum err_code code; int status; const char *text; struct http_request r; } cases[] = {
        {"cut", ERR_IO, 200, "before the reply was complete", {.method = NULL}},
        {"cutchunk", ERR_IO, 200, "http://localhost:", {.method = NULL}},
        {"nothing", ERR_IO, 0, "before the reply was complete", {.method = NULL}},
        {"big?n=1001", ERR_TOO_LARGE, 200, "larger than 1000 bytes", {.max_body = 1000}},
        {"headers?n=70", ERR_TOO_LARGE, 200, "headers are too large", {.method = NULL}},
        {"hello?wait=2", ERR_TIMEOUT, 0, "no complete reply to GET within 100 ms", {.deadline_ms = 100}},
        {"drip?n=3&gap=1", ERR_TIMEOUT, 200, "nothing came for 150 ms", {.idle_ms = 150}},
        {"hello?wait=2", ERR_TIMEOUT, 0, "nothing came for 100 ms", {.deadline_ms = -1, .idle_ms = 100}},
    };
    struct world *w = world_new(&plain);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        get(w, cases[i].path, cases[i].r);
        assert_true(wait_for(w, i + 1));
        assert_int_equal(w->seen[i].err.code, cases[i].code);
        assert_int_equal(w->seen[i].status, cases[i].status);
        assert_contains(w->seen[i].err.text, cases[i].text);
        assert_contains(w->seen[i].err.text, "http://localhost:");
    }
    world_free(&w);
}

static void largest_body_fits(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    get(w, "big?n=1000", (struct http_request){.max_body = 1000});
    get(w, "headers?n=50", none());
    assert_true(wait_for(w, 2));
    assert_int_equal(w->seen[0].err.code, ERR_NONE);
    assert_int_equal(w->seen[1].err.code, ERR_NONE);
    world_free(&w);
}

static void an_active_stream_is_not_idle(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    get(w, "drip?n=8&gap=0.05", (struct http_request){.idle_ms = 250});
    assert_true(wait_for(w, 1));
    assert_int_equal(w->seen[0].err.code, ERR_NONE);
    assert_string_equal(w->seen[0].body, "0\n1\n2\n3\n4\n5\n6\n7\n");
    world_free(&w);
}

static void refused_connection_is_plain(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    http_send(w->http, &(struct http_request){.method = "GET", .url = "http://127.0.0.1:1/secret/path", .on_done = record, .data = w});
    assert_int_equal(w->n, 0);
    assert_true(wait_for(w, 1));
    assert_int_equal(w->seen[0].err.code, ERR_IO);
    assert_string_equal(w->seen[0].err.text, "cannot connect to http://127.0.0.1:1: Connection refused");
    assert_int_equal(w->seen[0].status, 0);
    world_free(&w);
}

static void unusable_requests_end_in_the_callback(void **state)
{
    (void)state;
    static const char *const broken[] = {"Authorization: a\r\nX: b", NULL};
    struct world *w = world_new(&plain);
    http_send(w->http, &(struct http_request){.method = "GET", .url = "http://user:pw@exa mple/", .on_done = record, .data = w});
    http_send(w->http, &(struct http_request){.method = "GET", .url = "ftp://localhost/", .on_done = record, .data = w});
    get(w, "hello", (struct http_request){.headers = broken});
    assert_int_equal(w->n, 0);
    assert_true(wait_for(w, 3));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(w->seen[i].err.code, ERR_INVALID);
        assert_null(strstr(w->seen[i].err.text, "pw"));
        assert_null(strstr(w->seen[i].err.text, "Authorization"));
    }
    world_free(&w);
}

static void environment_proxy_is_not_used(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    struct world *w = world_new(&plain);
    get(w, "hello", none());
    assert_true(wait_for(w, 1));
    unsetenv("http_proxy");
    assert_int_equal(w->seen[0].status, 200);
    world_free(&w);
}

static void configured_proxy_is_used_unless_excepted(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct http_options){.proxy = "http://127.0.0.1:1"});
    get(w, "hello", none());
    assert_true(wait_for(w, 1));
    assert_int_equal(w->seen[0].err.code, ERR_IO);
    world_free(&w);
    w = world_new(&(struct http_options){.proxy = "http://127.0.0.1:1", .no_proxy = "other,localhost"});
    get(w, "hello", none());
    assert_true(wait_for(w, 1));
    assert_int_equal(w->seen[0].status, 200);
    world_free(&w);
}

/* ---- TLS ---- */

static struct seen *https(struct world *w, const char *path)
{
    http_send(w->http, &(struct http_request){.method = "GET", .url = url_of("https", path), .on_done = record, .data = w});
    assert_true(wait_for(w, w->n + 1));
    return &w->seen[w->n - 1];
}

static void tls_with_the_right_ca(void **state)
{
    (void)state;
    char *pem = read_file(server.cert);
    const struct http_options options[] = {
        {.ca_file = server.cert}, {.ca_pem = pem}, {.insecure = true}, {.ca_pem = pem, .long_lived = true},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        struct world *w = world_new(&options[i]);
        struct seen *s = https(w, "hello");
        assert_string_equal(s->err.text, "");
        assert_int_equal(s->status, 200);
        int connection = s->connection;
        assert_int_equal(https(w, "hello")->connection, connection);
        world_free(&w);
    }
    free(pem);
}

static void tls_server_name(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct http_options){.ca_file = server.cert, .tls_server_name = "kube.test"});
    char url[128], host[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d/echo", server.tls);
    http_send(w->http, &(struct http_request){.method = "GET", .url = url, .on_done = record, .data = w});
    assert_true(wait_for(w, 1));
    assert_string_equal(w->seen[0].err.text, "");
    snprintf(host, sizeof host, "\"host\": \"127.0.0.1:%d\"", server.tls);
    assert_contains(w->seen[0].body, host);
    world_free(&w);
}

static void tls_failures_say_what_to_do(void **state)
{
    (void)state;
    char *other = read_file(server.other);
    const struct { struct http_options o; const char *text; } cases[] = {
        {{.user_agent = "t"}, "set CA_FILE"},
        {{.ca_file = server.other}, "set CA_FILE"},
        {{.ca_pem = other}, "the CA configured for this server"},
        {{.ca_file = server.cert, .tls_server_name = "elsewhere.test"}, "the certificate is for another name"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world *w = world_new(&cases[i].o);
        struct seen *s = https(w, "hello");
        assert_int_equal(s->err.code, ERR_IO);
        assert_contains(s->err.text, "certificate verify failed: https://localhost:");
        assert_contains(s->err.text, cases[i].text);
        world_free(&w);
    }
    free(other);
}

static void plain_http_where_tls_is_spoken(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct http_options){.insecure = true});
    char url[128];
    snprintf(url, sizeof url, "https://localhost:%d/hello", server.plain);
    http_send(w->http, &(struct http_request){.method = "GET", .url = url, .on_done = record, .data = w});
    assert_true(wait_for(w, 1));
    assert_int_equal(w->seen[0].err.code, ERR_IO);
    assert_contains(w->seen[0].err.text, "TLS handshake failed");
    world_free(&w);
}

static void wrong_options_are_told_at_once(void **state)
{
    (void)state;
    static const struct { struct http_options o; const char *text; } cases[] = {
        {{.ca_file = "/no/such/file"}, "CA_FILE: cannot read /no/such/file: No such file"},
        {{.cert_pem = "x"}, "needs its key"},
        {{.proxy = "foo://u:secret@h"}, "the proxy is not a URL"},
    };
    struct loop *loop = loop_new();
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err = {.code = ERR_NONE};
        assert_null(http_open(loop, &cases[i].o, &err));
        assert_int_equal(err.code, ERR_CONFIG);
        assert_contains(err.text, cases[i].text);
        assert_null(strstr(err.text, "secret"));
    }
    loop_free(&loop);
}

static void escape(void **state)
{
    (void)state;
    static const struct { const char *in, *out; } cases[] = {
        {"", ""}, {"aZ09-._~", "aZ09-._~"}, {"a b/c?d=e&f", "a%20b%2Fc%3Fd%3De%26f"}, {"\xc3\xa9%", "%C3%A9%25"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        char *got = http_escape(cases[i].in);
        assert_string_equal(got, cases[i].out);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_gives_status_body_headers),
        cmocka_unit_test(sends_exactly_what_it_is_given),
        cmocka_unit_test(gzip_only_when_asked_and_counted_unpacked),
        cmocka_unit_test(failures_have_a_code_and_name_the_host),
        cmocka_unit_test(largest_body_fits),
        cmocka_unit_test(an_active_stream_is_not_idle),
        cmocka_unit_test(refused_connection_is_plain),
        cmocka_unit_test(unusable_requests_end_in_the_callback),
        cmocka_unit_test(environment_proxy_is_not_used),
        cmocka_unit_test(configured_proxy_is_used_unless_excepted),
        cmocka_unit_test(tls_with_the_right_ca),
        cmocka_unit_test(tls_server_name),
        cmocka_unit_test(tls_failures_say_what_to_do),
        cmocka_unit_test(plain_http_where_tls_is_spoken),
        cmocka_unit_test(wrong_options_are_told_at_once),
        cmocka_unit_test(escape),
    };
    return cmocka_run_group_tests(tests, server_start, server_stop);
}
