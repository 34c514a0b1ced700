#include "common/kube_identity.h"

#include "common/clock.h"
#include "common/kube_exec.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* client-go: a token file counts for 60 s less 10 s of leeway, certificate files for 5 minutes. */
enum { TOKEN_MS = 50 * 1000, CERTIFICATE_MS = 300 * 1000 };

struct kube_identity {
    struct loop *loop;
    struct kube_config config;
    kube_ready_fn *on_ready;
    void *data;
    bool may_send;                /* https, or loopback */
    char *authorization;
    char *cert_pem, *key_pem;
    uint64_t generation, certificate_generation;
    struct mono token_due, certificate_due;
    struct kube_exec *exec;       /* a run under way */
    bool exec_valid;
    struct mono exec_due;         /* when what it gave expires */
};

bool kube_server_is_loopback(const char *server)
{
    static const char *const hosts[] = {"http://127.", "http://[::1]", "http://localhost"};
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        size_t n = strlen(hosts[i]);
        if (strncmp(server, hosts[i], n))
            continue;
        const char *rest = server + n;
        if (i == 0)
            rest += strspn(rest, "0123456789.");
        if (!*rest || *rest == ':' || *rest == '/')
            return true;
    }
    return false;
}

/* ---- what is sent ---- */

static void set_authorization(struct kube_identity *id, char *text)
{
    if (id->authorization && text && !strcmp(id->authorization, text)) {
        secret_free(&text);
        return;
    }
    secret_free(&id->authorization);
    id->authorization = text;
    id->generation++;
}

static void set_token(struct kube_identity *id, const char *token)
{
    set_authorization(id, token && id->may_send ? xasprintf("Authorization: Bearer %s", token) : NULL);
}

static char *base64(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text), len = 0;
    char *out = xcalloc(n / 3 + 2, 4);
    for (size_t i = 0; i < n; i += 3) {
        unsigned left = (unsigned)(n - i), bits = (unsigned)(unsigned char)text[i] << 16;
        bits |= left > 1 ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
        bits |= left > 2 ? (unsigned)(unsigned char)text[i + 2] : 0;
        out[len++] = digits[bits >> 18 & 63];
        out[len++] = digits[bits >> 12 & 63];
        out[len++] = left > 1 ? digits[bits >> 6 & 63] : '=';
        out[len++] = left > 2 ? digits[bits & 63] : '=';
    }
    return out;
}

static void set_basic(struct kube_identity *id)
{
    char *pair = xasprintf("%s:%s", str_or_empty(id->config.username), str_or_empty(id->config.password));
    char *encoded = base64(pair);
    set_authorization(id, id->may_send ? xasprintf("Authorization: Basic %s", encoded) : NULL);
    secret_free(&encoded);
    secret_free(&pair);
}

/* ---- files ---- */

/* Reads the token file by its path (kubelet swaps a symbolic link). A failed read keeps the last good token. */
static int read_token(struct kube_identity *id, struct err *err)
{
    struct err why;
    char *token = kube_read_file(id->config.token_file, &why);
    bool good = token && *token && !strpbrk(token, "\r\n");
    if (token && !good)
        err_set(&why, ERR_CONFIG, "%s holds no token", id->config.token_file);
    if (good) {
        set_token(id, token);
        id->token_due = mono_add_ms(loop_now(id->loop), TOKEN_MS);
    } else if (err) {
        *err = why;
    }
    secret_free(&token);
    return good ? 0 : -1;
}

static void renew_token(struct kube_identity *id)
{
    struct err err;
    if (!id->config.token_file || !mono_reached(id->token_due, loop_now(id->loop)) || read_token(id, &err) == 0)
        return;
    log_warn("token file cannot be read again; the last token stays in use", kv_err(&err));
    id->token_due = mono_add_ms(loop_now(id->loop), TOKEN_MS / 5);
}

static bool same(const char *a, const char *b)
{
    return !strcmp(str_or_empty(a), str_or_empty(b));
}

/* Takes both texts. */
static void set_certificate(struct kube_identity *id, char *cert, char *key)
{
    bool changed = !same(cert, id->cert_pem) || !same(key, id->key_pem);
    secret_free(&id->cert_pem);
    secret_free(&id->key_pem);
    id->cert_pem = cert;
    id->key_pem = key;
    id->certificate_generation += changed;
    id->generation += changed;
}

static int read_certificate(struct kube_identity *id, struct err *err)
{
    const struct kube_config *c = &id->config;
    char *cert = c->cert_file ? kube_read_file(c->cert_file, err) : xstrdup(c->cert_pem);
    char *key = !cert ? NULL : c->key_file ? kube_read_file(c->key_file, err) : xstrdup(c->key_pem);
    if (!cert || !key) {
        secret_free(&cert);
        return err_prefix(err, "client certificate");
    }
    set_certificate(id, cert, key);
    id->certificate_due = mono_add_ms(loop_now(id->loop), CERTIFICATE_MS);
    return 0;
}

static void renew_certificate(struct kube_identity *id)
{
    struct err err;
    bool from_files = id->config.cert_file || id->config.key_file;
    if (!from_files || !mono_reached(id->certificate_due, loop_now(id->loop)) || read_certificate(id, &err) == 0)
        return;
    log_warn("client certificate cannot be read again; the last one stays in use", kv_err(&err));
    id->certificate_due = mono_add_ms(loop_now(id->loop), CERTIFICATE_MS);
}

/* ---- exec plugin ---- */

static void on_exec(void *data, struct kube_credential *credential, const struct err *err)
{
    struct kube_identity *id = data;
    id->exec = NULL;
    id->exec_valid = credential != NULL;
    if (credential) {
        int64_t left = credential->expires.ms ? credential->expires.ms - clock_wall().ms : 0;
        id->exec_due = credential->expires.ms ? mono_add_ms(loop_now(id->loop), left) : MONO_NEVER;
        set_token(id, credential->token);
        if (credential->cert_pem) {
            set_certificate(id, credential->cert_pem, credential->key_pem);
            credential->cert_pem = credential->key_pem = NULL;
        }
    }
    id->on_ready(id->data, err);
}

static enum kube_ready run_exec(struct kube_identity *id)
{
    if (!id->exec)
        id->exec = kube_exec_start(id->loop, id->config.exec, on_exec, id);
    return KUBE_READY_LATER;
}

/* ---- the whole ---- */

enum kube_ready kube_identity_prepare(struct kube_identity *id)
{
    renew_token(id);
    renew_certificate(id);
    if (!id->config.exec || (id->exec_valid && !id->exec && !mono_reached(id->exec_due, loop_now(id->loop))))
        return KUBE_READY_NOW;
    return run_exec(id);
}

enum kube_ready kube_identity_refused(struct kube_identity *id, uint64_t generation)
{
    if (generation != id->generation)
        return KUBE_READY_NOW;
    if (id->config.exec)
        return run_exec(id);
    if (id->config.token_file)
        read_token(id, NULL);
    return generation != id->generation ? KUBE_READY_NOW : KUBE_READY_NEVER;
}

static int first_read(struct kube_identity *id, struct err *err)
{
    const struct kube_config *c = &id->config;
    if ((c->cert_file || c->cert_pem) && read_certificate(id, err))
        return -1;
    if (c->token)
        set_token(id, c->token);
    if (c->token_file && read_token(id, err) && !c->token)
        return -1;
    if (c->username)
        set_basic(id);
    return 0;
}

struct kube_identity *kube_identity_new(struct loop *loop, struct kube_config *config, kube_ready_fn *on_ready, void *data, struct err *err)
{
    struct kube_identity *id = xcalloc(1, sizeof *id);
    *id = (struct kube_identity){.loop = loop, .config = *config, .on_ready = on_ready, .data = data};
    *config = (struct kube_config){.origin = NULL};
    const struct kube_config *c = &id->config;
    id->may_send = !strncmp(c->server, "https://", 8) || kube_server_is_loopback(c->server);
    if (!id->may_send && (c->token || c->token_file || c->username || c->exec))
        log_warn("the API server is plain http: no credential is sent to it", kv_s("server", c->server));
    if (first_read(id, err))
        kube_identity_free(&id);
    return id;
}

void kube_identity_free(struct kube_identity **identity)
{
    struct kube_identity *id = *identity;
    *identity = NULL;
    if (!id)
        return;
    kube_exec_stop(&id->exec);
    secret_free(&id->authorization);
    secret_free(&id->cert_pem);
    secret_free(&id->key_pem);
    kube_config_done(&id->config);
    free(id);
}

const struct kube_config *kube_identity_config(const struct kube_identity *id)
{
    return &id->config;
}

const char *kube_identity_authorization(const struct kube_identity *id)
{
    return id->authorization;
}

uint64_t kube_identity_generation(const struct kube_identity *id)
{
    return id->generation;
}

void kube_identity_certificate(const struct kube_identity *id, const char **ret_cert_pem, const char **ret_key_pem)
{
    *ret_cert_pem = id->cert_pem;
    *ret_key_pem = id->key_pem;
}

uint64_t kube_identity_certificate_generation(const struct kube_identity *id)
{
    return id->certificate_generation;
}
