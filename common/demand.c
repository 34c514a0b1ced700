#include "common/demand.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_space(char c)
{
    return isspace((unsigned char)c) != 0;
}

static const char *skip_spaces(const char *p)
{
    while (is_space(*p))
        p++;
    return p;
}

static const char *skip_word(const char *p)
{
    while (*p && !is_space(*p))
        p++;
    return p;
}

static enum demand_op op_of(const char *word, size_t n)
{
    if (n == 6 && memcmp(word, "equals", n) == 0)
        return DEMAND_EQUALS;
    if (n == 9 && memcmp(word, "gtVersion", n) == 0)
        return DEMAND_AT_LEAST;
    return DEMAND_UNPARSED;
}

/* ^(?<name>\S+)(\s+\-(?<opcode>\S+)\s+(?<value>.*))?$ */
enum demand_op demand_parse(const char *demand, size_t *ret_name_len, const char **ret_value)
{
    const char *name_end = skip_word(demand), *minus = skip_spaces(name_end);
    *ret_name_len = (size_t)(name_end - demand);
    *ret_value = NULL;
    if (name_end == demand)
        return DEMAND_UNPARSED;
    if (!*name_end)
        return DEMAND_EXISTS;
    if (*minus != '-')
        return DEMAND_UNPARSED;
    const char *word = minus + 1, *word_end = skip_word(word);
    enum demand_op op = op_of(word, (size_t)(word_end - word));
    if (op != DEMAND_UNPARSED && !is_space(*word_end))
        return DEMAND_UNPARSED;
    *ret_value = op == DEMAND_UNPARSED ? NULL : skip_spaces(word_end);
    return op;
}

/* One number of a version: digits with blanks around them, as Int32 with NumberStyles.Integer takes it. -1: not one. */
static long version_part(const char **p)
{
    const char *start = skip_spaces(*p);
    if (!isdigit((unsigned char)*start))
        return -1;
    char *end;
    unsigned long value = strtoul(start, &end, 10);
    *p = skip_spaces(end);
    return value <= INT_MAX ? (long)value : -1;
}

/* Two to four numbers; those not given are -1, so that 1.2 comes before 1.2.0. */
static bool parse_version(const char *text, long parts[4])
{
    for (int i = 0; i < 4; i++)
        parts[i] = -1;
    for (int i = 0; i < 4; i++) {
        parts[i] = version_part(&text);
        if (parts[i] < 0)
            return false;
        if (!*text || *text == '-')
            return i >= 1;
        if (*text++ != '.')
            return false;
    }
    return false;
}

int demand_compare_versions(const char *a, const char *b, bool *ok)
{
    long left[4], right[4];
    *ok = parse_version(a, left) && parse_version(b, right);
    for (int i = 0; *ok && i < 4; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

static bool same_name(const char *name, size_t n, const char *other)
{
    return strncasecmp(name, other, n) == 0 && other[n] == '\0';
}

static const struct capability *find(const char *name, size_t n, const struct capability *caps, size_t n_caps)
{
    for (size_t i = 0; i < n_caps; i++)
        if (same_name(name, n, caps[i].name))
            return &caps[i];
    return NULL;
}

bool demand_satisfied(const char *demand, const struct capability *caps, size_t n_caps, bool tolerate_version)
{
    size_t n;
    const char *wanted;
    enum demand_op op = demand_parse(demand, &n, &wanted);
    const struct capability *has = find(demand, n, caps, n_caps);
    if (!has)
        return op == DEMAND_AT_LEAST && tolerate_version && same_name(demand, n, "Agent.Version");
    const char *value = has->value ? has->value : "";
    bool ok;
    switch (op) {
    case DEMAND_EXISTS: return true;
    case DEMAND_EQUALS: return strcasecmp(wanted, value) == 0;
    case DEMAND_AT_LEAST: return demand_compare_versions(wanted, value, &ok) <= 0 && ok;
    case DEMAND_UNPARSED: return false;
    }
    return false;
}

const char *demand_first_missing(const char *const *demands, size_t n_demands, const struct capability *caps, size_t n_caps, bool tolerate_version)
{
    for (size_t i = 0; i < n_demands; i++)
        if (!demand_satisfied(demands[i], caps, n_caps, tolerate_version))
            return demands[i];
    return NULL;
}

/* A bare `Agent.Name` pins nothing: every agent has a name. */
bool demand_pins_agent(const char *demand, const char **ret_value)
{
    size_t n;
    const char *value;
    bool pins = demand_parse(demand, &n, &value) == DEMAND_EQUALS && same_name(demand, n, "Agent.Name");
    if (ret_value)
        *ret_value = pins ? value : NULL;
    return pins;
}
