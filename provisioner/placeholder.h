/* Scale to zero: Azure DevOps refuses a job at queue time when no registered agent matches its demands, offline ones included. So each template has one
 * agent registered that never runs. Decides what to do next, one call at a time; pure. */
#ifndef PROVISIONER_PLACEHOLDER_H
#define PROVISIONER_PLACEHOLDER_H

#include "common/ado.h"
#include "common/config.h"
#include "protocol/mirror.h"

struct placeholders;
/* With PLACEHOLDERS=0 none is wanted, and what is left of ours is removed. Borrows config. */
struct placeholders *placeholders_new(const struct config *config);
void placeholders_free(struct placeholders **placeholders);

enum placeholder_kind { PLACEHOLDER_NOTHING, PLACEHOLDER_FIND, PLACEHOLDER_ADD, PLACEHOLDER_REPLACE, PLACEHOLDER_DELETE };
struct placeholder_step {
    enum placeholder_kind kind;
    uint32_t pool_id;
    uint64_t agent_id;                   /* to replace or delete */
    const char *pool, *name;             /* valid until the answer */
    const struct ado_new_agent *agent;   /* NULL = its template is gone */
    bool again;                          /* ADD: it was there and somebody deleted it */
};

/* False when there is nothing to do now; else the step is under way until it is answered. */
bool placeholders_next(struct placeholders *placeholders, const struct mirror *mirror, struct mono now, struct placeholder_step *ret);
/* found: of FIND, NULL on error. */
void placeholders_answer(struct placeholders *placeholders, struct mono now, uint64_t random, const struct ado_result *result,
                         const struct ado_found *found);
/* Something is under way, or could be done at once. */
bool placeholders_busy(const struct placeholders *placeholders, const struct mirror *mirror, struct mono now);

size_t placeholders_kept(const struct placeholders *placeholders);
/* Why some cannot be kept, for people: NULL = all is well; the caller frees it. ret_code: of its error. */
char *placeholders_trouble(const struct placeholders *placeholders, enum err_code *ret_code);
bool placeholders_denied(enum err_code code);

#endif
