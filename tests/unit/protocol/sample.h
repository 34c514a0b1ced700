/* Fills any message from the tables with values that differ from field to field; for round trips and fuzz seeds. */
#ifndef TESTS_SAMPLE_H
#define TESTS_SAMPLE_H

#include "common/mem.h"
#include "protocol/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample { uint64_t n; bool full; };    /* full: optional fields too, strings of maximum length, several rows */

static inline const char *sample_text(struct sample *s, size_t max)
{
    size_t n = s->full ? max : 6;
    char *text = xcalloc(1, n + 1);
    memset(text, 'x', n);
    char head[24];
    int m = snprintf(head, sizeof head, "s%llu\xc3\xa9", (unsigned long long)s->n++);
    memcpy(text, head, (size_t)m < n ? (size_t)m : n);
    if (!s->full)
        text[(size_t)m < n ? (size_t)m : n] = '\0';
    return text;
}

static inline void sample_record(struct sample *s, const struct record *record, char *to);

static inline void *sample_list(struct sample *s, const struct field *f, size_t n)
{
    if (f->kind == FIELD_STRS) {
        const char **list = xcalloc(n, sizeof *list);
        for (size_t i = 0; i < n; i++)
            list[i] = sample_text(s, f->max);
        return list;
    }
    char *rows = xcalloc(n, f->rows->size);
    for (size_t i = 0; i < n; i++)
        sample_record(s, f->rows, rows + i * f->rows->size);
    return rows;
}

static inline void sample_record(struct sample *s, const struct record *record, char *to)
{
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct field *f = &record->fields[i];
        if (!f->required && !s->full)
            continue;
        size_t n = s->full ? 3 : 1;
        int64_t number = f->kind == FIELD_I64 && s->n % 2 ? -(int64_t)(s->n * 1000003) : (int64_t)(s->n * s->n * 1000003 + 1);
        void *list;
        switch (f->kind) {
        case FIELD_U64:
        case FIELD_I64: memcpy(to + f->offset, &number, sizeof number); break;
        case FIELD_BOOL: *(bool *)(to + f->offset) = s->full || s->n % 2; break;
        case FIELD_STR: *(const char **)(void *)(to + f->offset) = sample_text(s, f->max); break;
        case FIELD_STRS:
        case FIELD_ROWS:
            list = sample_list(s, f, n);
            memcpy(to + f->offset, &list, sizeof list);
            memcpy(to + f->count_offset, &n, sizeof n);
            break;
        }
        s->n++;
    }
}

/* Leaks its strings: for tests that end soon, under a leak check free with sample_free. */
static inline struct msg sample_msg(const struct message *m, bool full)
{
    struct sample s = {.n = (uint64_t)m->type * 10, .full = full};
    struct msg msg = {.type = m->type};
    sample_record(&s, &m->body, (char *)&msg.u);
    return msg;
}

static inline void sample_free_record(const struct record *record, char *from)
{
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct field *f = &record->fields[i];
        if (f->kind == FIELD_U64 || f->kind == FIELD_I64 || f->kind == FIELD_BOOL)
            continue;
        void *block;
        size_t n = 0;
        memcpy(&block, from + f->offset, sizeof block);
        if (f->count_offset)
            memcpy(&n, from + f->count_offset, sizeof n);
        for (size_t k = 0; f->kind == FIELD_STRS && k < n; k++)
            free(((void **)block)[k]);
        for (size_t k = 0; f->kind == FIELD_ROWS && k < n; k++)
            sample_free_record(f->rows, (char *)block + k * f->rows->size);
        free(block);
    }
}

static inline void sample_free(struct msg *msg)
{
    sample_free_record(&table_find(msg->type)->body, (char *)&msg->u);
}

/* Are two messages the same, field by field? */
static inline bool sample_same(const struct record *record, const char *a, const char *b)
{
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct field *f = &record->fields[i];
        const void *pa, *pb;
        size_t n = 0;
        if (f->kind == FIELD_BOOL) {
            if (*(const bool *)(a + f->offset) != *(const bool *)(b + f->offset))
                return false;
            continue;
        }
        if (f->kind == FIELD_U64 || f->kind == FIELD_I64) {
            if (memcmp(a + f->offset, b + f->offset, 8))
                return false;
            continue;
        }
        memcpy(&pa, a + f->offset, sizeof pa);
        memcpy(&pb, b + f->offset, sizeof pb);
        if (f->kind == FIELD_STR) {
            if (strcmp(str_or_empty(pa), str_or_empty(pb)))
                return false;
            continue;
        }
        if (memcmp(a + f->count_offset, b + f->count_offset, sizeof n))
            return false;
        memcpy(&n, a + f->count_offset, sizeof n);
        for (size_t k = 0; k < n; k++)
            if (f->kind == FIELD_STRS ? strcmp(((const char *const *)pa)[k], ((const char *const *)pb)[k]) != 0
                                      : !sample_same(f->rows, (const char *)pa + k * f->rows->size, (const char *)pb + k * f->rows->size))
                return false;
    }
    return true;
}

#endif
