/* What an exec plugin is told and what it may answer. Its runs are tested in test_kube.c. */
#include "common/kube_exec.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define V1 "client.authentication.k8s.io/v1"
#define REPLY(status) "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{" status "}}"

static void good_answers(void **state)
{
    (void)state;
    struct kube_credential c;
    struct err err = {.text = ""};
    const char *text = REPLY("\"token\":\"t\",\"expirationTimestamp\":\"2030-01-02T03:04:05Z\"");
    assert_int_equal(kube_exec_read(text, strlen(text), V1, &c, &err), 0);
    assert_string_equal(c.token, "t");
    assert_null(c.cert_pem);
    assert_int_equal(c.expires.ms, 1893553445000);
    kube_credential_done(&c);
    text = REPLY("\"clientCertificateData\":\"C\",\"clientKeyData\":\"K\"");
    assert_int_equal(kube_exec_read(text, strlen(text), V1, &c, &err), 0);
    assert_null(c.token);
    assert_string_equal(c.cert_pem, "C");
    assert_string_equal(c.key_pem, "K");
    assert_int_equal(c.expires.ms, 0);
    kube_credential_done(&c);
}

static void bad_answers(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } cases[] = {
        {"", "did not print JSON"},
        {"[]", "did not print an ExecCredential"},
        {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"status\":{\"token\":\"t\"}}", "ExecCredential of " V1},
        {REPLY(""), "neither a token nor"},
        {REPLY("\"token\":7"), "token must be a string"},
        {REPLY("\"token\":\"a\\nb\""), "line break"},
        {REPLY("\"clientCertificateData\":\"C\""), "certificate without key"},
        {REPLY("\"token\":\"t\",\"clientKeyData\":\"K\""), "without certificate"},
        {REPLY("\"token\":\"t\",\"expirationTimestamp\":\"soon\""), "expirationTimestamp"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct kube_credential c;
        struct err err = {.text = ""};
        if (kube_exec_read(cases[i].text, strlen(cases[i].text), V1, &c, &err) == 0)
            fail_msg("case %zu is accepted", i);
        assert_int_equal(err.code, ERR_AUTH);
        assert_non_null(strstr(err.text, cases[i].says));
        assert_null(c.token);
        assert_null(c.key_pem);
    }
}

static void what_it_is_told(void **state)
{
    (void)state;
    char version[] = V1;
    struct kube_exec_spec spec = {.api_version = version};
    char *info = kube_exec_info(&spec);
    assert_string_equal(info, "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"spec\":{\"interactive\":false}}");
    free(info);
    spec.cluster = json_pack("{s:s}", "server", "https://h");
    info = kube_exec_info(&spec);
    assert_non_null(strstr(info, "\"spec\":{\"interactive\":false,\"cluster\":{\"server\":\"https://h\"}}"));
    free(info);
    json_decref(spec.cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_answers),
        cmocka_unit_test(bad_answers),
        cmocka_unit_test(what_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
