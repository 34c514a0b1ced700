/* Pulls events out of libyaml and builds the nodes. Limits are checked at each event: libyaml itself is quadratic in the depth of flow
 * collections, so it is never asked to go deeper than we do. Aliases share nodes, but count as if they were written out. */
#include "common/yaml_priv.h"

#include "common/map.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define TAG "tag:yaml.org,2002:"

/* An anchored node and what an alias to it costs. */
struct anchor {
    struct yaml_node *node;
    size_t weight;            /* nodes, itself included, aliases written out */
    int height;               /* 0 for a scalar */
    bool open;                /* still being read: an alias would contain itself */
};

/* A collection being read. Its children are the top of the shared stack. */
struct frame {
    struct yaml_node *node;
    struct anchor *anchor;    /* NULL: none */
    size_t first_child;
    size_t weight;
    int height;
};

struct builder {
    yaml_parser_t parser;
    struct yaml_doc *doc;
    struct frame frames[YAML_MAX_DEPTH];
    int depth;
    struct yaml_node **stack;
    size_t n_stack, stack_size;
    struct map *anchors;               /* of this document: name -> struct anchor */
    size_t total;                      /* nodes of the whole file */
    int explicit_line;                 /* of a "---", 0 = none */
    struct yaml_node *root;
};

static int event_error(struct builder *b, const yaml_event_t *event, struct err *err, const char *what)
{
    return yaml_refuse(b->doc, (int)event->start_mark.line + 1, (int)event->start_mark.column + 1, err, "%s", what);
}

static int parser_error(struct builder *b, struct err *err)
{
    const yaml_parser_t *p = &b->parser;
    char began[40] = "";
    CHECK(p->error != YAML_MEMORY_ERROR);
    if (p->context && p->context_mark.line != p->problem_mark.line)
        snprintf(began, sizeof began, " that began in line %d", (int)p->context_mark.line + 1);
    return yaml_refuse(b->doc, (int)p->problem_mark.line + 1, (int)p->problem_mark.column + 1, err, "%s%s%s%s",
                       p->problem ? p->problem : "not YAML", p->context ? " " : "", p->context ? p->context : "", began);
}

static struct yaml_node *new_node(struct builder *b, const yaml_event_t *event, enum yaml_kind kind)
{
    struct yaml_node *node = yaml_alloc(b->doc, sizeof *node);
    node->kind = kind;
    node->line = (int)event->start_mark.line + 1;
    node->column = (int)event->start_mark.column + 1;
    return node;
}

static bool expects_key(const struct builder *b)
{
    const struct frame *f = b->depth > 0 ? &b->frames[b->depth - 1] : NULL;
    return f && f->node->kind == YAML_MAP && (b->n_stack - f->first_child) % 2 == 0;
}

/* Adds a finished node to the collection it is in. */
static int add(struct builder *b, const yaml_event_t *event, struct yaml_node *node, size_t weight, int height, struct err *err)
{
    if (b->depth == 0) {
        b->root = node;
        return 0;
    }
    struct frame *f = &b->frames[b->depth - 1];
    if (expects_key(b) && !yaml_is_merge(node) && yaml_resolve_key(b->doc, node, err) != 0)
        return -1;
    if (b->depth + height > YAML_MAX_DEPTH)
        return event_error(b, event, err, "nested too deeply (more than 64 levels)");
    if (b->n_stack == b->stack_size) {
        b->stack_size = b->stack_size ? 2 * b->stack_size : 64;
        b->stack = xreallocarray(b->stack, b->stack_size, sizeof *b->stack);
    }
    b->stack[b->n_stack++] = node;
    f->weight += weight;
    f->height = height >= f->height ? height + 1 : f->height;
    return 0;
}

static int count(struct builder *b, const yaml_event_t *event, size_t weight, struct err *err)
{
    b->total += weight;
    return b->total > YAML_MAX_NODES ? event_error(b, event, err, "too many values (more than 50000, aliases written out)") : 0;
}

static struct anchor *remember(struct builder *b, const yaml_char_t *name, struct yaml_node *node, bool open)
{
    if (!name)
        return NULL;
    struct anchor *a = yaml_alloc(b->doc, sizeof *a);
    *a = (struct anchor){.node = node, .weight = 1, .open = open};
    map_set(b->anchors, (const char *)name, a);
    return a;
}

static int on_alias(struct builder *b, const yaml_event_t *event, struct err *err)
{
    const struct anchor *a = map_get(b->anchors, (const char *)event->data.alias.anchor);
    if (!a)
        return event_error(b, event, err, "this alias names an anchor that is not defined before it");
    if (a->open)
        return event_error(b, event, err, "this alias would contain itself");
    if (count(b, event, a->weight, err) != 0)
        return -1;
    struct yaml_node *node = a->node;
    if (expects_key(b)) {
        node = yaml_alloc(b->doc, sizeof *node);   /* a key becomes text, the anchored value stays what it is */
        *node = *a->node;
    }
    return add(b, event, node, a->weight, a->height, err);
}

/* NULL for a plain scalar without a tag: only those are of any other type than text. "!" says text, too. */
static const char *scalar_tag(const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.scalar.tag;
    if (tag && strcmp(tag, "!") != 0)
        return tag;
    return !tag && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? NULL : TAG "str";
}

static int on_scalar(struct builder *b, const yaml_event_t *event, struct err *err)
{
    const char *text = (const char *)event->data.scalar.value, *tag = scalar_tag(event);
    struct yaml_node *node = new_node(b, event, YAML_TEXT);
    if (strlen(text) != event->data.scalar.length)
        return event_error(b, event, err, "a text cannot contain \\0");
    node->text = yaml_copy(b->doc, text, event->data.scalar.length);
    if (count(b, event, 1, err) != 0)
        return -1;
    if (!tag && expects_key(b) && strcmp(text, "<<") == 0)
        yaml_mark_merge(node);
    else if (yaml_resolve(b->doc, node, tag, err) != 0)
        return -1;
    remember(b, event->data.scalar.anchor, node, false);
    return add(b, event, node, 1, 0, err);
}

static bool known_tag(const yaml_char_t *given, enum yaml_kind kind)
{
    static const char *const maps[] = {TAG "map", TAG "set", "!"}, *const lists[] = {TAG "seq", TAG "omap", TAG "pairs", "!"};
    const char *tag = (const char *)given, *const *known = kind == YAML_MAP ? maps : lists;
    size_t n = kind == YAML_MAP ? ARRAY_SIZE(maps) : ARRAY_SIZE(lists);
    for (size_t i = 0; tag && i < n; i++)
        if (strcmp(tag, known[i]) == 0)
            return true;
    return !tag;
}

static int on_start(struct builder *b, const yaml_event_t *event, enum yaml_kind kind, const yaml_char_t *anchor, const yaml_char_t *tag,
                    struct err *err)
{
    if (!known_tag(tag, kind))
        return event_error(b, event, err, "this tag is not supported; remove it");
    if (b->depth == YAML_MAX_DEPTH)
        return event_error(b, event, err, "nested too deeply (more than 64 levels)");
    if (count(b, event, 1, err) != 0)
        return -1;
    struct yaml_node *node = new_node(b, event, kind);
    b->frames[b->depth++] = (struct frame){.node = node, .anchor = remember(b, anchor, node, true), .first_child = b->n_stack, .weight = 1};
    return 0;
}

static void fill_list(struct builder *b, struct yaml_node *list, struct yaml_node **children, size_t n)
{
    list->n = n;
    list->values = yaml_alloc(b->doc, n * sizeof *list->values);
    if (n > 0)
        memcpy(list->values, children, n * sizeof *children);
}

static int on_end(struct builder *b, const yaml_event_t *event, struct err *err)
{
    const struct frame f = b->frames[--b->depth];
    struct yaml_node **children = b->stack ? b->stack + f.first_child : NULL;
    size_t n = b->n_stack - f.first_child;
    if (f.node->kind == YAML_LIST)
        fill_list(b, f.node, children, n);
    else if (yaml_fill_map(b->doc, f.node, children, n, err) != 0)
        return -1;
    if (f.anchor)
        *f.anchor = (struct anchor){.node = f.node, .weight = f.weight, .height = f.height};
    b->n_stack = f.first_child;
    return add(b, event, f.node, f.weight, f.height, err);
}

static int on_document_start(struct builder *b, const yaml_event_t *event, struct err *err)
{
    const yaml_version_directive_t *v = event->data.document_start.version_directive;
    if (v && (v->major != 1 || v->minor != 1))
        return event_error(b, event, err, "this is read as YAML 1.1, as kubectl does; remove the %YAML line");
    map_free(b->anchors);
    b->anchors = map_new();
    b->root = NULL;
    b->explicit_line = event->data.document_start.implicit ? 0 : (int)event->end_mark.line + 1;
    return 0;
}

static void on_document_end(struct builder *b)
{
    struct yaml_doc *doc = b->doc;
    if (!b->root || b->root->kind == YAML_NULL)
        return;
    doc->roots = xreallocarray(doc->roots, doc->n_roots + 1, sizeof *doc->roots);
    doc->roots[doc->n_roots++] = b->root;
}

/* kubectl takes only a comment beside "---". */
static int check_beside_marker(struct builder *b, const yaml_event_t *event, struct err *err)
{
    bool beside = b->explicit_line == (int)event->start_mark.line + 1 && event->start_mark.index != event->end_mark.index;
    b->explicit_line = 0;
    return beside ? event_error(b, event, err, "nothing may stand beside ---; begin the document on the next line") : 0;
}

static int on_event(struct builder *b, const yaml_event_t *event, struct err *err)
{
    if (b->explicit_line && event->type != YAML_DOCUMENT_START_EVENT && check_beside_marker(b, event, err) != 0)
        return -1;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: return on_document_start(b, event, err);
    case YAML_DOCUMENT_END_EVENT: return on_document_end(b), 0;
    case YAML_ALIAS_EVENT: return on_alias(b, event, err);
    case YAML_SCALAR_EVENT: return on_scalar(b, event, err);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, event, YAML_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag, err);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, event, YAML_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return on_end(b, event, err);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT: break;
    }
    return 0;
}

static int pull(struct builder *b, struct err *err)
{
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b->parser, &event))
            return parser_error(b, err);
        more = event.type != YAML_STREAM_END_EVENT;
        int result = on_event(b, &event, err);
        yaml_event_delete(&event);
        if (result != 0)
            return -1;
    }
    return 0;
}

static int parse(struct yaml_doc *doc, const char *bytes, size_t n, struct err *err)
{
    struct builder b = {.doc = doc};
    CHECK(yaml_parser_initialize(&b.parser));
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)bytes, n);
    int result = pull(&b, err);
    yaml_parser_delete(&b.parser);
    map_free(b.anchors);
    free(b.stack);
    return result;
}

struct yaml_doc *yaml_parse(const char *name, const char *bytes, size_t n, struct err *err)
{
    struct yaml_doc *doc = xcalloc(1, sizeof *doc);
    size_t mark = n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    doc->name = xstrdup(name);
    if (n > YAML_MAX_BYTES)
        err_set(err, ERR_CONFIG, "%s: larger than 1 MiB", name);
    else if (yaml_check_bytes(doc, bytes + mark, n - mark, err) == 0 && parse(doc, bytes + mark, n - mark, err) == 0)
        return doc;
    yaml_free(&doc);
    return NULL;
}
