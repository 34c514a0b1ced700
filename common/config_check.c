/* The rules of single settings that are more than a type. */
#include "common/config_priv.h"

#include "common/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PREFIX_MAX = 30, LABEL_MAX = 63, NAME_MAX_BYTES = 253, POOL_NAME_MAX = 256, RUN_DIR_MAX = 85, IMAGE_MAX = 512 };

#define LOWER_ALNUM "abcdefghijklmnopqrstuvwxyz0123456789"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Only these bytes, an alphanumeric one at both ends. */
static bool is_name(const char *text, size_t n, const char *bytes, size_t max)
{
    return n > 0 && n <= max && strspn(text, bytes) >= n && isalnum((unsigned char)text[0]) && isalnum((unsigned char)text[n - 1]);
}

int config_check_prefix(const struct config_setting *s, char **text, struct err *err)
{
    size_t n = strlen(*text);
    if (n > PREFIX_MAX)
        return config_refuse(s, err, "\"%.40s...\" is too long: names leave room for %d characters", *text, PREFIX_MAX);
    if (strspn(*text, LOWER_ALNUM "-") != n || (*text)[0] == '-')
        return config_refuse(s, err, "\"%s\" cannot begin a Kubernetes name: use a-z, 0-9 and -, and begin with a letter or digit, e.g. "
                                     "agent-job-", *text);
    return 0;
}

int config_check_namespace(const struct config_setting *s, char **text, struct err *err)
{
    if (!is_name(*text, strlen(*text), LOWER_ALNUM "-", LABEL_MAX))
        return config_refuse(s, err, "\"%.80s\" is no namespace name: use at most 63 characters of a-z, 0-9 and -, e.g. ado", *text);
    return 0;
}

int config_check_instance(const struct config_setting *s, char **text, struct err *err)
{
    if (!is_name(*text, strlen(*text), LOWER_ALNUM UPPER "-_.", LABEL_MAX))
        return config_refuse(s, err, "\"%.80s\" cannot be a label's value: use at most 63 letters, digits, -, _ and ., and begin and end "
                                     "with a letter or digit", *text);
    return 0;
}

int config_check_template_name(const struct config_setting *s, char **text, struct err *err)
{
    if (!is_name(*text, strlen(*text), LOWER_ALNUM "-", LABEL_MAX))
        return config_refuse(s, err, "\"%.80s\" is no template name: use at most 63 characters of a-z, 0-9 and -", *text);
    return 0;
}

int config_check_pool_name(const struct config_setting *s, char **text, struct err *err)
{
    if (strlen(*text) > POOL_NAME_MAX)
        return config_refuse(s, err, "\"%.40s...\" is too long for the name of an agent pool (at most %d bytes)", *text, POOL_NAME_MAX);
    if (strchr(*text, ','))
        return config_refuse(s, err, "\"%.80s\" contains a comma, which AGENT_POOLS could not name; rename the pool", *text);
    return 0;
}

int config_check_agent_pools(const struct config_setting *s, char **text, struct err *err)
{
    if (strspn(*text, ", \t") == strlen(*text))
        return config_refuse(s, err, "names no pool: give the names of the agent pools to serve, e.g. Pool1,Pool2");
    return config_check_bytes(s, *text, err);
}

int config_check_token_secret(const struct config_setting *s, char **text, struct err *err)
{
    size_t n = strcspn(*text, "/");
    const char *key = (*text)[n] ? *text + n + 1 : "token";
    if (!is_name(*text, n, LOWER_ALNUM "-.", NAME_MAX_BYTES) || !*key || strspn(key, LOWER_ALNUM UPPER "-_.") != strlen(key))
        return config_refuse(s, err, "\"%.100s\" does not name a Secret: give NAME or NAME/KEY, e.g. agent-token or agent-token/pat",
                             *text);
    return 0;
}

int config_check_image(const struct config_setting *s, char **text, struct err *err)
{
    if (strpbrk(*text, " \t\"'") || strlen(*text) > IMAGE_MAX || strstr(*text, "://"))
        return config_refuse(s, err, "\"%.100s\" is no image reference: give it as docker pull takes it, e.g. "
                                     "ghcr.io/akanieski/ado-pipelines-linux:latest", *text);
    return 0;
}

int config_check_socket(const struct config_setting *s, char **text, struct err *err)
{
    bool pipe = strncmp(*text, "\\\\.\\pipe\\", 9) == 0 || strncmp(*text, "//./pipe/", 9) == 0;
    if (((*text)[0] != '/' && !pipe) || strstr(*text, "/../"))
        return config_refuse(s, err, "\"%.100s\" is no absolute path on the node: give e.g. /var/run/docker.sock", *text);
    return 0;
}

int config_check_run_dir(const struct config_setting *s, char **text, struct err *err)
{
    size_t n = strlen(*text);
    while (n > 1 && (*text)[n - 1] == '/')
        (*text)[--n] = '\0';
    if (n > RUN_DIR_MAX)
        return config_refuse(s, err, "\"%.40s...\" is too long: the path of a socket leaves room for %d bytes", *text, RUN_DIR_MAX);
    return 0;
}

static int check_readable(const struct config_setting *s, const char *path, const char *fix, struct err *err)
{
    struct stat st;
    if (access(path, R_OK) != 0)
        return config_refuse(s, err, "cannot read %.200s: %s; %s", path, strerror(errno), fix);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return config_refuse(s, err, "%.200s is not a file; %s", path, fix);
    return 0;
}

int config_check_job_file(const struct config_setting *s, char **text, struct err *err)
{
    return check_readable(s, *text, "mount the file there, or set JOB_IMAGE instead", err);
}

static bool holds_certificate(const char *path)
{
    char line[256];
    bool found = false;
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file))
        found = strncmp(line, "-----BEGIN ", 11) == 0 && strstr(line, "CERTIFICATE-----");
    if (file)
        fclose(file);
    return found;
}

int config_check_ca_file(const struct config_setting *s, char **text, struct err *err)
{
    static const char fix[] = "give a file with PEM certificates, or unset it to trust the system's";
    if (check_readable(s, *text, fix, err) != 0)
        return -1;
    return holds_certificate(*text) ? 0 : config_refuse(s, err, "%.200s holds no certificate (-----BEGIN CERTIFICATE-----); %s", *text, fix);
}

int config_check_host(const struct config_setting *s, char **text, struct err *err)
{
    static const char *const aci[] = {"aci", "azurecontainerinstance", "azurecontainerinstances"};
    if (strcasecmp(*text, "k8s") == 0)
        xstr_replace(text, "kubernetes");
    for (size_t i = 0; i < ARRAY_SIZE(aci); i++)
        if (strcasecmp(*text, aci[i]) == 0)
            return config_refuse(s, err, "this build runs agents on Kubernetes only, not on Azure Container Instances; unset it and the "
                                         "AZ_ settings");
    if (strcasecmp(*text, "kubernetes") != 0)
        return config_refuse(s, err, "\"%.100s\" is not possible: write kubernetes (or k8s), the only kind of host there is", *text);
    return 0;
}

int config_check_proxy(const struct config_setting *s, char **text, struct err *err)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};
    if (!strstr(*text, "://")) {
        char *full = xasprintf("http://%s", *text);
        free(*text);
        *text = full;
    }
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (strncasecmp(*text, schemes[i], strlen(schemes[i])) == 0 && (*text)[strlen(schemes[i])] && !strchr(*text, ' '))
            return 0;
    return config_refuse(s, err, "this is no proxy's address: give e.g. http://proxy.example:3128 (http, https and socks5 are possible)");
}

static bool good_peer(const char *item)
{
    static const char *const roles[] = {"watcher=", "provisioner=", "reaper=", "azpctl="};
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
        const char *uid = item + strlen(roles[i]);
        if (strncmp(item, roles[i], strlen(roles[i])) == 0)
            return *uid && strlen(uid) <= 10 && strspn(uid, "0123456789") == strlen(uid);
    }
    return false;
}

int config_check_peer_uids(const struct config_setting *s, char **text, struct err *err)
{
    char *copy = xstrdup(*text), *rest = copy, *item;
    bool good = true;
    while ((item = strsep(&rest, ",")))
        good = good && good_peer(item);
    free(copy);
    if (!good)
        return config_refuse(s, err, "\"%.100s\" is not understood: give ROLE=UID separated by commas, e.g. "
                                     "watcher=10001,provisioner=10002,reaper=10003", *text);
    return 0;
}
