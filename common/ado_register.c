/* Agents that are registered from here: nothing runs behind them, they are entries in a pool's list. */
#include "common/ado_priv.h"

#include "common/ado_parse.h"
#include "common/http.h"
#include "common/json.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void tell_agent(const json_t *row, struct ado_result *result, ado_found_fn *on_done, void *data)
{
    struct ado_found found = {.n_capabilities = 0};
    if (ado_parse_agent(row, &found.agent, &result->err)) {
        on_done(data, result, NULL);
        return;
    }
    json_t *all = json_at(row, "systemCapabilities");
    struct ado_capability *list = xcalloc(json_object_size(all) + 1, sizeof *list);
    for (void *at = json_object_iter(all); at; at = json_object_iter_next(all, at))
        list[found.n_capabilities++] = (struct ado_capability){json_object_iter_key(at), str_or_empty(json_string_value(json_object_iter_value(at)))};
    found.capabilities = list;
    on_done(data, result, &found);
    free(list);
}

static const json_t *row_of(const json_t *reply, const char *name)
{
    const json_t *list = json_at(reply, "value");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (strcasecmp(json_text(row, "name"), name) == 0)
            return row;
    }
    return NULL;
}

static void judge_list(const struct ado_facts *facts, struct ado_result *result, const char *name, ado_found_fn *on_done, void *data)
{
    struct err *err = &result->err;
    json_t *body = err->code == ERR_NONE ? json_parse(facts->body, facts->body_len, err) : NULL;
    const json_t *list = json_at(body, "value"), *row = row_of(body, name);
    if (body && ado_check_count(body, list != NULL, json_array_size(list), err) == 0 && !row)
        err_set(err, ERR_NOT_FOUND, "there is no agent \"%s\"", name);
    if (err->code == ERR_NONE)
        tell_agent(row, result, on_done, data);
    else
        on_done(data, result, NULL);
    json_decref(body);
}

static void judge_agent(const struct ado_facts *facts, struct ado_result *result, const char *name, ado_found_fn *on_done, void *data)
{
    (void)name;
    json_t *body = result->err.code == ERR_NONE ? json_parse(facts->body, facts->body_len, &result->err) : NULL;
    if (body)
        tell_agent(body, result, on_done, data);
    else
        on_done(data, result, NULL);
    json_decref(body);
}

void ado_find_agent(struct ado *ado, uint32_t pool_id, const char *name, ado_found_fn *on_done, void *data)
{
    char *escaped = http_escape(name);
    char *path = xasprintf("pools/%u/agents?agentName=%s&includeCapabilities=true&includeAssignedRequest=true", pool_id, escaped);
    free(escaped);
    ado_send(ado, ADO_MAY_READ, "GET", path, NULL, name, judge_list, on_done, data);
}

static char *body_of(const struct ado_new_agent *agent, uint64_t id)
{
    json_t *capabilities = json_object();
    for (size_t i = 0; i < agent->n_capabilities; i++)
        json_object_set_new(capabilities, agent->capabilities[i].name, json_string(agent->capabilities[i].value));
    json_t *body = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:i, s:o}", "name", agent->name, "version", agent->version, "osDescription",
                             agent->os, "enabled", 1, "status", "offline", "provisioningState", "Provisioned", "maxParallelism", 1,
                             "systemCapabilities", capabilities);
    CHECK(body != NULL);
    if (id)
        json_object_set_new(body, "id", json_integer((json_int_t)id));
    char *text = json_dump(body);
    json_decref(body);
    return text;
}

void ado_add_agent(struct ado *ado, uint32_t pool_id, const struct ado_new_agent *agent, ado_found_fn *on_done, void *data)
{
    ado_send(ado, ADO_MAY_ADD, "POST", xasprintf("pools/%u/agents", pool_id), body_of(agent, 0), agent->name, judge_agent, on_done, data);
}

void ado_replace_agent(struct ado *ado, uint32_t pool_id, uint64_t agent_id, const struct ado_new_agent *agent, ado_found_fn *on_done, void *data)
{
    char *path = xasprintf("pools/%u/agents/%llu", pool_id, (unsigned long long)agent_id);
    ado_send(ado, ADO_MAY_ADD, "PUT", path, body_of(agent, agent_id), agent->name, judge_agent, on_done, data);
}
