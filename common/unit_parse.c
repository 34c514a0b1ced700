#include "common/unit_parse.h"

#include "common/json.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *mark_of(const json_t *object, const char *kind, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(json_object_get(object, "metadata"), kind), name));
    return text ? text : "";
}

const char *unit_annotation(const json_t *object, const char *name)
{
    return mark_of(object, "annotations", name);
}

/* Plain decimal digits only; 0 for anything else. */
static uint64_t whole_number(const char *text, uint64_t max)
{
    if (!*text || strspn(text, "0123456789") != strlen(text))
        return 0;
    errno = 0;
    uint64_t value = strtoull(text, NULL, 10);
    return errno || value > max ? 0 : value;
}

static size_t utf8_cut(const char *text, size_t n)
{
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

char *unit_clean_message(const char *text)
{
    size_t n = strlen(text);
    if (n > UNIT_MESSAGE_MAX)
        n = utf8_cut(text, UNIT_MESSAGE_MAX);
    char *clean = xstrndup(text, n);
    for (char *c = clean; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    for (size_t end = strlen(clean); end > 0 && clean[end - 1] == ' ';)
        clean[--end] = '\0';
    size_t lead = strspn(clean, " ");
    memmove(clean, clean + lead, strlen(clean) - lead + 1);
    if (!*clean) {
        free(clean);
        return NULL;
    }
    return clean;
}

static char *controller_uid(const json_t *object)
{
    size_t i;
    json_t *owner;
    json_array_foreach(json_at(object, "metadata.ownerReferences"), i, owner)
    {
        if (json_flag(owner, "controller", false) && *json_text(owner, "uid"))
            return xstrdup(json_text(owner, "uid"));
    }
    return NULL;
}

int unit_parse_meta(const json_t *object, struct unit_meta *ret)
{
    const char *name = json_text(object, "metadata.name"), *uid = json_text(object, "metadata.uid");
    if (!*name || !*uid)
        return -1;
    *ret = (struct unit_meta){
        .name = xstrdup(name),
        .uid = xstrdup(uid),
        .resource_version = xstrdup(json_text(object, "metadata.resourceVersion")),
        .ns = xstrdup(json_text(object, "metadata.namespace")),
        .owner_uid = controller_uid(object),
        .created = wall_parse(json_text(object, "metadata.creationTimestamp"), NULL),
        .deleting = *json_text(object, "metadata.deletionTimestamp") != '\0',
        .held = json_object_get(json_at(object, "metadata.annotations"), ANNOTATION_HOLD) != NULL,
    };
    return 0;
}

void unit_meta_done(struct unit_meta *meta)
{
    free(meta->name);
    free(meta->uid);
    free(meta->resource_version);
    free(meta->ns);
    free(meta->owner_uid);
}

/* Only the terminal conditions count: SuccessCriteriaMet and FailureTarget come while pods still run, the rest means something else. */
static const json_t *terminal_condition(const json_t *job)
{
    size_t i;
    json_t *condition;
    json_array_foreach(json_at(job, "status.conditions"), i, condition)
    {
        const char *type = json_text(condition, "type");
        if ((strcmp(type, "Complete") == 0 || strcmp(type, "Failed") == 0) && strcmp(json_text(condition, "status"), "True") == 0)
            return condition;
    }
    return NULL;
}

static void read_end(const json_t *job, struct unit_job_facts *ret)
{
    const json_t *condition = terminal_condition(job);
    if (!condition)
        return;
    ret->finished = true;
    ret->ended = wall_parse(json_text(job, "status.completionTime"), NULL);
    if (!ret->ended.ms)
        ret->ended = wall_parse(json_text(condition, "lastTransitionTime"), NULL);
    if (strcmp(json_text(condition, "type"), "Complete") == 0)
        return;
    ret->trouble = strcmp(json_text(condition, "reason"), "DeadlineExceeded") == 0 ? UNIT_DEADLINE : UNIT_CRASH;
    ret->message = unit_clean_message(json_text(condition, "message"));
}

int unit_parse_job(const json_t *job, struct unit_job_facts *ret)
{
    struct unit_job_facts facts = {0};
    if (unit_parse_meta(job, &facts.meta))
        return -1;
    facts.pool_id = (uint32_t)whole_number(mark_of(job, "labels", LABEL_POOL_ID), UINT32_MAX);
    facts.pool = xstrdup(unit_annotation(job, ANNOTATION_POOL));
    facts.template_name = xstrdup(mark_of(job, "labels", LABEL_TEMPLATE));
    facts.request_id = whole_number(unit_annotation(job, ANNOTATION_REQUEST), INT64_MAX);
    facts.attempt = (uint32_t)whole_number(unit_annotation(job, ANNOTATION_ATTEMPT), UINT32_MAX);
    const char *container = unit_annotation(job, ANNOTATION_AGENT_CONTAINER);
    facts.agent_container = *container ? xstrdup(container) : NULL;
    read_end(job, &facts);
    *ret = facts;
    return 0;
}

void unit_job_facts_done(struct unit_job_facts *facts)
{
    unit_meta_done(&facts->meta);
    free(facts->pool);
    free(facts->template_name);
    free(facts->agent_container);
    free(facts->message);
    *facts = (struct unit_job_facts){0};
}

void unit_pod_facts_done(struct unit_pod_facts *facts)
{
    unit_meta_done(&facts->meta);
    free(facts->message);
    *facts = (struct unit_pod_facts){0};
}
