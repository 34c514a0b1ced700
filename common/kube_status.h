/* What an API server's reply means. Pure: HTTP code, headers' values and the parsed body in, err and refusal out. */
#ifndef COMMON_KUBE_STATUS_H
#define COMMON_KUBE_STATUS_H

#include "common/kube.h"

/* A reply as it came. body: parsed JSON (object or Status), NULL when it was none; text: the start of a body that was not JSON. */
struct kube_reply {
    const char *method;           /* "POST" */
    const char *resource;         /* "jobs", "pods/log" */
    int status;
    const json_t *body;
    const char *text;
    int64_t retry_after_ms;       /* of the header; -1 = absent. It wins over the body's */
};

/* Fills err ("403 Forbidden: message"), refusal, status, reason, field and retry_after_ms of result; strings borrow body. */
void kube_status_decode(const struct kube_reply *reply, struct kube_result *result);

/* The same for a Status object inside a watch's ERROR event. */
void kube_status_event(const json_t *status, struct err *err, int64_t *ret_retry_after_ms);

/* The text of a Warning header `299 - "text"` without escapes, cut to n-1 bytes; "" when it is not one. Returns out. */
char *kube_status_warning(const char *header, char *out, size_t n);

#endif
