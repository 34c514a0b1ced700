/* The credential for Azure DevOps: a PAT given, or in a file that may be replaced at any time. */
#ifndef COMMON_ADO_AUTH_H
#define COMMON_ADO_AUTH_H

#include "common/err.h"

#include <stdbool.h>

struct ado_auth;

/* One of pat and pat_file. ERR_CONFIG with one sentence when there is no usable PAT. */
struct ado_auth *ado_auth_open(const char *pat, const char *pat_file, struct err *err);
void ado_auth_close(struct ado_auth **auth);
/* Re-reads the file if it is another one than at the last look (always when `refused`: a 401 came). Returns a number that rises each time the
 * PAT changes. A file that is missing or unusable for the moment changes nothing: it may just be on its way to be replaced. */
unsigned ado_auth_refresh(struct ado_auth *auth, bool refused);
/* "Authorization: ..."; a secret, the caller frees with secret_free. */
char *ado_auth_header(const struct ado_auth *auth);

#endif
