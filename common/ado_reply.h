/* What a reply of Azure DevOps means, from its status, headers and text: every shape of a refused credential, of throttling, of absence. Pure. */
#ifndef COMMON_ADO_REPLY_H
#define COMMON_ADO_REPLY_H

#include "common/ado.h"

enum ado_content { ADO_CONTENT_NONE, ADO_CONTENT_JSON, ADO_CONTENT_HTML, ADO_CONTENT_OTHER };

/* Header values are as received; NULL = absent. */
struct ado_facts {
    int status;
    enum ado_content content;
    const char *body;             /* NUL-terminated; "" = none or streamed */
    size_t body_len;
    long retry_after_ms;          /* -1 = none */
    const char *delay, *limit, *remaining, *reset;   /* X-RateLimit-... */
    const char *service_error;    /* X-TFS-ServiceError, percent-encoded */
    bool host_offline;            /* X-VSS-HostOfflineError */
    const char *date;
};

enum ado_content ado_content_of(const char *content_type, bool is_json);
/* Fills err, status, wait_ms and server_ms. */
void ado_classify(const struct ado_facts *facts, struct ado_result *ret);
/* The server does not speak the api-version of this write: try an older one. */
bool ado_refuses_version(const struct ado_facts *facts);
int64_t ado_wait_ms(const struct ado_facts *facts, int64_t server_ms);

#endif
