/* Handles keep their common options and are used again; all that differs between calls is set for each. */
#include "common/http_priv.h"
#include "common/mem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    CONNECT_TIMEOUT_MS = 10000,
    USER_TIMEOUT_MS = 30000,      /* unacknowledged data for so long: the peer is gone (keep-alive is silent while data is under way) */
    KEEPALIVE_IDLE_S = 30, KEEPALIVE_INTERVAL_S = 10,
    CA_CACHE_S = 300,             /* libcurl's default of a day would outlive a rotated CA */
    IDLE_CONNECTION_S = 60,       /* API servers close after 90 s */
    CONNECTION_LIFETIME_S = 600,  /* a connection keeps the trust it was made with */
    REQUEST_BUFFER = 16384,       /* per handle; the default is 64 KiB */
    EXTRA_LINES = 3,
};

#define SET(easy, option, value) CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK)

/* ---- what libcurl hands back ---- */

static int on_socket_made(void *data, curl_socket_t fd, curlsocktype purpose)
{
    (void)data;
    (void)purpose;
    unsigned ms = USER_TIMEOUT_MS;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);   /* only makes a dead peer visible sooner: deadlines are our own */
    return CURL_SOCKOPT_OK;
}

/* False when the call is to end: cancelled, or the whole client closed, by a callback. */
static bool listening(struct http_call *call)
{
    if (call->state != HTTP_RUNNING || call->http->closed)
        return false;
    struct mono now = loop_now(call->http->loop);
    call->run->heard = now;
    http_multi_heard(call->run->multi, now);
    return true;
}

static size_t on_header(char *bytes, size_t one, size_t n, void *data)
{
    (void)one;
    struct http_call *call = data;
    char origin[HTTP_ORIGIN_MAX];
    if (!listening(call))
        return CURL_WRITEFUNC_ERROR;
    if (http_headers_line(&call->run->headers, bytes, n) == 0)
        return n;
    err_set(&call->run->err, ERR_TOO_LARGE, "%s: the reply's headers are too large", http_origin(call->url, origin));
    return CURL_WRITEFUNC_ERROR;
}

static bool is_success(struct http_run *run)
{
    if (!run->status) {
        long status = 0;
        curl_easy_getinfo(run->easy, CURLINFO_RESPONSE_CODE, &status);
        run->status = (int)status;
    }
    return run->status >= 200 && run->status <= 299;
}

static int stream(struct http_call *call, const char *bytes, size_t n)
{
    struct err err = {.code = ERR_NONE};
    int result = call->on_data(call->data, bytes, n, &err);
    if (call->state != HTTP_RUNNING)   /* it cancelled itself */
        return -1;
    if (result && err.code == ERR_NONE)
        err_set(&err, ERR_CANCELLED, "the reader of the reply stopped");
    if (result)
        call->run->err = err;
    return result;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *data)
{
    (void)one;
    struct http_call *call = data;
    char origin[HTTP_ORIGIN_MAX];
    if (!listening(call))
        return CURL_WRITEFUNC_ERROR;
    if (is_success(call->run) && call->on_data)
        return stream(call, bytes, n) ? CURL_WRITEFUNC_ERROR : n;
    if (buf_append(&call->run->body, bytes, n) == 0)
        return n;
    err_set(&call->run->err, ERR_TOO_LARGE, "%s: the reply is larger than %zu bytes", http_origin(call->url, origin), call->max_body);
    return CURL_WRITEFUNC_ERROR;
}

/* ---- options all calls share ---- */

static void set_blob(CURL *easy, CURLoption option, char *pem)
{
    struct curl_blob blob = {.data = pem, .len = strlen(pem), .flags = CURL_BLOB_NOCOPY};
    SET(easy, option, &blob);
}

static void set_tls(const struct http *http, CURL *easy)
{
    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(easy, CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_S);
    SET(easy, CURLOPT_SSL_VERIFYPEER, http->insecure ? 0L : 1L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, http->insecure ? 0L : 2L);
    if (http->ca_file) {
        SET(easy, CURLOPT_CAINFO, http->ca_file);
        SET(easy, CURLOPT_PROXY_CAINFO, http->ca_file);
    }
    if (http->ca_pem)
        set_blob(easy, CURLOPT_CAINFO_BLOB, http->ca_pem);
    if (http->ca_file || http->ca_pem)
        SET(easy, CURLOPT_CAPATH, NULL);   /* instead of the system's store, not beside it */
    if (http->cert_pem)
        set_blob(easy, CURLOPT_SSLCERT_BLOB, http->cert_pem);
    if (http->key_pem)
        set_blob(easy, CURLOPT_SSLKEY_BLOB, http->key_pem);
}

static void set_connection(const struct http *http, CURL *easy)
{
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_PROXY, str_or_empty(http->proxy));      /* "" also keeps http_proxy and no_proxy of the environment out */
    SET(easy, CURLOPT_NOPROXY, str_or_empty(http->no_proxy));
    SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    SET(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_S);
    SET(easy, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFETIME_S);
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    SET(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
    SET(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
    SET(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)REQUEST_BUFFER);
    SET(easy, CURLOPT_USERAGENT, http->user_agent);
    SET(easy, CURLOPT_WRITEFUNCTION, on_body);
    SET(easy, CURLOPT_HEADERFUNCTION, on_header);
}

static CURL *take_handle(struct http *http)
{
    if (http->n_spare)
        return http->spare[--http->n_spare];
    CURL *easy = curl_easy_init();
    CHECK(easy != NULL);
    set_connection(http, easy);
    set_tls(http, easy);
    return easy;
}

static void give_handle(struct http *http, CURL *easy, bool usable)
{
    SET(easy, CURLOPT_ERRORBUFFER, NULL);
    SET(easy, CURLOPT_HTTPHEADER, NULL);
    SET(easy, CURLOPT_CONNECT_TO, NULL);
    SET(easy, CURLOPT_POSTFIELDS, NULL);
    if (usable && http->n_spare < HTTP_SPARE_MAX)
        http->spare[http->n_spare++] = easy;
    else
        curl_easy_cleanup(easy);
}

void http_easy_free_spares(struct http *http, unsigned keep)
{
    while (http->n_spare > keep)
        curl_easy_cleanup(http->spare[--http->n_spare]);
}

/* ---- options of one call ---- */

static void set_method(const struct http_call *call, CURL *easy)
{
    bool get = strcmp(call->method, "GET") == 0, head = strcmp(call->method, "HEAD") == 0;
    bool sends = call->has_body || (!get && !head && strcmp(call->method, "DELETE") != 0);
    SET(easy, CURLOPT_HTTPGET, 1L);
    SET(easy, CURLOPT_CUSTOMREQUEST, get || head ? NULL : call->method);
    if (head)
        SET(easy, CURLOPT_NOBODY, 1L);
    if (!sends)
        return;
    SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
    SET(easy, CURLOPT_POSTFIELDS, call->body);
}

static bool names_content_type(const char *line)
{
    return strncasecmp(line, "Content-Type:", 13) == 0;
}

static int set_headers(struct http_call *call, struct err *err)
{
    static char no_expect[] = "Expect:", no_type[] = "Content-Type:";   /* libcurl would add its own */
    struct http_run *run = call->run;
    bool typed = false;
    size_t n = 0;
    char origin[HTTP_ORIGIN_MAX], *line = call->text;
    for (unsigned i = 0; i < call->n_headers; i++, line += strlen(line) + 1) {
        if (strpbrk(line, "\r\n"))   /* not shown: it may be a credential */
            return err_set(err, ERR_INVALID, "%s: a request header contains a line break", http_origin(call->url, origin));
        run->lines[n++].data = line;
        typed = typed || names_content_type(line);
    }
    run->lines[n++].data = no_expect;
    if (!typed)
        run->lines[n++].data = no_type;
    if (run->host_line)
        run->lines[n++].data = run->host_line;
    for (size_t i = 0; i + 1 < n; i++)
        run->lines[i].next = &run->lines[i + 1];
    SET(run->easy, CURLOPT_HTTPHEADER, &run->lines[0]);
    return 0;
}

/* libcurl verifies the name in the URL: the server's TLS name goes there, and the connection is made to the host meant. */
static CURLUcode rename_host(struct http_call *call, CURLU *url)
{
    struct http_run *run = call->run;
    char *host = NULL, *port = NULL, *explicit_port = NULL, *renamed = NULL;
    CURLUcode code = curl_url_set(url, CURLUPART_URL, call->url, 0);
    if (!code)
        code = curl_url_get(url, CURLUPART_HOST, &host, 0);
    if (!code)
        code = curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (!code)
        code = curl_url_set(url, CURLUPART_HOST, call->http->tls_server_name, 0);
    if (!code)
        code = curl_url_get(url, CURLUPART_URL, &renamed, 0);
    if (!code) {
        bool has_port = curl_url_get(url, CURLUPART_PORT, &explicit_port, 0) == CURLUE_OK;
        run->host_line = xasprintf("Host: %s%s%s", host, has_port ? ":" : "", has_port ? explicit_port : "");
        run->connect_to = xasprintf("%s:%s:%s:%s", call->http->tls_server_name, port, host, port);
        run->connect_to_list.data = run->connect_to;
        SET(run->easy, CURLOPT_URL, renamed);
        SET(run->easy, CURLOPT_CONNECT_TO, &run->connect_to_list);
    }
    curl_free(host);
    curl_free(port);
    curl_free(explicit_port);
    curl_free(renamed);
    return code;
}

/* Where HTTP/2 may come of it, calls wait for the connection being made instead of each making one. Over plain HTTP it cannot, and they
 * would wait for the whole first reply. */
static void set_version(const struct http_call *call, CURL *easy)
{
    bool multiplex = !call->http->long_lived && strncasecmp(call->url, "https:", 6) == 0;
    SET(easy, CURLOPT_HTTP_VERSION, multiplex ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_PIPEWAIT, multiplex ? 1L : 0L);
}

static int set_url(struct http_call *call, struct err *err)
{
    if (!call->http->tls_server_name || strncasecmp(call->url, "https:", 6) != 0) {
        SET(call->run->easy, CURLOPT_URL, call->url);
        return 0;
    }
    CURLU *url = curl_url();
    CHECK(url != NULL);
    CURLUcode code = rename_host(call, url);
    curl_url_cleanup(url);
    char origin[HTTP_ORIGIN_MAX];
    return code ? err_set(err, ERR_INVALID, "%s: not a usable URL: %s", http_origin(call->url, origin), curl_url_strerror(code)) : 0;
}

int http_run_new(struct http_call *call, struct mono now, struct err *err)
{
    struct http_run *run = xcalloc(1, sizeof *run + (call->n_headers + EXTRA_LINES) * sizeof run->lines[0]);
    call->run = run;
    run->easy = take_handle(call->http);
    run->began = run->heard = now;
    run->deadline = call->deadline_ms > 0 ? mono_add_ms(now, call->deadline_ms) : MONO_NEVER;
    http_headers_init(&run->headers);
    buf_init(&run->body, call->max_body);
    SET(run->easy, CURLOPT_PRIVATE, call);
    SET(run->easy, CURLOPT_WRITEDATA, call);
    SET(run->easy, CURLOPT_HEADERDATA, call);
    SET(run->easy, CURLOPT_ERRORBUFFER, run->curl_text);
    SET(run->easy, CURLOPT_ACCEPT_ENCODING, call->gzip ? "gzip" : NULL);
    set_method(call, run->easy);
    set_version(call, run->easy);
    return set_url(call, err) || set_headers(call, err) ? -1 : 0;
}

void http_run_detach(struct http_call *call)
{
    bool usable = http_multi_remove(call);
    give_handle(call->http, call->run->easy, usable);
    call->run->easy = NULL;
}

void http_run_free(struct http_run **prun)
{
    struct http_run *run = *prun;
    *prun = NULL;
    if (!run)
        return;
    CHECK(run->easy == NULL);
    http_headers_done(&run->headers);
    buf_wipe(&run->body);
    free(run->host_line);
    free(run->connect_to);
    free(run);
}
