#include "provisioner/jobspec.h"

#include "common/mem.h"
#include "common/mono.h"
#include "common/unit.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jobspec {
    json_t *body;
    json_t *labels[2], *annotations[2];   /* of the Job and of its pods; borrowed from body */
    json_t *name, *agent_name;            /* texts that change with each unit; borrowed from body */
    uint32_t pool_id;
    char hash[17];
};

void jobspec_label(char out[JOBSPEC_NAME_MAX], const char *text)
{
    size_t n = 0;
    for (; *text && n < 63; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c < 128 && isalnum(c);
        if (n == 0 && !plain)
            continue;
        out[n++] = plain || c == '.' || c == '_' ? (char)c : '-';
    }
    while (n && !isalnum((unsigned char)out[n - 1]))
        n--;
    out[n] = '\0';
}

/* Text from outside may hold bytes that are not UTF-8, which no API server takes. */
static json_t *text_or_empty(const char *text)
{
    json_t *value = json_string(text);
    return value ? value : json_string("");
}

char *jobspec_demands(const char *const *demands, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(demands[i]));
    char *text = json_dumps(list, JSON_COMPACT);
    while (strlen(text) > JOBSPEC_DEMANDS_MAX) {
        free(text);
        json_array_remove(list, json_array_size(list) - 1);
        text = json_dumps(list, JSON_COMPACT);
    }
    json_decref(list);
    return text;
}

/* ---- prepared once ---- */

static json_t *object_in(json_t *parent, const char *key)
{
    json_t *child = json_object_get(parent, key);
    if (json_is_object(child))
        return child;
    json_object_set_new(parent, key, json_object());
    return json_object_get(parent, key);
}

static json_t *env_find(json_t *env, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach(env, i, entry)
        if (json_is_string(json_object_get(entry, "name")) && strcmp(json_string_value(json_object_get(entry, "name")), name) == 0)
            return entry;
    return NULL;
}

static void env_remove_others(json_t *env, const json_t *keep, const char *name)
{
    for (size_t i = json_array_size(env); i-- > 0;) {
        json_t *entry = json_array_get(env, i);
        const char *other = json_string_value(json_object_get(entry, "name"));
        if (entry != keep && other && strcmp(other, name) == 0)
            json_array_remove(env, i);
    }
}

/* In the place where the file has it; else in front, so that the file's own values may refer to it. Returns the entry, borrowed. */
static json_t *env_entry(json_t *env, const char *name)
{
    json_t *entry = env_find(env, name);
    if (!entry) {
        json_array_insert_new(env, 0, json_pack("{s:s}", "name", name));
        return json_array_get(env, 0);
    }
    env_remove_others(env, entry, name);
    json_object_del(entry, "valueFrom");
    return entry;
}

static json_t *env_set(json_t *env, const char *name, const char *value)
{
    json_t *entry = env_entry(env, name);
    json_object_set_new(entry, "value", text_or_empty(value));
    return json_object_get(entry, "value");
}

static json_t *agent_env(json_t *pod, size_t agent)
{
    json_t *container = json_array_get(json_object_get(pod, "containers"), agent);
    CHECK(json_is_object(container));
    json_t *env = json_object_get(container, "env");
    if (json_is_array(env))
        return env;
    json_object_set_new(container, "env", json_array());
    return json_object_get(container, "env");
}

static void add_env(struct jobspec *spec, json_t *pod, const struct jobspec_options *o)
{
    json_t *env = agent_env(pod, o->agent);
    if (o->token_secret) {
        json_t *from = json_pack("{s:{s:s, s:s}}", "secretKeyRef", "name", o->token_secret, "key", o->token_key);
        json_object_set_new(env_entry(env, "AZP_TOKEN"), "valueFrom", from);
    }
    env_set(env, "ADO_ORCHESTRATOR_INSTANCE", o->instance);
    spec->agent_name = env_set(env, "AZP_AGENT_NAME", "");
    env_set(env, "AZP_POOL", o->pool);
    env_set(env, "AZP_URL", o->org_url);
}

static void add_labels(json_t *labels, const struct jobspec_options *o)
{
    char value[JOBSPEC_NAME_MAX];
    json_object_set_new(labels, LABEL_MANAGED_BY, json_string(MANAGED_BY));
    json_object_set_new(labels, LABEL_INSTANCE, text_or_empty(o->instance));
    jobspec_label(value, o->template_name);
    json_object_set_new(labels, LABEL_TEMPLATE, json_string(value));
    json_object_set_new(labels, LABEL_POOL_ID, json_string("0"));
}

/* The reader of a pod must find it there, wherever the file has it. */
static void spread_agent_annotation(json_t *annotations[2])
{
    for (int i = 0; i < 2; i++) {
        json_t *value = json_object_get(annotations[i], ANNOTATION_AGENT_CONTAINER);
        if (value && !json_object_get(annotations[1 - i], ANNOTATION_AGENT_CONTAINER))
            json_object_set(annotations[1 - i], ANNOTATION_AGENT_CONTAINER, value);
    }
}

static void hash_body(struct jobspec *spec)
{
    char *text = json_dumps(spec->body, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t h = 0xcbf29ce484222325ull;
    for (const char *p = text; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3ull;
    free(text);
    snprintf(spec->hash, sizeof spec->hash, "%016" PRIx64, h);
}

struct jobspec *jobspec_new(const struct jobspec_options *o)
{
    struct jobspec *spec = xcalloc(1, sizeof *spec);
    spec->body = json_deep_copy(o->job);
    json_t *metadata = object_in(spec->body, "metadata"), *job = object_in(spec->body, "spec"), *pods = object_in(job, "template");
    json_t *owners[2] = {metadata, object_in(pods, "metadata")};
    json_object_set_new(metadata, "namespace", text_or_empty(o->ns));
    json_object_set_new(metadata, "name", json_string(""));
    spec->name = json_object_get(metadata, "name");
    if (!json_is_integer(json_object_get(job, "ttlSecondsAfterFinished")))
        json_object_set_new(job, "ttlSecondsAfterFinished", json_integer(o->ttl_s));
    for (int i = 0; i < 2; i++) {
        spec->labels[i] = object_in(owners[i], "labels");
        spec->annotations[i] = object_in(owners[i], "annotations");
        add_labels(spec->labels[i], o);
        json_object_set_new(spec->annotations[i], ANNOTATION_POOL, text_or_empty(o->pool));
    }
    spread_agent_annotation(spec->annotations);
    add_env(spec, object_in(pods, "spec"), o);
    hash_body(spec);
    for (int i = 0; i < 2; i++)
        json_object_set_new(spec->annotations[i], ANNOTATION_TEMPLATE_HASH, json_string(spec->hash));
    return spec;
}

void jobspec_free(struct jobspec **spec)
{
    struct jobspec *s = *spec;
    *spec = NULL;
    if (!s)
        return;
    json_decref(s->body);
    free(s);
}

const char *jobspec_hash(const struct jobspec *spec)
{
    return spec->hash;
}

/* ---- per unit ---- */

static void set_both(json_t *objects[2], const char *key, json_t *value)
{
    json_object_set_nocheck(objects[0], key, value);
    json_object_set_new_nocheck(objects[1], key, value);
}

static void annotate(struct jobspec *spec, const char *key, const char *text)
{
    set_both(spec->annotations, key, json_string_nocheck(text));
}

static void annotate_number(struct jobspec *spec, const char *key, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    annotate(spec, key, text);
}

static void unannotate(struct jobspec *spec, const char *key)
{
    json_object_del(spec->annotations[0], key);
    json_object_del(spec->annotations[1], key);
}

static void annotate_request(struct jobspec *spec, const struct jobspec_unit *unit)
{
    char when[WALL_TEXT_MAX], *demands = jobspec_demands(unit->demands, unit->n_demands);
    annotate_number(spec, ANNOTATION_REQUEST, unit->request_id);
    annotate(spec, ANNOTATION_DEMANDS, demands);
    annotate(spec, ANNOTATION_QUEUED, wall_format((struct wall){unit->queued_ms}, when));
    free(demands);
}

static void label_pool(struct jobspec *spec, uint32_t pool_id)
{
    if (spec->pool_id == pool_id)
        return;
    char text[16];
    snprintf(text, sizeof text, "%" PRIu32, pool_id);
    set_both(spec->labels, LABEL_POOL_ID, json_string_nocheck(text));
    spec->pool_id = pool_id;
}

const json_t *jobspec_body(struct jobspec *spec, const struct jobspec_unit *unit)
{
    json_string_set_nocheck(spec->name, unit->name);
    json_string_set_nocheck(spec->agent_name, unit->name);
    label_pool(spec, unit->pool_id);
    annotate_number(spec, ANNOTATION_ATTEMPT, unit->attempt);
    if (unit->request_id) {
        annotate_request(spec, unit);
        return spec->body;
    }
    unannotate(spec, ANNOTATION_REQUEST);
    unannotate(spec, ANNOTATION_DEMANDS);
    unannotate(spec, ANNOTATION_QUEUED);
    return spec->body;
}
