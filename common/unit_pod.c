/* A pod's status as facts about its agent: does it run, did it end, why does it not start. */
#include "common/unit_parse.h"

#include "common/json.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct look {                    /* what parsing has at hand */
    const json_t *pod;
    const json_t *status;        /* of the agent's container; NULL = none yet */
    struct unit_pod_facts *facts;
};

static bool has_container(const json_t *pod, const char *name)
{
    size_t i;
    json_t *container;
    json_array_foreach(json_at(pod, "spec.containers"), i, container)
    {
        if (name && strcmp(json_text(container, "name"), name) == 0)
            return true;
    }
    return false;
}

/* A name that no container has would make a working agent look as if it never started. */
static const char *agent_container_name(const json_t *pod, const char *by_job)
{
    const char *own = unit_annotation(pod, ANNOTATION_AGENT_CONTAINER);
    if (has_container(pod, own))
        return own;
    if (has_container(pod, by_job))
        return by_job;
    return json_text(json_array_get(json_at(pod, "spec.containers"), 0), "name");
}

static const json_t *status_of(const json_t *pod, const char *container)
{
    const json_t *statuses = json_at(pod, "status.containerStatuses");
    size_t i;
    json_t *status;
    json_array_foreach(statuses, i, status)
    {
        if (strcmp(json_text(status, "name"), container) == 0)
            return status;
    }
    return json_array_size(statuses) == 1 ? json_array_get(statuses, 0) : NULL;
}

static bool ended_after_running(const json_t *terminated)
{
    return terminated && !unit_never_ran(json_text(terminated, "reason"));
}

static bool has_run(const json_t *status)
{
    return json_at(status, "state.running") || json_at(status, "lastState.running") || json_flag(status, "started", false) ||
           json_number(status, "restartCount", 0) > 0 || ended_after_running(json_at(status, "state.terminated")) ||
           ended_after_running(json_at(status, "lastState.terminated"));
}

static const json_t *condition_true(const json_t *pod, const char *type, const char *value)
{
    size_t i;
    json_t *condition;
    json_array_foreach(json_at(pod, "status.conditions"), i, condition)
    {
        if (strcmp(json_text(condition, "type"), type) == 0 && strcmp(json_text(condition, "status"), value) == 0)
            return condition;
    }
    return NULL;
}

static void set_trouble(struct unit_pod_facts *facts, enum unit_trouble trouble, const char *message)
{
    facts->trouble = trouble;
    free(facts->message);
    facts->message = unit_clean_message(message);
}

static bool waiting_trouble(struct unit_pod_facts *facts, const json_t *status)
{
    const json_t *waiting = json_at(status, "state.waiting");
    enum unit_trouble trouble = unit_trouble_of_waiting(json_text(waiting, "reason"));
    if (trouble == UNIT_FINE)
        return false;
    const char *message = json_text(waiting, "message");
    set_trouble(facts, trouble, *message ? message : json_text(waiting, "reason"));
    return true;
}

static const char *const STATUS_LISTS[] = {"status.initContainerStatuses", "status.containerStatuses"};

/* One walk over all containers: has any run, and what keeps one from starting (the first such wins, init containers first). */
static void walk_containers(const struct look *look)
{
    bool found = false;
    for (size_t list = 0; list < ARRAY_SIZE(STATUS_LISTS); list++) {
        size_t i;
        json_t *status;
        json_array_foreach(json_at(look->pod, STATUS_LISTS[list]), i, status)
        {
            look->facts->started |= has_run(status);
            found = found || waiting_trouble(look->facts, status);
        }
    }
}

static void why_not_scheduled(const struct look *look)
{
    const json_t *condition = condition_true(look->pod, "PodScheduled", "False");
    if (condition && look->facts->trouble == UNIT_FINE)
        set_trouble(look->facts, UNIT_UNSCHEDULABLE, json_text(condition, "message"));
}

/* The container that made the pod fail: the agent's, else the first that ended with a code other than 0. */
static const json_t *culprit(const struct look *look)
{
    const json_t *own = json_at(look->status, "state.terminated");
    if (own)
        return own;
    for (size_t list = 0; list < ARRAY_SIZE(STATUS_LISTS); list++) {
        size_t i;
        json_t *status;
        json_array_foreach(json_at(look->pod, STATUS_LISTS[list]), i, status)
        {
            if (json_number(status, "state.terminated.exitCode", 0) != 0)
                return json_at(status, "state.terminated");
        }
    }
    return NULL;
}

/* What hit the pod from outside, UNIT_FINE = nothing. */
static enum unit_trouble infrastructure_trouble(const json_t *pod)
{
    enum unit_trouble trouble = unit_trouble_of_pod_reason(json_text(pod, "status.reason"));
    const json_t *disruption = condition_true(pod, "DisruptionTarget", "True");
    return trouble == UNIT_FINE && disruption ? unit_trouble_of_disruption(json_text(disruption, "reason")) : trouble;
}

static enum unit_trouble trouble_of_end(const json_t *pod, const json_t *terminated)
{
    const char *reason = json_text(terminated, "reason");
    enum unit_trouble trouble = infrastructure_trouble(pod);
    if (strcmp(reason, "OOMKilled") == 0)
        return UNIT_OOM;
    if (trouble != UNIT_FINE)
        return trouble;
    return unit_never_ran(reason) ? UNIT_CONTAINER_CONFIG : UNIT_CRASH;
}

static const char *first_text(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (*texts[i])
            return texts[i];
    return "";
}

static struct wall end_stamp(const struct look *look, const json_t *terminated)
{
    const json_t *ready = condition_true(look->pod, "Ready", "False"), *disruption = condition_true(look->pod, "DisruptionTarget", "True");
    struct wall stamps[] = {
        wall_parse(json_text(terminated, "finishedAt"), NULL),
        wall_parse(json_text(ready, "lastTransitionTime"), NULL),
        wall_parse(json_text(disruption, "lastTransitionTime"), NULL),
    };
    for (size_t i = 0; i < ARRAY_SIZE(stamps); i++)
        if (stamps[i].ms > 0)
            return stamps[i];
    return (struct wall){0};
}

static void describe_end(const struct look *look)
{
    struct unit_pod_facts *facts = look->facts;
    const json_t *own = json_at(look->status, "state.terminated"), *terminated = culprit(look);
    facts->phase = UNIT_ENDED;
    facts->exit_code = (int)json_number(own, "exitCode", -1);
    facts->ended = end_stamp(look, terminated);
    set_trouble(facts, UNIT_FINE, "");
    bool well = own ? facts->exit_code == 0 : strcmp(json_text(look->pod, "status.phase"), "Succeeded") == 0;
    if (well)
        return;
    const json_t *disruption = condition_true(look->pod, "DisruptionTarget", "True");
    const char *texts[] = {json_text(look->pod, "status.message"), json_text(terminated, "message"), json_text(disruption, "message"),
                           json_text(look->pod, "status.reason"), json_text(terminated, "reason")};
    set_trouble(facts, trouble_of_end(look->pod, terminated), first_text(texts, ARRAY_SIZE(texts)));
}

static void describe_running(const struct look *look)
{
    look->facts->phase = UNIT_RUNNING;
    enum unit_trouble trouble = infrastructure_trouble(look->pod);
    const char *message = json_text(look->pod, "status.message");
    if (!*message)
        message = json_text(condition_true(look->pod, "DisruptionTarget", "True"), "message");
    set_trouble(look->facts, trouble, trouble == UNIT_FINE ? "" : message);
}

static void describe(const struct look *look)
{
    const char *phase = json_text(look->pod, "status.phase");
    bool over = strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
    walk_containers(look);
    if (over || json_at(look->status, "state.terminated"))
        describe_end(look);
    else if (json_at(look->status, "state.running"))
        describe_running(look);
    else
        why_not_scheduled(look);
}

int unit_parse_pod(const json_t *pod, const char *agent_container, struct unit_pod_facts *ret)
{
    struct unit_pod_facts facts = {.phase = UNIT_PENDING, .exit_code = -1};
    if (unit_parse_meta(pod, &facts.meta))
        return -1;
    facts.several = json_array_size(json_at(pod, "spec.containers")) > 1;
    const struct look look = {
        .pod = pod,
        .status = status_of(pod, agent_container_name(pod, agent_container)),
        .facts = &facts,
    };
    describe(&look);
    *ret = facts;
    return 0;
}
