/* The parts of the YAML reader: arena, bytes before parsing, scalars, maps; yaml_parse.c drives libyaml through them. */
#ifndef COMMON_YAML_PRIV_H
#define COMMON_YAML_PRIV_H

#include "common/yaml.h"

enum { YAML_MAX_BYTES = 1024 * 1024, YAML_MAX_DEPTH = 64, YAML_MAX_NODES = 50000 };

struct yaml_chunk;
struct yaml_doc {
    char *name;
    struct yaml_chunk *chunks;
    struct yaml_node **roots;
    size_t n_roots;
};

void *yaml_alloc(struct yaml_doc *doc, size_t size);                          /* zeroed; lives as long as the doc */
const char *yaml_copy(struct yaml_doc *doc, const char *bytes, size_t n);
void yaml_wipe_chunks(struct yaml_doc *doc);                                  /* files may hold secrets */

int yaml_refuse(const struct yaml_doc *doc, int line, int column, struct err *err, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* UTF-8 without NUL, control bytes or a UTF-16 mark. */
int yaml_check_bytes(const struct yaml_doc *doc, const char *bytes, size_t n, struct err *err);

/* What a scalar is, from its text (already in node->text). tag: NULL for a plain one without a tag. */
int yaml_resolve(const struct yaml_doc *doc, struct yaml_node *node, const char *tag, struct err *err);
/* Turns a key into text, as kubectl writes it: `on` is "true", 0777 is "511". */
int yaml_resolve_key(struct yaml_doc *doc, struct yaml_node *key, struct err *err);

/* A key that asks for a merge (`<<`), until the map is complete. */
bool yaml_is_merge(const struct yaml_node *key);
void yaml_mark_merge(struct yaml_node *key);
/* Fills a map from n children, alternately keys and values; merges are carried out, duplicates refused. */
int yaml_fill_map(struct yaml_doc *doc, struct yaml_node *map, struct yaml_node **children, size_t n, struct err *err);

#endif
