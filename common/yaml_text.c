/* Memory of a document, and the bytes before they are parsed. libyaml would take UTF-16 without a word and tells no line for a bad byte. */
#include "common/yaml_priv.h"

#include "common/mem.h"
#include "common/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 8 * 1024, ALIGN = 16 };

struct yaml_chunk {
    struct yaml_chunk *next;
    size_t used, size;
    _Alignas(ALIGN) unsigned char bytes[];
};

void *yaml_alloc(struct yaml_doc *doc, size_t size)
{
    struct yaml_chunk *c = doc->chunks;
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!c || c->size - c->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        c = xcalloc(1, sizeof *c + room);
        *c = (struct yaml_chunk){.next = doc->chunks, .size = room};
        doc->chunks = c;
    }
    void *p = c->bytes + c->used;
    c->used += size;
    return p;
}

const char *yaml_copy(struct yaml_doc *doc, const char *bytes, size_t n)
{
    char *copy = yaml_alloc(doc, n + 1);
    memcpy(copy, bytes, n);
    return copy;
}

void yaml_wipe_chunks(struct yaml_doc *doc)
{
    while (doc->chunks) {
        struct yaml_chunk *c = doc->chunks;
        doc->chunks = c->next;
        explicit_bzero(c->bytes, c->used);
        free(c);
    }
}

static bool is_control(uint32_t c)
{
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c < 0xa0 && c != 0x85) || c == 0xfffe || c == 0xffff;
}

static bool is_break(uint32_t c)
{
    return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

int yaml_check_bytes(const struct yaml_doc *doc, const char *bytes, size_t n, struct err *err)
{
    const unsigned char *p = (const unsigned char *)bytes;
    int line = 1, column = 1;
    uint32_t c = 0;
    if (n >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff)))
        return yaml_refuse(doc, 1, 1, err, "this is UTF-16; save the file as UTF-8");
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_char(bytes + i, n - i, &c);
        if (len == 0)
            return yaml_refuse(doc, line, column, err, "byte 0x%02x is not UTF-8; save the file as UTF-8", p[i]);
        if (is_control(c))
            return yaml_refuse(doc, line, column, err, "control character 0x%02x; remove it or write it as an escape in double quotes", c);
        if (is_break(c)) {
            line += !(c == '\r' && i + 1 < n && p[i + 1] == '\n');
            column = 1;
        } else {
            column++;
        }
    }
    return 0;
}
