#include "provisioner/jobfile.h"

#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct yaml_node *jobfile_node(const struct yaml_node *root, const char *path)
{
    char key[64];
    while (root) {
        size_t n = strcspn(path, ".");
        CHECK(n < sizeof key);
        memcpy(key, path, n);
        key[n] = '\0';
        root = yaml_get(root, key);
        if (root && root->kind == YAML_NULL)
            return NULL;
        if (path[n] == '\0')
            return root;
        path += n + 1;
    }
    return NULL;
}

static const char *text_at(const struct yaml_node *root, const char *path)
{
    const struct yaml_node *node = jobfile_node(root, path);
    return node && node->kind == YAML_TEXT ? node->text : "";
}

void jobfile_warn(const struct jobfile *file, const struct jobfile_rules *rules, const struct yaml_node *at, const char *format, ...)
{
    if (!rules->warn)
        return;
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct err where = {0};
    yaml_error(file->doc, at, &where, "%s", text);
    rules->warn(rules->data, where.text);
}

/* ---- the volumes beside the Job ---- */

static int take_volume(struct jobfile *file, const struct yaml_node *root, bool claim, const struct jobfile_rules *rules, struct err *err)
{
    const char *kind = claim ? "PersistentVolumeClaim" : "PersistentVolume";
    if (*text_at(root, "metadata.name") == '\0')
        return yaml_error(file->doc, root, err, "this %s has no metadata.name", kind);
    const struct yaml_node *ns = jobfile_node(root, "metadata.namespace");
    if (ns && !claim)
        return yaml_error(file->doc, ns, err, "a PersistentVolume has no namespace: remove this line");
    if (ns && strcmp(str_or_empty(ns->text), rules->ns) != 0)
        jobfile_warn(file, rules, ns, "the claim is made in JOB_NAMESPACE (%s), where the agents run, not in \"%s\"", rules->ns, str_or_empty(ns->text));
    json_t *object = yaml_to_json(root);
    json_t *metadata = json_object_get(object, "metadata");
    if (claim)
        json_object_set_new(metadata, "namespace", json_string(rules->ns));
    file->volumes = xreallocarray(file->volumes, file->n_volumes + 1, sizeof *file->volumes);
    file->volumes[file->n_volumes++] = (struct jobfile_volume){
        .claim = claim, .name = json_string_value(json_object_get(metadata, "name")), .object = object, .root = root};
    return 0;
}

static int take_document(struct jobfile *file, const struct yaml_node *root, const struct jobfile_rules *rules, struct err *err)
{
    if (root->kind != YAML_MAP)
        return yaml_error(file->doc, root, err, "this is not a Kubernetes object: expected apiVersion, kind, metadata, spec");
    const char *api = text_at(root, "apiVersion"), *kind = text_at(root, "kind");
    if (strcmp(kind, "Job") == 0 && strcmp(api, "batch/v1") == 0)
        return file->job ? yaml_error(file->doc, root, err, "a second Job: a job definition file holds exactly one")
                         : jobfile_take_job(file, root, rules, err);
    bool claim = strcmp(kind, "PersistentVolumeClaim") == 0;
    if ((claim || strcmp(kind, "PersistentVolume") == 0) && strcmp(api, "v1") == 0)
        return take_volume(file, root, claim, rules, err);
    const struct yaml_node *at = jobfile_node(root, "kind");
    return yaml_error(file->doc, at ? at : root, err,
                      "apiVersion \"%s\", kind \"%s\" cannot be in a job definition file: it holds one Job (batch/v1) and may hold "
                      "PersistentVolume and PersistentVolumeClaim (v1) documents",
                      api, kind);
}

/* ---- claims that the file itself should hold ---- */

static bool has_claim(const struct jobfile *file, const char *name)
{
    for (size_t i = 0; i < file->n_volumes; i++)
        if (file->volumes[i].claim && strcmp(file->volumes[i].name, name) == 0)
            return true;
    return false;
}

static size_t count_claims(const struct jobfile *file)
{
    size_t n = 0;
    for (size_t i = 0; i < file->n_volumes; i++)
        n += file->volumes[i].claim;
    return n;
}

/* A claim may well exist in the cluster; a file that brings claims and mounts another one is most likely a slip. */
static void check_claims(const struct jobfile *file, const struct jobfile_rules *rules)
{
    const struct yaml_node *list = jobfile_node(file->root, "spec.template.spec.volumes");
    if (!list || list->kind != YAML_LIST || count_claims(file) == 0)
        return;
    for (size_t i = 0; i < list->n; i++) {
        const struct yaml_node *name = jobfile_node(list->values[i], "persistentVolumeClaim.claimName");
        if (name && name->kind == YAML_TEXT && !has_claim(file, name->text))
            jobfile_warn(file, rules, name, "claimName \"%s\" is not among the PersistentVolumeClaims of this file: the agents wait until it exists", name->text);
    }
}

/* ---- the file ---- */

static struct jobfile *jobfile_take(const char *path, struct yaml_doc *doc, const struct jobfile_rules *rules, struct err *err)
{
    struct jobfile *file = xcalloc(1, sizeof *file);
    file->path = xstrdup(path);
    file->doc = doc;
    int failed = 0;
    for (size_t i = 0; i < yaml_count(doc) && !failed; i++)
        failed = take_document(file, yaml_root(doc, i), rules, err);
    if (!failed && !file->job)
        failed = err_set(err, ERR_CONFIG, "%s: there is no Job (apiVersion: batch/v1, kind: Job) in this file", path);
    if (!failed) {
        check_claims(file, rules);
        return file;
    }
    if (err)
        err->code = ERR_CONFIG;
    jobfile_free(&file);
    return NULL;
}

struct jobfile *jobfile_parse(const char *name, const char *bytes, size_t n, const struct jobfile_rules *rules, struct err *err)
{
    struct yaml_doc *doc = yaml_parse(name, bytes, n, err);
    return doc ? jobfile_take(name, doc, rules, err) : NULL;
}

struct jobfile *jobfile_read(const char *path, const struct jobfile_rules *rules, struct err *err)
{
    struct yaml_doc *doc = yaml_read_file(path, err);
    if (doc)
        return jobfile_take(path, doc, rules, err);
    if (err)
        err->code = ERR_CONFIG;
    return NULL;
}

void jobfile_free(struct jobfile **file)
{
    struct jobfile *f = *file;
    *file = NULL;
    if (!f)
        return;
    for (size_t i = 0; i < f->n_volumes; i++)
        json_decref(f->volumes[i].object);
    free(f->volumes);
    json_decref(f->job);
    yaml_free(&f->doc);
    free(f->name_prefix);
    free(f->path);
    free(f);
}

/* ---- questions ---- */

static const struct yaml_node *agent_container(const struct jobfile *file)
{
    const struct yaml_node *list = jobfile_node(file->root, "spec.template.spec.containers");
    return list && list->kind == YAML_LIST && file->agent < list->n ? list->values[file->agent] : NULL;
}

const char *jobfile_env(const struct jobfile *file, const char *name, bool *ret_from, const struct yaml_node **ret_at)
{
    *ret_from = false;
    const struct yaml_node *env = yaml_get(agent_container(file), "env");
    if (!env || env->kind != YAML_LIST)
        return NULL;
    for (size_t i = env->n; i-- > 0;) {    /* of two, the last one counts */
        if (strcmp(text_at(env->values[i], "name"), name) != 0)
            continue;
        if (ret_at)
            *ret_at = env->values[i];
        *ret_from = jobfile_node(env->values[i], "valueFrom") != NULL;
        return text_at(env->values[i], "value");
    }
    return NULL;
}

char *jobfile_complaint(const struct jobfile *file, const struct yaml_node *root, const char *field, const char *message)
{
    const struct yaml_node *at = *field ? yaml_nearest(root, field) : root;
    struct err where = {0};
    yaml_error(file->doc, at ? at : root, &where, "%s", message);
    return xstrdup(where.text);
}
