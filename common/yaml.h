/* YAML as kubectl reads it, with the place of every node. Stricter than kubectl where kubectl loses data: duplicate keys, merge keys that override,
 * binary, custom tags, .inf/.nan and integers beyond int64 are errors with file:line:column. Limits: 1 MiB, depth 64, 50,000 nodes after aliases.
 * Not thread-safe, no I/O but yaml_read_file. */
#ifndef COMMON_YAML_H
#define COMMON_YAML_H

#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum yaml_kind { YAML_NULL, YAML_BOOL, YAML_INT, YAML_REAL, YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    int line, column;             /* 1-based, where the node begins */
    const char *text;             /* scalars: as written (TEXT: the value) */
    bool boolean;
    int64_t integer;
    double real;
    size_t n;                     /* LIST and MAP */
    struct yaml_node **values;
    struct yaml_node **keys;      /* MAP: always YAML_TEXT kind (a typed key is written as kubectl writes it: `on:` is "true") */
};

struct yaml_doc;                  /* owns all nodes of one file */

/* Parses all documents of a text; empty ones are skipped. name is used in messages. NULL with err ("name:3:7: ...") on failure. */
struct yaml_doc *yaml_parse(const char *name, const char *bytes, size_t n, struct err *err);
struct yaml_doc *yaml_read_file(const char *path, struct err *err);
void yaml_doc_free(struct yaml_doc **doc);
#define yaml_free(doc) yaml_doc_free(doc)   /* libyaml exports an internal function of that name, and would call ours */

size_t yaml_count(const struct yaml_doc *doc);                            /* documents */
const struct yaml_node *yaml_root(const struct yaml_doc *doc, size_t i);
const char *yaml_name(const struct yaml_doc *doc);

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);          /* NULL when absent or not a map */
/* Follows a path of keys and "[i]" indexes: "spec.template.spec.containers[0].image"; the deepest node that exists. For error messages. */
const struct yaml_node *yaml_nearest(const struct yaml_node *root, const char *path);

json_t *yaml_to_json(const struct yaml_node *node);                       /* new reference */

/* err = "file:line:column: ..." ; returns -1. */
int yaml_error(const struct yaml_doc *doc, const struct yaml_node *at, struct err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
