/* Where the identity comes from: an explicit file, $KUBECONFIG, ~/.kube/config, or the pod's service account. */
#include "common/kube_config.h"

#include "common/mem.h"
#include "common/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 32, SMALL_FILE_MAX = 1 << 20 };

static const char default_token_dir[] = "/var/run/secrets/kubernetes.io/serviceaccount";

char *kube_read_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : xcalloc(1, SMALL_FILE_MAX + 1);
    ssize_t got = 0;
    size_t len = 0;
    while (fd >= 0 && len < SMALL_FILE_MAX && ((got = read(fd, text + len, SMALL_FILE_MAX - len)) > 0 || (got < 0 && errno == EINTR)))
        len += got > 0 ? (size_t)got : 0;
    if (fd < 0 || got < 0) {
        err_set(err, ERR_CONFIG, "cannot read %s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    }
    if (fd >= 0)
        close(fd);
    if (!text)
        return NULL;
    size_t start = 0;
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    while (start < len && isspace((unsigned char)text[start]))
        start++;
    char *out = xstrdup(text + start);
    explicit_bzero(text, len);
    free(text);
    return out;
}

/* 1 = read, 0 = it does not exist (allowed), -1 with err. */
static int read_one(const char *path, bool must_exist, struct kube_config_file *ret, struct err *err)
{
    if (!must_exist && access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    struct yaml_doc *doc = yaml_read_file(path, err);
    if (!doc) {
        if (err)
            err->code = ERR_CONFIG;
        return err_prefix(err, "KUBECONFIG");
    }
    json_t *root = yaml_count(doc) ? yaml_to_json(yaml_root(doc, 0)) : json_object();
    yaml_free(&doc);
    if (!json_is_object(root) && !json_is_null(root)) {
        json_decref(root);
        return err_set(err, ERR_CONFIG, "kubeconfig %s is not a YAML mapping", path);
    }
    *ret = (struct kube_config_file){.path = path, .root = root};
    return 1;
}

/* Splits "a:b:a" into distinct non-empty paths; returns their number. paths point into list, which is cut up. */
static size_t split_list(char *list, char *paths[FILES_MAX])
{
    size_t n = 0;
    char *rest = list;
    for (char *path; (path = strsep(&rest, ":")) != NULL && n < FILES_MAX;) {
        bool seen = !*path;
        for (size_t i = 0; i < n && !seen; i++)
            seen = !strcmp(paths[i], path);
        if (!seen)
            paths[n++] = path;
    }
    return n;
}

/* As kube_config_resolve, for a list of paths. */
static int load_list(const char *text, bool must_exist, struct kube_config *ret, struct err *err)
{
    char *list = xstrdup(text), *paths[FILES_MAX] = {NULL};
    struct kube_config_file files[FILES_MAX];
    size_t n_paths = must_exist ? (paths[0] = list, 1) : split_list(list, paths), n = 0;
    int result = 0;
    for (size_t i = 0; i < n_paths && result >= 0; i++) {
        result = read_one(paths[i], must_exist, &files[n], err);
        n += result == 1;
    }
    if (result >= 0)
        result = kube_config_resolve(files, n, ret, err);
    for (size_t i = 0; i < n; i++)
        json_decref(files[i].root);
    free(list);
    return result;
}

/* ---- in the pod ---- */

static int pod_files(const char *dir, struct kube_config *ret, struct err *err)
{
    ret->token_file = xasprintf("%s/token", dir);
    ret->ca_file = xasprintf("%s/ca.crt", dir);
    ret->token = kube_read_file(ret->token_file, err);
    if (!ret->token)
        return err_prefix(err, "no service-account token in this pod (automountServiceAccountToken?)");
    if (!*ret->token)
        return err_set(err, ERR_CONFIG, "%s is empty", ret->token_file);
    if (access(ret->ca_file, R_OK))
        return err_set(err, ERR_CONFIG, "cannot read %s: %s", ret->ca_file, strerror(errno));
    char *path = xasprintf("%s/namespace", dir);
    if (!ret->ns)
        ret->ns = access(path, F_OK) ? xstrdup("default") : kube_read_file(path, err);
    free(path);
    return ret->ns && *ret->ns ? 0 : err_set(err, ERR_CONFIG, "%s/namespace cannot be read or is empty", dir);
}

int kube_config_pod(const struct kube_environment *env, struct kube_config *ret, struct err *err)
{
    const char *host = str_or_empty(env->service_host), *port = str_or_empty(env->service_port);
    *ret = (struct kube_config){.in_pod = true};
    if (!*host || !*port)
        return err_set(err, ERR_CONFIG, "no Kubernetes identity: set KUBECONFIG to a kubeconfig file, or run in a pod "
                       "(KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set)");
    const char *dir = env->token_dir ? env->token_dir : default_token_dir;
    ret->origin = xstrdup(dir);
    ret->server = strchr(host, ':') ? xasprintf("https://[%s]:%s", host, port) : xasprintf("https://%s:%s", host, port);
    if (*str_or_empty(env->pod_namespace))
        ret->ns = xstrdup(env->pod_namespace);
    if (pod_files(dir, ret, err) == 0)
        return 0;
    kube_config_done(ret);
    return -1;
}

static int load_files(const char *explicit_path, const struct kube_environment *env, struct kube_config *ret, struct err *err)
{
    if (explicit_path)
        return load_list(explicit_path, true, ret, err);
    if (*str_or_empty(env->kubeconfig_list))
        return load_list(env->kubeconfig_list, false, ret, err);
    if (!*str_or_empty(env->home))
        return 0;
    char *path = xasprintf("%s/.kube/config", env->home);
    int result = load_list(path, false, ret, err);
    free(path);
    return result;
}

int kube_config_load(const char *explicit_path, const struct kube_environment *env, struct kube_config *ret, struct err *err)
{
    int found = load_files(explicit_path, env, ret, err);
    if (found < 0)
        return -1;
    if (found == 0 && explicit_path)
        return err_set(err, ERR_CONFIG, "%s configures no cluster", explicit_path);
    if (found == 0) {
        if (kube_config_pod(env, ret, err) == 0)
            return 0;
        if (*str_or_empty(env->kubeconfig_list))
            err_prefix(err, "KUBECONFIG=%s names no file that configures a cluster", env->kubeconfig_list);
        return -1;
    }
    if (!ret->ns)
        ret->ns = xstrdup(*str_or_empty(env->pod_namespace) ? env->pod_namespace : "default");
    return 0;
}
