/* Whom to talk to and as whom: one resolved identity out of kubeconfig files, or out of the pod this runs in. client-go's rules: the first
 * file wins for each named entry as a whole, relative paths are relative to the file that names them, contradictions are refused. */
#ifndef COMMON_KUBE_CONFIG_H
#define COMMON_KUBE_CONFIG_H

#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* An exec credential plugin. */
struct kube_exec_spec {
    char **argv;                  /* argv[0] = the command; NULL-terminated */
    char **env;                   /* "NAME=value", NULL-terminated */
    char *api_version;
    char *install_hint;
    json_t *cluster;              /* spec.cluster of KUBERNETES_EXEC_INFO; NULL without provideClusterInfo */
};

/* All strings are owned; NULL = not set. Secrets are wiped by kube_config_done. */
struct kube_config {
    char *origin;                 /* for messages: the file(s), or the token directory */
    bool in_pod;
    char *server;                 /* without a trailing slash */
    char *tls_server_name, *proxy;
    char *ca_file, *ca_pem;
    bool insecure, no_gzip;
    char *ns;
    char *cert_file, *cert_pem, *key_file, *key_pem;
    char *token, *token_file, *username, *password;
    char **impersonate;           /* "Impersonate-User: x", ..., NULL-terminated */
    struct kube_exec_spec *exec;
};
void kube_config_done(struct kube_config *c);

/* The environment that decides; a NULL member = not set. */
struct kube_environment {
    const char *kubeconfig_list;  /* $KUBECONFIG */
    const char *home;
    const char *service_host, *service_port, *pod_namespace;
    const char *token_dir;        /* NULL = /var/run/secrets/kubernetes.io/serviceaccount */
};

/* explicit_path: only that file. Otherwise $KUBECONFIG, else ~/.kube/config, else the pod. ERR_CONFIG on failure. */
int kube_config_load(const char *explicit_path, const struct kube_environment *env, struct kube_config *ret, struct err *err);

/* ---- the parts, for tests ---- */
struct kube_config_file {
    const char *path;
    json_t *root;
};
/* Pure. 1 = resolved, 0 = the files configure nothing, -1 with err. */
int kube_config_resolve(const struct kube_config_file *files, size_t n, struct kube_config *ret, struct err *err);
int kube_config_pod(const struct kube_environment *env, struct kube_config *ret, struct err *err);

/* Stanzas (kube_config_stanza.c). dir: of the file that holds them. */
int kube_config_cluster(const json_t *cluster, const char *dir, struct kube_config *ret, struct err *err);
int kube_config_user(const json_t *user, const char *dir, struct kube_config *ret, struct err *err);
int kube_config_exec(const json_t *exec, const char *dir, struct kube_config *ret, struct err *err);
/* After cluster and user: what only both together show (spec.cluster of the plugin). */
void kube_config_exec_cluster(const json_t *cluster, struct kube_config *c);

/* Member as a new string (NULL when absent or null or ""); -1 with err when it is no text. Frees what *slot held. */
int kube_config_text(const json_t *object, const char *key, char **slot, struct err *err);
/* Standard base64, white space skipped; NULL when it is not. The caller frees. */
char *kube_base64_decode(const char *text, size_t *ret_len);
/* One small file as text without surrounding white space; a secret. NULL with err. */
char *kube_read_file(const char *path, struct err *err);

#endif
