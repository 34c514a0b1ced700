/* What a Job document must be so that it can run one agent for one job: refused, overridden, looked at. */
#include "common/mem.h"
#include "common/unit.h"
#include "provisioner/jobfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const struct jobfile *file, const struct yaml_node *at, const char *what, const char *why, struct err *err)
{
    return yaml_error(file->doc, at, err, "%s cannot be set in a job definition file: %s", what, why);
}

/* ---- shape ---- */

static int want_kind(const struct jobfile *file, const struct yaml_node *root, const char *path, enum yaml_kind kind, bool required, struct err *err)
{
    const struct yaml_node *node = jobfile_node(root, path);
    if (!node && required)
        return yaml_error(file->doc, yaml_nearest(root, path), err, "%s is missing", path);
    if (node && node->kind != kind)
        return yaml_error(file->doc, node, err, "%s must be a %s", path, kind == YAML_MAP ? "map" : "list");
    return 0;
}

static int check_shape(const struct jobfile *file, const struct yaml_node *root, struct err *err)
{
    static const struct { const char *path; enum yaml_kind kind; bool required; } shape[] = {
        {"metadata", YAML_MAP, false},
        {"metadata.labels", YAML_MAP, false},
        {"metadata.annotations", YAML_MAP, false},
        {"spec", YAML_MAP, true},
        {"spec.template", YAML_MAP, true},
        {"spec.template.metadata", YAML_MAP, false},
        {"spec.template.metadata.labels", YAML_MAP, false},
        {"spec.template.metadata.annotations", YAML_MAP, false},
        {"spec.template.spec", YAML_MAP, true},
        {"spec.template.spec.initContainers", YAML_LIST, false},
        {"spec.template.spec.containers", YAML_LIST, true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(shape); i++)
        if (want_kind(file, root, shape[i].path, shape[i].kind, shape[i].required, err))
            return -1;
    return 0;
}

/* ---- refused ---- */

static int check_refused(const struct jobfile *file, const struct yaml_node *root, struct err *err)
{
    static const char made_by_server[] = "the API server sets it; remove it";
    static const struct { const char *path, *why; } refused[] = {
        {"spec.suspend", "a suspended Job never runs its agent; remove it"},
        {"spec.manualSelector", "each unit selects its own pod; remove it"},
        {"spec.selector", "each unit selects its own pod; remove it"},
        {"metadata.generateName", "names are made by the orchestrator; use metadata.name, it becomes the prefix"},
        {"metadata.uid", made_by_server},
        {"metadata.resourceVersion", made_by_server},
        {"metadata.generation", made_by_server},
        {"metadata.creationTimestamp", made_by_server},
        {"metadata.managedFields", made_by_server},
        {"metadata.selfLink", made_by_server},
        {"metadata.deletionTimestamp", made_by_server},
        {"metadata.deletionGracePeriodSeconds", made_by_server},
    };
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        const struct yaml_node *at = jobfile_node(root, refused[i].path);
        if (at)
            return refuse(file, at, refused[i].path, refused[i].why, err);
    }
    const struct yaml_node *status = jobfile_node(root, "status");   /* `status: {}` is what kubectl --dry-run prints */
    if (status && !(status->kind == YAML_MAP && status->n == 0))
        return refuse(file, status, "status", made_by_server, err);
    return 0;
}

static int check_account(const struct jobfile *file, const struct yaml_node *root, const struct jobfile_rules *rules, struct err *err)
{
    static const char *const paths[] = {"spec.template.spec.serviceAccountName", "spec.template.spec.serviceAccount"};
    for (size_t i = 0; i < ARRAY_SIZE(paths) && rules->own_account; i++) {
        const struct yaml_node *at = jobfile_node(root, paths[i]);
        if (at && strcmp(str_or_empty(at->text), rules->own_account) == 0)
            return yaml_error(file->doc, at, err,
                              "the ServiceAccount \"%s\" is the orchestrator's own: pipelines could create and delete units with it; name another one",
                              rules->own_account);
    }
    return 0;
}

/* ---- what the API server would refuse with "expects \" or n" ---- */

static int want_text(const struct jobfile *file, const struct yaml_node *at, const char *what, struct err *err)
{
    if (!at || at->kind == YAML_TEXT || at->kind == YAML_NULL)
        return 0;
    if (at->kind == YAML_LIST || at->kind == YAML_MAP)
        return yaml_error(file->doc, at, err, "%s must be a text", what);
    return yaml_error(file->doc, at, err, "%s must be a text, and YAML reads this as something else: quote it, \"%s\"", what, str_or_empty(at->text));
}

static int want_text_values(const struct jobfile *file, const struct yaml_node *root, const char *path, const char *what, struct err *err)
{
    const struct yaml_node *node = jobfile_node(root, path);
    if (!node || (node->kind != YAML_MAP && node->kind != YAML_LIST))
        return 0;
    for (size_t i = 0; i < node->n; i++)
        if (want_text(file, node->values[i], what, err))
            return -1;
    return 0;
}

static int check_env(const struct jobfile *file, const struct yaml_node *container, struct err *err)
{
    const struct yaml_node *env = jobfile_node(container, "env");
    if (!env)
        return 0;
    if (env->kind != YAML_LIST)
        return yaml_error(file->doc, env, err, "env must be a list of name and value");
    for (size_t i = 0; i < env->n; i++) {
        const struct yaml_node *name = jobfile_node(env->values[i], "name");
        if (!name || name->kind != YAML_TEXT)
            return yaml_error(file->doc, env->values[i], err, "each entry of env needs a name");
        if (want_text(file, jobfile_node(env->values[i], "value"), "the value of an environment variable", err))
            return -1;
    }
    return 0;
}

static int check_containers(const struct jobfile *file, const struct yaml_node *root, const char *path, struct err *err)
{
    const struct yaml_node *list = jobfile_node(root, path);
    for (size_t i = 0; list && i < list->n; i++) {
        const struct yaml_node *c = list->values[i];
        if (c->kind != YAML_MAP)
            return yaml_error(file->doc, c, err, "each container must be a map");
        if (want_text(file, jobfile_node(c, "image"), "image", err) || want_text(file, jobfile_node(c, "name"), "the name of a container", err) ||
            want_text_values(file, c, "args", "an argument", err) || want_text_values(file, c, "command", "an argument", err) ||
            check_env(file, c, err))
            return -1;
    }
    return 0;
}

static int check_texts(const struct jobfile *file, const struct yaml_node *root, struct err *err)
{
    static const char *const maps[] = {"metadata.labels", "metadata.annotations", "spec.template.metadata.labels", "spec.template.metadata.annotations"};
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
        if (want_text_values(file, root, maps[i], "the value of a label or annotation", err))
            return -1;
    return check_containers(file, root, "spec.template.spec.initContainers", err) || check_containers(file, root, "spec.template.spec.containers", err) ? -1 : 0;
}

/* ---- the agent's container and the name ---- */

static const struct yaml_node *agent_annotation(const struct yaml_node *root)
{
    const struct yaml_node *on_pod = yaml_get(jobfile_node(root, "spec.template.metadata.annotations"), ANNOTATION_AGENT_CONTAINER);
    return on_pod ? on_pod : yaml_get(jobfile_node(root, "metadata.annotations"), ANNOTATION_AGENT_CONTAINER);
}

static int find_agent(struct jobfile *file, const struct yaml_node *root, struct err *err)
{
    const struct yaml_node *list = jobfile_node(root, "spec.template.spec.containers"), *wanted = agent_annotation(root);
    if (list->n == 0)
        return yaml_error(file->doc, list, err, "spec.template.spec.containers is empty: the agent needs a container");
    file->agent = 0;
    if (!wanted)
        return 0;
    for (size_t i = 0; i < list->n; i++) {
        const struct yaml_node *name = jobfile_node(list->values[i], "name");
        if (name && strcmp(str_or_empty(name->text), str_or_empty(wanted->text)) == 0) {
            file->agent = i;
            return 0;
        }
    }
    return yaml_error(file->doc, wanted, err, "annotation %s: there is no container named \"%s\"", ANNOTATION_AGENT_CONTAINER, str_or_empty(wanted->text));
}

/* A Job's name may hold dots; they would not survive in the labels and pod names that are made of it. */
static int take_name(struct jobfile *file, const struct yaml_node *root, struct err *err)
{
    const struct yaml_node *at = jobfile_node(root, "metadata.name");
    if (!at)
        return 0;
    const char *name = at->kind == YAML_TEXT ? at->text : "";
    size_t n = strlen(name);
    bool good = n > 0 && n <= 253 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == n && !strchr("-.", name[0]) && name[n - 1] != '.';
    if (!good)
        return yaml_error(file->doc, at, err,
                          "metadata.name becomes the prefix of the agents' names: a text of lower-case letters, digits and '-' that begins with a letter or digit%s",
                          at->kind == YAML_TEXT ? "" : " (quote it)");
    file->name_prefix = xasprintf("%s%s", name, name[n - 1] == '-' ? "" : "-");
    for (char *p = file->name_prefix; *p; p++)
        *p = *p == '.' ? '-' : *p;
    return 0;
}

/* ---- overridden ---- */

static bool same_value(const struct yaml_node *at, const json_t *value)
{
    if (json_is_string(value))
        return at->kind == YAML_TEXT && strcmp(at->text, json_string_value(value)) == 0;
    return at->kind == YAML_INT && at->integer == json_integer_value(value);
}

static void override(const struct jobfile *file, const struct yaml_node *root, const struct jobfile_rules *rules, const char *path, json_t *map,
                     const char *key, json_t *value, const char *why)
{
    const struct yaml_node *at = jobfile_node(root, path);
    if (at && !same_value(at, value)) {
        char *shown = json_dumps(value, JSON_ENCODE_ANY);
        jobfile_warn(file, rules, at, "%s is set to %s: %s", path, shown, why);
        free(shown);
    }
    json_object_set_new(map, key, value);
}

static void override_all(struct jobfile *file, const struct yaml_node *root, const struct jobfile_rules *rules)
{
    json_t *spec = json_object_get(file->job, "spec");
    json_t *pod = json_object_get(json_object_get(spec, "template"), "spec");
    override(file, root, rules, "spec.backoffLimit", spec, "backoffLimit", json_integer(0), "an agent that ended is replaced by a new unit, not restarted");
    override(file, root, rules, "spec.completions", spec, "completions", json_integer(1), "one unit runs one agent");
    override(file, root, rules, "spec.parallelism", spec, "parallelism", json_integer(1), "one unit runs one agent");
    override(file, root, rules, "spec.template.spec.restartPolicy", pod, "restartPolicy", json_string("Never"), "an agent serves one job and ends");
    const struct yaml_node *ns = jobfile_node(root, "metadata.namespace");
    if (ns && strcmp(str_or_empty(ns->text), rules->ns) != 0)
        jobfile_warn(file, rules, ns, "metadata.namespace is set to \"%s\": agents run in JOB_NAMESPACE", rules->ns);
}

static json_t *without_nulls(json_t *job)
{
    json_object_del(job, "status");
    json_t *metadata = json_object_get(job, "metadata");
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(metadata, next, key, value)
        if (json_is_null(value))
            json_object_del(metadata, key);
    return job;
}

int jobfile_take_job(struct jobfile *file, const struct yaml_node *root, const struct jobfile_rules *rules, struct err *err)
{
    if (check_shape(file, root, err) || check_refused(file, root, err) || check_account(file, root, rules, err) || check_texts(file, root, err) ||
        find_agent(file, root, err) || take_name(file, root, err))
        return -1;
    file->root = root;
    file->job = without_nulls(yaml_to_json(root));
    override_all(file, root, rules);
    return 0;
}
