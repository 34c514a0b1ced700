/* What a scalar means: the rules of go-yaml v2 (YAML 1.1 without sexagesimals), which is what kubectl uses. */
#include "common/yaml_priv.h"

#include "common/mem.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "tag:yaml.org,2002:"
#define DIGITS "0123456789"

static bool is_any(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    return is_any(text, words, ARRAY_SIZE(words));
}

static bool is_true(const char *text)
{
    static const char *const words[] = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"};
    return is_any(text, words, ARRAY_SIZE(words));
}

static bool is_false(const char *text)
{
    static const char *const words[] = {"n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"};
    return is_any(text, words, ARRAY_SIZE(words));
}

static bool is_not_finite(const char *text)
{
    static const char *const words[] = {".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF"};
    if ((*text == '+' || *text == '-') && strspn(text + 1, ".") == 1 && (text[2] | 0x20) == 'i')
        text++;
    return is_any(text, words, ARRAY_SIZE(words));
}

/* The digits of an integer behind sign and prefix, NULL when it is none. 08 is none: it is read as a decimal fraction. */
static const char *integer_digits(const char *text, int *base)
{
    static const struct { const char *prefixes[2]; int base; const char *digits; } forms[] = {
        {{"0x", "0X"}, 16, DIGITS "abcdefABCDEF"}, {{"0o", "0O"}, 8, "01234567"}, {{"0b", "0B"}, 2, "01"},
    };
    text += *text == '+' || *text == '-';
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (strncmp(text, forms[i].prefixes[0], 2) != 0 && strncmp(text, forms[i].prefixes[1], 2) != 0)
            continue;
        *base = forms[i].base;
        return text[2] && !text[2 + strspn(text + 2, forms[i].digits)] ? text + 2 : NULL;
    }
    *base = text[0] == '0' ? 8 : 10;
    return *text && !text[strspn(text, *base == 8 ? "01234567" : DIGITS)] ? text : NULL;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_real(const char *text)
{
    text += *text == '+' || *text == '-';
    size_t whole = strspn(text, DIGITS);
    text += whole;
    if (*text == '.') {
        size_t part = strspn(text + 1, DIGITS);
        if (whole + part == 0)
            return false;
        text += 1 + part;
    } else if (whole == 0) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text += 1 + (text[1] == '+' || text[1] == '-');
        if (!*text || text[strspn(text, DIGITS)])
            return false;
        return true;
    }
    return *text == '\0';
}

static int set_integer(const struct yaml_doc *doc, struct yaml_node *node, const char *digits, int base, bool negative, struct err *err)
{
    errno = 0;
    unsigned long long n = strtoull(digits, NULL, base);
    if (errno || n > (unsigned long long)INT64_MAX + negative)
        return yaml_error(doc, node, err, "%.60s is beyond 64 bits; quote it if it is a text", node->text);
    node->kind = YAML_INT;
    node->integer = negative ? (int64_t)-n : (int64_t)n;
    return 0;
}

static int resolve_number(const struct yaml_doc *doc, struct yaml_node *node, const char *plain, struct err *err)
{
    int base;
    const char *digits = *plain == '.' ? NULL : integer_digits(plain, &base);
    if (digits)
        return set_integer(doc, node, digits, base, *plain == '-', err);
    double real = is_real(plain) ? strtod(plain, NULL) : HUGE_VAL;
    if (!isfinite(real))
        return 0;   /* also 1e400: a text, as Go has it */
    node->kind = YAML_REAL;
    node->real = real;
    return 0;
}

/* Underscores may separate digits, but not lead, and not in ".5_0". */
static int resolve_plain_number(const struct yaml_doc *doc, struct yaml_node *node, struct err *err)
{
    if (!*node->text || !strchr("+-." DIGITS, *node->text))
        return 0;
    size_t n = 0, len = strlen(node->text);
    char small[128], *plain = len < sizeof small ? small : xcalloc(len + 1, 1);
    for (const char *p = node->text; *p; p++)
        if (*p != '_' || *node->text == '.')
            plain[n++] = *p;
    plain[n] = '\0';
    int result = resolve_number(doc, node, plain, err);
    if (plain != small)
        free(plain);
    return result;
}

static int resolve_plain(const struct yaml_doc *doc, struct yaml_node *node, struct err *err)
{
    const char *text = node->text;
    if (is_not_finite(text))
        return yaml_error(doc, node, err, "%s cannot be written as JSON; quote it if it is a text", text);
    if (is_null(text)) {
        node->kind = YAML_NULL;
    } else if (is_true(text) || is_false(text)) {
        node->kind = YAML_BOOL;
        node->boolean = is_true(text);
    } else {
        return resolve_plain_number(doc, node, err);
    }
    return 0;
}

int yaml_resolve(const struct yaml_doc *doc, struct yaml_node *node, const char *tag, struct err *err)
{
    static const struct { const char *tag; enum yaml_kind kind; } typed[] = {
        {TAG "int", YAML_INT}, {TAG "bool", YAML_BOOL}, {TAG "float", YAML_REAL}, {TAG "null", YAML_NULL},
    };
    node->kind = YAML_TEXT;
    if (!tag)
        return resolve_plain(doc, node, err);
    if (strcmp(tag, TAG "str") == 0 || strcmp(tag, TAG "timestamp") == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(typed); i++) {
        if (strcmp(tag, typed[i].tag) != 0)
            continue;
        if (resolve_plain(doc, node, err) != 0)
            return -1;
        if (node->kind == typed[i].kind || (typed[i].kind == YAML_REAL && node->kind == YAML_INT))
            return 0;
        return yaml_error(doc, node, err, "\"%.60s\" is not of the type its tag names", node->text);
    }
    return yaml_error(doc, node, err, "tag %.80s is not supported; remove it", tag);
}

/* Shortest digits that read back as the same number, in Go's 'g' form. */
static void format_real(double real, char *out, size_t size)
{
    int digits = 1;
    for (; digits <= 17; digits++) {
        snprintf(out, size, "%.*e", digits - 1, real);
        if (strtod(out, NULL) == real)
            break;
    }
    int exponent = (int)strtol(strchr(out, 'e') + 1, NULL, 10);
    if (exponent >= -4 && exponent < 6)
        snprintf(out, size, "%.*f", digits - 1 > exponent ? digits - 1 - exponent : 0, real);
}

int yaml_resolve_key(struct yaml_doc *doc, struct yaml_node *key, struct err *err)
{
    char text[40] = "";
    switch (key->kind) {
    case YAML_TEXT:
        return 0;
    case YAML_BOOL:
        snprintf(text, sizeof text, "%s", key->boolean ? "true" : "false");
        break;
    case YAML_INT:
        snprintf(text, sizeof text, "%lld", (long long)key->integer);
        break;
    case YAML_REAL:
        format_real(key->real, text, sizeof text);
        break;
    case YAML_NULL:
    case YAML_LIST:
    case YAML_MAP:
        return yaml_error(doc, key, err, "a key must be a plain value, not %s%s", key->kind == YAML_NULL ? "empty" : "a list or map",
                          key->kind == YAML_MAP ? "; quote a placeholder such as {{ x }}" : "");
    }
    key->kind = YAML_TEXT;
    key->text = yaml_copy(doc, text, strlen(text));
    return 0;
}
