/* Pools and their templates: from the file's lists, or one pool per name with one template made of plain settings. */
#include "common/config_priv.h"

#include "common/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct yaml_node *list_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *list = map ? yaml_get(map, key) : NULL;
    return list && list->kind != YAML_NULL ? list : NULL;
}

/* A non-empty list of maps, none of them with an unknown key. */
static int check_list(const struct config_loader *l, const struct yaml_node *list, const char *key, enum config_scope level,
                      struct err *err)
{
    if (list->kind != YAML_LIST || list->n == 0)
        return yaml_error(l->doc, list, err, "%s: a list with at least one entry is needed here", key);
    for (size_t i = 0; i < list->n; i++) {
        if (list->values[i]->kind != YAML_MAP)
            return yaml_error(l->doc, list->values[i], err, "%s: each entry is a map that begins with \"- name: ...\"", key);
        if (config_check_keys(l, list->values[i], level, err) != 0)
            return -1;
    }
    return 0;
}

/* Reads an object of one scope with one more source on top of those there are. */
static int apply_with(struct config_loader *l, const struct yaml_node *map, enum config_scope level, enum config_scope scope, void *object,
                      struct err *err)
{
    size_t n = l->n_sources;
    if (map)
        l->sources[l->n_sources++] = (struct config_source){.map = map, .level = level};
    int result = config_apply(l, scope, object, err);
    l->n_sources = n;
    return result;
}

/* map: of the template, else of the pool, NULL without any. */
static int refuse_template(const struct config_loader *l, const struct yaml_node *map, bool is_template, const char *pool, struct err *err)
{
    if (map)
        return yaml_error(l->doc, map, err, "%spool \"%.100s\" has neither job_image nor job_definition_file; give one of the two",
                          is_template ? "a template of " : "", pool);
    if (l->doc)
        return err_set(err, ERR_CONFIG, "JOB_IMAGE is not set, and pool \"%.100s\" has neither job_image nor job_definition_file in "
                                        "%.150s; give one of them", pool,
                       yaml_name(l->doc));
    return err_set(err, ERR_CONFIG, "JOB_IMAGE is not set: give the agent's image, e.g. ghcr.io/akanieski/ado-pipelines-linux:latest, or a "
                                    "Job in JOB_DEFINITION_FILE");
}

static int load_template(struct config_loader *l, const struct yaml_node *map, const struct config_pool *pool,
                         const struct yaml_node *pool_map, struct config_template *t, struct err *err)
{
    if (apply_with(l, map, SCOPE_TEMPLATE, SCOPE_TEMPLATE, t, err) != 0)
        return -1;
    if (!t->name && map && pool->n_templates > 1)
        return yaml_error(l->doc, map, err, "name is missing: each of several templates of a pool needs one");
    if (!t->name)
        t->name = xstrdup("default");
    if (!t->job_image && !t->job_definition_file)
        return refuse_template(l, map ? map : pool_map, map, pool->name, err);
    return map ? config_load_capabilities(l, yaml_get(map, "capabilities"), t, err) : 0;
}

static int check_unique(const struct config_loader *l, const struct yaml_node *map, const struct config_pool *pool, size_t i,
                        struct err *err)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(pool->templates[j].name, pool->templates[i].name) == 0)
            return yaml_error(l->doc, map, err, "pool \"%.100s\" has two templates named %s; rename one", pool->name,
                              pool->templates[i].name);
    return 0;
}

static int load_templates(struct config_loader *l, const struct yaml_node *list, const struct yaml_node *pool_map, struct config_pool *pool,
                          struct err *err)
{
    pool->n_templates = list ? list->n : 1;
    pool->templates = xcalloc(pool->n_templates, sizeof *pool->templates);
    for (size_t i = 0; i < pool->n_templates; i++) {
        const struct yaml_node *map = list ? list->values[i] : NULL;
        if (load_template(l, map, pool, pool_map, &pool->templates[i], err) != 0 || (map && check_unique(l, map, pool, i, err) != 0))
            return -1;
    }
    return 0;
}

static int check_counts(const struct config_loader *l, const struct yaml_node *map, const struct config_pool *pool, struct err *err)
{
    const char *what = pool->minimum_agents > pool->limit ? "MINIMUM_AGENT_COUNT" : "MINIMUM_IDLE_AGENT_COUNT";
    int least = pool->minimum_agents > pool->limit ? pool->minimum_agents : pool->minimum_idle;
    if (pool->limit == 0 || least <= pool->limit)
        return 0;
    char text[300];
    snprintf(text, sizeof text, "pool \"%.100s\": %s (%d) is more than MAXIMUM_AGENT_COUNT (%d) allows; raise the maximum or lower the "
                                "minimum", pool->name, what,
             least, pool->limit);
    return map ? yaml_error(l->doc, map, err, "%s", text) : err_set(err, ERR_CONFIG, "%s", text);
}

/* The pool's own map is a source for its templates, too, beneath theirs. */
static int load_pool(struct config_loader *l, const struct yaml_node *map, const char *name, struct config_pool *pool, struct err *err)
{
    if (apply_with(l, map, SCOPE_POOL, SCOPE_POOL, pool, err) != 0)
        return -1;
    if (!pool->name && map && !name)
        return yaml_error(l->doc, map, err, "name is missing: the agent pool's name as Azure DevOps writes it");
    if (!pool->name)
        pool->name = xstrdup(name);
    const struct yaml_node *templates = list_of(map, "templates");
    if (check_counts(l, map, pool, err) != 0 || (templates && check_list(l, templates, "templates", SCOPE_TEMPLATE, err) != 0))
        return -1;
    size_t n = l->n_sources;
    if (map)
        l->sources[l->n_sources++] = (struct config_source){.map = map, .level = SCOPE_POOL};
    int result = load_templates(l, templates, map, pool, err);
    l->n_sources = n;
    return result;
}

static struct config_pool *add_pool(struct config *c)
{
    c->pools = xreallocarray(c->pools, c->n_pools + 1, sizeof *c->pools);
    c->pools[c->n_pools] = (struct config_pool){0};
    return &c->pools[c->n_pools++];
}

static const struct yaml_node *find_pool_map(const struct yaml_node *list, const char *name)
{
    for (size_t i = 0; list && i < list->n; i++) {
        const struct yaml_node *given = yaml_get(list->values[i], "name");
        if (given && given->kind != YAML_LIST && given->kind != YAML_MAP && strcmp(given->text, name) == 0)
            return list->values[i];
    }
    return NULL;
}

static bool has_pool(const struct config *c, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(c->pools[i].name, name) == 0)
            return true;
    return false;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    for (size_t n = strlen(text); n > 0 && isspace((unsigned char)text[n - 1]); n--)
        text[n - 1] = '\0';
    return text;
}

static int load_named(struct config_loader *l, const struct config_setting *s, const struct yaml_node *list, char *names, struct err *err)
{
    for (char *name; (name = strsep(&names, ","));) {
        name = trim(name);
        if (!*name) {
            config_warn(s, "there is a comma too many");
            continue;
        }
        if (has_pool(l->config, l->config->n_pools, name))
            return config_refuse(s, err, "names pool \"%.100s\" twice; remove one", name);
        const struct yaml_node *map = find_pool_map(list, name);
        if (list && !map)
            config_warn(s, "pool \"%.100s\" is not among those of %.150s: it gets the settings outside of them", name,
                        l->config->config_file);
        if (config_check_pool_name(s, &name, err) != 0 || load_pool(l, map, name, add_pool(l->config), err) != 0)
            return -1;
    }
    return 0;
}

static int load_listed(struct config_loader *l, const struct yaml_node *list, struct err *err)
{
    for (size_t i = 0; i < list->n; i++) {
        struct config_pool *pool = add_pool(l->config);
        if (load_pool(l, list->values[i], NULL, pool, err) != 0)
            return -1;
        if (has_pool(l->config, i, pool->name))
            return yaml_error(l->doc, list->values[i], err, "pool \"%.100s\" is there twice; remove one", pool->name);
    }
    return 0;
}

/* The strongest source that says AGENT_POOLS; *ret_text NULL when none does. An empty variable says something wrong, not nothing. */
static int agent_pools(struct config_loader *l, struct config_setting *s, char **ret_text, struct err *err)
{
    const struct config_field *field = config_field_find(SCOPE_GLOBAL, "agent_pools");
    const char *given = l->get(l->get_data, field->env);
    *ret_text = NULL;
    for (size_t i = l->n_sources; i-- > 0 && !*ret_text;)
        if (config_source_text(l, &l->sources[i], field, s, ret_text, err) != 0)
            return -1;
    if (given && given[strspn(given, " \t\n,")] == '\0') {
        *s = (struct config_setting){.loader = l, .field = field, .name = field->env};
        free(*ret_text);
        *ret_text = NULL;
        return config_refuse(s, err, "is empty: give the names of the agent pools to serve, e.g. Pool1,Pool2%s",
                             l->doc ? ", or unset it" : "");
    }
    return 0;
}

int config_load_pools(struct config_loader *l, struct err *err)
{
    struct config_setting s;
    char *names;
    const struct yaml_node *list = list_of(l->doc ? yaml_root(l->doc, 0) : NULL, "pools");
    if ((list && check_list(l, list, "pools", SCOPE_POOL, err) != 0) || agent_pools(l, &s, &names, err) != 0)
        return -1;
    if (!names && !list)
        return err_set(err, ERR_CONFIG, "AGENT_POOLS is not set: give the names of the agent pools to serve, e.g. Pool1,Pool2");
    int result = -1;
    if (!names)
        result = load_listed(l, list, err);
    else if (config_check_agent_pools(&s, &names, err) == 0)
        result = load_named(l, &s, list, names, err);
    free(names);
    return result;
}
