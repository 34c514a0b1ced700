/* Cuts the rows of one message over as many frames as they need. All lists of the message are walked as one sequence of rows; lists of strings and
 * everything else that is not rows goes as it is, lists of strings with the first part only. */
#include "protocol/bus.h"
#include "protocol/encode.h"

#include "common/log.h"
#include "common/mem.h"

#include <string.h>

enum { PART_BYTES = 128 << 10 };  /* aimed at: small next to a frame, so that neither end holds much */

struct lists { const struct field *fields[TABLE_FIELDS_MAX]; size_t n; };

static char *body(struct msg *msg)
{
    return (char *)&msg->u;
}

static size_t rows_in(const struct msg *msg, const struct field *field)
{
    return *(const size_t *)(const void *)((const char *)&msg->u + field->count_offset);
}

static const char *row_at(const struct msg *msg, const struct field *field, size_t i)
{
    const char *rows;
    memcpy(&rows, (const char *)&msg->u + field->offset, sizeof rows);
    return rows ? rows + i * field->rows->size : NULL;
}

static void set_rows(struct msg *part, const struct field *field, const char *rows, size_t n)
{
    memcpy(body(part) + field->offset, &rows, sizeof rows);
    memcpy(body(part) + field->count_offset, &n, sizeof n);
}

static void set_last(struct msg *part, const struct message *message, bool last)
{
    const struct field *field = table_field(&message->body, "last", 4);
    CHECK(field && field->kind == FIELD_BOOL);
    *(bool *)(body(part) + field->offset) = last;
}

static void clear_lists(struct msg *part, const struct message *message, enum field_kind kind)
{
    for (size_t i = 0; i < message->body.n_fields; i++)
        if (message->body.fields[i].kind == kind)
            set_rows(part, &message->body.fields[i], NULL, 0);
}

static struct lists row_lists(const struct message *message)
{
    struct lists lists = {.n = 0};
    for (size_t i = 0; i < message->body.n_fields; i++)
        if (message->body.fields[i].kind == FIELD_ROWS)
            lists.fields[lists.n++] = &message->body.fields[i];
    return lists;
}

/* Takes rows from *list, *row on until the part is full or everything is taken. */
static void fill(struct msg *part, const struct msg *msg, const struct lists *lists, size_t *list, size_t *row)
{
    size_t size = 0;
    while (*list < lists->n && size < PART_BYTES) {
        const struct field *field = lists->fields[*list];
        size_t n = rows_in(msg, field), first = *row;
        while (*row < n && size < PART_BYTES)
            size += encode_row_size(field->rows, row_at(msg, field, (*row)++));
        set_rows(part, field, row_at(msg, field, first), *row - first);
        if (*row == n) {
            (*list)++;
            *row = 0;
        }
    }
}

/* Nothing but empty lists left? */
static bool all_taken(const struct msg *msg, const struct lists *lists, size_t list, size_t row)
{
    for (; list < lists->n; list++, row = 0)
        if (row < rows_in(msg, lists->fields[list]))
            return false;
    return true;
}

int bus_in_parts(const struct msg *msg, bus_part_fn *send, void *data)
{
    const struct message *message = table_find(msg->type);
    CHECK(message != NULL);
    struct lists lists = row_lists(message);
    struct msg part = *msg;
    size_t list = 0, row = 0;
    for (bool last = false; !last;) {
        clear_lists(&part, message, FIELD_ROWS);
        fill(&part, msg, &lists, &list, &row);
        last = all_taken(msg, &lists, list, row);
        set_last(&part, message, last);
        if (send(data, &part))
            return -1;
        clear_lists(&part, message, FIELD_STRS);
    }
    return 0;
}
