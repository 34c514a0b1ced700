/* Messages to bytes, walked by the same table and in the same order as decode.c. Absent is: zero, false, "", an empty list of an optional field.
 * Strings of rows and optional ones come from whoever writes pipelines: made UTF-8 and cut to their maximum. Required ones of the message itself name what
 * is to be done: too long is our bug and fails. */
#include "protocol/encode.h"
#include "protocol/utf8.h"

#include "common/mem.h"

#include <msgpack.h>
#include <string.h>

static const char cut_mark[] = "(more entries than a message may hold)";

struct sink {
    msgpack_packer packer;
    struct buf *out;              /* NULL: only counts */
    size_t size;
};

static int sink_write(void *data, const char *bytes, size_t n)
{
    struct sink *sink = data;
    sink->size += n;
    return sink->out ? buf_append(sink->out, bytes, n) : 0;
}

static const void *slot(const char *from, size_t offset)
{
    return from + offset;
}

static const char *text_at(const char *from, const struct field *field)
{
    return str_or_empty(*(const char *const *)slot(from, field->offset));
}

static size_t count_at(const char *from, const struct field *field)
{
    return *(const size_t *)slot(from, field->count_offset);
}

static uint64_t number_at(const char *from, const struct field *field)
{
    return *(const uint64_t *)slot(from, field->offset);
}

static bool flag_at(const char *from, const struct field *field)
{
    return *(const bool *)slot(from, field->offset);
}

static bool present(const char *from, const struct field *field)
{
    if (field->required)
        return true;
    switch (field->kind) {
    case FIELD_U64:
    case FIELD_I64: return number_at(from, field) != 0;
    case FIELD_BOOL: return flag_at(from, field);
    case FIELD_STR: return *text_at(from, field) != '\0';
    case FIELD_STRS:
    case FIELD_ROWS: return count_at(from, field) != 0;
    }
    return false;
}

static void pack_bytes(struct sink *sink, const char *bytes, size_t n)
{
    msgpack_pack_str(&sink->packer, n);
    msgpack_pack_str_body(&sink->packer, bytes, n);
}

static void pack_text(struct sink *sink, const struct field *field, const char *text)
{
    size_t n = strlen(text);
    if (n <= field->max && utf8_valid(text, n)) {
        pack_bytes(sink, text, n);
        return;
    }
    char *clean = xcalloc(1, field->max);
    pack_bytes(sink, clean, utf8_clean(text, n, clean, field->max));
    free(clean);
}

static void pack_strs(struct sink *sink, const struct field *field, const char *from)
{
    const char *const *list = *(const char *const *const *)slot(from, field->offset);
    size_t n = count_at(from, field);
    size_t kept = n > TABLE_LIST_MAX ? TABLE_LIST_MAX - 1 : n;
    msgpack_pack_array(&sink->packer, n > kept ? kept + 1 : kept);
    for (size_t i = 0; i < kept; i++)
        pack_text(sink, field, str_or_empty(list[i]));
    if (n > kept)
        pack_text(sink, field, cut_mark);   /* as a demand it matches nothing, and says why */
}

static void pack_map(struct sink *sink, const struct record *record, const char *from, uint64_t number);

static void pack_rows(struct sink *sink, const struct field *field, const char *from)
{
    const char *rows = *(const char *const *)slot(from, field->offset);
    size_t n = count_at(from, field);
    msgpack_pack_array(&sink->packer, n);
    for (size_t i = 0; i < n; i++)
        pack_map(sink, field->rows, rows + i * field->rows->size, 0);
}

static void pack_value(struct sink *sink, const struct field *field, const char *from)
{
    switch (field->kind) {
    case FIELD_U64: msgpack_pack_uint64(&sink->packer, number_at(from, field)); return;
    case FIELD_I64: msgpack_pack_int64(&sink->packer, (int64_t)number_at(from, field)); return;
    case FIELD_BOOL: (void)(flag_at(from, field) ? msgpack_pack_true(&sink->packer) : msgpack_pack_false(&sink->packer)); return;
    case FIELD_STR: pack_text(sink, field, text_at(from, field)); return;
    case FIELD_STRS: pack_strs(sink, field, from); return;
    case FIELD_ROWS: pack_rows(sink, field, from); return;
    }
}

/* number: the message's, 0 for a row. */
static void pack_map(struct sink *sink, const struct record *record, const char *from, uint64_t number)
{
    size_t n = number ? 1 : 0;
    for (size_t i = 0; i < record->n_fields; i++)
        n += present(from, &record->fields[i]);
    msgpack_pack_map(&sink->packer, n);
    if (number) {
        pack_bytes(sink, "t", 1);
        msgpack_pack_uint64(&sink->packer, number);
    }
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct field *field = &record->fields[i];
        if (!present(from, field))
            continue;
        pack_bytes(sink, field->name, strlen(field->name));
        pack_value(sink, field, from);
    }
}

static int check_ids(const struct message *message, const char *from, struct err *err)
{
    for (size_t i = 0; i < message->body.n_fields; i++) {
        const struct field *field = &message->body.fields[i];
        if (field->kind == FIELD_STR && field->required && strlen(text_at(from, field)) > field->max)
            return err_set(err, ERR_INVALID, "%s.%s is longer than %zu bytes", message->body.name, field->name, field->max);
    }
    return 0;
}

static void sink_open(struct sink *sink, struct buf *out)
{
    *sink = (struct sink){.out = out};
    msgpack_packer_init(&sink->packer, sink, sink_write);
}

size_t encode_row_size(const struct record *record, const void *row)
{
    struct sink sink;
    sink_open(&sink, NULL);
    pack_map(&sink, record, row, 0);
    return sink.size;
}

static int undo(struct buf *out, size_t len)
{
    out->failed = false;
    out->len = len;
    if (out->data)
        out->data[len] = '\0';
    return -1;
}

int msg_encode(const struct msg *msg, struct buf *out, struct err *err)
{
    const struct message *message = table_find(msg->type);
    CHECK(message != NULL && !out->failed);
    if (check_ids(message, (const char *)&msg->u, err))
        return -1;
    struct sink sink;
    size_t start = out->len;
    sink_open(&sink, out);
    bool room = buf_append(out, (const char[4]){0}, 4) == 0;
    if (room)
        pack_map(&sink, &message->body, (const char *)&msg->u, message->type);
    if (sink.size > PROTOCOL_FRAME_MAX)
        err_set(err, ERR_TOO_LARGE, "%s: does not fit in one frame", message->body.name);
    else if (!room || out->failed)
        err_set(err, ERR_UNAVAILABLE, "%s: does not fit in the queue", message->body.name);
    if (!room || out->failed || sink.size > PROTOCOL_FRAME_MAX)
        return undo(out, start);
    for (size_t i = 0; i < 4; i++)
        out->data[start + i] = (char)(sink.size >> (24 - 8 * i));
    return 0;
}
