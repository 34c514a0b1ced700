#include "common/config_priv.h"

#include "common/mem.h"

static bool plain(const struct yaml_node *node)
{
    return node->kind != YAML_LIST && node->kind != YAML_MAP && node->kind != YAML_NULL;
}

/* Values as they are written: version 1.10 is not 1.1. */
int config_load_capabilities(const struct config_loader *l, const struct yaml_node *node, struct config_template *t, struct err *err)
{
    if (!node || node->kind == YAML_NULL)
        return 0;
    if (node->kind != YAML_MAP && node->kind != YAML_LIST)
        return yaml_error(l->doc, node, err, "capabilities: a map of names and values, or a list of names, is needed here");
    t->capabilities = xcalloc(node->n, sizeof *t->capabilities);
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *value = node->values[i], *name = node->kind == YAML_MAP ? node->keys[i] : value;
        bool empty = node->kind == YAML_LIST || value->kind == YAML_NULL;
        if (!plain(name) || !*name->text || (!empty && !plain(value)))
            return yaml_error(l->doc, value, err, "capabilities: a plain %s is needed here", plain(name) ? "value" : "name");
        t->capabilities[t->n_capabilities++] = (struct capability){.name = xstrdup(name->text), .value = xstrdup(empty ? "" : value->text)};
    }
    return 0;
}
