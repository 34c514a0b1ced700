/* Replies of any shape: two bytes of status, one of content, a line of header values, then the body, read as everything it might be. */
#include "common/ado_parse.h"
#include "common/ado_reply.h"
#include "common/json.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void classify(const uint8_t *data, const char *headers, const char *body, size_t n)
{
    struct ado_facts facts = {
        .status = (data[0] << 8 | data[1]) % 700, .content = (enum ado_content)(data[2] % 4), .body = body, .body_len = n,
        .retry_after_ms = (long)data[2] * 1000 - 1, .delay = headers, .limit = headers, .remaining = headers, .reset = headers,
        .service_error = headers, .date = headers, .host_offline = data[2] & 1,
    };
    struct ado_result result = {.status = 0};
    ado_classify(&facts, &result);
    CHECK(result.wait_ms >= 0 && result.wait_ms <= 30 * 60 * 1000);
    CHECK(result.server_ms >= 0);
    CHECK((result.err.code == ERR_NONE) == (result.err.text[0] == '\0'));
    bool good = facts.status == 200 || facts.status == 201 || facts.status == 204;
    CHECK(good || result.err.code != ERR_NONE);
    ado_refuses_version(&facts);
}

static void parse(const json_t *reply)
{
    struct ado_scratch scratch = {0};
    struct ado_request request;
    struct ado_agent agent;
    struct ado_pool pool;
    struct err err;
    if (ado_parse_request(reply, &scratch, &request, &err) == 0) {
        CHECK(request.id > 0 && request.queued_ms >= 0 && request.received_ms >= 0 && request.finished_ms >= 0);
        for (size_t i = 0; i < request.n_demands; i++)
            CHECK(request.demands[i] != NULL);
        CHECK(request.result && request.agent_name && request.definition && request.run && request.url && request.job_id && request.plan);
    }
    if (ado_parse_agent(reply, &agent, &err) == 0)
        CHECK(agent.id > 0 && agent.name && agent.host_name && agent.instance && agent.version);
    if (ado_parse_pool(reply, "linux", &pool, &err) == 0)
        CHECK(pool.id > 0 && strcmp(pool.name, "linux") == 0 && !pool.hosted);
    ado_check_count(reply, true, 1, &err);
    ado_scratch_done(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    char *text = xstrndup((const char *)data + 3, size - 3), *newline = strchr(text, '\n');
    if (newline)
        *newline = '\0';
    const char *body = newline ? newline + 1 : "";
    classify(data, text, body, strlen(body));
    json_t *reply = json_parse(body, strlen(body), NULL);
    parse(reply);
    for (size_t i = 0; i < json_array_size(json_at(reply, "value")); i++)
        parse(json_array_get(json_at(reply, "value"), i));
    json_decref(reply);
    free(text);
    return 0;
}
