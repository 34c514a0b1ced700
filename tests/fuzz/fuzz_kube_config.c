/* Foreign kubeconfig files (each document of the input is one file) and what an exec plugin prints. Whatever resolves can be used: it has a
 * server with a scheme, no contradiction, and no line break in what becomes a header. */
#include "common/json.h"
#include "common/kube_exec.h"
#include "common/mem.h"
#include "common/yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 4 };

static void check(const struct kube_config *c)
{
    CHECK(c->server && (!strncmp(c->server, "https://", 8) || !strncmp(c->server, "http://", 7)));
    CHECK(!(c->ca_file && c->ca_pem) && !(c->token && strpbrk(c->token, "\r\n")));
    CHECK(!(c->cert_file || c->cert_pem) == !(c->key_file || c->key_pem));
    for (char **line = c->impersonate; line && *line; line++)
        CHECK(!strpbrk(*line, "\r\n"));
    if (!c->exec)
        return;
    CHECK(c->exec->argv[0] && *c->exec->argv[0]);
    free(kube_exec_info(c->exec));
}

static void config(const uint8_t *bytes, size_t n)
{
    struct err err = {.code = ERR_NONE};
    struct yaml_doc *doc = yaml_parse("fuzz", (const char *)bytes, n, &err);
    if (!doc)
        return;
    struct kube_config_file files[FILES];
    size_t count = yaml_count(doc) < FILES ? yaml_count(doc) : FILES;
    for (size_t i = 0; i < count; i++)
        files[i] = (struct kube_config_file){.path = i % 2 ? "plain" : "/etc/kube/config", .root = yaml_to_json(yaml_root(doc, i))};
    struct kube_config c;
    int found = kube_config_resolve(files, count, &c, &err);
    CHECK(found >= 0 || err.code == ERR_CONFIG);
    if (found == 1) {
        check(&c);
        kube_config_done(&c);
    }
    for (size_t i = 0; i < count; i++)
        json_decref(files[i].root);
    yaml_free(&doc);
}

static void plugin(const uint8_t *bytes, size_t n)
{
    struct kube_credential credential;
    struct err err = {.code = ERR_NONE};
    if (kube_exec_read((const char *)bytes, n, "client.authentication.k8s.io/v1", &credential, &err)) {
        CHECK(err.code == ERR_AUTH);
        return;
    }
    CHECK(credential.token || (credential.cert_pem && credential.key_pem));
    kube_credential_done(&credential);
}

static void base64(const uint8_t *bytes, size_t n)
{
    char *text = xstrndup((const char *)bytes, n);
    size_t len = 0;
    char *out = kube_base64_decode(text, &len);
    CHECK(!out || len <= strlen(text));
    free(out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    config(bytes, n);
    plugin(bytes, n);
    base64(bytes, n);
    return 0;
}
