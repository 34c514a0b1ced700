/* The field tables that messages.def generates: what the codec, the parts and the fuzz seeds walk. Private to protocol/ and its tests. */
#ifndef PROTOCOL_TABLE_H
#define PROTOCOL_TABLE_H

#include "protocol/msg.h"

enum field_kind { FIELD_U64, FIELD_I64, FIELD_BOOL, FIELD_STR, FIELD_STRS, FIELD_ROWS };

struct record;
struct field {
    const char *name;
    enum field_kind kind;
    bool required;
    size_t max;                   /* STR, STRS: bytes of one string */
    size_t offset;                /* in the owner's struct */
    size_t count_offset;          /* STRS, ROWS: of its size_t n_<name> */
    const struct record *rows;    /* ROWS */
};

struct record {
    const char *name;
    size_t size;                  /* of the C struct */
    const struct field *fields;
    size_t n_fields;              /* at most TABLE_FIELDS_MAX */
};

struct message {
    struct record body;           /* of struct msg_<name>, which is the msg's .u */
    enum msg_type type;
    unsigned from, to;            /* bits: 1u << role */
};

enum { TABLE_FIELDS_MAX = 32, TABLE_LIST_MAX = 256 /* strings in one list */ };

const struct message *table_find(uint64_t number);          /* NULL when unknown */
const struct message *table_at(size_t i);                   /* NULL past the end */
const struct field *table_field(const struct record *record, const char *name, size_t n);

#endif
