/* The messages as C structs, generated from messages.def, and their codec. Decoded strings are never NULL (absent = "") and live in the message's own
 * block; encoded NULL strings count as absent. */
#ifndef PROTOCOL_MSG_H
#define PROTOCOL_MSG_H

#include "common/buf.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROTOCOL_VERSION = 1, PROTOCOL_FRAME_MAX = 1 << 20 };

enum role { ROLE_WATCHER, ROLE_PROVISIONER, ROLE_REAPER, ROLE_AZPCTL, ROLE_COUNT };
const char *role_name(enum role role);
int role_parse(const char *text, enum role *ret);

/* rows first: messages point to them */
#define U64(owner, field, need, text) uint64_t field;
#define I64(owner, field, need, text) int64_t field;
#define BOOL(owner, field, need, text) bool field;
#define STR(owner, field, need, max, text) const char *field;
#define STRS(owner, field, need, max, text) const char *const *field; size_t n_##field;
#define ROWS(owner, field, record, need, text) const struct record *field; size_t n_##field;

#define RECORD(name) struct name {
#define END_RECORD(name) };
#define MESSAGE(name, number, from, to) struct msg_##name {
#define END_MESSAGE(name) };
#include "protocol/messages.def"
#undef RECORD
#undef END_RECORD
#undef MESSAGE
#undef END_MESSAGE
#undef U64
#undef I64
#undef BOOL
#undef STR
#undef STRS
#undef ROWS

#define U64(owner, field, need, text)
#define I64(owner, field, need, text)
#define BOOL(owner, field, need, text)
#define STR(owner, field, need, max, text)
#define STRS(owner, field, need, max, text)
#define ROWS(owner, field, record, need, text)
#define RECORD(name)
#define END_RECORD(name)
#define END_MESSAGE(name)
enum msg_type {
#define MESSAGE(name, number, from, to) MSG_##name = number,
#include "protocol/messages.def"
#undef MESSAGE
};
struct msg {
    enum msg_type type;
    union {
#define MESSAGE(name, number, from, to) struct msg_##name name;
#include "protocol/messages.def"
#undef MESSAGE
    } u;
};
#undef RECORD
#undef END_RECORD
#undef END_MESSAGE
#undef U64
#undef I64
#undef BOOL
#undef STR
#undef STRS
#undef ROWS

const char *msg_name(enum msg_type type);           /* "requests"; NULL for an unknown number */
/* May `from` send this type to `to`? From the table. */
bool msg_allowed(enum msg_type type, enum role from, enum role to);

/* Appends one frame (u32 big-endian length + msgpack map). ERR_TOO_LARGE when it passes PROTOCOL_FRAME_MAX: cut the rows in parts
 * (bus_in_parts). ERR_UNAVAILABLE when it passes out's maximum. ERR_INVALID when a required string of the message itself is too long; all other strings
 * are made UTF-8 and cut to their maximum. out is as before after a failure. */
int msg_encode(const struct msg *msg, struct buf *out, struct err *err);

/* Decodes the map of one frame (without its length). Total: exact consumption, required fields, maxima, duplicates, types; unknown keys are skipped.
 * *ret is one block, freed with msg_free. ERR_NOT_FOUND with *ret_number for an unknown message number, ERR_INVALID otherwise. */
int msg_decode(const void *bytes, size_t n, struct msg **ret, uint64_t *ret_number, struct err *err);
void msg_free(struct msg **msg);

#endif
