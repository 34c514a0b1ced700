/* The body of a unit's Job: what the template says plus what is ours. Prepared once per template; per unit only a handful of texts change, in place,
 * so that a burst of a thousand bodies costs next to nothing. Pure. */
#ifndef PROVISIONER_JOBSPEC_H
#define PROVISIONER_JOBSPEC_H

#include "common/config.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOBSPEC_DEMANDS_MAX = 4096, JOBSPEC_NAME_MAX = 64 };

struct jobspec_options {
    const json_t *job;                /* as the user's file or jobspec_default says */
    size_t agent;                     /* index of the agent's container */
    const char *ns, *instance, *org_url, *pool, *template_name;
    const char *token_secret, *token_key;   /* NULL: the template brings its own token */
    int64_t ttl_s;                    /* where the template sets no ttlSecondsAfterFinished */
};

struct jobspec_unit {
    const char *name;
    uint32_t pool_id;
    uint64_t request_id;              /* 0 = warm */
    uint32_t attempt;
    int64_t queued_ms;                /* 0 = not known */
    const char *const *demands;
    size_t n_demands;
};

struct jobspec;
struct jobspec *jobspec_new(const struct jobspec_options *options);
void jobspec_free(struct jobspec **spec);
const json_t *jobspec_body(struct jobspec *spec, const struct jobspec_unit *unit);   /* valid until the next call */
const char *jobspec_hash(const struct jobspec *spec);    /* the same for the same template and settings, 16 digits */

/* The Job of JOB_IMAGE and the plain settings; new reference. */
json_t *jobspec_default(const struct config *config, const struct config_template *t);

/* As a label value: at most 63 of [A-Za-z0-9._-], a letter or digit at both ends; others become '-'. */
void jobspec_label(char out[JOBSPEC_NAME_MAX], const char *text);
/* Demands as JSON text of at most JOBSPEC_DEMANDS_MAX bytes: as many as fit; new text. */
char *jobspec_demands(const char *const *demands, size_t n);

#endif
