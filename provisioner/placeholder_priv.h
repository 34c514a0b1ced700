/* The wanted placeholders and what is known of each. Private to placeholder*.c. */
#ifndef PROVISIONER_PLACEHOLDER_PRIV_H
#define PROVISIONER_PLACEHOLDER_PRIV_H

#include "provisioner/names.h"
#include "provisioner/placeholder.h"

enum want_state {
    WANT_UNSURE,       /* nothing asked yet */
    WANT_ABSENT,       /* Azure DevOps has none of that name */
    WANT_THERE,        /* there is one: what has it? */
    WANT_DIFFERENT,    /* ours, with other capabilities */
    WANT_KEPT,
};

/* One template's placeholder. */
struct want {
    struct placeholder_pool *pool;
    char name[PLACEHOLDER_NAME_MAX + 1];
    struct ado_new_agent agent;
    enum want_state state;
    bool refused;                 /* THERE: an ADD was, so the name is taken */
    bool narrows;                 /* DIFFERENT: a capability would go that a waiting request may need */
    bool foreign;                 /* the name belongs to somebody else's agent */
    uint64_t agent_id;
    struct mono sure;             /* KEPT: pictures that began later tell whether it is still so */
    struct mono check_at;         /* KEPT: look whether its capabilities are still so */
    struct mono not_before;
};

struct placeholder_pool {
    const struct config_pool *config;
    struct mono not_before;
    unsigned failures;
    struct err trouble;
    /* placeholders of ours that no template wants, one after another by id, once in each picture */
    struct mono picture;
    uint64_t cursor;              /* those up to here are dealt with */
    uint64_t doomed;              /* verified; 0 = none */
};

struct placeholders {
    const struct config *config;
    struct placeholder_pool *pools;
    size_t n_pools;
    struct want *wants;
    size_t n_wants;
    struct {
        enum placeholder_kind kind;
        struct placeholder_pool *pool;
        struct want *want;        /* NULL: an unwanted one */
        uint64_t agent_id;
        char name[257];
    } flight;
};

/* placeholder_want.c */
void want_init(struct want *want, struct placeholder_pool *pool, const struct config *config, const struct config_template *t);
void want_done(struct want *want);
/* Compares what is registered with what the template declares; capabilities Agent.* that the server adds do not count. *ret_narrows: something that is
 * registered would be lost. */
bool want_matches(const struct want *want, const struct ado_found *found, bool *ret_narrows);

#endif
