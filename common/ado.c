#include "common/ado.h"

#include "common/ado_auth.h"
#include "common/ado_parse.h"
#include "common/ado_priv.h"
#include "common/ado_reply.h"
#include "common/http.h"
#include "common/json.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* Azure DevOps may hold a reply back for up to 30 s before its first byte when it throttles. */
enum { CALL_DEADLINE_MS = 45 * 1000, LIST_DEADLINE_MS = 120 * 1000, LIST_IDLE_MS = 45 * 1000, ROW_MAX = 8 << 20, BODY_MAX = 8 << 20 };

static const char newest_version[] = "7.0", oldest_version[] = "6.0";

struct ado {
    struct http *http;
    struct ado_auth *auth;
    char *org_url;
    unsigned may;
    const char *write_version;    /* falls back once, for good, on a server that is too old */
    struct ado_scratch scratch;
    struct call *calls;
    uint64_t n_sent;
};

enum kind { FIND_POOL, LIST_REQUESTS, LIST_AGENTS, GET_REQUEST, GET_AGENT, ENABLE_AGENT, DELETE_AGENT, SENT };

struct call {
    struct ado *ado;
    struct call *next, **link;
    enum kind kind;
    const char *method;
    char *path, *body;
    char *name;                   /* that is asked for */
    const char *version;          /* NULL for reads */
    unsigned credential;          /* which state of the credential it was sent with */
    bool replayed;
    struct json_rows *rows;
    uint64_t bytes;
    union {
        ado_pool_fn *pool;
        ado_request_fn *request;
        ado_agent_fn *agent;
        ado_done_fn *done;
        ado_found_fn *found;
    } on_done;
    ado_judge_fn *judge;          /* of a SENT call */
    union {
        ado_request_row_fn *request;
        ado_agent_row_fn *agent;
    } on_row;
    ado_known_fn *is_known;
    void *data;
};

struct ado *ado_open(struct loop *loop, const struct ado_options *options, struct err *err)
{
    struct ado *ado = xcalloc(1, sizeof *ado);
    *ado = (struct ado){.org_url = xstrdup(options->org_url), .may = options->may, .write_version = newest_version};
    const struct http_options http = {
        .user_agent = options->user_agent, .ca_file = options->ca_file, .proxy = options->proxy, .no_proxy = options->no_proxy,
    };
    ado->auth = ado_auth_open(options->pat, options->pat_file, err);
    ado->http = ado->auth ? http_open(loop, &http, err) : NULL;
    if (!ado->http)
        ado_close(&ado);
    return ado;
}

static void call_free(struct call *call)
{
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
    json_rows_free(&call->rows);
    free(call->path);
    free(call->body);
    free(call->name);
    free(call);
}

void ado_close(struct ado **ado)
{
    struct ado *a = *ado;
    *ado = NULL;
    if (!a)
        return;
    if (a->http)
        http_close(&a->http);
    while (a->calls)
        call_free(a->calls);
    ado_auth_close(&a->auth);
    ado_scratch_done(&a->scratch);
    free(a->org_url);
    free(a);
}

uint64_t ado_calls(const struct ado *ado)
{
    return ado->n_sent;
}

/* ---- rows ---- */

static int on_request_row(void *data, json_t *row, struct err *err)
{
    struct call *call = data;
    struct ado_request request;
    if (ado_parse_request(row, &call->ado->scratch, &request, err))
        return -1;
    return call->on_row.request(call->data, &request, err);
}

static int on_agent_row(void *data, json_t *row, struct err *err)
{
    struct call *call = data;
    struct ado_agent agent;
    if (ado_parse_agent(row, &agent, err))
        return -1;
    return call->on_row.agent(call->data, &agent, err);
}

static bool is_known_row(void *data, const char *bytes, size_t n)
{
    struct call *call = data;
    return call->is_known(call->data, bytes, n);
}

static bool is_list(const struct call *call)
{
    return call->kind == LIST_REQUESTS || call->kind == LIST_AGENTS;
}

static int on_data(void *data, const char *bytes, size_t n, struct err *err)
{
    struct call *call = data;
    call->bytes += n;
    return json_rows_feed(call->rows, bytes, n, err);
}

/* ---- sending ---- */

static void on_reply(void *data, const struct http_reply *reply);

static void send_call(struct call *call)
{
    struct ado *ado = call->ado;
    bool list = is_list(call);
    if (list) {
        json_rows_free(&call->rows);
        call->rows = json_rows_new("value", ROW_MAX, call->kind == LIST_REQUESTS ? on_request_row : on_agent_row, call);
        if (call->is_known)
            json_rows_set_known(call->rows, is_known_row);
    }
    call->bytes = 0;
    call->credential = ado_auth_refresh(ado->auth, false);
    call->version = strcmp(call->method, "GET") != 0 ? ado->write_version : NULL;
    char *secret = ado_auth_header(ado->auth);
    char *url = xasprintf("%s/_apis/distributedtask/%s%s%s", ado->org_url, call->path, call->version ? "?api-version=" : "", str_or_empty(call->version));
    const char *headers[] = {
        secret, "Accept: application/json", "X-TFS-FedAuthRedirect: Suppress", call->body ? "Content-Type: application/json" : NULL, NULL,
    };
    http_send(ado->http, &(struct http_request){
        .method = call->method, .url = url, .headers = headers, .body = call->body, .body_len = call->body ? strlen(call->body) : 0,
        .deadline_ms = list ? LIST_DEADLINE_MS : CALL_DEADLINE_MS, .idle_ms = list ? LIST_IDLE_MS : 0, .max_body = BODY_MAX, .gzip = true,
        .on_data = list ? on_data : NULL, .on_done = on_reply, .data = call,
    });
    ado->n_sent++;
    secret_free(&secret);
    free(url);
}

static struct call *call_new(struct ado *ado, enum kind kind, const char *method, char *path, void *data)
{
    struct call *call = xcalloc(1, sizeof *call);
    *call = (struct call){.ado = ado, .kind = kind, .method = method, .path = path, .data = data, .next = ado->calls, .link = &ado->calls};
    if (call->next)
        call->next->link = &call->next;
    ado->calls = call;
    return call;
}

/* ---- replies ---- */

static struct ado_facts facts_of(const struct http_reply *reply)
{
    return (struct ado_facts){
        .status = reply->status,
        .content = ado_content_of(http_header(reply, "Content-Type"), http_is_json(reply)),
        .body = str_or_empty(reply->body),
        .body_len = reply->body ? reply->body_len : 0,
        .retry_after_ms = http_retry_after_ms(reply),
        .delay = http_header(reply, "X-RateLimit-Delay"),
        .limit = http_header(reply, "X-RateLimit-Limit"),
        .remaining = http_header(reply, "X-RateLimit-Remaining"),
        .reset = http_header(reply, "X-RateLimit-Reset"),
        .service_error = http_header(reply, "X-TFS-ServiceError"),
        .host_offline = http_header(reply, "X-VSS-HostOfflineError") != NULL,
        .date = http_header(reply, "Date"),
    };
}

static struct ado_result result_of(const struct call *call, const struct http_reply *reply, const struct ado_facts *facts)
{
    struct ado_result result = {.began = reply->began, .bytes = call->bytes + facts->body_len};
    if (reply->status)
        ado_classify(facts, &result);
    if (!reply->status || (result.err.code == ERR_NONE && reply->err.code != ERR_NONE))
        result.err = reply->err;
    return result;
}

/* The same call once more: with a credential that was replaced meanwhile, or as an older server wants it. */
static bool replay(struct call *call, const struct ado_facts *facts, const struct ado_result *result)
{
    struct ado *ado = call->ado;
    bool again = false;
    if (result->err.code == ERR_AUTH && !call->replayed && (!call->rows || json_rows_count(call->rows) == 0)) {
        again = call->replayed = ado_auth_refresh(ado->auth, true) != call->credential;
    } else if (call->version && ado_refuses_version(facts)) {
        again = call->version == newest_version;
        ado->write_version = oldest_version;
    }
    if (again)
        send_call(call);
    return again;
}

static void finish_list(struct call *call, struct ado_result *result)
{
    struct err *err = &result->err;
    if (err->code == ERR_NONE && json_rows_end(call->rows, err) == 0)
        ado_check_count(json_rows_envelope(call->rows), json_rows_saw_array(call->rows), json_rows_count(call->rows), err);
    call->on_done.done(call->data, result);
}

static json_t *body_of(const struct ado_facts *facts, struct ado_result *result)
{
    return result->err.code == ERR_NONE ? json_parse(facts->body, facts->body_len, &result->err) : NULL;
}

static void finish_pool(struct call *call, const struct ado_facts *facts, struct ado_result *result)
{
    struct ado_pool pool;
    json_t *body = body_of(facts, result);
    bool found = body && ado_parse_pool(body, call->name, &pool, &result->err) == 0;
    call->on_done.pool(call->data, result, found ? &pool : NULL);
    json_decref(body);
}

/* "Not there" decides about deletions: it must be Azure DevOps that says so, not a proxy's error page. A service that has nothing to return for an
 * id may also answer 204 or null. */
static void judge_absence(const struct ado_facts *facts, struct ado_result *result)
{
    bool foreign = facts->content == ADO_CONTENT_HTML || facts->content == ADO_CONTENT_OTHER;
    if (result->err.code == ERR_NOT_FOUND && foreign)
        result->err.code = ERR_UNAVAILABLE;
    if (result->err.code == ERR_NONE && (facts->status == 204 || strcmp(facts->body, "null") == 0))
        err_set(&result->err, ERR_NOT_FOUND, "not found (HTTP %d without content)", facts->status);
}

static void finish_request(struct call *call, const struct ado_facts *facts, struct ado_result *result)
{
    struct ado_request request;
    judge_absence(facts, result);
    json_t *body = body_of(facts, result);
    bool found = body && ado_parse_request(body, &call->ado->scratch, &request, &result->err) == 0;
    call->on_done.request(call->data, result, found ? &request : NULL);
    json_decref(body);
}

static void finish_agent(struct call *call, const struct ado_facts *facts, struct ado_result *result)
{
    struct ado_agent agent;
    judge_absence(facts, result);
    json_t *body = body_of(facts, result);
    bool found = body && ado_parse_agent(body, &agent, &result->err) == 0;
    call->on_done.agent(call->data, result, found ? &agent : NULL);
    json_decref(body);
}

static void finish_delete(struct call *call, const struct ado_facts *facts, struct ado_result *result)
{
    if (result->err.code == ERR_NOT_FOUND)
        judge_absence(facts, result);
    if (result->err.code == ERR_NOT_FOUND)
        result->err = (struct err){.code = ERR_NONE};
    call->on_done.done(call->data, result);
}

static void on_reply(void *data, const struct http_reply *reply)
{
    struct call *call = data;
    struct ado_facts facts = facts_of(reply);
    struct ado_result result = result_of(call, reply, &facts);
    if (replay(call, &facts, &result))
        return;
    switch (call->kind) {
    case FIND_POOL: finish_pool(call, &facts, &result); break;
    case LIST_REQUESTS:
    case LIST_AGENTS: finish_list(call, &result); break;
    case GET_REQUEST: finish_request(call, &facts, &result); break;
    case GET_AGENT: finish_agent(call, &facts, &result); break;
    case ENABLE_AGENT: call->on_done.done(call->data, &result); break;
    case DELETE_AGENT: finish_delete(call, &facts, &result); break;
    case SENT: call->judge(&facts, &result, call->name, call->on_done.found, call->data); break;
    }
    call_free(call);
}

/* ---- calls ---- */

static const char agent_query[] = "includeCapabilities=true&includeAssignedRequest=true&includeLastCompletedRequest=true";

void ado_find_pool(struct ado *ado, const char *name, ado_pool_fn *on_done, void *data)
{
    char *escaped = http_escape(name);
    struct call *call = call_new(ado, FIND_POOL, "GET", xasprintf("pools?poolName=%s", escaped), data);
    free(escaped);
    call->name = xstrdup(name);
    call->on_done.pool = on_done;
    send_call(call);
}

void ado_list_requests(struct ado *ado, uint32_t pool_id, ado_known_fn *is_known, ado_request_row_fn *on_row, ado_done_fn *on_done, void *data)
{
    struct call *call = call_new(ado, LIST_REQUESTS, "GET", xasprintf("pools/%u/jobrequests?completedRequestCount=0", pool_id), data);
    call->is_known = is_known;
    call->on_row.request = on_row;
    call->on_done.done = on_done;
    send_call(call);
}

void ado_get_request(struct ado *ado, uint32_t pool_id, uint64_t request_id, ado_request_fn *on_done, void *data)
{
    char *path = xasprintf("pools/%u/jobrequests/%llu", pool_id, (unsigned long long)request_id);
    struct call *call = call_new(ado, GET_REQUEST, "GET", path, data);
    call->on_done.request = on_done;
    send_call(call);
}

void ado_list_agents(struct ado *ado, uint32_t pool_id, ado_agent_row_fn *on_row, ado_done_fn *on_done, void *data)
{
    struct call *call = call_new(ado, LIST_AGENTS, "GET", xasprintf("pools/%u/agents?%s", pool_id, agent_query), data);
    call->on_row.agent = on_row;
    call->on_done.done = on_done;
    send_call(call);
}

static char *agent_path(uint32_t pool_id, uint64_t agent_id)
{
    return xasprintf("pools/%u/agents/%llu", pool_id, (unsigned long long)agent_id);
}

void ado_get_agent(struct ado *ado, uint32_t pool_id, uint64_t agent_id, ado_agent_fn *on_done, void *data)
{
    char *path = xasprintf("pools/%u/agents/%llu?%s", pool_id, (unsigned long long)agent_id, agent_query);
    struct call *call = call_new(ado, GET_AGENT, "GET", path, data);
    call->on_done.agent = on_done;
    send_call(call);
}

void ado_enable_agent(struct ado *ado, uint32_t pool_id, uint64_t agent_id, const char *name, bool enabled, ado_done_fn *on_done, void *data)
{
    CHECK(ado->may & ADO_MAY_ENABLE);
    struct call *call = call_new(ado, ENABLE_AGENT, "PATCH", agent_path(pool_id, agent_id), data);
    json_t *body = json_pack("{s:I,s:s,s:b}", "id", (json_int_t)agent_id, "name", name, "enabled", enabled);
    CHECK(body != NULL);
    call->body = json_dump(body);
    json_decref(body);
    call->on_done.done = on_done;
    send_call(call);
}

void ado_delete_agent(struct ado *ado, uint32_t pool_id, uint64_t agent_id, ado_done_fn *on_done, void *data)
{
    CHECK(ado->may & ADO_MAY_DELETE);
    struct call *call = call_new(ado, DELETE_AGENT, "DELETE", agent_path(pool_id, agent_id), data);
    call->on_done.done = on_done;
    send_call(call);
}

void ado_send(struct ado *ado, enum ado_right right, const char *method, char *path, char *body, const char *name, ado_judge_fn *judge,
              ado_found_fn *on_done, void *data)
{
    CHECK((ado->may & right) == right);
    struct call *call = call_new(ado, SENT, method, path, data);
    call->body = body;
    call->name = xstrdup(name);
    call->judge = judge;
    call->on_done.found = on_done;
    send_call(call);
}
