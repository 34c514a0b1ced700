/* The cluster, user and exec stanzas of a kubeconfig: each member typed and checked, contradictions refused as kubectl refuses them. */
#include "common/kube_config.h"

#include "common/json.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

int kube_config_text(const json_t *object, const char *key, char **slot, struct err *err)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_null(value) && !json_is_string(value))
        return err_set(err, ERR_CONFIG, "%s must be a string", key);
    const char *text = json_string_value(value);
    if (text && strlen(text) != json_string_length(value))
        return err_set(err, ERR_CONFIG, "%s holds a NUL byte", key);
    secret_free(slot);
    *slot = text && *text ? xstrdup(text) : NULL;
    return 0;
}

static int read_flag(const json_t *object, const char *key, bool *ret, struct err *err)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_null(value) && !json_is_boolean(value))
        return err_set(err, ERR_CONFIG, "%s must be true or false", key);
    *ret = json_is_true(value);
    return 0;
}

static int sextet(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

char *kube_base64_decode(const char *text, size_t *ret_len)
{
    char *out = xcalloc(strlen(text) / 4 + 2, 3);
    size_t len = 0, digits = 0, pads = 0;
    unsigned bits = 0;
    bool bad = false;
    for (const char *p = text; *p && !bad; p++) {
        if (strchr(" \t\r\n", *p))
            continue;
        int six = *p == '=' ? 0 : sextet(*p);
        pads += *p == '=';
        bad = six < 0 || (pads && *p != '=') || pads > 2;
        bits = bits << 6 | (unsigned)(six & 63);
        if (++digits % 4)
            continue;
        for (int shift = 16; shift >= 0; shift -= 8)
            out[len++] = (char)(bits >> shift & 255);
    }
    if (bad || digits % 4 || pads > len) {
        secret_free(&out);
        return NULL;
    }
    *ret_len = len - pads;
    out[*ret_len] = '\0';
    return out;
}

/* key: base64 of a PEM text. */
static int read_pem(const json_t *object, const char *key, char **slot, struct err *err)
{
    char *encoded = NULL;
    if (kube_config_text(object, key, &encoded, err))
        return -1;
    if (!encoded)
        return 0;
    size_t len = 0;
    *slot = kube_base64_decode(encoded, &len);
    secret_free(&encoded);
    if (*slot && strlen(*slot) == len && strstr(*slot, "-----BEGIN "))
        return 0;
    return err_set(err, ERR_CONFIG, "%s is not base64 of a PEM text", key);
}

static int read_path(const json_t *object, const char *key, const char *dir, char **slot, struct err *err)
{
    char *path = NULL;
    if (kube_config_text(object, key, &path, err))
        return -1;
    free(*slot);
    *slot = path && path[0] != '/' ? xasprintf("%s/%s", dir, path) : xstrdup(path);
    free(path);
    return 0;
}

/* ---- cluster ---- */

static int check_server(struct kube_config *c, struct err *err)
{
    if (!c->server)
        return err_set(err, ERR_CONFIG, "server is missing");
    const char *after = strstr(c->server, "://");
    bool scheme = !strncmp(c->server, "https://", 8) || !strncmp(c->server, "http://", 7);
    if (!scheme || !after[3] || after[3] == '/' || strpbrk(c->server, " \t\r\n@?#"))
        return err_set(err, ERR_CONFIG, "server must be https://host[:port][/path] (or http:// on loopback)");
    for (size_t n = strlen(c->server); n > 0 && c->server[n - 1] == '/'; n--)
        c->server[n - 1] = '\0';
    return 0;
}

static int check_proxy(const char *proxy, struct err *err)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://"};
    for (size_t i = 0; proxy && i < ARRAY_SIZE(schemes); i++)
        if (!strncmp(proxy, schemes[i], strlen(schemes[i])))
            return 0;
    return proxy ? err_set(err, ERR_CONFIG, "proxy-url must begin with http://, https:// or socks5://") : 0;
}

int kube_config_cluster(const json_t *cluster, const char *dir, struct kube_config *c, struct err *err)
{
    if (kube_config_text(cluster, "server", &c->server, err) || kube_config_text(cluster, "tls-server-name", &c->tls_server_name, err) ||
        kube_config_text(cluster, "proxy-url", &c->proxy, err) || read_flag(cluster, "insecure-skip-tls-verify", &c->insecure, err) ||
        read_flag(cluster, "disable-compression", &c->no_gzip, err) ||
        read_path(cluster, "certificate-authority", dir, &c->ca_file, err) ||
        read_pem(cluster, "certificate-authority-data", &c->ca_pem, err))
        return -1;
    if (c->ca_file && c->ca_pem)
        return err_set(err, ERR_CONFIG, "certificate-authority and certificate-authority-data are both set: keep one");
    if (c->insecure && (c->ca_file || c->ca_pem))
        return err_set(err, ERR_CONFIG, "insecure-skip-tls-verify and a certificate authority are both set: keep one");
    return check_server(c, err) || check_proxy(c->proxy, err) ? -1 : 0;
}

/* ---- user ---- */

static void add_text(char ***list, size_t *n, char *text)
{
    *list = xreallocarray(*list, *n + 2, sizeof **list);
    (*list)[(*n)++] = text;
    (*list)[*n] = NULL;
}

static int add_header(struct kube_config *c, size_t *n, const char *name, const char *value, struct err *err)
{
    if (strpbrk(value, "\r\n") || strpbrk(name, "\r\n: "))
        return err_set(err, ERR_CONFIG, "the impersonation settings hold a line break");
    add_text(&c->impersonate, n, xasprintf("%s: %s", name, value));
    return 0;
}

static int add_list(struct kube_config *c, size_t *n, const char *name, const json_t *values, struct err *err)
{
    if (values && !json_is_array(values) && !json_is_null(values))
        return err_set(err, ERR_CONFIG, "as-groups and as-user-extra take lists of strings");
    for (size_t i = 0; i < json_array_size(values); i++) {
        const char *value = json_string_value(json_array_get(values, i));
        if (!value)
            return err_set(err, ERR_CONFIG, "as-groups and as-user-extra take lists of strings");
        if (add_header(c, n, name, value, err))
            return -1;
    }
    return 0;
}

/* Header names are lower-cased by the server; bytes that a header name cannot hold are percent-encoded, as the API defines. */
static char *extra_header_name(const char *key)
{
    char *name = xstrdup("Impersonate-Extra-");
    for (; *key; key++) {
        bool plain = (*key >= 'a' && *key <= 'z') || (*key >= 'A' && *key <= 'Z') || (*key >= '0' && *key <= '9') || strchr("-._", *key);
        char *longer = plain ? xasprintf("%s%c", name, *key) : xasprintf("%s%%%02X", name, (unsigned char)*key);
        free(name);
        name = longer;
    }
    return name;
}

static int read_extra(struct kube_config *c, size_t *n, json_t *extra, struct err *err)
{
    const char *key;
    json_t *values;
    json_object_foreach(extra, key, values) {
        char *name = extra_header_name(key);
        int result = add_list(c, n, name, values, err);
        free(name);
        if (result)
            return -1;
    }
    return 0;
}

static int read_impersonation(const json_t *user, struct kube_config *c, struct err *err)
{
    char *as = NULL, *uid = NULL;
    json_t *groups = json_object_get(user, "as-groups"), *extra = json_object_get(user, "as-user-extra");
    size_t n = 0;
    int result = kube_config_text(user, "as", &as, err) || kube_config_text(user, "as-uid", &uid, err) ? -1 : 0;
    if (result == 0 && !as && (uid || json_array_size(groups) || json_object_size(extra)))
        result = err_set(err, ERR_CONFIG, "as-uid, as-groups or as-user-extra is set without as");
    if (result == 0 && as)
        result = add_header(c, &n, "Impersonate-User", as, err) || (uid && add_header(c, &n, "Impersonate-Uid", uid, err)) ||
                 add_list(c, &n, "Impersonate-Group", groups, err) || read_extra(c, &n, extra, err) ? -1 : 0;
    free(as);
    free(uid);
    return result;
}

static int check_user(const struct kube_config *c, struct err *err)
{
    if ((c->cert_file && c->cert_pem) || (c->key_file && c->key_pem))
        return err_set(err, ERR_CONFIG, "a client certificate or key is given both as file and as data: keep one");
    bool cert = c->cert_file || c->cert_pem, key = c->key_file || c->key_pem;
    if (cert != key)
        return err_set(err, ERR_CONFIG, "client-certificate and client-key must be set together");
    if ((c->token || c->token_file) && (c->username || c->password))
        return err_set(err, ERR_CONFIG, "token and username/password are both set: keep one");
    if (c->token && strpbrk(c->token, "\r\n"))
        return err_set(err, ERR_CONFIG, "token holds a line break");
    return 0;
}

int kube_config_user(const json_t *user, const char *dir, struct kube_config *c, struct err *err)
{
    if (read_path(user, "client-certificate", dir, &c->cert_file, err) || read_pem(user, "client-certificate-data", &c->cert_pem, err) ||
        read_path(user, "client-key", dir, &c->key_file, err) || read_pem(user, "client-key-data", &c->key_pem, err) ||
        kube_config_text(user, "token", &c->token, err) || read_path(user, "tokenFile", dir, &c->token_file, err) ||
        kube_config_text(user, "username", &c->username, err) || kube_config_text(user, "password", &c->password, err) ||
        read_impersonation(user, c, err) || check_user(c, err))
        return -1;
    if (json_object_size(json_object_get(user, "auth-provider")))
        return err_set(err, ERR_CONFIG, "auth-provider is no longer supported by Kubernetes: use exec, a token or a client certificate");
    const json_t *exec = json_object_get(user, "exec");
    bool other = c->token || c->token_file || c->username || c->cert_file || c->cert_pem;
    if (!exec || json_is_null(exec))
        return 0;
    struct kube_config unused = {.origin = NULL};
    int result = kube_config_exec(exec, dir, other ? &unused : c, err);
    kube_config_done(&unused);
    return result ? err_prefix(err, "exec") : 0;
}

/* ---- exec ---- */

static int read_args(const json_t *exec, struct kube_exec_spec *spec, struct err *err)
{
    const json_t *args = json_object_get(exec, "args");
    size_t n = 1;
    if (args && !json_is_null(args) && !json_is_array(args))
        return err_set(err, ERR_CONFIG, "args must be a list");
    for (size_t i = 0; i < json_array_size(args); i++) {
        const char *arg = json_string_value(json_array_get(args, i));
        if (!arg)
            return err_set(err, ERR_CONFIG, "args must be a list of strings");
        add_text(&spec->argv, &n, xstrdup(arg));
    }
    return 0;
}

static int read_env(const json_t *exec, struct kube_exec_spec *spec, struct err *err)
{
    const json_t *env = json_object_get(exec, "env");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(env); i++) {
        const json_t *entry = json_array_get(env, i);
        const char *name = json_text(entry, "name");
        if (!*name || strchr(name, '=') || !json_is_string(json_object_get(entry, "value")))
            return err_set(err, ERR_CONFIG, "env must be a list of {name, value}");
        add_text(&spec->env, &n, xasprintf("%s=%s", name, json_text(entry, "value")));
    }
    return 0;
}

static int check_exec(const json_t *exec, const struct kube_exec_spec *spec, struct err *err)
{
    bool v1 = !strcmp(str_or_empty(spec->api_version), "client.authentication.k8s.io/v1");
    bool beta = !strcmp(str_or_empty(spec->api_version), "client.authentication.k8s.io/v1beta1");
    const char *mode = json_text(exec, "interactiveMode");
    if (!v1 && !beta)
        return err_set(err, ERR_CONFIG, "apiVersion must be client.authentication.k8s.io/v1 or /v1beta1");
    if (!*mode && v1)
        return err_set(err, ERR_CONFIG, "interactiveMode is missing: Never or IfAvailable");
    if (!strcmp(mode, "Always"))
        return err_set(err, ERR_CONFIG, "interactiveMode: Always asks for a person, and this is a daemon");
    if (*mode && strcmp(mode, "Never") && strcmp(mode, "IfAvailable"))
        return err_set(err, ERR_CONFIG, "interactiveMode must be Never or IfAvailable");
    return 0;
}

static char *command_path(const char *command, const char *dir)
{
    bool relative = strchr(command, '/') && command[0] != '/';
    return relative ? xasprintf("%s/%s", dir, command) : xstrdup(command);
}

int kube_config_exec(const json_t *exec, const char *dir, struct kube_config *c, struct err *err)
{
    struct kube_exec_spec *spec = c->exec = xcalloc(1, sizeof *spec);
    char *command = NULL;
    bool cluster_info = false;
    size_t n = 0;
    if (kube_config_text(exec, "command", &command, err))
        return -1;
    if (!command)
        return err_set(err, ERR_CONFIG, "command is missing");
    add_text(&spec->argv, &n, command_path(command, dir));
    free(command);
    if (kube_config_text(exec, "apiVersion", &spec->api_version, err) || kube_config_text(exec, "installHint", &spec->install_hint, err) ||
        read_flag(exec, "provideClusterInfo", &cluster_info, err) || read_args(exec, spec, err) || read_env(exec, spec, err))
        return -1;
    spec->cluster = cluster_info ? json_object() : NULL;
    return check_exec(exec, spec, err);
}

static json_t *exec_extension(const json_t *cluster)
{
    const json_t *extensions = json_object_get(cluster, "extensions");
    for (size_t i = 0; i < json_array_size(extensions); i++) {
        const json_t *entry = json_array_get(extensions, i);
        if (!strcmp(json_text(entry, "name"), "client.authentication.k8s.io/exec"))
            return json_object_get(entry, "extension");
    }
    return NULL;
}

void kube_config_exec_cluster(const json_t *cluster, struct kube_config *c)
{
    static const char *const members[] = {"server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data",
                                          "proxy-url", "disable-compression"};
    json_t *info = c->exec ? c->exec->cluster : NULL;
    if (!info)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        json_t *value = json_object_get(cluster, members[i]);
        if (value && !json_is_null(value))
            json_object_set(info, members[i], value);
    }
    json_t *extension = exec_extension(cluster);
    if (extension)
        json_object_set(info, "config", extension);
}
