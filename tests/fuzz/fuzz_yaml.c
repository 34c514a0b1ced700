/* Any bytes are either refused with a sentence or become nodes that JSON can hold, within the limits. */
#include "common/mem.h"
#include "common/yaml_priv.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Nodes below this one, aliases written out; also checks that every node is whole. */
static size_t walk(const struct yaml_node *node, int depth)
{
    size_t count = 1;
    CHECK(depth <= YAML_MAX_DEPTH + 1 && node->line >= 1 && node->column >= 1);
    if (node->kind == YAML_LIST || node->kind == YAML_MAP) {
        for (size_t i = 0; i < node->n; i++) {
            CHECK(node->kind == YAML_LIST || node->keys[i]->kind == YAML_TEXT);
            count += walk(node->values[i], depth + 1);
        }
    } else {
        CHECK(node->text != NULL);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct err err = {0};
    struct yaml_doc *doc = yaml_parse("fuzz", (const char *)bytes, n, &err);
    CHECK(doc || (err.code == ERR_CONFIG && err.text[0]));
    size_t count = 0;
    for (size_t i = 0; doc && i < yaml_count(doc); i++) {
        const struct yaml_node *root = yaml_root(doc, i);
        count += walk(root, 1);
        CHECK(yaml_nearest(root, "spec.template[0].a[b.c].") != NULL);
        json_t *json = yaml_to_json(root);
        char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
        CHECK(text != NULL);
        free(text);
        json_decref(json);
    }
    CHECK(count <= YAML_MAX_NODES);
    yaml_free(&doc);
    return 0;
}
