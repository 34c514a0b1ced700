/* The calls, against a server of a few lines on the same loop: each connection gets the next reply of the script. */
#include "common/ado.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES_MAX = 32 };

static struct {
    struct loop *loop;
    struct loop_io *listener, *io;
    struct buf in;
    int fd, port;
    const char *const *replies;   /* NULL-terminated */
    char *asked[LINES_MAX];       /* the requests, whole */
    size_t n;
} server;

static void hang_up(void)
{
    loop_io_free(&server.io);
    buf_done(&server.in);
}

static void answer(int fd)
{
    assert_true(server.n < LINES_MAX);
    server.asked[server.n++] = buf_take(&server.in);
    const char *reply = *server.replies;
    assert_non_null(reply);
    server.replies++;
    assert_true(write(fd, reply, strlen(reply)) == (ssize_t)strlen(reply));
    hang_up();
    close(fd);
}

static void on_readable(int fd, int events, void *data)
{
    (void)events;
    (void)data;
    char bytes[4096];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n <= 0) {
        hang_up();
        close(fd);
        return;
    }
    buf_append(&server.in, bytes, (size_t)n);
    const char *end = strstr(server.in.data, "\r\n\r\n"), *length = strcasestr(server.in.data, "Content-Length:");
    if (end && (!length || strlen(end + 4) >= (size_t)atoi(length + 15)))
        answer(fd);
}

static void on_connection(int fd, int events, void *data)
{
    (void)events;
    (void)data;
    int peer = accept(fd, NULL, NULL);
    assert_true(peer >= 0 && !server.io);
    buf_init(&server.in, 1 << 16);
    server.io = loop_io_new(server.loop, peer, LOOP_READ, on_readable, NULL);
}

static int setup(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    memset(&server, 0, sizeof server);
    server.loop = loop_new();
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(server.fd, 8), 0);
    getsockname(server.fd, (struct sockaddr *)&a, &n);
    server.port = ntohs(a.sin_port);
    server.listener = loop_io_new(server.loop, server.fd, LOOP_READ, on_connection, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < server.n; i++)
        free(server.asked[i]);
    loop_io_free(&server.listener);
    close(server.fd);
    loop_free(&server.loop);
    return 0;
}

/* ---- what came back ---- */

static struct {
    struct ado_result result;
    bool called;
    unsigned rows;
    uint64_t id, last_id;
    unsigned finished;
    char text[64];
} got;

static void finished(const struct ado_result *result)
{
    assert_false(got.called);
    got.called = true;
    got.result = *result;
    loop_stop(server.loop);
}

static void on_pool(void *data, const struct ado_result *result, const struct ado_pool *pool)
{
    (void)data;
    assert_int_equal(pool != NULL, result->err.code == ERR_NONE);
    got.id = pool ? pool->id : 0;
    finished(result);
}

static bool is_known_row(void *data, const char *bytes, size_t n)
{
    (void)data;
    return n == 15 && memcmp(bytes, "{\"requestId\":5}", n) == 0;
}

static int on_request_row(void *data, const struct ado_request *row, struct err *err)
{
    (void)data;
    (void)err;
    got.rows++;
    got.finished += *row->result != '\0';
    got.last_id = row->id;
    return 0;
}

static int on_agent_row(void *data, const struct ado_agent *row, struct err *err)
{
    (void)data;
    (void)err;
    got.rows++;
    got.last_id = row->id;
    return 0;
}

static void on_done(void *data, const struct ado_result *result)
{
    (void)data;
    finished(result);
}

static void on_request(void *data, const struct ado_result *result, const struct ado_request *request)
{
    (void)data;
    assert_int_equal(request != NULL, result->err.code == ERR_NONE);
    got.id = request ? request->id : 0;
    snprintf(got.text, sizeof got.text, "%s", request ? request->result : "");
    finished(result);
}

static void on_agent(void *data, const struct ado_result *result, const struct ado_agent *agent)
{
    (void)data;
    assert_int_equal(agent != NULL, result->err.code == ERR_NONE);
    got.id = agent ? agent->id : 0;
    finished(result);
}

static void on_found(void *data, const struct ado_result *result, const struct ado_found *found)
{
    (void)data;
    assert_int_equal(found != NULL, result->err.code == ERR_NONE);
    got.id = found ? found->agent.id : 0;
    for (size_t i = 0; found && i < found->n_capabilities; i++) {
        size_t n = strlen(got.text);
        snprintf(got.text + n, sizeof got.text - n, "%s=%s;", found->capabilities[i].name, found->capabilities[i].value);
    }
    finished(result);
}

static void on_too_late(void *data)
{
    (void)data;
    fail_msg("no reply");
}

static struct ado *open_ado(const char *pat_file)
{
    char url[64];
    struct err err;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/org", server.port);
    struct ado *ado = ado_open(server.loop, &(struct ado_options){.org_url = url, .pat = pat_file ? NULL : "pat", .pat_file = pat_file, .may = ADO_MAY_ENABLE | ADO_MAY_DELETE | ADO_MAY_ADD}, &err);
    assert_non_null(ado);
    return ado;
}

static const struct ado_capability newcomers[] = {{"Agent.OS", "Linux"}, {"cuda", ""}};
static const struct ado_new_agent newcomer = {.name = "p\"1", .version = "99.999.9", .os = "placeholder", .capabilities = newcomers, .n_capabilities = 2};

typedef void call_fn(struct ado *ado);

static void find_pool(struct ado *ado) { ado_find_pool(ado, "linux & co", on_pool, NULL); }
static void list_requests(struct ado *ado) { ado_list_requests(ado, 12, is_known_row, on_request_row, on_done, NULL); }
static void get_request(struct ado *ado) { ado_get_request(ado, 12, 7, on_request, NULL); }
static void list_agents(struct ado *ado) { ado_list_agents(ado, 12, on_agent_row, on_done, NULL); }
static void get_agent(struct ado *ado) { ado_get_agent(ado, 12, 501, on_agent, NULL); }
static void disable_agent(struct ado *ado) { ado_enable_agent(ado, 12, 501, "a\"1", false, on_done, NULL); }
static void find_agent(struct ado *ado) { ado_find_agent(ado, 12, "place holder", on_found, NULL); }
static void add_agent(struct ado *ado) { ado_add_agent(ado, 12, &newcomer, on_found, NULL); }
static void replace_agent(struct ado *ado) { ado_replace_agent(ado, 12, 501, &newcomer, on_found, NULL); }
static void delete_agent(struct ado *ado) { ado_delete_agent(ado, 12, 501, on_done, NULL); }

static void run(struct ado *ado, call_fn *call, const char *const *replies)
{
    struct loop_timer *limit = loop_timer_new(server.loop, on_too_late, NULL);
    loop_timer_set(limit, mono_add_ms(clock_mono(), 10000));
    memset(&got, 0, sizeof got);
    server.replies = replies;
    call(ado);
    assert_false(got.called);
    loop_run(server.loop);
    assert_true(got.called);
    loop_timer_free(&limit);
}

static void run_once(call_fn *call, const char *const *replies)
{
    struct ado *ado = open_ado(NULL);
    run(ado, call, replies);
    ado_close(&ado);
}

#define OK "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n"
#define BODY(text) OK "\r\n" text
#define REPLIES(...) (const char *const[]){__VA_ARGS__, NULL}
#define FAILING(status, text) "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"message\":\"m\",\"typeKey\":\"" text "\"}"

static void assert_asked(size_t i, const char *part)
{
    assert_true(i < server.n);
    if (!strstr(server.asked[i], part))
        fail_msg("no \"%s\" in: %s", part, server.asked[i]);
}

static void test_find_pool(void **state)
{
    (void)state;
    run_once(find_pool, REPLIES(BODY("{\"count\":1,\"value\":[{\"id\":12,\"name\":\"linux & co\"}]}")));
    assert_int_equal(got.id, 12);
    assert_asked(0, "GET /org/_apis/distributedtask/pools?poolName=linux%20%26%20co HTTP/1.1\r\n");
    assert_asked(0, "Authorization: Basic OnBhdA==\r\n");
    assert_asked(0, "X-TFS-FedAuthRedirect: Suppress\r\n");
    assert_null(strstr(server.asked[0], "api-version"));
}

static void test_no_pool(void **state)
{
    (void)state;
    run_once(find_pool, REPLIES(BODY("{\"count\":0,\"value\":[]}")));
    assert_int_equal(got.result.err.code, ERR_NOT_FOUND);
    assert_int_equal(got.result.status, 200);
}

static void test_list_requests(void **state)
{
    (void)state;
    struct ado *ado = open_ado(NULL);
    run(ado, list_requests, REPLIES(OK "Date: Sun, 01 Mar 2026 08:10:00 GMT\r\nRetry-After: 7\r\n\r\n{\"count\":3,\"value\":[{\"requestId\":5},"
                                       "{\"requestId\":6,\"result\":\"succeeded\"},{\"requestId\":7}]}"));
    assert_int_equal(got.result.err.code, ERR_NONE);
    assert_int_equal(got.rows, 2);   /* 5 is known already, 6 has finished */
    assert_int_equal(got.finished, 1);
    assert_int_equal(got.last_id, 7);
    assert_int_equal(got.result.wait_ms, 7000);
    assert_true(got.result.server_ms == 1772352600000);
    assert_true(got.result.began.ns > 0 && !mono_before(clock_mono(), got.result.began));
    assert_int_equal(ado_calls(ado), 1);
    assert_asked(0, "GET /org/_apis/distributedtask/pools/12/jobrequests?completedRequestCount=0 HTTP/1.1\r\n");
    ado_close(&ado);
}

static void test_lists_that_are_not_whole(void **state)
{
    (void)state;
    static const struct { const char *reply; enum err_code code; } cases[] = {
        {BODY("{\"count\":2,\"value\":[{\"requestId\":5}]}"), ERR_INVALID},
        {BODY("{\"count\":1,\"value\":[{\"requestId\":5}"), ERR_INVALID},
        {BODY(""), ERR_INVALID},
        {BODY("{\"count\":1,\"value\":[{\"requestId\":\"?\"}]}"), ERR_INVALID},
        {OK "Content-Length: 500\r\n\r\n{\"count\":1,\"value\":[{\"requestId\":5}]}", ERR_IO},
        {"HTTP/1.1 203 Non-Authoritative Information\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>", ERR_AUTH},
        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>", ERR_AUTH},
        {"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n{\"count\":0,\"value\":[]}", ERR_INVALID},
        {"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", ERR_AUTH},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", ERR_AUTH},
        {FAILING("429 Too Many Requests", ""), ERR_THROTTLED},
        {FAILING("503 Service Unavailable", ""), ERR_UNAVAILABLE},
        {FAILING("404 Not Found", "TaskAgentPoolNotFoundException"), ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        run_once(list_requests, REPLIES(cases[i].reply));
        if (got.result.err.code != cases[i].code)
            fail_msg("%zu: %s: %s", i, err_code_name(got.result.err.code), got.result.err.text);
    }
}

static void test_get_request(void **state)
{
    (void)state;
    static const struct { const char *reply; enum err_code code; uint64_t id; } cases[] = {
        {BODY("{\"requestId\":7,\"result\":\"canceled\"}"), ERR_NONE, 7},
        {FAILING("404 Not Found", "TaskAgentJobNotFoundException"), ERR_NOT_FOUND, 0},
        {"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", ERR_NOT_FOUND, 0},
        {BODY("null"), ERR_NOT_FOUND, 0},
        {"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>", ERR_UNAVAILABLE, 0},
        {BODY("{\"nothing\":1}"), ERR_INVALID, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        run_once(get_request, REPLIES(cases[i].reply));
        assert_int_equal(got.result.err.code, cases[i].code);
        assert_int_equal(got.id, cases[i].id);
    }
    assert_asked(0, "GET /org/_apis/distributedtask/pools/12/jobrequests/7 HTTP/1.1\r\n");
}

static void test_agents(void **state)
{
    (void)state;
    run_once(list_agents, REPLIES(BODY("{\"count\":1,\"value\":[{\"id\":501,\"name\":\"a\"}]}")));
    assert_int_equal(got.result.err.code, ERR_NONE);
    assert_int_equal(got.last_id, 501);
    assert_asked(0, "/pools/12/agents?includeCapabilities=true&includeAssignedRequest=true&includeLastCompletedRequest=true ");
    run_once(get_agent, REPLIES(BODY("{\"id\":501,\"name\":\"a\"}")));
    assert_int_equal(got.id, 501);
    assert_asked(1, "/pools/12/agents/501?includeCapabilities=true&");
}

static void test_disable(void **state)
{
    (void)state;
    run_once(disable_agent, REPLIES(BODY("{\"id\":501}")));
    assert_int_equal(got.result.err.code, ERR_NONE);
    assert_asked(0, "PATCH /org/_apis/distributedtask/pools/12/agents/501?api-version=7.0 HTTP/1.1\r\n");
    assert_asked(0, "\r\n\r\n{\"id\":501,\"name\":\"a\\\"1\",\"enabled\":false}");
    assert_asked(0, "Content-Type: application/json\r\n");
}

static void test_older_server(void **state)
{
    (void)state;
    struct ado *ado = open_ado(NULL);
    run(ado, disable_agent, REPLIES(FAILING("400 Bad Request", "VssVersionOutOfRangeException"), BODY("{\"id\":501}")));
    assert_int_equal(got.result.err.code, ERR_NONE);
    assert_asked(1, "?api-version=6.0 ");
    run(ado, delete_agent, REPLIES(FAILING("400 Bad Request", "VssVersionOutOfRangeException")));
    assert_int_equal(got.result.err.code, ERR_INVALID);
    assert_asked(2, "DELETE /org/_apis/distributedtask/pools/12/agents/501?api-version=6.0 ");
    ado_close(&ado);
}

static void test_delete(void **state)
{
    (void)state;
    static const struct { const char *reply; enum err_code code; } cases[] = {
        {"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", ERR_NONE},
        {BODY("{}"), ERR_NONE},
        {FAILING("404 Not Found", "TaskAgentNotFoundException"), ERR_NONE},
        {"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nno route", ERR_UNAVAILABLE},
        {FAILING("400 Bad Request", "TaskAgentJobStillRunningException"), ERR_CONFLICT},
        {FAILING("403 Forbidden", "AccessDeniedException"), ERR_DENIED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        run_once(delete_agent, REPLIES(cases[i].reply));
        assert_int_equal(got.result.err.code, cases[i].code);
    }
}

static void test_find_agent(void **state)
{
    (void)state;
    static const struct { const char *reply; enum err_code code; const char *text; } cases[] = {
        {BODY("{\"count\":2,\"value\":[{\"id\":1,\"name\":\"place\"},{\"id\":2,\"name\":\"Place Holder\",\"systemCapabilities\":{\"cuda\":\"12\",\"x\":null}}]}"),
         ERR_NONE, "cuda=12;x=;"},
        {BODY("{\"count\":1,\"value\":[{\"id\":2,\"name\":\"place holder\"}]}"), ERR_NONE, ""},
        {BODY("{\"count\":1,\"value\":[{\"id\":1,\"name\":\"place\"}]}"), ERR_NOT_FOUND, ""},
        {BODY("{\"count\":0,\"value\":[]}"), ERR_NOT_FOUND, ""},
        {BODY("{\"count\":2,\"value\":[{\"id\":2,\"name\":\"place holder\"}]}"), ERR_INVALID, ""},
        {BODY("{\"message\":\"?\"}"), ERR_INVALID, ""},
        {BODY("{\"count\":1,\"value\":[{\"name\":\"place holder\"}]}"), ERR_INVALID, ""},
        {FAILING("403 Forbidden", "AccessDeniedException"), ERR_DENIED, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        run_once(find_agent, REPLIES(cases[i].reply));
        assert_int_equal(got.result.err.code, cases[i].code);
        assert_string_equal(got.text, cases[i].text);
    }
    assert_asked(0, "GET /org/_apis/distributedtask/pools/12/agents?agentName=place%20holder&includeCapabilities=true&includeAssignedRequest=true HTTP");
}

static void test_add_and_replace_agent(void **state)
{
    (void)state;
    run_once(add_agent, REPLIES(BODY("{\"id\":501,\"name\":\"p\",\"systemCapabilities\":{\"Agent.OS\":\"Linux\"}}")));
    assert_int_equal(got.id, 501);
    assert_asked(0, "POST /org/_apis/distributedtask/pools/12/agents?api-version=7.0 ");
    assert_asked(0, "\"name\":\"p\\\"1\"");
    assert_asked(0, "\"status\":\"offline\"");
    assert_asked(0, "\"systemCapabilities\":{\"Agent.OS\":\"Linux\",\"cuda\":\"\"}");
    assert_null(strstr(server.asked[0], "\"id\""));
    run_once(replace_agent, REPLIES(BODY("{\"id\":501,\"name\":\"p\"}")));
    assert_asked(1, "PUT /org/_apis/distributedtask/pools/12/agents/501?api-version=7.0 ");
    assert_asked(1, "\"id\":501");
    static const struct { const char *reply; enum err_code code; } cases[] = {
        {FAILING("409 Conflict", "TaskAgentExistsException"), ERR_EXISTS},
        {FAILING("401 Unauthorized", "UnauthorizedRequestException"), ERR_AUTH},
        {BODY("{\"name\":\"no id\"}"), ERR_INVALID},
        {BODY("<html>"), ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        run_once(add_agent, REPLIES(cases[i].reply));
        assert_int_equal(got.result.err.code, cases[i].code);
    }
}

static void write_pat(const char *file, const char *pat)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(pat, f);
    fclose(f);
}

/* The file changes between the look at it and the reply: the 401 makes us look again, once. */
static char pat_file[] = "/tmp/test_ado.XXXXXX";

static void list_and_rotate(struct ado *ado)
{
    list_requests(ado);
    write_pat(pat_file, "second");
}

static void test_rotated_pat(void **state)
{
    (void)state;
    int fd = mkstemp(pat_file);
    assert_true(fd >= 0);
    close(fd);
    write_pat(pat_file, "pat");
    struct ado *ado = open_ado(pat_file);
    run(ado, list_and_rotate, REPLIES(FAILING("401 Unauthorized", "x"), BODY("{\"count\":0,\"value\":[]}")));
    assert_int_equal(got.result.err.code, ERR_NONE);
    assert_asked(0, "Authorization: Basic OnBhdA==\r\n");
    assert_asked(1, "Authorization: Basic OnNlY29uZA==\r\n");
    run(ado, list_requests, REPLIES(FAILING("401 Unauthorized", "x")));
    assert_int_equal(got.result.err.code, ERR_AUTH);
    ado_close(&ado);
    unlink(pat_file);
}

static void test_close_with_calls_under_way(void **state)
{
    (void)state;
    struct ado *ado = open_ado(NULL);
    list_requests(ado);
    find_pool(ado);
    disable_agent(ado);
    ado_close(&ado);
    assert_null(ado);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists_that_are_not_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_get_request, setup, teardown),
        cmocka_unit_test_setup_teardown(test_agents, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_older_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_find_agent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_add_and_replace_agent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotated_pat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_with_calls_under_way, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
