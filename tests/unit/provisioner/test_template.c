#include "common/json.h"
#include "common/mem.h"
#include "provisioner/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char warnings[4096];

static void keep(void *data, const char *text)
{
    (void)data;
    size_t n = strlen(warnings);
    snprintf(warnings + n, sizeof warnings - n, "%s\n", text);
}

static const struct jobfile_rules rules = {.ns = "ado", .warn = keep};
static char name[] = "default", image[] = "img:1", linux_pool[] = "Linux", other_pool[] = "Other", prefix[] = "agent-job-", instance[] = "inst",
            url[] = "https://dev.azure.com/contoso";

/* As the sample of the original program's README. */
static const char sample[] = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: custom-job\nspec:\n  template:\n    spec:\n      containers:\n"
                             "      - name: custom-job\n        image: img\n        env:\n          - name: AZP_URL\n            value: https://dev.azure.com/your-org\n"
                             "          - name: AZP_TOKEN\n            value: xxxq\n          - name: AZP_POOL\n            value: Default\n";

static char *write_file(const char *text)
{
    char *path = xstrdup("/tmp/test_template_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

struct world {
    struct config config;
    struct config_pool pools[2];
    struct config_template templates[2];
};

static void world_init(struct world *w, char *file)
{
    *w = (struct world){.config = {.org_url = url, .instance = instance, .job_prefix = prefix, .pools = w->pools, .n_pools = 2}};
    for (size_t i = 0; i < 2; i++) {
        w->templates[i] = (struct config_template){.name = name, .job_image = file ? NULL : image, .job_definition_file = file};
        w->pools[i] = (struct config_pool){.name = i ? other_pool : linux_pool, .templates = &w->templates[i], .n_templates = 1, .retention_ms = 120000,
                                           .failed_retention_ms = 600000};
    }
    warnings[0] = '\0';
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static void a_file_is_read_and_complained_about_once(void **state)
{
    (void)state;
    struct err err = {0};
    struct world w;
    char *path = write_file(sample);
    world_init(&w, path);
    struct templates *all = templates_load(&w.config, &rules, &err);
    if (!all)
        fail_msg("%s", err.text);
    assert_int_equal(all->n, 2);
    assert_int_equal(all->n_files, 1);
    assert_int_equal(count(warnings, "AZP_URL is set to \"https://dev.azure.com/contoso\""), 1);
    assert_int_equal(count(warnings, "AZP_POOL is set to \"Linux\""), 1);
    assert_int_equal(count(warnings, ":12:13: AZP_URL"), 1);
    assert_null(strstr(warnings, "restartPolicy"));
    assert_false(all->list[0].needs_token);
    assert_false(all->needs_token);
    assert_string_equal(w.templates[0].name_prefix, "custom-job-");
    assert_ptr_equal(templates_find(all, &w.templates[1]), &all->list[1]);
    templates_free(&all);
    unlink(path);
    free(path);
}

static void an_explicit_prefix_wins(void **state)
{
    (void)state;
    struct err err = {0};
    struct world w;
    char *path = write_file(sample), mine[] = "mine-";
    world_init(&w, path);
    w.config.job_prefix = mine;
    struct templates *all = templates_load(&w.config, &rules, &err);
    assert_non_null(all);
    assert_null(w.templates[0].name_prefix);
    templates_free(&all);
    unlink(path);
    free(path);
}

static void equal_values_are_no_warning(void **state)
{
    (void)state;
    struct err err = {0};
    struct world w;
    char *path = write_file("apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {containers: [{name: a, image: b, env: "
                            "[{name: AZP_URL, value: 'https://dev.azure.com/Contoso/'}, {name: AZP_POOL, value: Linux}]}]}}}\n");
    world_init(&w, path);
    struct templates *all = templates_load(&w.config, &rules, &err);
    assert_non_null(all);
    assert_string_equal(warnings, "");
    assert_true(all->needs_token);
    templates_free(&all);
    unlink(path);
    free(path);
}

static void the_net_is_an_hour_beyond_retention(void **state)
{
    (void)state;
    struct err err = {0};
    struct world w;
    struct jobspec_unit unit = {.name = "x", .attempt = 1};
    world_init(&w, NULL);
    struct templates *all = templates_load(&w.config, &rules, &err);
    assert_int_equal(json_number(jobspec_body(all->list[0].spec, &unit), "spec.ttlSecondsAfterFinished", 0), 4200);
    templates_free(&all);
    w.config.run_once = true;
    all = templates_load(&w.config, &rules, &err);
    assert_int_equal(json_number(jobspec_body(all->list[0].spec, &unit), "spec.ttlSecondsAfterFinished", 0), 120);
    templates_free(&all);
}

static void where_the_token_is(void **state)
{
    (void)state;
    static const struct { const char *instance, *users, *secret, *key; bool ours; } cases[] = {
        {"inst-1", NULL, "ado-orchestrator-inst-1-token", "token", true},
        {"inst", "mine", "mine", "token", false},
        {"inst", "mine/pat", "mine", "pat", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        struct world w;
        world_init(&w, NULL);
        char *own = xstrdup(cases[i].instance), *users = xstrdup(cases[i].users);
        w.config.instance = own;
        w.config.agent_token_secret = users;
        struct templates *all = templates_load(&w.config, &rules, &err);
        assert_string_equal(all->token_secret, cases[i].secret);
        assert_string_equal(all->token_key, cases[i].key);
        assert_int_equal(all->token_is_ours, cases[i].ours);
        templates_free(&all);
        free(own);
        free(users);
    }
}

static void a_secret_name_is_an_object_name(void **state)
{
    (void)state;
    struct err err = {0};
    struct world w;
    char upper[] = "Inst_A", dots[] = "inst.a";
    world_init(&w, NULL);
    w.config.instance = upper;
    struct templates *a = templates_load(&w.config, &rules, &err);
    w.config.instance = dots;
    struct templates *b = templates_load(&w.config, &rules, &err);
    assert_int_equal(strspn(a->token_secret, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(a->token_secret));
    assert_string_not_equal(a->token_secret, b->token_secret);
    templates_free(&a);
    templates_free(&b);
}

static void settings_that_cannot_be_sent(void **state)
{
    (void)state;
    struct err err = {0};
    struct world w;
    char bad[] = "img\xff", spaces[] = "a b", missing[] = "/nowhere/job.yaml";
    world_init(&w, NULL);
    w.templates[0].job_image = bad;
    assert_null(templates_load(&w.config, &rules, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.text, "JOB_IMAGE"));
    world_init(&w, NULL);
    w.config.instance = spaces;
    assert_null(templates_load(&w.config, &rules, &err));
    assert_non_null(strstr(err.text, "INSTANCE"));
    world_init(&w, missing);
    assert_null(templates_load(&w.config, &rules, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.text, missing));
}

static void fields_named_in_messages(void **state)
{
    (void)state;
    static const struct { const char *message, *field; } cases[] = {
        {"400 BadRequest: strict decoding error: unknown field \"spec.backofLimit\"", "spec.backofLimit"},
        {"Job in version \"v1\" cannot be handled as a Job: json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
         "spec.template.spec.containers.env.value"},
        {"strict decoding error: duplicate field \"spec.template\"", "spec.template"},
        {"anything else", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char out[256];
        template_field_in_message(cases[i].message, out);
        assert_string_equal(out, cases[i].field);
    }
}

static void complaints_name_the_place(void **state)
{
    (void)state;
    struct err err = {0};
    struct world w;
    char *path = write_file(sample);
    world_init(&w, path);
    struct templates *all = templates_load(&w.config, &rules, &err);
    char *text = template_complaint(&all->list[0], "spec.template.spec.containers[0].image", "no such image"), *wanted = xasprintf("%s:10:16: no such image", path);
    assert_string_equal(text, wanted);
    free(text);
    free(wanted);
    templates_free(&all);
    unlink(path);
    free(path);
    world_init(&w, NULL);
    all = templates_load(&w.config, &rules, &err);
    text = template_complaint(&all->list[1], "spec.template.spec.containers[0].image", "Required value");
    assert_string_equal(text, "JOB_IMAGE of pool Other: Required value");
    free(text);
    templates_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_and_complained_about_once), cmocka_unit_test(an_explicit_prefix_wins),
        cmocka_unit_test(equal_values_are_no_warning),              cmocka_unit_test(the_net_is_an_hour_beyond_retention),
        cmocka_unit_test(where_the_token_is),                       cmocka_unit_test(a_secret_name_is_an_object_name),
        cmocka_unit_test(settings_that_cannot_be_sent),             cmocka_unit_test(fields_named_in_messages),
        cmocka_unit_test(complaints_name_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
