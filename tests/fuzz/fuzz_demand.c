/* Two lines: a demand, a capability's value. */
#include "common/demand.h"

#include "common/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *name_of(const char *demand, size_t n)
{
    return xstrndup(demand, n);
}

static void check(const char *demand, char *value)
{
    size_t n;
    const char *wanted, *pinned;
    enum demand_op op = demand_parse(demand, &n, &wanted);
    CHECK(n <= strlen(demand));
    CHECK((wanted != NULL) == (op == DEMAND_EQUALS || op == DEMAND_AT_LEAST));
    CHECK(!wanted || (wanted > demand && wanted <= demand + strlen(demand)));
    char *name = name_of(demand, n);
    const struct capability caps[] = {{name, value}};
    bool holds = demand_satisfied(demand, caps, 1, false);
    CHECK(op != DEMAND_EXISTS || holds);
    CHECK(op != DEMAND_UNPARSED || !holds);
    CHECK(op != DEMAND_EQUALS || holds == (strcasecmp(wanted, value) == 0));
    CHECK(!demand_satisfied(demand, NULL, 0, false));
    CHECK(holds == (demand_first_missing(&demand, 1, caps, 1, false) == NULL));
    CHECK(demand_pins_agent(demand, &pinned) == (pinned != NULL));
    free(name);
}

static void check_versions(const char *a, const char *b)
{
    bool ok, back, self;
    int order = demand_compare_versions(a, b, &ok);
    CHECK(order == -demand_compare_versions(b, a, &back) && ok == back);
    CHECK(demand_compare_versions(a, a, &self) == 0);
    CHECK(!ok || self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *demand = xstrndup((const char *)data, size), *newline = strchr(demand, '\n');
    char *value = xstrdup(newline ? newline + 1 : "");
    if (newline)
        *newline = '\0';
    check(demand, value);
    check_versions(demand, value);
    free(demand);
    free(value);
    return 0;
}
