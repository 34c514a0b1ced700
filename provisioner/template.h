/* All templates of all pools, loaded and validated once at start; a file that several pools share is read once and complained about once. */
#ifndef PROVISIONER_TEMPLATE_H
#define PROVISIONER_TEMPLATE_H

#include "common/config.h"
#include "common/err.h"
#include "provisioner/jobfile.h"
#include "provisioner/jobspec.h"

struct template {
    const struct config_pool *pool;
    const struct config_template *config;
    const struct jobfile *file;       /* NULL: made of JOB_IMAGE */
    struct jobspec *spec;
    bool needs_token;                 /* AZP_TOKEN comes from the orchestrator */
};

struct templates {
    struct template *list;
    size_t n;
    struct jobfile **files;
    size_t n_files;
    char *token_secret, *token_key;   /* where the agents' token is */
    bool token_is_ours;               /* that Secret is made from ORG_PAT, not named by the user */
    bool needs_token;                 /* of any template */
};

/* Also fills config_template.name_prefix. NULL with err (ERR_CONFIG) when a template cannot be used. */
struct templates *templates_load(const struct config *config, const struct jobfile_rules *rules, struct err *err);
void templates_free(struct templates **templates);
struct template *templates_find(const struct templates *templates, const struct config_template *config);

/* One sentence for people about what the API server said of a template's Job: file:line:column, or the setting it comes from; the caller frees. */
char *template_complaint(const struct template *t, const char *field, const char *message);
/* The path of a field that the API server names only in its message (strict decoding, type errors); "" when none. */
void template_field_in_message(const char *message, char out[256]);

#endif
