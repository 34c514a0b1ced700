/* For test_http*.c: the scripted server as a child process, certificates made on the spot, and a way to run the loop until so many
 * replies are in. */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include "common/buf.h"
#include "common/clock.h"
#include "common/http.h"
#include "common/mem.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    pid_t pid;
    int stdin_fd;
    int plain, tls;
    char dir[64], cert[96], key[96], other[96];
} server;

/* A self-signed certificate for localhost and kube.test; key_path NULL: only the certificate is of interest. */
static void make_certificate(const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,DNS:kube.test");
    X509_add_ext(x, names, -1);
    X509_sign(x, key, EVP_sha256());
    FILE *f = fopen(cert_path, "w");
    CHECK(f && PEM_write_X509(f, x));
    fclose(f);
    if (key_path) {
        f = fopen(key_path, "w");
        CHECK(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
        fclose(f);
    }
    X509_EXTENSION_free(names);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void make_files(void)
{
    snprintf(server.dir, sizeof server.dir, "/tmp/test_http.XXXXXX");
    CHECK(mkdtemp(server.dir) != NULL);
    snprintf(server.cert, sizeof server.cert, "%s/cert.pem", server.dir);
    snprintf(server.key, sizeof server.key, "%s/key.pem", server.dir);
    snprintf(server.other, sizeof server.other, "%s/other.pem", server.dir);
    make_certificate(server.cert, server.key);
    make_certificate(server.other, NULL);
}

static int server_start(void **state)
{
    (void)state;
    int in[2], out[2];
    char script[512];
    const char *slash = strrchr(__FILE__, '/');
    snprintf(script, sizeof script, "%.*shttp_server.py", (int)(slash + 1 - __FILE__), __FILE__);
    make_files();
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    server.pid = fork();
    if (server.pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execlp("python3", "python3", script, server.cert, server.key, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    server.stdin_fd = in[1];
    FILE *f = fdopen(out[0], "r");
    int n = fscanf(f, "%d %d", &server.plain, &server.tls);
    fclose(f);
    return n == 2 ? 0 : -1;
}

static int server_stop(void **state)
{
    (void)state;
    close(server.stdin_fd);
    kill(server.pid, SIGTERM);
    waitpid(server.pid, NULL, 0);
    unlink(server.cert);
    unlink(server.key);
    unlink(server.other);
    rmdir(server.dir);
    return 0;
}

static inline char *read_file(const char *path)
{
    char *text = xcalloc(8192, 1);
    FILE *f = fopen(path, "r");
    CHECK(f && fread(text, 1, 8191, f) > 0);
    fclose(f);
    return text;
}

/* ---- one test: a loop, a client, the replies ---- */

enum { REPLIES_MAX = 256, PATIENCE_MS = 5000 };

struct seen {                /* a reply outlives its callback here */
    int status, connection;
    struct err err;
    char *body;
    struct mono began, ended;
    long retry_ms;
    bool json;
};

struct world {
    struct loop *loop;
    struct http *http;
    struct loop_timer *patience;
    struct seen seen[REPLIES_MAX];
    unsigned n, wanted;
    bool impatient;
};

static inline void on_patience(void *data)
{
    struct world *w = data;
    w->impatient = true;
    loop_stop(w->loop);
}

static inline void record(void *data, const struct http_reply *reply)
{
    struct world *w = data;
    CHECK(w->n < REPLIES_MAX);
    const char *connection = http_header(reply, "x-CONNECTION");
    w->seen[w->n++] = (struct seen){
        .status = reply->status, .err = reply->err, .body = xstrdup(reply->body), .began = reply->began, .ended = reply->ended,
        .retry_ms = http_retry_after_ms(reply), .json = http_is_json(reply), .connection = connection ? atoi(connection) : 0,
    };
    CHECK(strlen(reply->body) == reply->body_len);
    if (w->n >= w->wanted)
        loop_stop(w->loop);
}

static inline struct world *world_new(const struct http_options *options)
{
    struct world *w = xcalloc(1, sizeof *w);
    struct err err = {.code = ERR_NONE};
    w->loop = loop_new();
    w->http = http_open(w->loop, options, &err);
    if (!w->http)
        mem_bug(__FILE__, __LINE__, err.text);
    w->patience = loop_timer_new(w->loop, on_patience, w);
    return w;
}

static inline void world_free(struct world **pw)
{
    struct world *w = *pw;
    http_close(&w->http);
    loop_timer_free(&w->patience);
    loop_free(&w->loop);
    for (unsigned i = 0; i < w->n; i++)
        free(w->seen[i].body);
    free(w);
    *pw = NULL;
}

/* True when `wanted` replies in all came in time. */
static inline bool wait_for(struct world *w, unsigned wanted)
{
    w->wanted = wanted;
    if (w->n >= wanted)
        return true;
    loop_timer_set(w->patience, mono_add_ms(clock_mono(), PATIENCE_MS));
    loop_run(w->loop);
    return !w->impatient;
}

/* Lets time pass; nothing may be waited for. */
static inline void let_pass(struct world *w, int ms)
{
    w->wanted = REPLIES_MAX + 1;
    loop_timer_set(w->patience, mono_add_ms(clock_mono(), ms));
    loop_run(w->loop);
    w->impatient = false;
}

static const char *url_of(const char *scheme, const char *path)
{
    static char url[512];
    snprintf(url, sizeof url, "%s://localhost:%d/%s", scheme, strcmp(scheme, "https") == 0 ? server.tls : server.plain, path);
    return url;
}

/* Sends a GET of a path of the plain server, other fields as in r. */
static inline struct http_call *get(struct world *w, const char *path, struct http_request r)
{
    r.method = r.method ? r.method : "GET";
    r.url = url_of("http", path);
    r.on_done = r.on_done ? r.on_done : record;
    r.data = r.data ? r.data : w;
    return http_send(w->http, &r);
}

#endif
