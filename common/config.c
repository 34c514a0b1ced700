#include "common/config_priv.h"

#include "common/mem.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INSTANCE_HEX = 10 };

char *config_make_instance(const char *org_url, const char *ns, const char *prefix)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    char *text = xasprintf("%s\n%s\n%s", org_url, str_or_empty(ns), prefix);
    CHECK(EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) == 1);
    free(text);
    char hex[INSTANCE_HEX + 1];
    for (size_t i = 0; i < INSTANCE_HEX / 2; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    return xstrdup(hex);
}

static bool is_set(const struct config_loader *l, const char *name)
{
    const char *text = l->get(l->get_data, name);
    return text && *text;
}

static int open_file(struct config_loader *l, struct err *err)
{
    if (!is_set(l, "CONFIG_FILE"))
        return 0;
    l->config->config_file = xstrdup(l->get(l->get_data, "CONFIG_FILE"));
    l->doc = yaml_read_file(l->config->config_file, err);
    if (!l->doc) {
        bool missing = access(l->config->config_file, R_OK) != 0;
        err->code = ERR_CONFIG;
        if (missing)
            return err_set(err, ERR_CONFIG, "CONFIG_FILE: cannot read %.200s: %s; mount the file there, or unset CONFIG_FILE",
                           l->config->config_file, strerror(errno));
        return err_prefix(err, "CONFIG_FILE");
    }
    if (yaml_count(l->doc) != 1)
        return err_set(err, ERR_CONFIG, "CONFIG_FILE: %.200s must hold exactly one document, not %zu", l->config->config_file,
                       yaml_count(l->doc));
    const struct yaml_node *root = yaml_root(l->doc, 0);
    if (root->kind != YAML_MAP)
        return yaml_error(l->doc, root, err, "a map of settings is needed here, e.g. org_url: https://dev.azure.com/yourorg");
    l->sources[l->n_sources++] = (struct config_source){.map = root, .level = SCOPE_GLOBAL};
    return config_check_keys(l, root, SCOPE_GLOBAL, err);
}

/* Azure Container Instances were chosen in the original program by this setting alone. */
static int check_azure(struct config_loader *l, struct err *err)
{
    const struct yaml_node *in_file = l->doc ? yaml_get(yaml_root(l->doc, 0), "host_type") : NULL;
    if (!is_set(l, "AZ_SUBSCRIPTION_ID") || is_set(l, "HOST_TYPE") || in_file)
        return 0;
    return err_set(err, ERR_CONFIG, "AZ_SUBSCRIPTION_ID: this build runs agents on Kubernetes only, not on Azure Container Instances; "
                                    "unset the AZ_ settings, or set HOST_TYPE=kubernetes to have them ignored");
}

static int check_required(struct config_loader *l, struct err *err)
{
    const struct config *c = l->config;
    const char *pat = l->get(l->get_data, "ORG_PAT");
    if (!c->org_url)
        return err_set(err, ERR_CONFIG, "ORG_URL is not set: give the address of the organisation, e.g. https://dev.azure.com/yourorg");
    if (!c->org_pat && !c->org_pat_file)
        return err_set(err, ERR_CONFIG, "ORG_PAT is %s: give a personal access token with the scope Agent Pools (Read & manage), or the "
                                        "path of a file with it in ORG_PAT_FILE", pat ? "empty" : "not set");
    return 0;
}

static void make_instance(struct config_loader *l)
{
    struct config *c = l->config;
    if (!c->instance)
        c->instance = config_make_instance(c->org_url, c->job_namespace ? c->job_namespace : l->get(l->get_data, "POD_NAMESPACE"),
                                           c->job_prefix);
}

static int load(struct config_loader *l, struct err *err)
{
    if (open_file(l, err) != 0)
        return -1;
    l->sources[l->n_sources++] = (struct config_source){.map = NULL};
    if (check_azure(l, err) != 0 || config_apply(l, SCOPE_GLOBAL, l->config, err) != 0 || check_required(l, err) != 0 ||
        config_check_lease(l->config, err) != 0 || config_load_pools(l, err) != 0)
        return -1;
    make_instance(l);
    return 0;
}

struct config *config_load(config_getenv_fn *get, void *data, void (*warn)(void *data, const char *text), void *warn_data, struct err *err)
{
    struct err unused = {0};
    struct config_loader l = {.get = get, .get_data = data, .warn = warn, .warn_data = warn_data, .warned = map_new()};
    l.config = xcalloc(1, sizeof *l.config);
    err = err ? err : &unused;
    if (load(&l, err) != 0) {
        err->code = ERR_CONFIG;   /* also what the YAML reader calls invalid */
        config_free(&l.config);
    }
    yaml_free(&l.doc);
    map_free(l.warned);
    return l.config;
}

static void free_template(struct config_template *t)
{
    for (size_t i = 0; i < t->n_capabilities; i++) {
        free(t->capabilities[i].name);
        free(t->capabilities[i].value);
    }
    free(t->capabilities);
}

/* Frees what the table says is a text in one struct. */
static void free_texts(enum config_scope scope, void *object)
{
    for (size_t i = 0; i < config_n_fields; i++)
        if (config_fields[i].scope == scope && config_fields[i].type == TYPE_TEXT)
            config_clear(&config_fields[i], object);
}

static void free_pool(struct config_pool *pool)
{
    for (size_t i = 0; i < pool->n_templates; i++) {
        free_template(&pool->templates[i]);
        free_texts(SCOPE_TEMPLATE, &pool->templates[i]);
    }
    free(pool->templates);
    free_texts(SCOPE_POOL, pool);
}

void config_free(struct config **config)
{
    struct config *c = *config;
    *config = NULL;
    if (!c)
        return;
    for (size_t i = 0; i < c->n_pools; i++)
        free_pool(&c->pools[i]);
    free(c->pools);
    free_texts(SCOPE_GLOBAL, c);
    free(c->config_file);
    free(c);
}

const struct config_pool *config_find_pool(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n_pools; i++)
        if (strcmp(config->pools[i].name, name) == 0)
            return &config->pools[i];
    return NULL;
}
