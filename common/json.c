#include "common/json.h"

#include "common/json_text.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

json_t *json_at(const json_t *value, const char *path)
{
    const json_t *at = value;
    while (at && *path) {
        size_t n = strcspn(path, ".");
        at = json_object_getn(at, path, n);
        path += n;
        path += *path == '.';
    }
    /* jansson's own getters drop const in the same way */
    union { const json_t *in; json_t *out; } same = {.in = at};
    return same.out;
}

const char *json_text(const json_t *value, const char *path)
{
    return str_or_empty(json_string_value(json_at(value, path)));
}

static int64_t number_of_real(double real, int64_t fallback)
{
    return real > -9.2e18 && real < 9.2e18 ? (int64_t)real : fallback;
}

static int64_t number_of_text(const char *text, int64_t fallback)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end != text && !*end && errno == 0)
        return number;
    double real = strtod(text, &end);
    return end != text && !*end ? number_of_real(real, fallback) : fallback;
}

int64_t json_number(const json_t *value, const char *path, int64_t fallback)
{
    const json_t *at = json_at(value, path);
    if (json_is_integer(at))
        return json_integer_value(at);
    if (json_is_real(at))
        return number_of_real(json_real_value(at), fallback);
    return json_is_string(at) ? number_of_text(json_string_value(at), fallback) : fallback;
}

bool json_flag(const json_t *value, const char *path, bool fallback)
{
    const json_t *at = json_at(value, path);
    return json_is_boolean(at) ? json_is_true(at) : fallback;
}

/* Counted before jansson sees the text: its own limit is far above what our stack budget and any real reply need. */
bool json_too_deep(const char *bytes, size_t n, struct err *err)
{
    struct json_scan scan = {0};
    for (const char *p = bytes, *end = bytes + n; p < end;) {
        const char *after = json_scan_value(&scan, p, end);
        if (scan.too_deep) {
            err_set(err, ERR_INVALID, "JSON is nested deeper than %d levels", JSON_DEPTH_MAX);
            return true;
        }
        if (!after)
            return false;
        p = after > p ? after : p + 1;
    }
    return false;
}

json_t *json_parse_text(const char *bytes, size_t n, size_t flags, struct err *err)
{
    json_error_t why;
    json_t *value = json_loadb(bytes, n, flags | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (value)
        return value;
    /* jansson quotes the text it stumbled over after " near ": that could be anything, a secret too */
    char *near = strstr(why.text, " near ");
    if (near)
        *near = '\0';
    err_set(err, ERR_INVALID, "not valid JSON: %s at byte %d", why.text, why.position);
    return NULL;
}

json_t *json_parse(const char *bytes, size_t n, struct err *err)
{
    size_t skip = n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (json_too_deep(bytes + skip, n - skip, err))
        return NULL;
    return json_parse_text(bytes + skip, n - skip, JSON_REJECT_DUPLICATES, err);
}

/* 17 digits would turn a cpu of 0.1 into 0.10000000000000001, which Kubernetes takes at its word. */
enum { REAL_DIGITS = 15 };

char *json_dump(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));
    CHECK(text != NULL);
    return text;
}
