/* Step 2: the Secret that gives the agents their token. Ours is kept equal to the PAT; one that the user named is only looked at. */
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/unit.h"
#include "provisioner/setup_priv.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_MAX = 4096 };

/* NULL when the file cannot be read or is empty just now: what was read last stays in force. */
static char *read_file(const char *path)
{
    char bytes[TOKEN_MAX + 1];
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    setvbuf(file, NULL, _IONBF, 0);   /* no copy of the secret in a buffer that is only freed */
    size_t n = fread(bytes, 1, TOKEN_MAX, file);
    fclose(file);
    while (n && isspace((unsigned char)bytes[n - 1]))
        n--;
    bytes[n] = '\0';
    char *token = n && strlen(bytes) == n ? xstrdup(bytes) : NULL;
    explicit_bzero(bytes, sizeof bytes);
    return token;
}

static char *current_token(const struct setup *s)
{
    return s->o.config->org_pat_file ? read_file(s->o.config->org_pat_file) : xstrdup(s->o.config->org_pat);
}

bool setup_token_changed(struct setup *s)
{
    char *now = current_token(s);
    bool changed = now && (!s->token || strcmp(now, s->token) != 0);
    secret_free(&now);
    return changed;
}

static char *base64(const char *text)
{
    size_t n = strlen(text);
    char *out = xcalloc(1, (n + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)n);
    return out;
}

/* jansson frees without wiping. */
static void wipe_text(const json_t *text)
{
    explicit_bzero((void *)(uintptr_t)json_string_value(text), json_string_length(text));
}

/* ---- writing ours ---- */

static void on_written(void *data, const struct kube_result *result)
{
    struct setup *s = data;
    if (result->err.code == ERR_NONE) {
        log_info("the agents' token is in place", kv_s("secret", s->o.templates->token_secret));
        setup_done(s);
        return;
    }
    char *what = xasprintf("cannot write Secret %s", s->o.templates->token_secret);
    setup_failed(s, result, what, result->err.code == ERR_DENIED ? "let the ServiceAccount get, create and update Secrets, or name one by AGENT_TOKEN_SECRET" : NULL);
    free(what);
}

static json_t *secret_body(const struct setup *s, const char *encoded, const char *resource_version)
{
    json_t *body = json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:{s:s, s:s}}, s:{s:s}}", "apiVersion", "v1", "kind", "Secret", "type", "Opaque", "metadata", "name",
                             s->o.templates->token_secret, "namespace", s->ns, "labels", LABEL_MANAGED_BY, MANAGED_BY, LABEL_INSTANCE, s->o.config->instance,
                             "data", s->o.templates->token_key, encoded);
    CHECK(body);
    if (resource_version)
        json_object_set_new(json_object_get(body, "metadata"), "resourceVersion", json_string(resource_version));
    return body;
}

static void write_secret(struct setup *s, const char *resource_version)
{
    char *encoded = base64(s->token);
    json_t *body = secret_body(s, encoded, resource_version);
    struct kube_call_spec spec = {
        .verb = resource_version ? KUBE_UPDATE : KUBE_CREATE,
        .api = "api/v1",
        .ns = s->ns,
        .resource = "secrets",
        .name = resource_version ? s->o.templates->token_secret : NULL,
        .body = body,
    };
    setup_send(s, &spec, on_written);
    wipe_text(json_object_get(json_object_get(body, "data"), s->o.templates->token_key));
    json_decref(body);
    secret_free(&encoded);
}

static bool holds_token(const struct setup *s, const json_t *secret)
{
    char *encoded = base64(s->token);
    const char *there = json_string_value(json_object_get(json_at(secret, "data"), s->o.templates->token_key));
    bool same = there && strcmp(there, encoded) == 0;
    secret_free(&encoded);
    return same;
}

static void on_ours(void *data, const struct kube_result *result)
{
    struct setup *s = data;
    if (result->err.code == ERR_NOT_FOUND && result->refusal == KUBE_REFUSAL_NONE)
        write_secret(s, NULL);
    else if (result->err.code != ERR_NONE)
        setup_failed(s, result, "cannot read the Secret of the agents' token", "let the ServiceAccount get, create and update Secrets, or name one by AGENT_TOKEN_SECRET");
    else if (holds_token(s, result->object))
        setup_done(s);
    else
        write_secret(s, json_text(result->object, "metadata.resourceVersion"));
}

/* ---- looking at the user's ---- */

static void on_users(void *data, const struct kube_result *result)
{
    struct setup *s = data;
    const struct templates *t = s->o.templates;
    bool missing = result->err.code == ERR_NOT_FOUND && result->refusal == KUBE_REFUSAL_NONE;
    if (result->err.code == ERR_DENIED && result->refusal == KUBE_RBAC) {   /* no need to read what only the kubelet must read */
        setup_done(s);
        return;
    }
    if (result->err.code != ERR_NONE && !missing) {
        setup_failed(s, result, "cannot look at AGENT_TOKEN_SECRET", NULL);
        return;
    }
    if (!missing && json_object_get(json_at(result->object, "data"), t->token_key)) {
        setup_done(s);
        return;
    }
    char *text = missing ? xasprintf("AGENT_TOKEN_SECRET: there is no Secret %s in namespace %s: create it", t->token_secret, s->ns)
                         : xasprintf("AGENT_TOKEN_SECRET: Secret %s has no key \"%s\": add it, or name the key: %s/KEY", t->token_secret, t->token_key, t->token_secret);
    setup_again(s, "token", text);
    free(text);
}

static bool take_token(struct setup *s)
{
    char *now = current_token(s);
    if (now) {
        secret_free(&s->token);
        s->token = now;
    }
    return s->token != NULL;
}

void setup_token(struct setup *s)
{
    const struct templates *t = s->o.templates;
    if (!t->needs_token) {
        setup_done(s);
        return;
    }
    if (t->token_is_ours && !take_token(s)) {
        setup_again(s, "token", s->o.config->org_pat_file ? "ORG_PAT_FILE cannot be read or is empty" : "there is no ORG_PAT to give to the agents");
        return;
    }
    struct kube_call_spec spec = {.verb = KUBE_GET, .api = "api/v1", .ns = s->ns, .resource = "secrets", .name = t->token_secret};
    setup_send(s, &spec, t->token_is_ours ? on_ours : on_users);
}
