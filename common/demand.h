/* ADO demands against capabilities, exactly as the service decides: names and values without case, `-equals`, `-gtVersion` (which means at least),
 * anything else must not parse. Pure. */
#ifndef COMMON_DEMAND_H
#define COMMON_DEMAND_H

#include <stdbool.h>
#include <stddef.h>

struct capability { char *name; char *value; };

enum demand_op { DEMAND_EXISTS, DEMAND_EQUALS, DEMAND_AT_LEAST, DEMAND_UNPARSED };

/* One demand text against a set. A missing Agent.Version satisfies any `Agent.Version -gtVersion` when tolerate_version (a template need not declare it). */
bool demand_satisfied(const char *demand, const struct capability *caps, size_t n_caps, bool tolerate_version);
/* NULL when all hold; else the first demand that fails (borrowed). n_demands 0 holds always. */
const char *demand_first_missing(const char *const *demands, size_t n_demands, const struct capability *caps, size_t n_caps, bool tolerate_version);
/* True when the demand names Agent.Name: *ret_value (borrowed, may be NULL) is the agent wanted. */
bool demand_pins_agent(const char *demand, const char **ret_value);
enum demand_op demand_parse(const char *demand, size_t *ret_name_len, const char **ret_value);
/* Compares dotted versions as .NET's Version does after dropping "-suffix": <0, 0, >0; *ok false when one does not parse. */
int demand_compare_versions(const char *a, const char *b, bool *ok);

#endif
