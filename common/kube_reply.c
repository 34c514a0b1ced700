/* From an HTTP reply to a result: JSON where it belongs, the meaning of the status, the headers that matter. */
#include "common/kube_priv.h"

#include "common/json.h"
#include "common/kube_status.h"

#include <string.h>
#include <time.h>

enum { TEXT_SHOWN = 160 };

int64_t kube_reply_date(const char *date)
{
    struct tm tm = {0};
    const char *end = date ? strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;
    return end && !*end ? (int64_t)timegm(&tm) * 1000 : 0;
}

/* The first line of a body that is not JSON: what a proxy or a web server had to say. */
static const char *excerpt(const struct http_reply *reply, char out[TEXT_SHOWN])
{
    size_t n = strcspn(reply->body, "\r\n");
    n = n < TEXT_SHOWN - 1 ? n : TEXT_SHOWN - 1;
    memcpy(out, reply->body, n);
    out[n] = '\0';
    return out;
}

static bool is_log(const char *resource)
{
    size_t n = strlen(resource);
    return n > 4 && !strcmp(resource + n - 4, "/log");
}

/* A write has happened when the API server says so with an object; a 200 from something in between says nothing. */
static void check_write(const struct http_reply *reply, const char *method, const json_t *body, struct err *err)
{
    bool good = reply->status >= 200 && reply->status < 300;
    if (good && err->code == ERR_NONE && strcmp(method, "GET") != 0 && !json_is_string(json_object_get(body, "kind")))
        err_set(err, ERR_INVALID, "%d, but the reply is no object of Kubernetes", reply->status);
}

static json_t *parse_body(const struct http_reply *reply, const char *resource, struct err *err)
{
    bool good = reply->status >= 200 && reply->status < 300;
    char shown[TEXT_SHOWN];
    struct err why;
    if (reply->body_len == 0)
        return NULL;
    if (good && is_log(resource))
        return json_stringn(reply->body, reply->body_len);
    json_t *body = json_parse(reply->body, reply->body_len, &why);
    if (!body && good && err->code == ERR_NONE)
        err_set(err, ERR_INVALID, "%d, but the reply is not JSON (%s): it begins with \"%s\"", reply->status, why.text,
                excerpt(reply, shown));
    return body;
}

void kube_read_reply(const struct http_reply *reply, const char *method, const char *resource, char *warning, size_t warning_size,
                     struct kube_result *ret, json_t **ret_body)
{
    char shown[TEXT_SHOWN];
    struct err err = reply->err;
    *ret_body = reply->status ? parse_body(reply, resource, &err) : NULL;
    check_write(reply, method, *ret_body, &err);
    struct kube_reply r = {.method = method, .resource = resource, .status = reply->status, .body = *ret_body, .retry_after_ms = -1};
    *ret = (struct kube_result){.err = err, .reason = "", .field = "", .retry_after_ms = -1, .warning = ""};
    if (reply->status) {
        r.text = *ret_body ? NULL : excerpt(reply, shown);
        r.retry_after_ms = http_retry_after_ms(reply);
        kube_status_decode(&r, ret);
        ret->server_ms = kube_reply_date(http_header(reply, "Date"));
        ret->warning = kube_status_warning(http_header(reply, "Warning"), warning, warning_size);
    }
    if (err.code != ERR_NONE)
        ret->err = err;
    ret->object = *ret_body;
}
