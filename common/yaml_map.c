/* A map out of its parsed children: merge keys are carried out, and nothing may be said twice. */
#include "common/yaml_priv.h"

#include "common/map.h"
#include "common/mem.h"

#include <string.h>

bool yaml_is_merge(const struct yaml_node *key)
{
    return key->kind == YAML_NULL && key->text && strcmp(key->text, "<<") == 0;   /* no other null has this text */
}

void yaml_mark_merge(struct yaml_node *key)
{
    key->kind = YAML_NULL;
}

static int check_merged(const struct yaml_doc *doc, const struct yaml_node *value, struct err *err)
{
    if (value->kind == YAML_MAP)
        return 0;
    for (size_t i = 0; value->kind == YAML_LIST && i < value->n; i++)
        if (value->values[i]->kind != YAML_MAP)
            return yaml_error(doc, value->values[i], err, "<< can merge only maps");
    return value->kind == YAML_LIST ? 0 : yaml_error(doc, value, err, "<< can merge only a map or a list of maps");
}

static size_t merged_size(const struct yaml_node *value)
{
    size_t n = value->kind == YAML_MAP ? value->n : 0;
    for (size_t i = 0; value->kind == YAML_LIST && i < value->n; i++)
        n += value->values[i]->n;
    return n;
}

static void append_map(struct yaml_node *to, const struct yaml_node *from)
{
    memcpy(to->keys + to->n, from->keys, from->n * sizeof *from->keys);
    memcpy(to->values + to->n, from->values, from->n * sizeof *from->values);
    to->n += from->n;
}

static void append_merged(struct yaml_node *to, const struct yaml_node *value)
{
    if (value->kind == YAML_MAP && value->n > 0)
        append_map(to, value);
    for (size_t i = 0; value->kind == YAML_LIST && i < value->n; i++)
        if (value->values[i]->n > 0)
            append_map(to, value->values[i]);
}

static int refuse_twice(const struct yaml_doc *doc, const struct yaml_node *map, const struct yaml_node *first,
                        const struct yaml_node *second, bool merged,
                        struct err *err)
{
    const struct yaml_node *later = first->line > second->line ? first : second, *earlier = later == first ? second : first;
    if (merged)
        return yaml_error(doc, map, err, "key \"%.80s\" comes into this map twice, one of them by a merge (<<): lines %d and %d; remove "
                                         "one", first->text,
                          earlier->line, later->line);
    return yaml_error(doc, second, err, "key \"%.80s\" is here a second time, after line %d; remove one", first->text, first->line);
}

static int check_unique(const struct yaml_doc *doc, struct yaml_node *map, bool merged, struct err *err)
{
    struct map *seen = map_new();
    int result = 0;
    for (size_t i = 0; i < map->n && result == 0; i++) {
        const struct yaml_node *before = map_set(seen, map->keys[i]->text, map->keys[i]);
        if (before)
            result = refuse_twice(doc, map, before, map->keys[i], merged, err);
    }
    map_free(seen);
    return result;
}

int yaml_fill_map(struct yaml_doc *doc, struct yaml_node *map, struct yaml_node **children, size_t n, struct err *err)
{
    size_t room = 0;
    bool merged = false;
    for (size_t i = 0; i < n; i += 2) {
        bool merge = yaml_is_merge(children[i]);
        if (merge && check_merged(doc, children[i + 1], err) != 0)
            return -1;
        room += merge ? merged_size(children[i + 1]) : 1;
        merged = merged || merge;
    }
    map->keys = yaml_alloc(doc, room * sizeof *map->keys);
    map->values = yaml_alloc(doc, room * sizeof *map->values);
    for (size_t i = 0; i < n; i += 2) {
        if (yaml_is_merge(children[i])) {
            append_merged(map, children[i + 1]);
            continue;
        }
        map->keys[map->n] = children[i];
        map->values[map->n++] = children[i + 1];
    }
    return map->n > 1 ? check_unique(doc, map, merged, err) : 0;
}
