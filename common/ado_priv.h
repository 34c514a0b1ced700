/* How the files of the Azure DevOps client send a call. Private to common/. */
#ifndef COMMON_ADO_PRIV_H
#define COMMON_ADO_PRIV_H

#include "common/ado.h"
#include "common/ado_reply.h"

/* Turns the reply into what the caller is told; name as given to ado_send. */
typedef void ado_judge_fn(const struct ado_facts *facts, struct ado_result *result, const char *name, ado_found_fn *on_done, void *data);

/* Takes path and body (NULL = none). `right` is 0 for reads. */
void ado_send(struct ado *ado, enum ado_right right, const char *method, char *path, char *body, const char *name, ado_judge_fn *judge,
              ado_found_fn *on_done, void *data);

#endif
