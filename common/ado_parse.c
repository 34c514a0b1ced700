#include "common/ado_parse.h"

#include "common/json.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void ado_scratch_done(struct ado_scratch *scratch)
{
    free(scratch->texts);
    *scratch = (struct ado_scratch){0};
}

/* .NET writes dates without a zone when their kind is unspecified (they are UTC), and year 1 for "not set". */
static int date_ms(const json_t *row, const char *member, int64_t *ret, struct err *err)
{
    const char *text = json_text(row, member);
    *ret = 0;
    if (!*text)
        return 0;
    bool ok;
    struct wall t = wall_parse(text, &ok);
    if (!ok && strlen(text) < WALL_TEXT_MAX) {
        char zoned[WALL_TEXT_MAX + 1];
        snprintf(zoned, sizeof zoned, "%sZ", text);
        t = wall_parse(zoned, &ok);
    }
    if (!ok)
        return err_set(err, ERR_INVALID, "%s \"%.64s\" is no date", member, text);
    *ret = t.ms > 0 ? t.ms : 0;
    return 0;
}

static int list_demands(const json_t *list, struct ado_scratch *scratch, struct ado_request *ret, struct err *err)
{
    size_t n = json_array_size(list);
    if (n > scratch->cap) {
        scratch->texts = xreallocarray(scratch->texts, n, sizeof *scratch->texts);
        scratch->cap = n;
    }
    for (size_t i = 0; i < n; i++) {
        scratch->texts[i] = json_string_value(json_array_get(list, i));
        if (!scratch->texts[i])
            return err_set(err, ERR_INVALID, "a demand is not a text");
    }
    ret->demands = scratch->texts;
    ret->n_demands = n;
    return 0;
}

static int row_id(const json_t *row, const char *path, uint64_t *ret, struct err *err)
{
    int64_t id = json_number(row, path, 0);
    if (id <= 0)
        return err_set(err, ERR_INVALID, "a row has no %s", path);
    *ret = (uint64_t)id;
    return 0;
}

static uint64_t id_or_zero(const json_t *row, const char *path)
{
    int64_t id = json_number(row, path, 0);
    return id > 0 ? (uint64_t)id : 0;
}

static int int_within(int64_t number)
{
    return number > INT32_MAX ? INT32_MAX : number < INT32_MIN ? INT32_MIN : (int)number;
}

static bool is_online(const json_t *agent)
{
    return strcasecmp(json_text(agent, "status"), "online") == 0;
}

static int request_dates(const json_t *row, struct ado_request *ret, struct err *err)
{
    if (date_ms(row, "queueTime", &ret->queued_ms, err) || date_ms(row, "assignTime", &ret->assigned_ms, err) ||
        date_ms(row, "receiveTime", &ret->received_ms, err) || date_ms(row, "finishTime", &ret->finished_ms, err))
        return err_prefix(err, "request %llu", (unsigned long long)ret->id);
    return 0;
}

int ado_parse_request(const json_t *row, struct ado_scratch *scratch, struct ado_request *ret, struct err *err)
{
    const json_t *agent = json_at(row, "reservedAgent");
    *ret = (struct ado_request){
        .result = json_text(row, "result"),
        .agent_id = id_or_zero(agent, "id"),
        .agent_name = json_text(agent, "name"),
        .agent_online = is_online(agent),
        .agent_enabled = json_flag(agent, "enabled", true),
        .priority = int_within(json_number(row, "priority", 0)),
        .job_id = json_text(row, "jobId"),
        .plan = json_text(row, "planId"),
        .definition = json_text(row, "definition.name"),
        .run = json_text(row, "owner.name"),
        .url = json_text(row, "owner._links.web.href"),
    };
    if (row_id(row, "requestId", &ret->id, err) || request_dates(row, ret, err))
        return -1;
    if (list_demands(json_at(row, "demands"), scratch, ret, err))
        return err_prefix(err, "request %llu", (unsigned long long)ret->id);
    return 0;
}

bool ado_request_finished(const struct ado_request *request)
{
    return *request->result || request->finished_ms > 0;
}

static const char *capability(const json_t *agent, const char *name)
{
    return str_or_empty(json_string_value(json_object_get(json_at(agent, "systemCapabilities"), name)));
}

static const char *either(const char *first, const char *second)
{
    return *first ? first : second;
}

int ado_parse_agent(const json_t *row, struct ado_agent *ret, struct err *err)
{
    *ret = (struct ado_agent){
        .name = json_text(row, "name"),
        .host_name = either(capability(row, "Agent.ComputerName"), capability(row, "HOSTNAME")),
        .instance = capability(row, "ADO_ORCHESTRATOR_INSTANCE"),
        .placeholder = *capability(row, "ADO_ORCHESTRATOR_PLACEHOLDER") != '\0',
        .version = either(json_text(row, "version"), capability(row, "Agent.Version")),
        .online = is_online(row),
        .enabled = json_flag(row, "enabled", true),
        .assigned_request = id_or_zero(row, "assignedRequest.requestId"),
        .last_request = id_or_zero(row, "lastCompletedRequest.requestId"),
        .assigned_received = *json_text(row, "assignedRequest.receiveTime") != '\0',
    };
    return row_id(row, "id", &ret->id, err);
}

static int no_such_pool(const char *name, size_t n_exact, const char *similar, bool hosted, struct err *err)
{
    if (n_exact > 1)
        return err_set(err, ERR_NOT_FOUND, "agent pool \"%s\" exists %zu times", name, n_exact);
    if (hosted)
        return err_set(err, ERR_NOT_FOUND, "agent pool \"%s\" is Microsoft-hosted: agents cannot be added to it", name);
    if (similar)
        return err_set(err, ERR_NOT_FOUND, "there is no agent pool \"%s\", but there is \"%.200s\": write it exactly so", name, similar);
    return err_set(err, ERR_NOT_FOUND, "there is no agent pool \"%s\" in this organization, or the credential may not see it", name);
}

int ado_parse_pool(const json_t *reply, const char *name, struct ado_pool *ret, struct err *err)
{
    const json_t *list = json_at(reply, "value"), *found = NULL;
    const char *similar = NULL;
    size_t n_exact = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        const char *other = json_text(row, "name");
        if (strcmp(other, name) == 0) {
            found = row;
            n_exact++;
        } else if (strcasecmp(other, name) == 0) {
            similar = other;
        }
    }
    bool hosted = json_flag(found, "isHosted", false);
    if (n_exact != 1 || hosted)
        return no_such_pool(name, n_exact, similar, hosted, err);
    uint64_t id = 0;
    if (row_id(found, "id", &id, err))
        return -1;
    if (id > UINT32_MAX)
        return err_set(err, ERR_INVALID, "agent pool \"%s\" has an impossible id", name);
    union { const char *in; char *out; } borrowed = {.in = json_text(found, "name")};
    *ret = (struct ado_pool){.id = (uint32_t)id, .name = borrowed.out, .hosted = hosted};
    return 0;
}

int ado_check_count(const json_t *envelope, bool saw_array, uint64_t rows, struct err *err)
{
    int64_t count = json_number(envelope, "count", -1);
    if (!saw_array && count != 0)
        return err_set(err, ERR_INVALID, "the reply holds no list");
    if (count >= 0 && (uint64_t)count != rows)
        return err_set(err, ERR_INVALID, "the reply counts %lld rows, %llu came", (long long)count, (unsigned long long)rows);
    return 0;
}
