/* What the environment and each map of the file say, weakest first. */
#include "common/config_priv.h"

#include "common/buf.h"
#include "common/mem.h"
#include "common/nearest.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX_BYTES = 64 * 1024, MAX_KEYS = 64 };

int config_refuse(const struct config_setting *s, struct err *err, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (s->node)
        yaml_error(s->loader->doc, s->node, err, "%s: %s", s->name, text);
    else
        err_set(err, ERR_CONFIG, "%s: %s", s->name, text);
    if (err)
        err->code = ERR_CONFIG;
    return -1;
}

void config_warn(const struct config_setting *s, const char *format, ...)
{
    const struct config_loader *l = s->loader;
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct err sentence = {0};
    config_refuse(s, &sentence, "%s", text);
    if (!l->warn || map_get(l->warned, sentence.text))
        return;
    map_set(l->warned, sentence.text, l->warned);
    l->warn(l->warn_data, sentence.text);
}

static char *trimmed(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    return n > 0 ? xstrndup(text, n) : NULL;
}

static int join_list(struct config_setting *s, char **ret_text, struct err *err)
{
    struct buf b;
    buf_init(&b, VALUE_MAX_BYTES);
    for (size_t i = 0; i < s->node->n; i++) {
        const struct yaml_node *item = s->node->values[i];
        if (item->kind == YAML_LIST || item->kind == YAML_MAP || item->kind == YAML_NULL || strchr(item->text, ',')) {
            buf_done(&b);
            s->node = item;
            return config_refuse(s, err, "a list of plain values without commas is needed here");
        }
        buf_printf(&b, "%s%s", i ? "," : "", item->text);
    }
    *ret_text = b.data && !b.failed ? trimmed(b.data) : NULL;
    buf_done(&b);
    return 0;
}

static int node_text(struct config_setting *s, char **ret_text, struct err *err)
{
    switch (s->node->kind) {
    case YAML_NULL:
        return 0;
    case YAML_LIST:
        return s->field->list ? join_list(s, ret_text, err) : config_refuse(s, err, "one value is needed here, not a list");
    case YAML_MAP:
        return config_refuse(s, err, "one value is needed here, not a map");
    case YAML_BOOL:
    case YAML_INT:
    case YAML_REAL:
    case YAML_TEXT:
        break;
    }
    *ret_text = trimmed(s->node->text);
    return 0;
}

static int environment_text(const struct config_loader *loader, const struct config_field *field, struct config_setting *s, char **ret_text)
{
    const char *names[] = {field->env, field->env_alias};
    for (size_t i = 0; i < ARRAY_SIZE(names) && !*ret_text; i++) {
        const char *text = names[i] ? loader->get(loader->get_data, names[i]) : NULL;
        if (text)
            *ret_text = trimmed(text);
        if (*ret_text)
            s->name = names[i];
    }
    return 0;
}

int config_source_text(const struct config_loader *loader, const struct config_source *source, const struct config_field *field,
                       struct config_setting *s, char **ret_text, struct err *err)
{
    *s = (struct config_setting){.loader = loader, .field = field, .name = field->env};
    *ret_text = NULL;
    if (!source->map)
        return environment_text(loader, field, s, ret_text);
    if (!config_field_fits(field, source->level))
        return 0;
    s->name = field->key;
    s->node = yaml_get(source->map, field->key);
    return s->node ? node_text(s, ret_text, err) : 0;
}

static int unknown_key(const struct config_loader *loader, const struct yaml_node *key, enum config_scope level, struct err *err)
{
    static const char *const places[] = {
        [SCOPE_GLOBAL] = "at the top level", [SCOPE_POOL] = "in a pool", [SCOPE_TEMPLATE] = "in a template",
    };
    const char *known[MAX_KEYS];
    size_t n = 0;
    for (size_t i = 0; i < config_n_fields; i++)
        if (config_field_fits(&config_fields[i], level))
            known[n++] = config_fields[i].key;
    const char *near = nearest(key->text, known, n, 4);
    if (near && 2 * nearest_distance(key->text, near) > strlen(near))
        near = NULL;                     /* "limit" is not "name" misspelt */
    for (int other = SCOPE_GLOBAL; other <= SCOPE_TEMPLATE; other++)
        if (config_field_find((enum config_scope)other, key->text))
            return yaml_error(loader->doc, key, err, "%s belongs %s, not %s", key->text, places[other], places[level]);
    if (near)
        return yaml_error(loader->doc, key, err, "unknown key \"%.60s\" %s; did you mean %s?", key->text, places[level], near);
    return yaml_error(loader->doc, key, err, "unknown key \"%.60s\" %s; --help lists the settings", key->text, places[level]);
}

int config_check_keys(const struct config_loader *loader, const struct yaml_node *map, enum config_scope level, struct err *err)
{
    for (size_t i = 0; i < map->n; i++)
        if (!config_field_find(level, map->keys[i]->text))
            return unknown_key(loader, map->keys[i], level, err);
    return 0;
}

static const struct config_field *rival_of(const struct config_field *field)
{
    for (size_t i = 0; field->rival && i < config_n_fields; i++)
        if (config_fields[i].key && strcmp(config_fields[i].key, field->rival) == 0)
            return &config_fields[i];
    return NULL;
}

static int drop(const struct config_field *field, char *text, int result)
{
    if (field->secret)
        secret_free(&text);
    free(text);
    return result;
}

/* One source gives both of two that exclude each other. *skip: this one is to be ignored. */
static int settle_rivals(const struct config_source *source, const struct config_setting *s, const struct config_field *rival, bool *skip,
                         struct err *err)
{
    struct config_setting other;
    char *text;
    if (config_source_text(s->loader, source, rival, &other, &text, err) != 0)
        return -1;
    bool both = text != NULL;
    drop(rival, text, 0);
    if (!both || rival->rival_wins)
        return 0;
    if (!s->field->rival_wins)
        return config_refuse(s, err, "%s is set, too; set only one of the two", other.name);
    config_warn(s, "ignored, because %s is set, too", other.name);
    *skip = true;
    return 0;
}

static int apply_field(struct config_loader *loader, const struct config_source *source, const struct config_field *field, void *object,
                       struct err *err)
{
    struct config_setting s;
    char *text;
    bool skip = false;
    if (config_source_text(loader, source, field, &s, &text, err) != 0)
        return -1;
    if (!text)
        return 0;
    const struct config_field *rival = rival_of(field);
    if (rival && settle_rivals(source, &s, rival, &skip, err) != 0)
        return drop(field, text, -1);
    if (skip)
        return drop(field, text, 0);
    if (rival)
        config_clear(rival, object);   /* a stronger source's choice replaces a weaker one's */
    return config_store(&s, text, object, err);
}

static int apply_default(struct config_loader *loader, const struct config_field *field, void *object, struct err *err)
{
    if (!field->fallback)
        return 0;
    const struct config_setting s = {.loader = loader, .field = field, .name = field->env ? field->env : field->key};
    return config_store(&s, xstrdup(field->fallback), object, err);
}

static bool stored_in(const struct config_field *field, enum config_scope scope)
{
    return field->scope == scope && field->type != TYPE_SPECIAL;
}

int config_apply(struct config_loader *loader, enum config_scope scope, void *object, struct err *err)
{
    for (size_t i = 0; i < config_n_fields; i++)
        if (stored_in(&config_fields[i], scope) && apply_default(loader, &config_fields[i], object, err) != 0)
            return -1;
    for (size_t j = 0; j < loader->n_sources; j++)
        for (size_t i = 0; i < config_n_fields; i++)
            if (stored_in(&config_fields[i], scope) && apply_field(loader, &loader->sources[j], &config_fields[i], object, err) != 0)
                return -1;
    return 0;
}
