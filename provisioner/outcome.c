#include "provisioner/outcome.h"

#include "common/json.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct outcome retry_throttled = {.result = LEDGER_RETRY, .code = "throttled"};
static const struct outcome retry_conflict = {.result = LEDGER_RETRY, .code = "conflict"};
static const struct outcome retry_unreachable = {.result = LEDGER_RETRY, .code = "unreachable"};
static const struct outcome retry_unavailable = {.result = LEDGER_RETRY, .code = "unavailable"};

static struct outcome refused(const char *code)
{
    return (struct outcome){.result = LEDGER_REFUSED, .code = code};
}

static struct outcome namespace_lost(void)
{
    struct outcome o = refused("namespace");
    o.namespace_lost = true;
    return o;
}

static struct outcome of_refusal(const struct kube_result *result)
{
    switch (result->refusal) {
    case KUBE_QUOTA: return (struct outcome){.result = LEDGER_REFUSED_QUOTA, .code = "quota"};
    case KUBE_RBAC: return refused("rbac");
    case KUBE_ADMISSION: return refused("admission");
    case KUBE_NAMESPACE_TERMINATING:
    case KUBE_NAMESPACE_MISSING: return namespace_lost();
    case KUBE_API_MISSING: return refused("api");
    case KUBE_MANIFEST: return refused("template");
    case KUBE_REFUSAL_NONE: break;
    }
    return refused("refused");
}

struct outcome outcome_of_create(const struct kube_result *result)
{
    switch (result->err.code) {
    case ERR_NONE: return (struct outcome){.result = LEDGER_OK, .code = ""};
    case ERR_EXISTS: return (struct outcome){.result = LEDGER_RETRY, .code = "name-taken", .exists = true};
    case ERR_CONFLICT: return retry_conflict;    /* the quota's own bookkeeping lost a race */
    case ERR_THROTTLED: return retry_throttled;
    case ERR_UNAVAILABLE:
    case ERR_GONE: return retry_unavailable;
    case ERR_IO:
    case ERR_TIMEOUT:
    case ERR_CANCELLED: return retry_unreachable;
    case ERR_AUTH: return refused("auth");
    case ERR_CONFIG:
    case ERR_INVALID:
    case ERR_DENIED:
    case ERR_NOT_FOUND:
    case ERR_TOO_LARGE: return of_refusal(result);
    }
    return retry_unavailable;
}

/* ---- what has the name ---- */

static const char *member(const json_t *job, const char *map, const char *key)
{
    const char *text = json_string_value(json_object_get(json_at(job, map), key));
    return str_or_empty(text);
}

static bool is_number(const char *text, uint64_t number)
{
    char wanted[24];
    snprintf(wanted, sizeof wanted, "%" PRIu64, number);
    return strcmp(text, number ? wanted : "") == 0;
}

static bool is_ours(const json_t *job, const struct outcome_identity *us)
{
    return strcmp(member(job, "metadata.labels", LABEL_MANAGED_BY), MANAGED_BY) == 0 &&
           strcmp(member(job, "metadata.labels", LABEL_INSTANCE), us->instance) == 0 &&
           strcmp(member(job, "metadata.annotations", ANNOTATION_POOL), us->pool) == 0 &&
           is_number(member(job, "metadata.annotations", ANNOTATION_REQUEST), us->request_id) &&
           is_number(member(job, "metadata.annotations", ANNOTATION_ATTEMPT), us->attempt);
}

static bool has_ended(const json_t *job)
{
    size_t i;
    json_t *condition;
    json_array_foreach(json_at(job, "status.conditions"), i, condition) {
        const char *type = json_text(condition, "type");
        bool final = strcmp(type, "Complete") == 0 || strcmp(type, "Failed") == 0 || strcmp(type, "FailureTarget") == 0 || strcmp(type, "SuccessCriteriaMet") == 0;
        if (final && strcmp(json_text(condition, "status"), "True") == 0)
            return true;
    }
    return false;
}

static bool shown_as_ended(const json_t *job, const struct unit *shown)
{
    return shown && strcmp(str_or_empty(shown->uid), json_text(job, "metadata.uid")) == 0 && (shown->phase == UNIT_ENDED || shown->deleting);
}

struct outcome outcome_of_existing(const struct kube_result *result, const struct outcome_identity *us, const struct unit *shown)
{
    if (result->err.code == ERR_NOT_FOUND && result->refusal == KUBE_REFUSAL_NONE)
        return (struct outcome){.result = LEDGER_RETRY, .code = "conflict"};   /* just deleted: the name is free */
    if (result->err.code != ERR_NONE)
        return outcome_of_create(result);
    const json_t *job = result->object;
    if (!is_ours(job, us))
        return (struct outcome){.result = LEDGER_TAKEN, .code = "name-taken"};
    if (json_at(job, "metadata.deletionTimestamp") || has_ended(job) || shown_as_ended(job, shown))
        return (struct outcome){.result = LEDGER_SPENT, .code = "spent"};
    return (struct outcome){.result = LEDGER_OK, .code = ""};
}
