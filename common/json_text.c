#include "common/json_text.h"

/* p is inside a string. Returns the byte after its closing quote, or end. */
static const char *skip_string(struct json_scan *scan, const char *p, const char *end)
{
    for (; p < end; p++) {
        if (scan->escaped)
            scan->escaped = false;
        else if (*p == '\\')
            scan->escaped = true;
        else if (*p == '"') {
            scan->in_string = false;
            return p + 1;
        }
    }
    return end;
}

const char *json_scan_value(struct json_scan *scan, const char *p, const char *end)
{
    while (p < end) {
        if (scan->in_string) {
            p = skip_string(scan, p, end);
            if (!scan->in_string && scan->depth == 0)
                return p;
            continue;
        }
        switch (*p) {
        case '"':
            scan->in_string = true;
            break;
        case '{':
        case '[':
            if (++scan->depth > JSON_DEPTH_MAX) {
                scan->too_deep = true;
                return NULL;
            }
            break;
        case '}':
        case ']':
            if (scan->depth == 0)
                return p;
            if (--scan->depth == 0)
                return p + 1;
            break;
        case ',':
        case ' ':
        case '\t':
        case '\r':
        case '\n':
            if (scan->depth == 0)
                return p;
            break;
        }
        p++;
    }
    return NULL;
}
