/* Where a JSON value ends in a stream of bytes, and its parsing: what json.c and json_rows.c share. Pure. */
#ifndef COMMON_JSON_TEXT_H
#define COMMON_JSON_TEXT_H

#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>

enum { JSON_DEPTH_MAX = 64 };

struct json_scan {
    unsigned depth;
    bool in_string, escaped;
    bool too_deep;
};

/* Walks on through one value that starts (or goes on) at p; start with a zeroed scan. Returns where it ends: after the last byte of an object,
 * array or string, at the `,`, `]`, `}` or white space behind a number or literal. NULL: the bytes are used up, or too_deep. Trusts nothing: what
 * lies between is for the parser to judge. */
const char *json_scan_value(struct json_scan *scan, const char *p, const char *end);

bool json_too_deep(const char *bytes, size_t n, struct err *err);
/* The depth is the caller's business. */
json_t *json_parse_text(const char *bytes, size_t n, size_t flags, struct err *err);

#endif
