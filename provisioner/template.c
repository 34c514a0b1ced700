#include "provisioner/template.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TTL_NET_MS = 3600 * 1000 };   /* the Job's own end is only the net under the reaper's */

/* ---- what the file sets that is ours to set ---- */

static bool same_url(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    while (n && a[n - 1] == '/')
        n--;
    while (m && b[m - 1] == '/')
        m--;
    return n == m && strncasecmp(a, b, n) == 0;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static void check_env(const struct jobfile *file, const struct jobfile_rules *rules, const char *name, const char *ours, bool (*same)(const char *, const char *))
{
    bool from;
    const struct yaml_node *at = NULL;
    const char *value = jobfile_env(file, name, &from, &at);
    if (value && (from || !same(value, ours)))
        jobfile_warn(file, rules, at, "%s is set to \"%s\" by the orchestrator; what the file says is not used", name, ours);
}

static bool brings_token(const struct jobfile *file)
{
    bool from;
    return jobfile_env(file, "AZP_TOKEN", &from, NULL) || jobfile_env(file, "AZP_TOKEN_FILE", &from, NULL);
}

static void check_file_env(const struct config *config, const struct config_pool *pool, const struct jobfile *file, const struct jobfile_rules *rules)
{
    bool from;
    const struct yaml_node *at = NULL;
    check_env(file, rules, "AZP_URL", config->org_url, same_url);
    check_env(file, rules, "AZP_POOL", pool->name, same_text);
    if (jobfile_env(file, "AZP_AGENT_NAME", &from, &at))
        jobfile_warn(file, rules, at, "AZP_AGENT_NAME is set to each unit's name by the orchestrator; what the file says is not used");
}

/* ---- loading ---- */

static const struct jobfile *load_file(struct templates *all, const struct config *config, const struct config_pool *pool, const char *path,
                                       const struct jobfile_rules *rules, struct err *err)
{
    for (size_t i = 0; i < all->n_files; i++)
        if (strcmp(all->files[i]->path, path) == 0)
            return all->files[i];
    struct jobfile *file = jobfile_read(path, rules, err);
    if (!file)
        return NULL;
    all->files = xreallocarray(all->files, all->n_files + 1, sizeof *all->files);
    all->files[all->n_files++] = file;
    check_file_env(config, pool, file, rules);
    return file;
}

static int want_utf8(const char *text, const char *what, struct err *err)
{
    json_t *value = text ? json_string(text) : json_null();
    if (!value)
        return err_set(err, ERR_CONFIG, "%s is not valid UTF-8: write it again", what);
    json_decref(value);
    return 0;
}

static int check_texts(const struct config *config, const struct config_pool *pool, const struct config_template *t, struct err *err)
{
    char label[JOBSPEC_NAME_MAX];
    jobspec_label(label, config->instance);
    if (strcmp(label, config->instance) != 0)
        return err_set(err, ERR_CONFIG, "INSTANCE \"%s\" cannot be a label: use at most 63 letters, digits, '-', '_' or '.'", config->instance);
    return want_utf8(config->org_url, "ORG_URL", err) || want_utf8(pool->name, "the name of a pool", err) || want_utf8(t->job_image, "JOB_IMAGE", err) ||
                   want_utf8(t->job_docker_socket_path, "JOB_DOCKER_SOCKET_PATH", err)
               ? -1
               : 0;
}

static int64_t ttl_seconds(const struct config *config, const struct config_pool *pool)
{
    if (config->run_once)
        return pool->retention_ms / 1000;
    int64_t kept = pool->retention_ms > pool->failed_retention_ms ? pool->retention_ms : pool->failed_retention_ms;
    return (kept + TTL_NET_MS) / 1000;
}

static void make_spec(const struct templates *all, const struct config *config, struct template *t, const char *ns)
{
    json_t *own = t->file ? NULL : jobspec_default(config, t->config);
    struct jobspec_options options = {
        .job = t->file ? t->file->job : own,
        .agent = t->file ? t->file->agent : 0,
        .ns = ns,
        .instance = config->instance,
        .org_url = config->org_url,
        .pool = t->pool->name,
        .template_name = t->config->name,
        .token_secret = t->needs_token ? all->token_secret : NULL,
        .token_key = all->token_key,
        .ttl_s = ttl_seconds(config, t->pool),
    };
    t->spec = jobspec_new(&options);
    json_decref(own);
}

/* An explicit JOB_PREFIX wins over the name in the file. */
static bool prefix_is_default(const struct config *config)
{
    return !config->job_prefix || strcmp(config->job_prefix, "agent-job-") == 0;
}

static int add_template(struct templates *all, const struct config *config, const struct config_pool *pool, struct config_template *tc,
                        const struct jobfile_rules *rules, struct err *err)
{
    struct template *t = &all->list[all->n];
    *t = (struct template){.pool = pool, .config = tc, .needs_token = true};
    if (check_texts(config, pool, tc, err))
        return -1;
    if (tc->job_definition_file) {
        t->file = load_file(all, config, pool, tc->job_definition_file, rules, err);
        if (!t->file)
            return -1;
        t->needs_token = !brings_token(t->file);
        if (t->file->name_prefix && prefix_is_default(config))
            tc->name_prefix = t->file->name_prefix;
    }
    make_spec(all, config, t, rules->ns);
    all->needs_token = all->needs_token || t->needs_token;
    all->n++;
    return 0;
}

/* ---- the Secret that holds the agents' token ---- */

/* INSTANCE may be no object name: lower case, and what was lost is told apart by a hash. */
static char *secret_of_instance(const char *instance)
{
    uint32_t h = 2166136261u;
    bool exact = true;
    char slug[64];
    size_t n = 0;
    for (const char *p = instance; *p; p++) {
        h = (h ^ (unsigned char)*p) * 16777619u;
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-';
        exact = exact && plain;
        if (n + 1 < sizeof slug)
            slug[n++] = plain ? *p : *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : '-';
    }
    slug[n] = '\0';
    return exact ? xasprintf("ado-orchestrator-%s-token", slug) : xasprintf("ado-orchestrator-%s-%08x-token", slug, h);
}

static void name_token(struct templates *all, const struct config *config)
{
    const char *users = config->agent_token_secret, *slash = users ? strchr(users, '/') : NULL;
    all->token_is_ours = !users;
    all->token_secret = !users ? secret_of_instance(config->instance) : slash ? xstrndup(users, (size_t)(slash - users)) : xstrdup(users);
    all->token_key = xstrdup(slash && slash[1] ? slash + 1 : "token");
}

static size_t count_templates(const struct config *config)
{
    size_t n = 0;
    for (size_t i = 0; i < config->n_pools; i++)
        n += config->pools[i].n_templates;
    return n;
}

struct templates *templates_load(const struct config *config, const struct jobfile_rules *rules, struct err *err)
{
    struct templates *all = xcalloc(1, sizeof *all);
    all->list = xcalloc(count_templates(config) + 1, sizeof *all->list);
    name_token(all, config);
    for (size_t i = 0; i < config->n_pools; i++) {
        const struct config_pool *pool = &config->pools[i];
        for (size_t j = 0; j < pool->n_templates; j++)
            if (add_template(all, config, pool, &pool->templates[j], rules, err)) {
                templates_free(&all);
                return NULL;
            }
    }
    return all;
}

void templates_free(struct templates **templates)
{
    struct templates *all = *templates;
    *templates = NULL;
    if (!all)
        return;
    for (size_t i = 0; i < all->n; i++)
        jobspec_free(&all->list[i].spec);
    for (size_t i = 0; i < all->n_files; i++)
        jobfile_free(&all->files[i]);
    free(all->files);
    free(all->list);
    free(all->token_secret);
    free(all->token_key);
    free(all);
}

struct template *templates_find(const struct templates *templates, const struct config_template *config)
{
    for (size_t i = 0; i < templates->n; i++)
        if (templates->list[i].config == config)
            return &templates->list[i];
    return NULL;
}

/* ---- the API server's words ---- */

/* `strict decoding error: unknown field "spec.backofLimit"`, `...into Go struct field EnvVar.spec.template.spec.containers.env.value of type string` */
void template_field_in_message(const char *message, char out[256])
{
    static const struct { const char *before, *until; bool drop_type; } shapes[] = {
        {"unknown field \"", "\"", false},
        {"duplicate field \"", "\"", false},
        {"Go struct field ", " ", true},
    };
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
        const char *at = strstr(message, shapes[i].before);
        if (!at)
            continue;
        at += strlen(shapes[i].before);
        size_t n = strcspn(at, shapes[i].until);
        const char *dot = memchr(at, '.', n);
        if (shapes[i].drop_type && dot) {
            n -= (size_t)(dot + 1 - at);
            at = dot + 1;
        }
        snprintf(out, 256, "%.*s", (int)n, at);
        return;
    }
}

char *template_complaint(const struct template *t, const char *field, const char *message)
{
    char found[256];
    if (!*field) {
        template_field_in_message(message, found);
        field = found;
    }
    if (t->file)
        return jobfile_complaint(t->file, t->file->root, field, message);
    bool image = strstr(field, ".image") != NULL;
    return xasprintf("%s of pool %s: %s", image ? "JOB_IMAGE" : "the default Job", t->pool->name, message);
}
