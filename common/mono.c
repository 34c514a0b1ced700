#include "common/mono.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct mono mono_add_ms(struct mono t, int64_t ms)
{
    if (t.ns == INT64_MAX)
        return t;
    int64_t add, sum;
    if (__builtin_mul_overflow(ms, (int64_t)1000000, &add) || __builtin_add_overflow(t.ns, add, &sum))
        return ms > 0 ? MONO_NEVER : MONO_ZERO;
    return (struct mono){sum};
}

int64_t mono_ms_between(struct mono from, struct mono to)
{
    return (to.ns - from.ns) / 1000000;
}

bool mono_before(struct mono a, struct mono b)
{
    return a.ns < b.ns;
}

bool mono_reached(struct mono deadline, struct mono now)
{
    return deadline.ns != INT64_MAX && deadline.ns <= now.ns;
}

struct mono mono_min(struct mono a, struct mono b)
{
    return a.ns < b.ns ? a : b;
}

struct mono mono_max(struct mono a, struct mono b)
{
    return a.ns > b.ns ? a : b;
}

/* Reads exactly n digits. */
static bool digits(const char **p, int n, int *ret)
{
    int value = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (!isdigit((unsigned char)**p))
            return false;
        value = value * 10 + (**p - '0');
    }
    *ret = value;
    return true;
}

static bool literal(const char **p, const char *allowed)
{
    if (!**p || !strchr(allowed, **p))
        return false;
    (*p)++;
    return true;
}

static int fraction_ms(const char **p)
{
    if (**p != '.' && **p != ',')
        return 0;
    (*p)++;
    int ms = 0, scale = 100;
    for (; isdigit((unsigned char)**p); (*p)++, scale /= 10)
        ms += (**p - '0') * scale;
    return ms;
}

static bool offset_minutes(const char **p, int *ret)
{
    int hours, minutes, sign = **p == '-' ? -1 : 1;
    *ret = 0;
    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return true;
    }
    if (!literal(p, "+-") || !digits(p, 2, &hours))
        return false;
    if (**p == ':')
        (*p)++;
    if (!digits(p, 2, &minutes))
        return false;
    *ret = sign * (hours * 60 + minutes);
    return true;
}

static bool parse_stamp(const char *p, struct wall *ret)
{
    int year, month, day, hour, minute, second, offset;
    if (!digits(&p, 4, &year) || !literal(&p, "-") || !digits(&p, 2, &month) || !literal(&p, "-") || !digits(&p, 2, &day) ||
        !literal(&p, "Tt ") || !digits(&p, 2, &hour) || !literal(&p, ":") || !digits(&p, 2, &minute) || !literal(&p, ":") ||
        !digits(&p, 2, &second))
        return false;
    int ms = fraction_ms(&p);
    if (!offset_minutes(&p, &offset) || *p)
        return false;
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second};
    ret->ms = ((int64_t)timegm(&tm) - offset * 60) * 1000 + ms;
    return true;
}

struct wall wall_parse(const char *text, bool *ok)
{
    struct wall t = {0};
    bool good = text && parse_stamp(text, &t);
    if (ok)
        *ok = good;
    return good ? t : (struct wall){0};
}

static char *format_stamp(struct wall t, const char *tail, char out[WALL_TEXT_MAX])
{
    time_t seconds = (time_t)(t.ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, WALL_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, WALL_TEXT_MAX - n, ".%03d%s", (int)(t.ms % 1000), tail);
    return out;
}

char *wall_format(struct wall t, char out[WALL_TEXT_MAX])
{
    out[0] = '\0';
    return t.ms > 0 ? format_stamp(t, "Z", out) : out;
}

char *wall_format_micro(struct wall t, char out[WALL_TEXT_MAX])
{
    return format_stamp((struct wall){t.ms > 0 ? t.ms : 0}, "000Z", out);
}

char *duration_format(int64_t ms, char out[WALL_TEXT_MAX])
{
    int64_t s = ms / 1000;
    if (ms < 1000)
        snprintf(out, WALL_TEXT_MAX, "%dms", (int)ms);
    else if (s < 60)
        snprintf(out, WALL_TEXT_MAX, "%ds", (int)s);
    else if (s < 3600)
        snprintf(out, WALL_TEXT_MAX, "%dm%ds", (int)(s / 60), (int)(s % 60));
    else if (s < 86400)
        snprintf(out, WALL_TEXT_MAX, "%dh%dm", (int)(s / 3600), (int)(s / 60 % 60));
    else
        snprintf(out, WALL_TEXT_MAX, "%lldd%dh", (long long)(s / 86400), (int)(s / 3600 % 24));
    return out;
}

static int64_t unit_ms(const char **p, int64_t plain_unit_ms)
{
    static const struct { const char *name; int64_t ms; } units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
    };
    if (!**p)
        return plain_unit_ms;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = strlen(units[i].name);
        if (strncmp(*p, units[i].name, n) == 0) {
            *p += n;
            return units[i].ms;
        }
    }
    return -1;
}

int duration_parse(const char *text, int64_t plain_unit_ms, int64_t *ret_ms)
{
    int64_t total = 0;
    const char *p = text;
    do {
        if (!isdigit((unsigned char)*p))
            return -1;
        char *end;
        unsigned long long value = strtoull(p, &end, 10);
        p = end;
        int64_t unit = unit_ms(&p, plain_unit_ms), part;
        if (unit < 0 || value > INT64_MAX || __builtin_mul_overflow((int64_t)value, unit, &part) || __builtin_add_overflow(total, part, &total))
            return -1;
    } while (*p);
    if (total > INT64_MAX / 1000000)
        return -1;
    *ret_ms = total;
    return 0;
}
