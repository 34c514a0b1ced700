/* Maximum matching between classes: how many requests of demand class c are served by units of template t. Pure. */
#ifndef PROVISIONER_MATCHING_H
#define PROVISIONER_MATCHING_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

struct matching {
    size_t n_classes, n_templates;
    uint32_t *demand;      /* [class] requests waiting */
    uint32_t *supply;      /* [template] units available */
    const uint8_t **fits;  /* [class] -> [template] may serve */
    uint32_t *flow;        /* [class * n_templates + template]: in = pairs to begin with (own units), out = a maximum matching */
};

/* The pairs to begin with are kept as far as a maximum allows: each class keeps at least as many served requests as it had. */
void matching_solve(struct matching *m);

#endif
