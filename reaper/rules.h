/* The rules: one unit, what both pictures say of it, a verdict. Design: one row of the reaper's table each. */
#ifndef REAPER_RULES_H
#define REAPER_RULES_H

#include "reaper/record.h"

enum method {
    METHOD_KEEP,
    METHOD_DELETE,       /* nothing more to ask */
    METHOD_CHECK,        /* only if its container has not started: look at the pod itself first */
    METHOD_DISABLE,      /* only if its agent stays free: disable, read again, then delete or enable */
    METHOD_READ,         /* it is disabled: read again, then delete or enable */
    METHOD_ENABLE,
};

struct verdict {
    enum method method;
    enum reaper_rule rule;
    const char *reason;          /* reason code */
    const char *message;         /* not NULL: the provisioner is told why (trouble) */
    struct mono again;           /* METHOD_KEEP: look again then; MONO_NEVER = only on news */
};

/* Everything else about this unit is settled (view.h); it is neither held nor being deleted. */
struct verdict rules_judge(struct reaper *reaper, const struct reaper_world *world, const struct unit *unit, struct record *record);

#endif
