#include "reaper/ops.h"

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/unit_parse.h"

#include <stdlib.h>
#include <string.h>

struct op {
    struct ops *ops;
    struct op *next, *prev;
    enum reaper_action_kind kind;
    enum reaper_rule rule;
    char *name, *uid, *reason;
    char *pod_uid, *agent_container;     /* CHECK_POD */
    bool others_may_run;
    uint64_t request;
    uint32_t pool_id;
    uint64_t agent_id;
    char *agent_name;
};

struct ops {
    struct ops_options with;
    struct op list;                      /* sentinel */
    size_t n;
};

struct ops *ops_new(const struct ops_options *options)
{
    struct ops *ops = xcalloc(1, sizeof *ops);
    ops->with = *options;
    ops->list.next = ops->list.prev = &ops->list;
    return ops;
}

static void op_free(struct op *op)
{
    op->prev->next = op->next;
    op->next->prev = op->prev;
    op->ops->n--;
    loop_post_cancel(op->ops->with.loop, op);
    free(op->name);
    free(op->uid);
    free(op->reason);
    free(op->pod_uid);
    free(op->agent_container);
    free(op->agent_name);
    free(op);
}

void ops_free(struct ops **ops)
{
    if (!*ops)
        return;
    while ((*ops)->n)
        op_free((*ops)->list.next);
    free(*ops);
    *ops = NULL;
}

size_t ops_under_way(const struct ops *ops)
{
    return ops->n;
}

static struct op *op_new(struct ops *ops, const struct reaper_action *action)
{
    struct op *op = xcalloc(1, sizeof *op);
    const struct unit *unit = action->unit;
    *op = (struct op){
        .ops = ops,
        .next = ops->list.next,
        .prev = &ops->list,
        .kind = action->kind,
        .rule = action->rule,
        .name = xstrdup(unit ? unit->name : action->orphan->pod),
        .uid = xstrdup(unit ? unit->uid : action->orphan->uid),
        .reason = xstrdup(action->reason),
        .others_may_run = action->others_may_run,
        .request = unit ? unit->request_id : 0,
        .pool_id = action->pool_id,
        .agent_id = action->agent_id,
        .agent_name = xstrdup(action->agent_name),
    };
    op->next->prev = op;
    ops->list.next = op;
    ops->n++;
    return op;
}

/* ---- answers ---- */

static void finish(struct op *op, struct reaper_result result)
{
    struct ops *ops = op->ops;
    result.kind = op->kind;
    result.rule = op->rule;
    result.name = op->name;
    result.uid = op->uid;
    bool deletes = op->kind == REAPER_DELETE_UNIT || op->kind == REAPER_DELETE_POD;
    if (deletes && result.outcome == REAPER_OK)
        ops->with.on_deleted(ops->with.data, &result, op->request, op->reason);
    ops->with.on_result(ops->with.data, &result);
    op_free(op);
}

static const char *what_of(enum reaper_action_kind kind)
{
    switch (kind) {
    case REAPER_DELETE_UNIT: return "delete unit";
    case REAPER_CHECK_POD: return "read pod";
    case REAPER_DISABLE_AGENT: return "disable agent";
    case REAPER_READ_AGENT: return "read agent";
    case REAPER_ENABLE_AGENT: return "enable agent";
    case REAPER_DELETE_POD: return "delete orphan pod";
    case REAPER_TROUBLE: return "trouble";
    }
    return "";
}

static enum reaper_outcome outcome_of(const struct op *op, const struct err *err)
{
    if (err->code == ERR_NONE)
        return REAPER_OK;
    if (err->code == ERR_NOT_FOUND)
        return REAPER_ABSENT;
    bool deletes = op->kind == REAPER_DELETE_UNIT || op->kind == REAPER_DELETE_POD;
    if (deletes && (err->code == ERR_CONFLICT || err->code == ERR_EXISTS))
        return REAPER_CHANGED;
    log_warn("call failed, tried again later", kv_s("call", what_of(op->kind)), kv_s("unit", op->name), kv_s("reason", op->reason), kv_err(err));
    return REAPER_ERROR;
}

static void note_time(struct op *op, const struct kube_result *result)
{
    if (result->server_ms)
        op->ops->with.on_server_time(op->ops->with.data, result->server_ms);
}

static void on_deleted(void *data, const struct kube_result *result)
{
    struct op *op = data;
    note_time(op, result);
    finish(op, (struct reaper_result){.outcome = outcome_of(op, &result->err)});
}

/* The pod itself, now: has the agent's container started? Another pod than the one the decision was about is no answer. */
static enum reaper_outcome look_at_pod(const struct op *op, const json_t *pod)
{
    struct unit_pod_facts facts;
    if (unit_parse_pod(pod, op->agent_container, &facts))
        return REAPER_CHANGED;
    bool same = strcmp(facts.meta.uid, op->pod_uid) == 0;
    bool started = facts.phase != UNIT_PENDING || (facts.started && !op->others_may_run);
    unit_pod_facts_done(&facts);
    return !same ? REAPER_CHANGED : started ? REAPER_STARTED : REAPER_OK;
}

static void on_pod(void *data, const struct kube_result *result)
{
    struct op *op = data;
    note_time(op, result);
    enum reaper_outcome outcome = outcome_of(op, &result->err);
    if (outcome == REAPER_OK)
        outcome = look_at_pod(op, result->object);
    finish(op, (struct reaper_result){.outcome = outcome});
}

static void on_pods(void *data, const struct kube_result *result)
{
    struct op *op = data;
    note_time(op, result);
    enum reaper_outcome outcome = outcome_of(op, &result->err);
    if (outcome == REAPER_OK && json_array_size(json_at(result->object, "items")) > 0)
        outcome = REAPER_CHANGED;
    finish(op, (struct reaper_result){.outcome = outcome});
}

static void on_agent_set(void *data, const struct ado_result *result)
{
    struct op *op = data;
    enum reaper_outcome outcome = outcome_of(op, &result->err);
    if (outcome == REAPER_OK)
        log_info(op->kind == REAPER_DISABLE_AGENT ? "agent disabled" : "agent enabled", kv_s("agent", op->agent_name), kv_s("unit", op->name),
                 kv_s("reason", op->reason));
    finish(op, (struct reaper_result){.outcome = outcome});
}

static void on_agent(void *data, const struct ado_result *result, const struct ado_agent *agent)
{
    struct op *op = data;
    struct reaper_result answer = {.outcome = outcome_of(op, &result->err)};
    if (answer.outcome == REAPER_OK && agent) {
        answer.agent_enabled = agent->enabled;
        answer.agent_assigned = agent->assigned_request;
    }
    finish(op, answer);
}

/* ---- calls ---- */

static void check_pod(struct op *op, const struct unit *unit)
{
    struct kube_call_spec spec = {.verb = KUBE_GET, .api = "api/v1", .ns = unit->ns, .resource = "pods", .name = unit->pod, .on_done = on_pod, .data = op};
    if (unit->pod) {
        op->pod_uid = xstrdup(unit->pod_uid);
        op->agent_container = xstrdup(unit_agent_container(unit));
        kube_send(op->ops->with.kube, &spec);
        return;
    }
    char *query = xasprintf("labelSelector=job-name%%3D%s&limit=1", unit->name);
    spec.verb = KUBE_LIST;
    spec.query = query;
    spec.on_done = on_pods;
    kube_send(op->ops->with.kube, &spec);
    free(query);
}

static void finish_dry(void *data)
{
    finish(data, (struct reaper_result){.outcome = REAPER_DRY});
}

static bool changes_something(enum reaper_action_kind kind)
{
    switch (kind) {
    case REAPER_DELETE_UNIT:
    case REAPER_DISABLE_AGENT:
    case REAPER_ENABLE_AGENT:
    case REAPER_DELETE_POD: return true;
    case REAPER_CHECK_POD:
    case REAPER_READ_AGENT:
    case REAPER_TROUBLE: return false;
    }
    return true;
}

static void send(struct op *op, const struct reaper_action *action)
{
    struct kube *kube = op->ops->with.kube;
    struct ado *ado = op->ops->with.ado;
    const struct unit *unit = action->unit;
    switch (action->kind) {
    case REAPER_DELETE_UNIT:
        kube_delete(kube, "apis/batch/v1", unit->ns, "jobs", unit->name, unit->uid, action->same_version ? unit->resource_version : NULL, -1, on_deleted, op);
        return;
    case REAPER_DELETE_POD:
        kube_delete(kube, "api/v1", action->orphan->ns, "pods", action->orphan->pod, action->orphan->uid, NULL, -1, on_deleted, op);
        return;
    case REAPER_CHECK_POD:
        check_pod(op, unit);
        return;
    case REAPER_DISABLE_AGENT:
    case REAPER_ENABLE_AGENT:
        ado_enable_agent(ado, op->pool_id, op->agent_id, op->agent_name, action->kind == REAPER_ENABLE_AGENT, on_agent_set, op);
        return;
    case REAPER_READ_AGENT:
        ado_get_agent(ado, op->pool_id, op->agent_id, on_agent, op);
        return;
    case REAPER_TROUBLE:
        return;
    }
}

void ops_run(struct ops *ops, const struct reaper_action *action)
{
    CHECK(action->kind != REAPER_TROUBLE);
    struct op *op = op_new(ops, action);
    if (!ops->with.dry_run || !changes_something(action->kind)) {
        send(op, action);
        return;
    }
    log_info("dry run: nothing is changed", kv_s("would", what_of(op->kind)), kv_s("unit", op->name), kv_s("agent", op->agent_name),
             kv_i("request", (int64_t)op->request), kv_s("reason", op->reason));
    loop_post(ops->with.loop, finish_dry, op);
}
