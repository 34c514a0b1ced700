/* Rows of Azure DevOps replies as structs. Pure. Strings are borrowed from the JSON row, lists from the scratch: both live until the next row. */
#ifndef COMMON_ADO_PARSE_H
#define COMMON_ADO_PARSE_H

#include "common/ado.h"

#include <jansson.h>

struct ado_scratch {
    const char **texts;
    size_t cap;
};
void ado_scratch_done(struct ado_scratch *scratch);

/* 0, or -1 with ERR_INVALID: a row without a sound id, or one whose meaning would be lost (a demand that is no text, a date that is none). */
int ado_parse_request(const json_t *row, struct ado_scratch *scratch, struct ado_request *ret, struct err *err);
int ado_parse_agent(const json_t *row, struct ado_agent *ret, struct err *err);
/* Has a result or a finish time. */
bool ado_request_finished(const struct ado_request *request);

/* The pool of exactly this name among the rows of a reply to `pools?poolName=`; ret->name is borrowed from the reply.
 * ERR_NOT_FOUND with a plain sentence when there is none, several, or it is Microsoft's own. */
int ado_parse_pool(const json_t *reply, const char *name, struct ado_pool *ret, struct err *err);
/* A list is whole when as many rows came as the envelope counts. */
int ado_check_count(const json_t *envelope, bool saw_array, uint64_t rows, struct err *err);

#endif
