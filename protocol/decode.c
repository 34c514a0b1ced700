/* Bytes to messages, in two walks of the same code over the same bytes: the first only checks and measures, the second fills one block of exactly that size. */
#include "protocol/cursor.h"
#include "protocol/table.h"
#include "protocol/utf8.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct walk {
    struct cursor at;
    char *base;                   /* NULL in the first walk */
    size_t used;
    struct err *err;
};

static int bad(struct walk *w, const struct record *record, const struct field *field, const char *why)
{
    return err_set(w->err, ERR_INVALID, "message not understood: %s%s%s: %s", record->name, field ? "." : "", field ? field->name : "", why);
}

/* Room in the block; NULL in the first walk. Zeroed. */
static void *take(struct walk *w, size_t size, size_t align)
{
    w->used = (w->used + align - 1) / align * align;
    void *place = w->base ? w->base + w->used : NULL;
    w->used += size;
    return place;
}

static int read_number(struct walk *w, const struct record *record, const struct field *field, char *to)
{
    struct wire v;
    if (cursor_next(&w->at, &v))
        return bad(w, record, field, "cut short");
    if (field->kind == FIELD_BOOL ? v.kind != WIRE_BOOL : v.kind != WIRE_UINT && v.kind != WIRE_NEGATIVE)
        return bad(w, record, field, "wrong type");
    if (field->kind == FIELD_U64 ? v.kind == WIRE_NEGATIVE : field->kind == FIELD_I64 && v.kind == WIRE_UINT && v.number > INT64_MAX)
        return bad(w, record, field, "out of range");
    if (!to)
        return 0;
    if (field->kind == FIELD_BOOL)
        *(bool *)(to + field->offset) = v.number;
    else
        memcpy(to + field->offset, &v.number, sizeof v.number);
    return 0;
}

static int read_text(struct walk *w, const struct record *record, const struct field *field, const char **ret)
{
    struct wire v;
    if (cursor_next(&w->at, &v))
        return bad(w, record, field, "cut short");
    if (v.kind != WIRE_STR)
        return bad(w, record, field, "wrong type");
    if (v.number > field->max)
        return bad(w, record, field, "too long");
    if (memchr(v.bytes, '\0', v.number) || !utf8_valid(v.bytes, v.number))
        return bad(w, record, field, "not UTF-8 text");
    char *place = take(w, v.number + 1, 1);
    if (place) {
        memcpy(place, v.bytes, v.number);
        *ret = place;
    }
    return 0;
}

static int read_str(struct walk *w, const struct record *record, const struct field *field, char *to)
{
    const char *text = "";
    if (read_text(w, record, field, &text))
        return -1;
    if (to)
        *(const char **)(to + field->offset) = text;
    return 0;
}

static int read_list_head(struct walk *w, const struct record *record, const struct field *field, size_t max, size_t *ret)
{
    struct wire v;
    if (cursor_next(&w->at, &v))
        return bad(w, record, field, "cut short");
    if (v.kind != WIRE_ARRAY)
        return bad(w, record, field, "wrong type");
    if (v.number > max)
        return bad(w, record, field, "too many");
    *ret = v.number;
    return 0;
}

static void put_list(const struct field *field, char *to, const void *list, size_t n)
{
    memcpy(to + field->offset, &list, sizeof list);
    memcpy(to + field->count_offset, &n, sizeof n);
}

static int read_strs(struct walk *w, const struct record *record, const struct field *field, char *to)
{
    size_t n;
    if (read_list_head(w, record, field, TABLE_LIST_MAX, &n))
        return -1;
    const char **list = take(w, n * sizeof *list, _Alignof(char *));
    const char *unused;
    for (size_t i = 0; i < n; i++)
        if (read_text(w, record, field, list ? &list[i] : &unused))
            return -1;
    if (to)
        put_list(field, to, list, n);
    return 0;
}

static int read_fields(struct walk *w, const struct record *record, char *to, int depth);

static int read_rows(struct walk *w, const struct record *record, const struct field *field, char *to, int depth)
{
    size_t n;
    if (read_list_head(w, record, field, SIZE_MAX, &n))
        return -1;
    char *rows = take(w, n * field->rows->size, _Alignof(max_align_t));
    for (size_t i = 0; i < n; i++)
        if (read_fields(w, field->rows, rows ? rows + i * field->rows->size : NULL, depth + 2))
            return -1;
    if (to)
        put_list(field, to, rows, n);
    return 0;
}

static int read_field(struct walk *w, const struct record *record, const struct field *field, char *to, int depth)
{
    switch (field->kind) {
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_BOOL: return read_number(w, record, field, to);
    case FIELD_STR: return read_str(w, record, field, to);
    case FIELD_STRS: return read_strs(w, record, field, to);
    case FIELD_ROWS: return read_rows(w, record, field, to, depth);
    }
    return -1;
}

static void no_null_strings(const struct record *record, char *to)
{
    for (size_t i = 0; i < record->n_fields; i++)
        if (record->fields[i].kind == FIELD_STR)
            *(const char **)(to + record->fields[i].offset) = "";
}

static int all_required(struct walk *w, const struct record *record, uint32_t seen)
{
    for (size_t i = 0; i < record->n_fields; i++)
        if (record->fields[i].required && !(seen & 1u << i))
            return bad(w, record, &record->fields[i], "missing");
    return 0;
}

/* One map whose keys are field names; the map itself lies at this depth. Unknown keys are a newer peer's business: skipped. */
static int read_fields(struct walk *w, const struct record *record, char *to, int depth)
{
    struct wire map, key;
    uint32_t seen = 0;
    if (cursor_next(&w->at, &map) || map.kind != WIRE_MAP)
        return bad(w, record, NULL, "not a map");
    if (to)
        no_null_strings(record, to);
    for (uint64_t i = 0; i < map.number; i++) {
        if (cursor_next(&w->at, &key) || key.kind != WIRE_STR)
            return bad(w, record, NULL, "a key that is not a string");
        const struct field *field = table_field(record, key.bytes, key.number);
        if (!field) {
            if (cursor_skip(&w->at, depth + 1))
                return bad(w, record, NULL, "not msgpack");
            continue;
        }
        uint32_t bit = 1u << (field - record->fields);
        if (seen & bit)
            return bad(w, record, field, "twice");
        seen |= bit;
        if (read_field(w, record, field, to, depth))
            return -1;
    }
    return all_required(w, record, seen);
}

/* The number under "t", wherever in the map it is, after a look at the shape of the whole. */
static int find_number(const void *bytes, size_t n, uint64_t *ret, struct err *err)
{
    struct cursor c = {bytes, (const unsigned char *)bytes + n};
    struct cursor whole = c;
    struct wire map, key, value;
    bool found = false;
    if (cursor_skip(&whole, 1) || whole.at != whole.end || cursor_next(&c, &map) || map.kind != WIRE_MAP)
        return err_set(err, ERR_INVALID, "message not understood: not one msgpack map");
    for (uint64_t i = 0; i < map.number; i++) {
        CHECK(cursor_next(&c, &key) == 0);
        if (key.kind != WIRE_STR)
            return err_set(err, ERR_INVALID, "message not understood: a key that is not a string");
        bool is_type = key.number == 1 && key.bytes[0] == 't';
        struct cursor v = c;
        CHECK(cursor_skip(&c, 2) == 0);
        if (!is_type)
            continue;
        if (found || cursor_next(&v, &value) || value.kind != WIRE_UINT)
            return err_set(err, ERR_INVALID, "message not understood: t must be one number");
        *ret = value.number;
        found = true;
    }
    return found ? 0 : err_set(err, ERR_INVALID, "message not understood: t is missing");
}

static int walk(struct walk *w, const void *bytes, size_t n, const struct message *message)
{
    w->at = (struct cursor){bytes, (const unsigned char *)bytes + n};
    w->used = 0;
    struct msg *msg = take(w, sizeof *msg, _Alignof(max_align_t));
    if (msg)
        msg->type = message->type;
    return read_fields(w, &message->body, msg ? (char *)&msg->u : NULL, 1);
}

int msg_decode(const void *bytes, size_t n, struct msg **ret, uint64_t *ret_number, struct err *err)
{
    uint64_t number = 0;
    if (ret_number)
        *ret_number = 0;
    if (find_number(bytes, n, &number, err))
        return -1;
    if (ret_number)
        *ret_number = number;
    const struct message *message = table_find(number);
    if (!message)
        return err_set(err, ERR_NOT_FOUND, "message number %llu is not known", (unsigned long long)number);
    struct walk w = {.err = err};
    if (walk(&w, bytes, n, message))
        return -1;
    size_t size = w.used;
    w.base = xcalloc(1, size);
    CHECK(walk(&w, bytes, n, message) == 0 && w.used == size);
    *ret = (struct msg *)(void *)w.base;
    return 0;
}

void msg_free(struct msg **msg)
{
    free(*msg);
    *msg = NULL;
}
