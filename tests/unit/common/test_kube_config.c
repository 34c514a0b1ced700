#include "common/kube_config.h"

#include "common/mem.h"
#include "common/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define assert_contains(text, part) do { if (!strstr((text), (part))) fail_msg("\"%s\" is not in: %s", (part), (text)); } while (0)

/* ---- one file, in memory ---- */

static json_t *yaml(const char *text)
{
    struct err err = {.text = ""};
    struct yaml_doc *doc = yaml_parse("test", text, strlen(text), &err);
    if (!doc)
        fail_msg("%s", err.text);
    json_t *root = yaml_to_json(yaml_root(doc, 0));
    yaml_free(&doc);
    return root;
}

static int resolve(const char *text, struct kube_config *ret, struct err *err)
{
    struct kube_config_file file = {.path = "/home/u/.kube/config", .root = yaml(text)};
    int result = kube_config_resolve(&file, 1, ret, err);
    json_decref(file.root);
    return result;
}

#define CONFIG(cluster, user) \
    "clusters: [{name: c, cluster: {" cluster "}}]\nusers: [{name: u, user: {" user "}}]\n" \
    "contexts: [{name: x, context: {cluster: c, user: u, namespace: ns1}}]\ncurrent-context: x\n"
#define SERVER "server: https://api.example:6443/"
/* base64 of "-----BEGIN X-----\n" */
#define PEM64 "LS0tLS1CRUdJTiBYLS0tLS0K"

static void a_whole_config(void **state)
{
    (void)state;
    struct kube_config c;
    struct err err = {.text = ""};
    int found = resolve(CONFIG(SERVER "prefix/, tls-server-name: kubernetes, certificate-authority: ca.crt, proxy-url: 'socks5://p:1080', disable-compression: true",
                               "client-certificate-data: " PEM64 ", client-key: keys/k.pem, tokenFile: /abs/token, as: boss, as-uid: '7', as-groups: [g1, g2], "
                               "as-user-extra: {scope/a: [s1]}"), &c, &err);
    if (found != 1)
        fail_msg("%s", err.text);
    assert_string_equal(c.server, "https://api.example:6443/prefix");
    assert_string_equal(c.tls_server_name, "kubernetes");
    assert_string_equal(c.proxy, "socks5://p:1080");
    assert_string_equal(c.ca_file, "/home/u/.kube/ca.crt");
    assert_string_equal(c.cert_pem, "-----BEGIN X-----\n");
    assert_string_equal(c.key_file, "/home/u/.kube/keys/k.pem");
    assert_string_equal(c.token_file, "/abs/token");
    assert_string_equal(c.ns, "ns1");
    assert_true(c.no_gzip);
    static const char *const headers[] = {"Impersonate-User: boss", "Impersonate-Uid: 7", "Impersonate-Group: g1", "Impersonate-Group: g2",
                                          "Impersonate-Extra-scope%2Fa: s1"};
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
        assert_string_equal(c.impersonate[i], headers[i]);
    assert_null(c.impersonate[ARRAY_SIZE(headers)]);
    kube_config_done(&c);
}

#define EXEC "exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, "

static void an_exec_plugin(void **state)
{
    (void)state;
    struct kube_config c;
    struct err err = {.text = ""};
    int found = resolve(CONFIG(SERVER ", extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: a}}]",
                               EXEC "command: bin/get-token, args: [-x, 'a b'], env: [{name: A, value: '1'}], provideClusterInfo: true}"), &c, &err);
    if (found != 1)
        fail_msg("%s", err.text);
    assert_string_equal(c.exec->argv[0], "/home/u/.kube/bin/get-token");
    assert_string_equal(c.exec->argv[2], "a b");
    assert_null(c.exec->argv[3]);
    assert_string_equal(c.exec->env[0], "A=1");
    assert_string_equal(json_string_value(json_object_get(json_object_get(c.exec->cluster, "config"), "audience")), "a");
    kube_config_done(&c);
    found = resolve(CONFIG(SERVER, EXEC "command: aws}"), &c, &err);
    assert_int_equal(found, 1);
    assert_string_equal(c.exec->argv[0], "aws");
    assert_null(c.exec->cluster);
    kube_config_done(&c);
    found = resolve(CONFIG(SERVER, "token: t, " EXEC "command: aws}"), &c, &err);
    assert_int_equal(found, 1);
    assert_null(c.exec);
    kube_config_done(&c);
}

static void refused(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } cases[] = {
        {CONFIG("certificate-authority: a", "token: t"), "server is missing"},
        {CONFIG("server: api.example", "token: t"), "server must be https://"},
        {CONFIG("server: 'https://'", "token: t"), "server must be https://"},
        {CONFIG("server: 7", "token: t"), "server must be a string"},
        {CONFIG(SERVER ", certificate-authority: a, certificate-authority-data: " PEM64, "token: t"), "certificate-authority-data are both set"},
        {CONFIG(SERVER ", insecure-skip-tls-verify: true, certificate-authority: a", "token: t"), "insecure-skip-tls-verify"},
        {CONFIG(SERVER ", insecure-skip-tls-verify: 'yes'", "token: t"), "must be true or false"},
        {CONFIG(SERVER ", certificate-authority-data: '!!'", "token: t"), "certificate-authority-data is not base64"},
        {CONFIG(SERVER ", proxy-url: 'ftp://x'", "token: t"), "proxy-url"},
        {CONFIG(SERVER, "client-certificate: a"), "must be set together"},
        {CONFIG(SERVER, "client-key-data: " PEM64), "must be set together"},
        {CONFIG(SERVER, "client-certificate: a, client-certificate-data: " PEM64 ", client-key: b"), "both as file and as data"},
        {CONFIG(SERVER, "token: t, username: u, password: p"), "username/password"},
        {CONFIG(SERVER, "token: 12345"), "token must be a string"},
        {CONFIG(SERVER, "token: \"a\\nb\""), "line break"},
        {CONFIG(SERVER, "auth-provider: {name: gcp}"), "auth-provider"},
        {CONFIG(SERVER, "as-groups: [g]"), "without as"},
        {CONFIG(SERVER, "as: \"a\\r\\nX: y\""), "line break"},
        {CONFIG(SERVER, "as: a, as-groups: g"), "lists of strings"},
        {CONFIG(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}"), "command is missing"},
        {CONFIG(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: a}"), "apiVersion must be"},
        {CONFIG(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1, command: a}"), "interactiveMode is missing"},
        {CONFIG(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1, command: a, interactiveMode: Always}"), "daemon"},
        {CONFIG(SERVER, EXEC "command: a, args: x}"), "args must be a list"},
        {CONFIG(SERVER, EXEC "command: a, env: [{value: x}]}"), "env must be"},
        {"clusters: [{name: c, cluster: {}}]", "no current-context"},
        {"clusters: [{name: c, cluster: {}}]\ncurrent-context: yes", "current-context must be a string"},
        {"clusters: [{name: c, cluster: {}}]\ncurrent-context: why", "not among the contexts"},
        {"clusters: [{name: c, cluster: {}}]\ncurrent-context: why\ncontexts: [{name: why, context: {}}]", "names no cluster"},
        {"contexts: [{name: why, context: {cluster: q}}]\ncurrent-context: why", "\"q\", which is not among clusters"},
        {"clusters: {a: b}\ncontexts: [{name: why, context: {cluster: q}}]\ncurrent-context: why", "clusters must be a list"},
        {"contexts: [{name: why, context: {cluster: q}}, {name: why}]\ncurrent-context: why", "two entries named \"why\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct kube_config c;
        struct err err = {.text = ""};
        if (resolve(cases[i].text, &c, &err) != -1)
            fail_msg("case %zu is not refused", i);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_contains(err.text, cases[i].says);
        assert_contains(err.text, "/home/u/.kube/config");
    }
}

static void v1beta1_needs_no_interactive_mode(void **state)
{
    (void)state;
    struct kube_config c;
    struct err err = {.text = ""};
    assert_int_equal(resolve(CONFIG(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: a}"), &c, &err), 1);
    kube_config_done(&c);
    assert_int_equal(resolve("{apiVersion: v1, kind: Config, clusters: [], users: null}", &c, &err), 0);
}

static void the_first_file_wins(void **state)
{
    (void)state;
    struct kube_config_file files[2] = {
        {.path = "/a/one", .root = yaml("users: [{name: u, user: {tokenFile: t}}]\ncurrent-context: ''\ncontexts: [{name: x, context: {cluster: c, user: u}}]")},
        {.path = "/b/two", .root = yaml("users: [{name: u, user: {token: second}}]\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1', "
                                        "certificate-authority: ca}}]\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: other}}]")},
    };
    struct kube_config c;
    struct err err = {.text = ""};
    if (kube_config_resolve(files, 2, &c, &err) != 1)
        fail_msg("%s", err.text);
    assert_string_equal(c.token_file, "/a/t");
    assert_null(c.token);
    assert_string_equal(c.ca_file, "/b/ca");
    assert_null(c.ns);
    kube_config_done(&c);
    json_decref(files[0].root);
    json_decref(files[1].root);
}

static void base64(void **state)
{
    (void)state;
    static const struct { const char *in, *out; } cases[] = {
        {"", ""}, {"YQ==", "a"}, {"YWI=", "ab"}, {"YWJj", "abc"}, {"YW\n Jj\r\n", "abc"}, {"YWJjZA==", "abcd"},
        {"YQ=", NULL}, {"Y", NULL}, {"YQ==YQ==", NULL}, {"=", NULL}, {"====", NULL}, {"YW-_", NULL}, {"Y===", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t len = 99;
        char *out = kube_base64_decode(cases[i].in, &len);
        if (!cases[i].out != !out)
            fail_msg("case %zu", i);
        if (!out)
            continue;
        assert_string_equal(out, cases[i].out);
        assert_int_equal(len, strlen(cases[i].out));
        free(out);
    }
}

/* ---- files ---- */

static char dir[64];

static char *put(const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test-kube-config-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char *command = xasprintf("rm -rf %s", dir);
    int result = system(command);
    free(command);
    return result;
}

static int load(const char *path, const struct kube_environment *env, struct kube_config *c, struct err *err)
{
    *err = (struct err){.text = ""};
    return kube_config_load(path, env, c, err);
}

static void where_the_config_comes_from(void **state)
{
    (void)state;
    struct kube_config c;
    struct err err;
    char *one = put("one", "clusters: [{name: c, cluster: {server: https://one}}]\ncurrent-context: x");
    char *two = put("two", "clusters: [{name: c, cluster: {server: https://two}}]\ncontexts: [{name: x, context: {cluster: c}}]");
    char *bad = put("bad", "clusters: [");
    char *list = xasprintf("/nonexistent/file::%s:%s:%s", one, two, one), *with_bad = xasprintf("%s:%s", one, bad);
    assert_int_equal(load(NULL, &(struct kube_environment){.kubeconfig_list = list, .pod_namespace = "p"}, &c, &err), 0);
    assert_string_equal(c.server, "https://one");
    assert_string_equal(c.ns, "p");
    kube_config_done(&c);
    assert_int_equal(load(NULL, &(struct kube_environment){.kubeconfig_list = with_bad}, &c, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_contains(err.text, bad);
    assert_int_equal(load("/nonexistent/file", &(struct kube_environment){.kubeconfig_list = list}, &c, &err), -1);
    assert_contains(err.text, "/nonexistent/file");
    assert_int_equal(load(NULL, &(struct kube_environment){.kubeconfig_list = "/nonexistent/file"}, &c, &err), -1);
    assert_contains(err.text, "KUBECONFIG=/nonexistent/file");
    assert_contains(err.text, "KUBERNETES_SERVICE_HOST");
    free(one);
    free(two);
    free(bad);
    free(list);
    free(with_bad);
}

static void home_config(void **state)
{
    (void)state;
    struct kube_config c;
    struct err err;
    char *kube_dir = xasprintf("%s/.kube", dir);
    assert_int_equal(mkdir(kube_dir, 0700), 0);
    char *path = put(".kube/config", "clusters: [{name: c, cluster: {server: https://home}}]\ncontexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x");
    assert_int_equal(load(NULL, &(struct kube_environment){.home = dir}, &c, &err), 0);
    assert_string_equal(c.server, "https://home");
    assert_string_equal(c.ns, "default");
    kube_config_done(&c);
    free(path);
    free(kube_dir);
}

static void in_the_pod(void **state)
{
    (void)state;
    struct kube_config c;
    struct err err;
    struct kube_environment env = {.service_host = "fd00::1", .service_port = "443", .token_dir = dir};
    assert_int_equal(load(NULL, &env, &c, &err), -1);
    assert_contains(err.text, "token");
    free(put("token", " \n"));
    free(put("ca.crt", "x"));
    assert_int_equal(load(NULL, &env, &c, &err), -1);
    assert_contains(err.text, "is empty");
    free(put("token", "abc\n"));
    assert_int_equal(load(NULL, &env, &c, &err), 0);
    assert_string_equal(c.server, "https://[fd00::1]:443");
    assert_string_equal(c.token, "abc");
    assert_string_equal(c.ns, "default");
    kube_config_done(&c);
    free(put("namespace", "agents\n"));
    env.service_host = "10.0.0.1";
    assert_int_equal(load(NULL, &env, &c, &err), 0);
    assert_string_equal(c.server, "https://10.0.0.1:443");
    assert_string_equal(c.ns, "agents");
    kube_config_done(&c);
    env.pod_namespace = "mine";
    assert_int_equal(load(NULL, &env, &c, &err), 0);
    assert_string_equal(c.ns, "mine");
    kube_config_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_config),
        cmocka_unit_test(an_exec_plugin),
        cmocka_unit_test(refused),
        cmocka_unit_test(v1beta1_needs_no_interactive_mode),
        cmocka_unit_test(the_first_file_wins),
        cmocka_unit_test(base64),
        cmocka_unit_test_setup_teardown(where_the_config_comes_from, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(home_config, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(in_the_pod, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
