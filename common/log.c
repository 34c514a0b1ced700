#include "common/log.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16 * 1024, VALUE_MAX_BYTES = 2000 };

static struct {
    const char *process;
    enum log_level least;
    enum log_format format;
} state = {.process = "", .least = LOG_INFO};

static const char *const level_names[] = {[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
static const char *const format_names[] = {[LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json"};

struct log_kv kv_s(const char *key, const char *text)
{
    return (struct log_kv){.key = text && *text ? key : "", .text = text};
}

struct log_kv kv_i(const char *key, int64_t number)
{
    return (struct log_kv){.key = key, .number = number, .is_number = true};
}

struct log_kv kv_err(const struct err *err)
{
    return kv_s("error", err->text);
}

void log_open(const char *process, enum log_level least, enum log_format format)
{
    state.process = process;
    state.least = least;
    state.format = format;
}

bool log_on(enum log_level level)
{
    return level >= state.least;
}

static int name_index(const char *text, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(text, names[i]) == 0)
            return (int)i;
    return -1;
}

int log_level_parse(const char *text, enum log_level *ret)
{
    int i = name_index(text, level_names, ARRAY_SIZE(level_names));
    if (i < 0)
        return -1;
    *ret = (enum log_level)i;
    return 0;
}

int log_format_parse(const char *text, enum log_format *ret)
{
    int i = name_index(text, format_names, ARRAY_SIZE(format_names));
    if (i < 0)
        return -1;
    *ret = (enum log_format)i;
    return 0;
}

/* Bytes of the well-formed UTF-8 character at p that may be printed as it is; 0 for control characters (C1 too) and anything malformed. */
static size_t printable(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return p[0] >= 0x20 && p[0] != 0x7f;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool no_character = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    bool c1_control = p[0] == 0xc2 && p[1] < 0xa0;
    return overlong || no_character || c1_control ? 0 : n;
}

static void put_escaped(struct buf *b, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    buf_puts(b, "\"");
    size_t n = strnlen(text, VALUE_MAX_BYTES);
    for (size_t i = 0, step; i < n; i += step ? step : 1) {
        step = printable(p + i, n - i);
        if (p[i] == '"' || p[i] == '\\')
            buf_printf(b, "\\%c", p[i]);
        else if (step)
            buf_append(b, p + i, step);
        else if (p[i] == '\n')
            buf_puts(b, "\\n");
        else
            buf_printf(b, "\\u%04x", p[i]);
    }
    buf_puts(b, text[n] ? "...\"" : "\"");
}

static bool plain(const char *text)
{
    if (!*text || strlen(text) > VALUE_MAX_BYTES)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || strchr("\"\\=", *text) || (unsigned char)*text >= 0x7f)
            return false;
    return true;
}

static void put_text(struct buf *b, const char *key, const char *text)
{
    bool json = state.format == LOG_JSON;
    buf_printf(b, json ? "%s\"%s\":" : "%s%s=", b->len > (json ? 1 : 0) ? (json ? "," : " ") : "", key);
    if (!json && plain(text))
        buf_puts(b, text);
    else
        put_escaped(b, text);
}

static void put_number(struct buf *b, const char *key, int64_t number)
{
    buf_printf(b, state.format == LOG_JSON ? ",\"%s\":%lld" : " %s=%lld", key, (long long)number);
}

void log_write(enum log_level level, const char *message, const struct log_kv *kvs)
{
    if (!log_on(level))
        return;
    char stamp[WALL_TEXT_MAX];
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    if (state.format == LOG_JSON)
        buf_puts(&b, "{");
    put_text(&b, "time", wall_format(clock_wall(), stamp));
    put_text(&b, "level", level_names[level]);
    put_text(&b, "process", state.process);
    put_text(&b, "msg", message);
    for (; kvs->key; kvs++) {
        if (!*kvs->key)
            continue;
        if (kvs->is_number)
            put_number(&b, kvs->key, kvs->number);
        else
            put_text(&b, kvs->key, str_or_empty(kvs->text));
    }
    buf_puts(&b, state.format == LOG_JSON ? "}\n" : "\n");
    if (b.failed || write(STDERR_FILENO, b.data, b.len) < 0)
        fprintf(stderr, "log: a line was lost\n");
    buf_done(&b);
}
