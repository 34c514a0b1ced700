#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    err->code = code;
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
    if (!err)
        return -1;
    char rest[ERR_TEXT_MAX];
    memcpy(rest, err->text, sizeof rest);
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof err->text)
        snprintf(err->text + used, sizeof err->text - (size_t)used, ": %s", rest);
    return -1;
}

const char *err_code_name(enum err_code code)
{
    switch (code) {
    case ERR_NONE: return "none";
    case ERR_CONFIG: return "config";
    case ERR_INVALID: return "invalid";
    case ERR_IO: return "io";
    case ERR_TIMEOUT: return "timeout";
    case ERR_AUTH: return "auth";
    case ERR_DENIED: return "denied";
    case ERR_NOT_FOUND: return "not-found";
    case ERR_EXISTS: return "exists";
    case ERR_CONFLICT: return "conflict";
    case ERR_GONE: return "gone";
    case ERR_THROTTLED: return "throttled";
    case ERR_UNAVAILABLE: return "unavailable";
    case ERR_TOO_LARGE: return "too-large";
    case ERR_CANCELLED: return "cancelled";
    }
    return "unknown";
}
