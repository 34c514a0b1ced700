/* What an API server's answer to a create means for the ledger. Pure. */
#ifndef PROVISIONER_OUTCOME_H
#define PROVISIONER_OUTCOME_H

#include "common/kube.h"
#include "common/unit.h"
#include "provisioner/ledger.h"

struct outcome {
    enum ledger_outcome result;
    const char *code;             /* static, "" for OK */
    bool exists;                  /* 409: somebody has that name, a GET must tell who */
    bool namespace_lost;          /* the namespace is missing or on its way out */
};

/* Of the POST of a unit. */
struct outcome outcome_of_create(const struct kube_result *result);

/* Who a unit would be, to compare with what has its name. */
struct outcome_identity {
    const char *instance, *pool;
    uint64_t request_id;          /* 0 = warm */
    uint32_t attempt;
};
/* Of the GET after a 409. shown: the unit of that name as the watch shows it (its pod is ahead of the Job's status), or NULL. */
struct outcome outcome_of_existing(const struct kube_result *result, const struct outcome_identity *us, const struct unit *shown);

#endif
