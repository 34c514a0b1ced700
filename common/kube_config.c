#include "common/kube_config.h"

#include "common/json.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

static void list_free(char **list)
{
    for (char **p = list; p && *p; p++)
        secret_free(p);
    free(list);
}

static void exec_free(struct kube_exec_spec *exec)
{
    if (!exec)
        return;
    list_free(exec->argv);
    list_free(exec->env);
    free(exec->api_version);
    free(exec->install_hint);
    json_decref(exec->cluster);
    free(exec);
}

void kube_config_done(struct kube_config *c)
{
    char **secrets[] = {&c->key_pem, &c->cert_pem, &c->token, &c->username, &c->password};
    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
        secret_free(secrets[i]);
    char *plain[] = {c->origin, c->server, c->tls_server_name, c->proxy, c->ca_file, c->ca_pem, c->ns, c->cert_file,
                     c->key_file, c->token_file};
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
        free(plain[i]);
    list_free(c->impersonate);
    exec_free(c->exec);
    *c = (struct kube_config){.origin = NULL};
}

/* ---- merge: the first file that has it ---- */

/* The entry of that name in one file's list; -1 on a duplicate or a malformed list, else 0 with *ret maybe NULL. */
static int find_in(const struct kube_config_file *file, const char *list, const char *name, json_t **ret, struct err *err)
{
    json_t *entries = json_object_get(file->root, list);
    *ret = NULL;
    if (entries && !json_is_array(entries) && !json_is_null(entries))
        return err_set(err, ERR_CONFIG, "%s: %s must be a list", file->path, list);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        json_t *entry = json_array_get(entries, i);
        if (strcmp(json_text(entry, "name"), name))
            continue;
        if (*ret)
            return err_set(err, ERR_CONFIG, "%s: %s has two entries named \"%s\"", file->path, list, name);
        *ret = entry;
    }
    return 0;
}

static int find_first(const struct kube_config_file *files, size_t n, const char *list, const char *name, json_t **ret,
                      const struct kube_config_file **ret_file, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (find_in(&files[i], list, name, ret, err))
            return -1;
        *ret_file = &files[i];
        if (*ret)
            return 0;
    }
    *ret = NULL;
    return 0;
}

/* `current-context: yes` is a boolean to YAML: said, not guessed. */
static int current_context(const struct kube_config_file *files, size_t n, const char **ret, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *name = json_object_get(files[i].root, "current-context");
        if (name && !json_is_null(name) && !json_is_string(name))
            return err_set(err, ERR_CONFIG, "%s: current-context must be a string", files[i].path);
        *ret = str_or_empty(json_string_value(name));
        if (**ret)
            return 0;
    }
    return err_set(err, ERR_CONFIG, "%s: no current-context is set: choose one with `kubectl config use-context NAME`", files[0].path);
}

static bool configures_nothing(const struct kube_config_file *files, size_t n)
{
    static const char *const lists[] = {"clusters", "users", "contexts"};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
            if (json_array_size(json_object_get(files[i].root, lists[k])))
                return false;
    return true;
}

static char *dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return xstrdup(".");
    return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

typedef int stanza_fn(const json_t *stanza, const char *dir, struct kube_config *ret, struct err *err);

/* Finds clusters/users entry `name` and reads its inner object with fn. */
static int read_entry(const struct kube_config_file *files, size_t n, const char *list, const char *inner, const char *name, stanza_fn *fn,
                      struct kube_config *ret, json_t **ret_stanza, struct err *err)
{
    json_t *entry;
    const struct kube_config_file *file = NULL;
    if (find_first(files, n, list, name, &entry, &file, err))
        return -1;
    if (!entry)
        return err_set(err, ERR_CONFIG, "%s: the context names the %s \"%s\", which is not among %s", files[0].path, inner, name, list);
    char *dir = dir_of(file->path);
    *ret_stanza = json_object_get(entry, inner);
    int result = fn(*ret_stanza, dir, ret, err);
    if (result)
        err_prefix(err, "%s: %s \"%s\"", file->path, inner, name);
    free(dir);
    return result;
}

static int resolve_context(const struct kube_config_file *files, size_t n, const char *name, const json_t *context, struct kube_config *ret,
                           struct err *err)
{
    const char *cluster = json_text(context, "cluster"), *user = json_text(context, "user");
    json_t *cluster_stanza, *user_stanza;
    if (!*cluster)
        return err_set(err, ERR_CONFIG, "%s: the context \"%s\" names no cluster", files[0].path, name);
    if (kube_config_text(context, "namespace", &ret->ns, err))
        return -1;
    if (read_entry(files, n, "clusters", "cluster", cluster, kube_config_cluster, ret, &cluster_stanza, err))
        return -1;
    if (*user && read_entry(files, n, "users", "user", user, kube_config_user, ret, &user_stanza, err))
        return -1;
    kube_config_exec_cluster(cluster_stanza, ret);
    return 0;
}

int kube_config_resolve(const struct kube_config_file *files, size_t n, struct kube_config *ret, struct err *err)
{
    *ret = (struct kube_config){.origin = NULL};
    if (n == 0 || configures_nothing(files, n))
        return 0;
    const char *name = "";
    if (current_context(files, n, &name, err))
        return -1;
    json_t *context;
    const struct kube_config_file *file = &files[0];
    if (find_first(files, n, "contexts", name, &context, &file, err))
        return -1;
    if (!context)
        return err_set(err, ERR_CONFIG, "%s: the current-context \"%s\" is not among the contexts", files[0].path, name);
    ret->origin = xstrdup(file->path);
    if (resolve_context(files, n, name, json_object_get(context, "context"), ret, err) == 0)
        return 1;
    kube_config_done(ret);
    return -1;
}
