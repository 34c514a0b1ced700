/* A JOB_DEFINITION_FILE: one Job and the volumes beside it, read as kubectl reads it and held to what one unit for one job needs.
 * Every complaint carries file:line:column. No I/O but reading the file. */
#ifndef PROVISIONER_JOBFILE_H
#define PROVISIONER_JOBFILE_H

#include "common/err.h"
#include "common/yaml.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct jobfile_volume {
    bool claim;                       /* PersistentVolumeClaim, else PersistentVolume */
    const char *name;                 /* borrowed from object */
    json_t *object;
    const struct yaml_node *root;
};

struct jobfile {
    char *path;
    struct yaml_doc *doc;
    const struct yaml_node *root;     /* of the Job */
    json_t *job;                      /* what the file says, with what one unit for one job needs in place; nothing of ours added */
    char *name_prefix;                /* metadata.name and a '-'; NULL = the file has none */
    size_t agent;                     /* index of the agent's container */
    struct jobfile_volume *volumes;
    size_t n_volumes;
};

/* One sentence per thing of the file that is overridden or looks wrong. */
typedef void jobfile_warn_fn(void *data, const char *text);
struct jobfile_rules {
    const char *ns;                   /* where units run */
    const char *own_account;          /* the orchestrator's ServiceAccount in that namespace: refused; NULL = not known */
    jobfile_warn_fn *warn;
    void *data;
};

/* NULL with err (ERR_CONFIG) when the file cannot be used. */
struct jobfile *jobfile_read(const char *path, const struct jobfile_rules *rules, struct err *err);
struct jobfile *jobfile_parse(const char *name, const char *bytes, size_t n, const struct jobfile_rules *rules, struct err *err);
void jobfile_free(struct jobfile **file);

/* The value of an environment variable of the agent's container; NULL when the file does not set it. ret_at: its place, may be NULL.
 * "" with ret_from true: set, but by valueFrom. */
const char *jobfile_env(const struct jobfile *file, const char *name, bool *ret_from, const struct yaml_node **ret_at);
void jobfile_warn(const struct jobfile *file, const struct jobfile_rules *rules, const struct yaml_node *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "job.yaml:12:5: message" for a complaint of the API server about `field` ("spec.template.spec.containers[0].image", may be "") of the document at root. */
char *jobfile_complaint(const struct jobfile *file, const struct yaml_node *root, const char *field, const char *message);

/* jobrules.c: checks the Job document and fills job, name_prefix and agent. */
int jobfile_take_job(struct jobfile *file, const struct yaml_node *root, const struct jobfile_rules *rules, struct err *err);
/* The node at "a.b.c" of nested maps; NULL when absent or null. */
const struct yaml_node *jobfile_node(const struct yaml_node *root, const char *path);

#endif
