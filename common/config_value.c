/* From a text to a field of a struct. */
#include "common/config_priv.h"

#include "common/mem.h"
#include "common/mono.h"
#include "common/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *at(void *object, const struct config_field *field)
{
    return (char *)object + field->offset;
}

/* Index of text in "a|b|c", -1 when it is none of them. */
static int word_index(const char *words, const char *text)
{
    size_t n = strlen(text);
    for (int i = 0;; i++) {
        size_t len = strcspn(words, "|");
        if (len == n && strncasecmp(words, text, n) == 0)
            return i;
        if (!words[len])
            return -1;
        words += len + 1;
    }
}

static int refuse_word(const struct config_setting *s, const char *text, struct err *err)
{
    const char *words = s->field->words;
    char list[128] = "";
    for (size_t n, used = 0; *words && used < sizeof list; words += n + (words[n] == '|')) {
        n = strcspn(words, "|");
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%.*s", !used ? "" : words[n] ? ", " : " or ", (int)n, words);
    }
    return config_refuse(s, err, "\"%.100s\" is not possible: write %s", text, list);
}

static int store_word(const struct config_setting *s, const char *text, void *object, struct err *err)
{
    int i = word_index(s->field->words, text);
    if (i < 0)
        return refuse_word(s, text, err);
    memcpy(at(object, s->field), &i, sizeof i);   /* enums and int are of one size here */
    return 0;
}

static int store_flag(const struct config_setting *s, const char *text, void *object, struct err *err)
{
    int i = word_index("0|1|false|true|no|yes|off|on", text);
    if (i < 0)
        return config_refuse(s, err, "\"%.100s\" is neither yes nor no: write 1 (true, yes, on) or 0 (false, no, off)", text);
    bool value = i & 1;
    memcpy(at(object, s->field), &value, sizeof value);
    return 0;
}

static int store_count(const struct config_setting *s, const char *text, void *object, struct err *err)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end)
        return config_refuse(s, err, "\"%.100s\" is not a whole number: write one from %lld to %lld", text, (long long)s->field->min,
                             (long long)s->field->max);
    if (errno || n < s->field->min || n > s->field->max)
        return config_refuse(s, err, "%.100s is out of range: write a whole number from %lld to %lld", text, (long long)s->field->min,
                             (long long)s->field->max);
    int value = (int)n;
    memcpy(at(object, s->field), &value, sizeof value);
    return 0;
}

static bool plain_number(const char *text)
{
    return text[strspn(text, "0123456789")] == '\0';
}

static const char *unit_of(const struct config_field *field)
{
    return field->unit_ms == 1 ? " ms" : " s";
}

/* Limits are whole: 1h0m reads better as 1h. */
static const char *limit_text(int64_t ms, char out[WALL_TEXT_MAX])
{
    duration_format(ms, out);
    size_t n = strlen(out);
    if (n > 3 && out[n - 2] == '0' && !isdigit((unsigned char)out[n - 3]))
        out[n - 2] = '\0';
    return ms == 0 ? "0" : out;
}

static int store_duration(const struct config_setting *s, const char *text, void *object, struct err *err)
{
    char least[WALL_TEXT_MAX], most[WALL_TEXT_MAX];
    const struct config_field *f = s->field;
    int64_t ms;
    if (duration_parse(text, f->unit_ms, &ms) != 0)
        return config_refuse(s, err, "\"%.100s\" is not a duration: write a whole number of %s, or one with a unit such as 500ms, 30s, "
                                     "10m, 2h", text,
                             f->unit_ms == 1 ? "milliseconds" : "seconds");
    if (ms < f->min || ms > f->max)
        return config_refuse(s, err, "%.100s%s is too %s: it must be %s to %s", text, plain_number(text) ? unit_of(f) : "",
                             ms < f->min ? "short" : "long", limit_text(f->min, least), limit_text(f->max, most));
    memcpy(at(object, f), &ms, sizeof ms);
    return 0;
}

static void put_text(const struct config_field *field, void *object, char *text)
{
    char *old;
    memcpy(&old, at(object, field), sizeof old);
    if (field->secret)
        secret_free(&old);
    free(old);
    memcpy(at(object, field), &text, sizeof text);
}

void config_clear(const struct config_field *field, void *object)
{
    put_text(field, object, NULL);
}

/* Control bytes and what is not UTF-8 have no place in any setting; they would travel into URLs, names and logs. */
int config_check_bytes(const struct config_setting *s, const char *text, struct err *err)
{
    for (size_t i = 0, len = strlen(text), step; i < len; i += step) {
        step = utf8_char(text + i, len - i, NULL);
        if (step == 0)
            return config_refuse(s, err, "is not UTF-8 at position %zu (byte 0x%02x); write it as UTF-8", i + 1, (unsigned char)text[i]);
        if (iscntrl((unsigned char)text[i]))
            return config_refuse(s, err, "contains a control character (0x%02x) at position %zu; remove it", (unsigned char)text[i], i + 1);
    }
    return 0;
}

static int store_typed(const struct config_setting *s, char **text, void *object, struct err *err)
{
    if ((!s->field->secret && config_check_bytes(s, *text, err) != 0) || (s->field->check && s->field->check(s, text, err) != 0))
        return -1;
    switch (s->field->type) {
    case TYPE_FLAG: return store_flag(s, *text, object, err);
    case TYPE_COUNT: return store_count(s, *text, object, err);
    case TYPE_DURATION: return store_duration(s, *text, object, err);
    case TYPE_WORD: return store_word(s, *text, object, err);
    case TYPE_SPECIAL: return 0;
    case TYPE_TEXT: break;
    }
    if (s->field->words && word_index(s->field->words, *text) < 0)
        return refuse_word(s, *text, err);
    put_text(s->field, object, *text);
    *text = NULL;
    return 0;
}

int config_store(const struct config_setting *s, char *text, void *object, struct err *err)
{
    int result = store_typed(s, &text, object, err);
    if (s->field->secret)
        secret_free(&text);
    free(text);
    return result;
}
