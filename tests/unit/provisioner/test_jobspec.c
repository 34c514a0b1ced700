#include "common/json.h"
#include "common/mem.h"
#include "common/unit.h"
#include "provisioner/jobspec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static json_t *read_json(const char *text)
{
    struct err err = {0};
    json_t *value = json_parse(text, strlen(text), &err);
    if (!value)
        fail_msg("%s", err.text);
    return value;
}

static struct jobspec_options options_for(const json_t *job)
{
    return (struct jobspec_options){.job = job, .ns = "ado", .instance = "inst-1", .org_url = "https://dev.azure.com/contoso", .pool = "Linux Pool",
                                    .template_name = "default", .token_secret = "tok", .token_key = "token", .ttl_s = 3720};
}

static const char *const demands[] = {"Agent.Version -gtVersion 3.1", "docker"};
static const struct jobspec_unit unit = {.name = "agent-job-linux-pool-7", .pool_id = 12, .request_id = 7, .attempt = 2, .queued_ms = 1700000000000,
                                         .demands = demands, .n_demands = 2};

static const char *member(const json_t *object, const char *path, const char *key)
{
    return str_or_empty(json_string_value(json_object_get(json_at(object, path), key)));
}

static const json_t *env_of(const json_t *body, const char *name, size_t container)
{
    const json_t *list = json_object_get(json_array_get(json_at(body, "spec.template.spec.containers"), container), "env");
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
        if (strcmp(json_text(entry, "name"), name) == 0)
            return entry;
    return NULL;
}

/* ---- the default Job ---- */

static struct config config = {.job_os = OS_LINUX};

static void the_default_job(void **state)
{
    (void)state;
    char image[] = "img:1";
    struct config_template t = {.job_image = image};
    json_t *job = jobspec_default(&config, &t);
    assert_string_equal(json_text(job, "spec.template.spec.restartPolicy"), "Never");
    assert_int_equal(json_number(job, "spec.backoffLimit", -1), 0);
    assert_int_equal(json_number(job, "spec.template.spec.terminationGracePeriodSeconds", 0), 60);
    assert_false(json_flag(job, "spec.template.spec.automountServiceAccountToken", true));
    assert_string_equal(json_text(job, "spec.template.spec.securityContext.seccompProfile.type"), "RuntimeDefault");
    assert_string_equal(member(job, "spec.template.spec.nodeSelector", "kubernetes.io/os"), "linux");
    assert_string_equal(member(job, "spec.template.metadata.annotations", "cluster-autoscaler.kubernetes.io/safe-to-evict"), "false");
    assert_string_equal(member(job, "spec.template.metadata.annotations", "karpenter.sh/do-not-disrupt"), "true");
    const json_t *container = json_array_get(json_at(job, "spec.template.spec.containers"), 0);
    assert_string_equal(json_text(container, "image"), "img:1");
    assert_string_equal(json_text(container, "terminationMessagePolicy"), "FallbackToLogsOnError");
    assert_null(json_object_get(container, "resources"));
    assert_null(json_at(job, "spec.activeDeadlineSeconds"));
    assert_null(json_object_get(container, "securityContext"));
    json_decref(job);
}

static void docker_socket_and_hardening(void **state)
{
    (void)state;
    char socket[] = "/run/user/docker.sock", image[] = "img", restricted[] = "restricted";
    struct config_template t = {.job_image = image, .job_hardening = restricted, .job_docker_socket_path = socket};
    json_t *job = jobspec_default(&config, &t);
    const json_t *container = json_array_get(json_at(job, "spec.template.spec.containers"), 0);
    assert_string_equal(json_text(json_array_get(json_at(job, "spec.template.spec.volumes"), 0), "hostPath.path"), socket);
    assert_string_equal(json_text(json_array_get(json_object_get(container, "volumeMounts"), 0), "mountPath"), "/var/run/docker.sock");
    assert_true(json_flag(job, "spec.template.spec.securityContext.runAsNonRoot", false));
    assert_false(json_flag(container, "securityContext.allowPrivilegeEscalation", true));
    assert_string_equal(json_string_value(json_array_get(json_at(container, "securityContext.capabilities.drop"), 0)), "ALL");
    json_decref(job);
}

static void windows_has_no_linux_only_fields(void **state)
{
    (void)state;
    char image[] = "img", restricted[] = "restricted";
    struct config windows = {.job_os = OS_WINDOWS};
    struct config_template t = {.job_image = image, .job_hardening = restricted};
    json_t *job = jobspec_default(&windows, &t);
    assert_string_equal(json_text(job, "spec.template.spec.os.name"), "windows");
    assert_string_equal(member(job, "spec.template.spec.nodeSelector", "kubernetes.io/os"), "windows");
    assert_null(json_at(job, "spec.template.spec.securityContext.seccompProfile"));
    assert_null(json_object_get(json_array_get(json_at(job, "spec.template.spec.containers"), 0), "securityContext"));
    json_decref(job);
}

/* ---- the body ---- */

static void everything_of_ours_is_added(void **state)
{
    (void)state;
    char image[] = "img";
    struct config_template t = {.job_image = image};
    json_t *job = jobspec_default(&config, &t);
    struct jobspec_options options = options_for(job);
    struct jobspec *spec = jobspec_new(&options);
    const json_t *body = jobspec_body(spec, &unit);
    static const char *const owners[] = {"metadata", "spec.template.metadata"};
    for (size_t i = 0; i < 2; i++) {
        char labels[64], notes[64];
        snprintf(labels, sizeof labels, "%s.labels", owners[i]);
        snprintf(notes, sizeof notes, "%s.annotations", owners[i]);
        assert_string_equal(member(body, labels, LABEL_MANAGED_BY), "ado-orchestrator");
        assert_string_equal(member(body, labels, LABEL_INSTANCE), "inst-1");
        assert_string_equal(member(body, labels, LABEL_POOL_ID), "12");
        assert_string_equal(member(body, labels, LABEL_TEMPLATE), "default");
        assert_string_equal(member(body, notes, ANNOTATION_POOL), "Linux Pool");
        assert_string_equal(member(body, notes, ANNOTATION_REQUEST), "7");
        assert_string_equal(member(body, notes, ANNOTATION_ATTEMPT), "2");
        assert_string_equal(member(body, notes, ANNOTATION_QUEUED), "2023-11-14T22:13:20.000Z");
        assert_string_equal(member(body, notes, ANNOTATION_DEMANDS), "[\"Agent.Version -gtVersion 3.1\",\"docker\"]");
        assert_string_equal(member(body, notes, ANNOTATION_TEMPLATE_HASH), jobspec_hash(spec));
    }
    assert_string_equal(json_text(body, "metadata.name"), unit.name);
    assert_string_equal(json_text(body, "metadata.namespace"), "ado");
    assert_int_equal(json_number(body, "spec.ttlSecondsAfterFinished", 0), 3720);
    assert_string_equal(json_text(env_of(body, "AZP_URL", 0), "value"), "https://dev.azure.com/contoso");
    assert_string_equal(json_text(env_of(body, "AZP_POOL", 0), "value"), "Linux Pool");
    assert_string_equal(json_text(env_of(body, "AZP_AGENT_NAME", 0), "value"), unit.name);
    assert_string_equal(json_text(env_of(body, "ADO_ORCHESTRATOR_INSTANCE", 0), "value"), "inst-1");
    assert_string_equal(json_text(env_of(body, "AZP_TOKEN", 0), "valueFrom.secretKeyRef.name"), "tok");
    assert_string_equal(json_text(env_of(body, "AZP_TOKEN", 0), "valueFrom.secretKeyRef.key"), "token");
    assert_null(json_object_get(env_of(body, "AZP_TOKEN", 0), "value"));
    jobspec_free(&spec);
    json_decref(job);
}

static void nothing_of_one_unit_is_left_in_the_next(void **state)
{
    (void)state;
    char image[] = "img";
    struct config_template t = {.job_image = image};
    json_t *job = jobspec_default(&config, &t);
    struct jobspec_options options = options_for(job);
    struct jobspec *spec = jobspec_new(&options);
    jobspec_body(spec, &unit);
    struct jobspec_unit warm = {.name = "agent-job-linux-pool-w0-1", .pool_id = 13, .attempt = 1};
    const json_t *body = jobspec_body(spec, &warm);
    assert_string_equal(json_text(body, "metadata.name"), warm.name);
    assert_string_equal(member(body, "spec.template.metadata.labels", LABEL_POOL_ID), "13");
    assert_string_equal(member(body, "metadata.annotations", ANNOTATION_ATTEMPT), "1");
    assert_string_equal(member(body, "metadata.annotations", ANNOTATION_REQUEST), "");
    assert_string_equal(member(body, "spec.template.metadata.annotations", ANNOTATION_DEMANDS), "");
    assert_string_equal(member(body, "metadata.annotations", ANNOTATION_QUEUED), "");
    assert_string_equal(json_text(env_of(body, "AZP_AGENT_NAME", 0), "value"), warm.name);
    jobspec_free(&spec);
    json_decref(job);
}

static const char custom[] =
    "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"x\",\"labels\":{\"team\":\"a\"},\"annotations\":null},"
    "\"spec\":{\"ttlSecondsAfterFinished\":5,\"activeDeadlineSeconds\":9,\"template\":{\"spec\":{\"containers\":[{\"name\":\"side\"},"
    "{\"name\":\"agent\",\"env\":[{\"name\":\"A\",\"value\":\"$(AZP_URL)\"},{\"name\":\"AZP_POOL\",\"valueFrom\":{\"fieldRef\":{}}},"
    "{\"name\":\"AZP_POOL\",\"value\":\"Default\"},{\"name\":\"AZP_TOKEN\",\"value\":\"theirs\"}]}]}}}}";

static void what_the_file_sets_stays(void **state)
{
    (void)state;
    json_t *job = read_json(custom);
    struct jobspec_options options = options_for(job);
    options.agent = 1;
    options.token_secret = NULL;
    struct jobspec *spec = jobspec_new(&options);
    const json_t *body = jobspec_body(spec, &unit);
    assert_int_equal(json_number(body, "spec.ttlSecondsAfterFinished", 0), 5);
    assert_int_equal(json_number(body, "spec.activeDeadlineSeconds", 0), 9);
    assert_string_equal(member(body, "metadata.labels", "team"), "a");
    assert_string_equal(json_text(env_of(body, "AZP_TOKEN", 1), "value"), "theirs");
    const json_t *env = json_object_get(json_array_get(json_at(body, "spec.template.spec.containers"), 1), "env");
    assert_int_equal(json_array_size(env), 6);
    assert_string_equal(json_text(json_array_get(env, 0), "name"), "AZP_URL");   /* before $(AZP_URL) is used */
    assert_string_equal(json_text(env_of(body, "AZP_POOL", 1), "value"), "Linux Pool");
    assert_null(json_object_get(env_of(body, "AZP_POOL", 1), "valueFrom"));
    assert_null(env_of(body, "AZP_URL", 0));
    assert_string_equal(json_text(job, "metadata.name"), "x");   /* the template itself is not touched */
    jobspec_free(&spec);
    json_decref(job);
}

static void the_hash_tells_templates_apart(void **state)
{
    (void)state;
    json_t *job = read_json(custom);
    struct jobspec_options options = options_for(job), other = options;
    other.pool = "Other";
    struct jobspec *a = jobspec_new(&options), *b = jobspec_new(&options), *c = jobspec_new(&other);
    jobspec_body(a, &unit);
    assert_string_equal(jobspec_hash(a), jobspec_hash(b));
    assert_string_not_equal(jobspec_hash(a), jobspec_hash(c));
    assert_int_equal(strlen(jobspec_hash(a)), 16);
    jobspec_free(&a);
    jobspec_free(&b);
    jobspec_free(&c);
    json_decref(job);
}

static void label_values(void **state)
{
    (void)state;
    static const struct { const char *text, *label; } cases[] = {
        {"default", "default"}, {"Linux Pool", "Linux-Pool"}, {"-a.b_c-", "a.b_c"}, {"\xc3\xa9""a", "a"}, {"", ""}, {"---", ""},
        {"0123456789012345678901234567890123456789012345678901234567890123456789", "012345678901234567890123456789012345678901234567890123456789012"},
        {"01234567890123456789012345678901234567890123456789012345678901-3456789", "01234567890123456789012345678901234567890123456789012345678901"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char out[JOBSPEC_NAME_MAX];
        jobspec_label(out, cases[i].text);
        assert_string_equal(out, cases[i].label);
    }
}

static void demands_are_bounded(void **state)
{
    (void)state;
    static char longest[1025];
    memset(longest, 'x', sizeof longest - 1);
    const char *many[] = {"first", longest, longest, longest, longest, longest};
    char *text = jobspec_demands(many, 6);
    assert_true(strlen(text) <= JOBSPEC_DEMANDS_MAX);
    json_t *list = read_json(text);
    assert_int_equal(json_array_size(list), 4);
    assert_string_equal(json_string_value(json_array_get(list, 0)), "first");
    json_decref(list);
    free(text);
    const char *hostile[] = {"a\xff", "b\"\n"};
    text = jobspec_demands(hostile, 2);
    assert_string_equal(text, "[\"b\\\"\\n\"]");
    free(text);
}

/* Printed, and held to a generous bound: a burst of a thousand bodies must not be what anybody waits for. */
static void a_body_costs_little(void **state)
{
    (void)state;
    enum { BODIES = 2000 };
    char image[] = "img";
    struct config_template t = {.job_image = image};
    json_t *job = jobspec_default(&config, &t);
    struct jobspec_options options = options_for(job);
    struct jobspec *spec = jobspec_new(&options);
    struct jobspec_unit u = unit;
    struct timespec a, b;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (u.request_id = 1; u.request_id <= BODIES; u.request_id++)
        jobspec_body(spec, &u);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    double us = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 1e3 / BODIES;
    print_message("a body takes %.1f us of CPU\n", us);
    assert_true(us < 300);
    jobspec_free(&spec);
    json_decref(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_job),
        cmocka_unit_test(docker_socket_and_hardening),
        cmocka_unit_test(windows_has_no_linux_only_fields),
        cmocka_unit_test(everything_of_ours_is_added),
        cmocka_unit_test(nothing_of_one_unit_is_left_in_the_next),
        cmocka_unit_test(what_the_file_sets_stays),
        cmocka_unit_test(the_hash_tells_templates_apart),
        cmocka_unit_test(label_values),
        cmocka_unit_test(demands_are_bounded),
        cmocka_unit_test(a_body_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
