/* How the configuration is read. One table of fields (config_fields.c) drives everything: environment, file, --check and --help.
 * A value goes: source (environment or a map of the file) -> text -> the field's check -> its place in the struct of its scope. */
#ifndef COMMON_CONFIG_PRIV_H
#define COMMON_CONFIG_PRIV_H

#include "common/config.h"
#include "common/map.h"
#include "common/yaml.h"

/* Which struct a field is stored in, and the level of the file where it may be written: its own, and the ones above it if it has an
 * environment name. */
enum config_scope { SCOPE_GLOBAL, SCOPE_POOL, SCOPE_TEMPLATE };
enum config_type { TYPE_TEXT, TYPE_FLAG, TYPE_COUNT, TYPE_DURATION, TYPE_WORD, TYPE_SPECIAL };

/* One value on its way in, for sentences about it. */
struct config_setting {
    const struct config_loader *loader;
    const struct config_field *field;
    const struct yaml_node *node;     /* NULL: from the environment, or the default */
    const char *name;                 /* as it is written there: ORG_URL or org_url */
};

/* Checks *text and may replace it by its normal form. */
typedef int config_check_fn(const struct config_setting *s, char **text, struct err *err);

struct config_field {
    const char *env;                  /* NULL: in the file only */
    const char *env_alias;
    const char *key;                  /* NULL: in the environment only */
    enum config_scope scope;
    enum config_type type;
    size_t offset;
    int64_t min, max;                 /* COUNT; DURATION in ms */
    int64_t unit_ms;                  /* DURATION: what a plain number means */
    const char *fallback;             /* the default as a person would write it; NULL = not set */
    const char *fallback_help;        /* instead of it in --help */
    const char *words;                /* WORD, or what a TEXT must be one of: "linux|windows" */
    config_check_fn *check;
    const char *rival;                /* key of the field that cannot be set beside this one */
    bool rival_wins;                  /* beside its rival this one is ignored with a warning; false for both: refused */
    bool list;                        /* the file may give a list, too */
    bool secret;
    const char *help;
};

extern const struct config_field config_fields[];
extern const size_t config_n_fields;

/* What a map of the file, or the environment, says. */
struct config_source {
    const struct yaml_node *map;      /* NULL: the environment */
    enum config_scope level;          /* of the map */
};

struct config_loader {
    config_getenv_fn *get;
    void *get_data;
    void (*warn)(void *data, const char *text);
    void *warn_data;
    struct map *warned;               /* each sentence once */
    struct yaml_doc *doc;             /* NULL: no file */
    struct config *config;
    char *agent_pools;                /* AGENT_POOLS as given, NULL */
    struct config_source sources[4];  /* weakest first */
    size_t n_sources;
};

/* "ORG_URL: sentence" or "file:3:7: org_url: sentence" with ERR_CONFIG; returns -1. */
int config_refuse(const struct config_setting *s, struct err *err, const char *format, ...) __attribute__((format(printf, 3, 4)));
void config_warn(const struct config_setting *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True when the key may stand in a map of this level. */
bool config_field_fits(const struct config_field *field, enum config_scope level);
const struct config_field *config_field_find(enum config_scope level, const char *key);

/* *ret_text: what the source says, NULL for nothing; the caller frees it. */
int config_source_text(const struct config_loader *loader, const struct config_source *source, const struct config_field *field,
                       struct config_setting *s, char **ret_text, struct err *err);
/* Unknown keys are errors. */
int config_check_keys(const struct config_loader *loader, const struct yaml_node *map, enum config_scope level, struct err *err);
/* Fills the fields of one scope of object from the defaults and all sources, the last one winning. */
int config_apply(struct config_loader *loader, enum config_scope scope, void *object, struct err *err);

/* Takes text: parses it into its place in object. */
int config_store(const struct config_setting *s, char *text, void *object, struct err *err);
int config_check_bytes(const struct config_setting *s, const char *text, struct err *err);
void config_clear(const struct config_field *field, void *object);

int config_load_pools(struct config_loader *loader, struct err *err);
int config_load_capabilities(const struct config_loader *loader, const struct yaml_node *node, struct config_template *t, struct err *err);
int config_check_lease(const struct config *config, struct err *err);
char *config_make_instance(const char *org_url, const char *ns, const char *prefix);

/* Settings of ours that are not set while one that looks like them is; `environ` as in environ(7). */
void config_near_misses(char *const *environment, void (*warn)(void *data, const char *text), void *data);

config_check_fn config_check_agent_pools, config_check_ca_file, config_check_election, config_check_host, config_check_image, config_check_instance,
    config_check_job_file, config_check_namespace, config_check_org_url, config_check_pat, config_check_pat_file, config_check_peer_uids,
    config_check_pool_name, config_check_prefix, config_check_proxy, config_check_run_dir, config_check_socket, config_check_template_name,
    config_check_token_secret;

#endif
