/* Typed access to jansson values from outside, and a streamer that cuts a long reply into rows as its bytes come in. */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* All take any value (NULL, wrong type: the fallback) and a path "a.b.c" of member names (no dots inside names; use json_object_get for those). */
const char *json_text(const json_t *value, const char *path);                      /* "" when absent; borrowed */
int64_t json_number(const json_t *value, const char *path, int64_t fallback);      /* also a number written as a string; reals are cut */
bool json_flag(const json_t *value, const char *path, bool fallback);
json_t *json_at(const json_t *value, const char *path);                            /* borrowed; NULL when absent */

/* Parses a whole text: rejects duplicate keys, trailing bytes, depth > 64; skips a BOM. NULL with err filled on failure. */
json_t *json_parse(const char *bytes, size_t n, struct err *err);
char *json_dump(const json_t *value);                                              /* compact; the caller frees */

/* ---- rows ---- */
struct json_rows;
/* One complete element; borrowed. Return -1 with err filled to stop. */
typedef int json_row_fn(void *data, json_t *row, struct err *err);

/* The bytes of a row before they are parsed. True: known already; it is counted, neither parsed nor delivered. */
typedef bool json_known_fn(void *data, const char *bytes, size_t n);

/* array = "value", "items": elements of that top-level array become rows, everything else of the top-level object is kept as the envelope.
 * array = NULL: one JSON object per line (a watch). A row over max_row bytes is ERR_TOO_LARGE, a bad one ERR_INVALID. Depth limit 64. */
struct json_rows *json_rows_new(const char *array, size_t max_row, json_row_fn *on_row, void *data);
void json_rows_set_known(struct json_rows *rows, json_known_fn *is_known);          /* optional; gets the same data */
int json_rows_feed(struct json_rows *rows, const char *bytes, size_t n, struct err *err);
/* The well-formed end: 0 only when the top-level object was closed and nothing but white space followed. For lines: no half line is left. */
int json_rows_end(struct json_rows *rows, struct err *err);
const json_t *json_rows_envelope(const struct json_rows *rows);                    /* after a good end; NULL for lines */
uint64_t json_rows_count(const struct json_rows *rows);                            /* rows delivered */
bool json_rows_saw_array(const struct json_rows *rows);
void json_rows_free(struct json_rows **rows);

#endif
