#include "common/kube_status.h"

#include "common/json.h"
#include "common/mem.h"

#include <string.h>

const char *kube_refusal_name(enum kube_refusal refusal)
{
    switch (refusal) {
    case KUBE_REFUSAL_NONE: return "none";
    case KUBE_QUOTA: return "quota";
    case KUBE_RBAC: return "rbac";
    case KUBE_ADMISSION: return "admission";
    case KUBE_NAMESPACE_TERMINATING: return "namespace-terminating";
    case KUBE_NAMESPACE_MISSING: return "namespace-missing";
    case KUBE_API_MISSING: return "api-missing";
    case KUBE_MANIFEST: return "manifest";
    }
    return "unknown";
}

static const json_t *causes_of(const json_t *status)
{
    return json_at(status, "details.causes");
}

static bool has_cause(const json_t *status, const char *reason)
{
    const json_t *causes = causes_of(status);
    for (size_t i = 0; i < json_array_size(causes); i++)
        if (!strcmp(json_text(json_array_get(causes, i), "reason"), reason))
            return true;
    return false;
}

static const char *first_field(const json_t *status)
{
    const json_t *causes = causes_of(status);
    for (size_t i = 0; i < json_array_size(causes); i++) {
        const char *field = json_text(json_array_get(causes, i), "field");
        if (*field)
            return field;
    }
    return "";
}

static bool is_status(const json_t *body)
{
    return json_is_object(body) && !strcmp(json_text(body, "kind"), "Status");
}

/* RBAC has no reason of its own. Its text is fixed up to the first quote, so that a webhook's free text cannot pass for it. */
static bool says_rbac(const char *message)
{
    const char *after = strstr(message, "is forbidden: ");
    if (!after)
        return false;
    after += strlen("is forbidden: ");
    return !strncmp(after, "User \"", 6) && strstr(after, "\" cannot ");
}

static bool says_webhook(const char *message)
{
    return !strncmp(message, "admission webhook \"", 19) && strstr(message, "denied the request");
}

/* `jobs.batch "a" is forbidden: ...`: a ValidatingAdmissionPolicy may choose any code for it, 422 unless told otherwise. A manifest that is wrong has
 * "is invalid: " there, and its name holds no quote. */
static bool says_forbidden(const char *message)
{
    const char *quote = strchr(message, '"'), *after = quote ? strchr(quote + 1, '"') : NULL;
    return after && !strncmp(after, "\" is forbidden: ", 16);
}

static enum kube_refusal refusal_403(const json_t *body, const char *message)
{
    if (!is_status(body))
        return KUBE_REFUSAL_NONE;
    if (has_cause(body, "NamespaceTerminating"))
        return KUBE_NAMESPACE_TERMINATING;
    if (says_webhook(message))
        return KUBE_ADMISSION;
    if (says_rbac(message))
        return KUBE_RBAC;
    return strstr(message, "exceeded quota:") ? KUBE_QUOTA : KUBE_ADMISSION;
}

static enum kube_refusal refusal_404(const struct kube_reply *reply)
{
    const json_t *details = json_at(reply->body, "details");
    if (!is_status(reply->body) || !json_object_size(details))
        return KUBE_API_MISSING;
    bool of_namespace = !strcmp(json_text(details, "kind"), "namespaces");
    return of_namespace && strcmp(reply->resource, "namespaces") ? KUBE_NAMESPACE_MISSING : KUBE_REFUSAL_NONE;
}

static enum kube_refusal refusal_of(const struct kube_reply *reply, const char *message)
{
    switch (reply->status) {
    case 403:
        return refusal_403(reply->body, message);
    case 404:
        return refusal_404(reply);
    case 400: case 413: case 422:
        if (!is_status(reply->body))
            return KUBE_REFUSAL_NONE;
        return says_webhook(message) || says_forbidden(message) ? KUBE_ADMISSION : KUBE_MANIFEST;
    default:
        return KUBE_REFUSAL_NONE;
    }
}

static enum err_code code_of(int status, const char *reason, bool is_post)
{
    switch (status) {
    case 401: return ERR_AUTH;
    case 403: return ERR_DENIED;
    case 404: return ERR_NOT_FOUND;
    case 409:
        if (*reason)
            return !strcmp(reason, "AlreadyExists") ? ERR_EXISTS : ERR_CONFLICT;
        return is_post ? ERR_EXISTS : ERR_CONFLICT;
    case 410: return ERR_GONE;
    case 429: return ERR_THROTTLED;
    default: break;
    }
    if (status >= 200 && status < 300)
        return ERR_NONE;
    return status >= 400 && status < 500 ? ERR_INVALID : ERR_UNAVAILABLE;
}

static const char *phrase_of(int status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 422: return "Invalid";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "";
    }
}

static void describe(struct err *err, enum err_code code, int status, const char *reason, const char *message)
{
    const char *name = *reason ? reason : phrase_of(status);
    err_set(err, code, "%d%s%s%s%s", status, *name ? " " : "", name, *message ? ": " : "", message);
}

void kube_status_decode(const struct kube_reply *reply, struct kube_result *result)
{
    const json_t *status = is_status(reply->body) ? reply->body : NULL;
    const char *message = status ? json_text(status, "message") : str_or_empty(reply->text);
    result->status = reply->status;
    result->reason = json_text(status, "reason");
    result->field = first_field(status);
    int64_t said = json_number(status, "details.retryAfterSeconds", -1);
    result->retry_after_ms = reply->retry_after_ms >= 0 ? reply->retry_after_ms : said > 0 && said < 86400 ? said * 1000 : -1;
    enum err_code code = code_of(reply->status, result->reason, !strcmp(reply->method, "POST"));
    result->err = (struct err){.code = ERR_NONE};
    result->refusal = KUBE_REFUSAL_NONE;
    if (code == ERR_NONE)
        return;
    result->refusal = refusal_of(reply, message);
    describe(&result->err, code, reply->status, result->reason, message);
}

void kube_status_event(const json_t *status, struct err *err, int64_t *ret_retry_after_ms)
{
    int64_t code = json_number(status, "code", 0), said = json_number(status, "details.retryAfterSeconds", -1);
    const char *reason = json_text(status, "reason");
    if (code < 400 || code > 599)
        code = !strcmp(reason, "Expired") || !strcmp(reason, "Gone") ? 410 : 500;
    if (!strcmp(reason, "Expired"))
        code = 410;
    *ret_retry_after_ms = said > 0 && said < 86400 ? said * 1000 : -1;
    describe(err, code_of((int)code, reason, false), (int)code, reason, json_text(status, "message"));
}

char *kube_status_warning(const char *header, char *out, size_t n)
{
    size_t len = 0;
    const char *p = header ? strchr(header, '"') : NULL;
    if (p && !strncmp(header, "299 ", 4))
        for (p++; *p && *p != '"' && len + 1 < n; p++) {
            if (*p == '\\' && p[1])
                p++;
            out[len++] = *p;
        }
    out[len] = '\0';
    return out;
}
