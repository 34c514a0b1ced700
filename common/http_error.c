#include "common/http_priv.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

const char *http_origin(const char *url, char out[HTTP_ORIGIN_MAX])
{
    const char *scheme_end = strstr(url, "://");
    const char *host = scheme_end ? scheme_end + 3 : url;
    size_t n = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', n);
    if (at) {
        n -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    snprintf(out, HTTP_ORIGIN_MAX, "%.*s%.*s", scheme_end ? (int)(scheme_end + 3 - url) : 0, url, (int)n, host);
    return out;
}

/* libcurl's own words for this failure, or its general ones. */
static const char *words(const struct http_call *call, CURLcode result)
{
    return call->run->curl_text[0] ? call->run->curl_text : curl_easy_strerror(result);
}

static void connect_error(const struct http_call *call, const char *origin, CURLcode result, struct err *err)
{
    long number = 0;
    if (call->run->easy)
        curl_easy_getinfo(call->run->easy, CURLINFO_OS_ERRNO, &number);
    const char *why = number ? strerror((int)number) : words(call, result);
    if (call->http->proxy && *call->http->proxy && call->run->curl_text[0])   /* its words name the host that was really called */
        err_set(err, ERR_IO, "cannot connect to %s through the proxy (HTTPS_PROXY): %s: %s", origin, why, call->run->curl_text);
    else
        err_set(err, ERR_IO, "cannot connect to %s: %s", origin, why);
}

static void verify_error(const struct http_call *call, const char *origin, CURLcode result, struct err *err)
{
    const struct http *http = call->http;
    const char *why = words(call, result), *hint = "";
    if (strstr(why, "subject name"))
        hint = "; the certificate is for another name";
    else if (http->ca_pem)
        hint = "; the CA configured for this server did not issue its certificate";
    else if (http->ca_file)
        hint = "; set CA_FILE to a PEM file with the CA that issued it";
    else
        hint = "; set CA_FILE to a PEM file with the CA that issued it (the system's store is used now)";
    err_set(err, ERR_IO, "certificate verify failed: %s: %s%s", origin, why, hint);
}

void http_error(const struct http_call *call, CURLcode result, struct err *err)
{
    char origin[HTTP_ORIGIN_MAX];
    http_origin(call->url, origin);
    const char *why = words(call, result);
    switch ((int)result) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        err_set(err, ERR_INVALID, "%s: not a usable URL: %s", origin, why);
        return;
    case CURLE_COULDNT_RESOLVE_HOST:
        err_set(err, ERR_IO, "cannot resolve the host name of %s: %s", origin, why);
        return;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        err_set(err, ERR_IO, "%s: the proxy failed: %s", origin, why);
        return;
    case CURLE_COULDNT_CONNECT:
        connect_error(call, origin, result, err);
        return;
    case CURLE_PEER_FAILED_VERIFICATION:
        verify_error(call, origin, result, err);
        return;
    case CURLE_SSL_CACERT_BADFILE:
        err_set(err, ERR_IO, "%s: cannot read CA certificates (CA_FILE): %s", origin, why);
        return;
    case CURLE_SSL_CERTPROBLEM:
        err_set(err, ERR_IO, "%s: the client certificate or its key cannot be used: %s", origin, why);
        return;
    case CURLE_SSL_CONNECT_ERROR:
        err_set(err, ERR_IO, "%s: TLS handshake failed: %s", origin, why);
        return;
    case CURLE_OPERATION_TIMEDOUT:
        err_set(err, ERR_TIMEOUT, "%s: %s", origin, why);
        return;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        err_set(err, ERR_IO, "%s: the connection ended before the reply was complete: %s", origin, why);
        return;
    case CURLE_BAD_CONTENT_ENCODING:
        err_set(err, ERR_IO, "%s: the compressed reply is damaged: %s", origin, why);
        return;
    default:
        err_set(err, ERR_IO, "%s: %s", origin, why);
    }
}
