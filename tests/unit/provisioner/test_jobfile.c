#include "common/json.h"
#include "common/mem.h"
#include "provisioner/jobfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char warnings[4096];

static void keep(void *data, const char *text)
{
    (void)data;
    size_t n = strlen(warnings);
    snprintf(warnings + n, sizeof warnings - n, "%s\n", text);
}

static const struct jobfile_rules rules = {.ns = "ado", .own_account = "orchestrator", .warn = keep};

static struct jobfile *parse(const char *text, struct err *err)
{
    warnings[0] = '\0';
    *err = (struct err){0};
    return jobfile_parse("job.yaml", text, strlen(text), &rules, err);
}

/* ---- files that cannot be used ---- */

#define JOB "apiVersion: batch/v1\nkind: Job\n"
#define CONTAINER "spec: {template: {spec: {containers: [{name: a, image: b}]}}}\n"

static void refused_with_a_place(void **state)
{
    (void)state;
    static const struct { const char *text, *place, *says; } cases[] = {
        {JOB "spec:\n  suspend: true\n  template: {spec: {containers: [{name: a}]}}\n", "job.yaml:4:", "spec.suspend"},
        {JOB "spec:\n  template: {spec: {containers: [{name: a}]}}\n  manualSelector: false\n", "job.yaml:5:", "manualSelector"},
        {JOB "spec:\n  selector: {matchLabels: {a: b}}\n  template: {spec: {containers: [{name: a}]}}\n", "job.yaml:4:", "selector"},
        {JOB CONTAINER "status:\n  active: 1\n", "job.yaml:5:", "status"},
        {JOB "metadata:\n  generateName: x-\n" CONTAINER, "job.yaml:4:", "generateName"},
        {JOB "metadata:\n  uid: abc\n" CONTAINER, "job.yaml:4:", "metadata.uid"},
        {JOB "metadata:\n  name: x\n  resourceVersion: '5'\n" CONTAINER, "job.yaml:5:", "resourceVersion"},
        {JOB "spec:\n  template:\n    spec:\n      serviceAccountName: orchestrator\n      containers: [{name: a}]\n", "job.yaml:6:", "orchestrator's own"},
        {JOB "spec:\n  template:\n    spec:\n      serviceAccount: orchestrator\n      containers: [{name: a}]\n", "job.yaml:6:", "orchestrator's own"},
        {JOB, "job.yaml:1:1", "spec is missing"},
        {JOB "spec: 5\n", "job.yaml:3:", "must be a map"},
        {JOB "spec: {template: {spec: {containers: []}}}\n", "job.yaml:3:", "needs a container"},
        {JOB "spec: {template: {spec: {containers: [5]}}}\n", "job.yaml:3:", "must be a map"},
        {JOB "spec: {template: {spec: {containers: {name: a}}}}\n", "job.yaml:3:", "must be a list"},
        {JOB "metadata: {name: Upper}\n" CONTAINER, "job.yaml:3:", "prefix"},
        {JOB "metadata: {name: 5}\n" CONTAINER, "job.yaml:3:", "quote it"},
        {JOB "metadata: {labels: {a: yes}}\n" CONTAINER, "job.yaml:3:", "quote it"},
        {JOB "spec:\n  template:\n    spec:\n      containers:\n      - name: a\n        env:\n        - name: DEBUG\n          value: 1\n", "job.yaml:10:18", "quote it, \"1\""},
        {JOB "spec: {template: {spec: {containers: [{name: a, env: [{value: x}]}]}}}\n", "job.yaml:3:", "needs a name"},
        {JOB "metadata: {annotations: {ado-orchestrator.io/agent-container: z}}\n" CONTAINER, "job.yaml:3:", "no container named \"z\""},
        {JOB CONTAINER "---\n" JOB CONTAINER, "job.yaml:5:", "second Job"},
        {"apiVersion: v1\nkind: Secret\n", "job.yaml:2:", "Secret"},
        {"apiVersion: v1\nkind: Job\n", "job.yaml:2:", "batch/v1"},
        {"- a\n", "job.yaml:1:", "not a Kubernetes object"},
        {JOB CONTAINER "---\napiVersion: v1\nkind: PersistentVolumeClaim\nspec: {}\n", "job.yaml:5:", "metadata.name"},
        {"apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: x}\n", "job.yaml", "no Job"},
        {"", "job.yaml", "no Job"},
        {"a: [", "job.yaml:", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err;
        struct jobfile *file = parse(cases[i].text, &err);
        if (file || !strstr(err.text, cases[i].place) || !strstr(err.text, cases[i].says))
            fail_msg("case %zu: %s", i, file ? "accepted" : err.text);
    }
}

/* ---- files that can ---- */

static const char sample[] =
    "apiVersion: batch/v1\n"
    "kind: Job\n"
    "metadata:\n"
    "  name: custom-job\n"
    "  creationTimestamp: null\n"
    "spec:\n"
    "  backoffLimit: 4\n"
    "  parallelism: 1\n"
    "  template:\n"
    "    metadata:\n"
    "      annotations:\n"
    "        ado-orchestrator.io/agent-container: agent\n"
    "    spec:\n"
    "      serviceAccountName: builds\n"
    "      restartPolicy: OnFailure\n"
    "      containers:\n"
    "      - name: side\n"
    "        image: x\n"
    "      - name: agent\n"
    "        image: img\n"
    "        env:\n"
    "        - name: AZP_POOL\n"
    "          value: Default\n"
    "        - name: AZP_TOKEN\n"
    "          valueFrom: {secretKeyRef: {name: s, key: k}}\n"
    "      volumes:\n"
    "      - name: cache\n"
    "        persistentVolumeClaim: {claimName: other}\n"
    "status: {}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: PersistentVolume\n"
    "metadata: {name: nuget-cache}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: PersistentVolumeClaim\n"
    "metadata: {name: nuget-claim, namespace: elsewhere}\n";

static void taken_and_overridden(void **state)
{
    (void)state;
    struct err err;
    struct jobfile *file = parse(sample, &err);
    if (!file)
        fail_msg("%s", err.text);
    assert_non_null(file);
    assert_string_equal(file->name_prefix, "custom-job-");
    assert_int_equal(file->agent, 1);
    assert_int_equal(json_number(file->job, "spec.backoffLimit", -1), 0);
    assert_int_equal(json_number(file->job, "spec.completions", -1), 1);
    assert_string_equal(json_text(file->job, "spec.template.spec.restartPolicy"), "Never");
    assert_string_equal(json_text(file->job, "spec.template.spec.serviceAccountName"), "builds");
    assert_null(json_object_get(file->job, "status"));
    assert_null(json_at(file->job, "metadata.creationTimestamp"));
    assert_int_equal(file->n_volumes, 2);
    assert_false(file->volumes[0].claim);
    assert_string_equal(file->volumes[1].name, "nuget-claim");
    assert_string_equal(json_text(file->volumes[1].object, "metadata.namespace"), "ado");
    jobfile_free(&file);
}

static void each_override_is_told_once(void **state)
{
    (void)state;
    struct err err;
    struct jobfile *file = parse(sample, &err);
    if (!file)
        fail_msg("%s", err.text);
    assert_non_null(strstr(warnings, "job.yaml:7:17: spec.backoffLimit is set to 0"));
    assert_non_null(strstr(warnings, "job.yaml:15:22: spec.template.spec.restartPolicy is set to \"Never\""));
    assert_non_null(strstr(warnings, "claimName \"other\""));
    assert_non_null(strstr(warnings, "not in \"elsewhere\""));
    assert_null(strstr(warnings, "parallelism"));
    assert_null(strstr(warnings, "completions"));
    jobfile_free(&file);
}

static void silent_when_nothing_is_overridden(void **state)
{
    (void)state;
    struct err err;
    struct jobfile *file = parse(JOB CONTAINER, &err);
    assert_non_null(file);
    assert_string_equal(warnings, "");
    assert_null(file->name_prefix);
    assert_string_equal(json_text(file->job, "spec.template.spec.restartPolicy"), "Never");
    jobfile_free(&file);
}

static void environment_of_the_agent(void **state)
{
    (void)state;
    struct err err;
    bool from;
    const struct yaml_node *at = NULL;
    struct jobfile *file = parse(sample, &err);
    if (!file)
        fail_msg("%s", err.text);
    assert_string_equal(jobfile_env(file, "AZP_POOL", &from, &at), "Default");
    assert_false(from);
    assert_int_equal(at->line, 22);
    assert_string_equal(jobfile_env(file, "AZP_TOKEN", &from, NULL), "");
    assert_true(from);
    assert_null(jobfile_env(file, "AZP_URL", &from, NULL));
    jobfile_free(&file);
}

static void a_complaint_finds_its_line(void **state)
{
    (void)state;
    struct err err;
    struct jobfile *file = parse(sample, &err);
    if (!file)
        fail_msg("%s", err.text);
    char *text = jobfile_complaint(file, file->root, "spec.template.spec.containers[1].image", "Required value");
    assert_string_equal(text, "job.yaml:20:16: Required value");
    free(text);
    text = jobfile_complaint(file, file->root, "", "no");
    assert_string_equal(text, "job.yaml:1:1: no");
    free(text);
    jobfile_free(&file);
}

static void dots_in_a_name_become_dashes(void **state)
{
    (void)state;
    struct err err;
    struct jobfile *file = parse(JOB "metadata: {name: my.job}\n" CONTAINER, &err);
    assert_string_equal(file->name_prefix, "my-job-");
    jobfile_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_with_a_place),      cmocka_unit_test(taken_and_overridden),
        cmocka_unit_test(each_override_is_told_once), cmocka_unit_test(silent_when_nothing_is_overridden),
        cmocka_unit_test(environment_of_the_agent),  cmocka_unit_test(a_complaint_finds_its_line),
        cmocka_unit_test(dots_in_a_name_become_dashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
