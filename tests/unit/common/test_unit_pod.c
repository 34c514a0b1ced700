/* What each shape of pod says about its agent. */
#include "common/unit_parse.h"

#include "common/mem.h"
#include "common/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct pod_case {
    const char *what;
    const char *annotations;       /* of the pod */
    const char *status;            /* JSON */
    enum unit_phase phase;
    enum unit_trouble trouble;
    const char *message;           /* NULL = none */
    int exit_code;
    bool started;
    int64_t ended_ms;
};

#define RUNNING "{\"running\":{\"startedAt\":\"2026-03-01T08:00:00Z\"}}"
#define WAITING(reason, message) "{\"waiting\":{\"reason\":\"" reason "\",\"message\":\"" message "\"}}"
#define ENDED(code, reason, message) \
    "{\"terminated\":{\"exitCode\":" #code ",\"reason\":\"" reason "\",\"message\":\"" message "\",\"finishedAt\":\"2026-03-01T08:15:02Z\"}}"
#define AGENT(state) "{\"name\":\"agent\",\"state\":" state "}"
#define SIDE(state) "{\"name\":\"side\",\"state\":" state "}"
#define CONTAINERS(list) "\"containerStatuses\":[" list "]"
#define ENDED_MS 1772352902000

static const struct pod_case CASES[] = {
    {"no status at all", "{}", "{}", UNIT_PENDING, UNIT_FINE, NULL, -1, false, 0},
    {"unschedulable", "{}",
     "{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":\"0/3 nodes\\u0007 fit\"}]}",
     UNIT_PENDING, UNIT_UNSCHEDULABLE, "0/3 nodes  fit", -1, false, 0},
    {"creating", "{}", "{\"phase\":\"Pending\"," CONTAINERS(AGENT(WAITING("ContainerCreating", ""))) "}", UNIT_PENDING, UNIT_FINE, NULL, -1, false, 0},
    {"image pull", "{}", "{\"phase\":\"Pending\"," CONTAINERS(AGENT(WAITING("ErrImagePull", "not found"))) "}", UNIT_PENDING, UNIT_IMAGE_PULL, "not found",
     -1, false, 0},
    {"image pull back-off of an init container", "{}",
     "{\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"state\":" WAITING("ImagePullBackOff", "") "}],"
     CONTAINERS(AGENT(WAITING("PodInitializing", ""))) "}", UNIT_PENDING, UNIT_IMAGE_PULL, "ImagePullBackOff", -1, false, 0},
    {"image name", "{}", "{" CONTAINERS(AGENT(WAITING("InvalidImageName", "bad"))) "}", UNIT_PENDING, UNIT_IMAGE_NAME, "bad", -1, false, 0},
    {"container config", "{}", "{" CONTAINERS(AGENT(WAITING("CreateContainerConfigError", "secret \\\"x\\\" not found"))) "}", UNIT_PENDING,
     UNIT_CONTAINER_CONFIG, "secret \"x\" not found", -1, false, 0},
    {"an init container has run", "{}", "{\"initContainerStatuses\":[{\"name\":\"i\",\"state\":" ENDED(0, "Completed", "") "}]}", UNIT_PENDING, UNIT_FINE,
     NULL, -1, true, 0},
    {"running", "{}", "{\"phase\":\"Running\"," CONTAINERS(AGENT(RUNNING)) "}", UNIT_RUNNING, UNIT_FINE, NULL, -1, true, 0},
    {"running, sidecar cannot be pulled", "{}", "{\"phase\":\"Running\"," CONTAINERS(SIDE(WAITING("ErrImagePull", "x")) "," AGENT(RUNNING)) "}",
     UNIT_RUNNING, UNIT_FINE, NULL, -1, true, 0},
    {"only the sidecar runs", "{}", "{\"phase\":\"Running\"," CONTAINERS(SIDE(RUNNING) "," AGENT(WAITING("ErrImagePull", "x"))) "}", UNIT_PENDING,
     UNIT_IMAGE_PULL, "x", -1, true, 0},
    {"ended well beside a sidecar", "{}", "{\"phase\":\"Running\"," CONTAINERS(SIDE(RUNNING) "," AGENT(ENDED(0, "Completed", ""))) "}", UNIT_ENDED,
     UNIT_FINE, NULL, 0, true, ENDED_MS},
    {"the annotation names another agent", "{\"ado-orchestrator.io/agent-container\":\"side\"}",
     "{\"phase\":\"Running\"," CONTAINERS(SIDE(RUNNING) "," AGENT(ENDED(0, "Completed", ""))) "}", UNIT_RUNNING, UNIT_FINE, NULL, -1, true, 0},
    {"the annotation names nothing", "{\"ado-orchestrator.io/agent-container\":\"agnet\"}", "{" CONTAINERS(AGENT(RUNNING) "," SIDE(RUNNING)) "}", UNIT_RUNNING,
     UNIT_FINE, NULL, -1, true, 0},
    {"crash", "{}", "{\"phase\":\"Failed\"," CONTAINERS(AGENT(ENDED(3, "Error", "boom"))) "}", UNIT_ENDED, UNIT_CRASH, "boom", 3, true, ENDED_MS},
    {"exit 0 is never trouble", "{}",
     "{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\"}],"
     CONTAINERS(AGENT(ENDED(0, "Completed", ""))) "}", UNIT_ENDED, UNIT_FINE, NULL, 0, true, ENDED_MS},
    {"out of memory", "{}", "{\"phase\":\"Failed\"," CONTAINERS(AGENT(ENDED(137, "OOMKilled", ""))) "}", UNIT_ENDED, UNIT_OOM, "OOMKilled", 137, true,
     ENDED_MS},
    {"never started by the runtime", "{}", "{\"phase\":\"Failed\"," CONTAINERS(AGENT(ENDED(128, "StartError", "exec: not found"))) "}", UNIT_ENDED,
     UNIT_CONTAINER_CONFIG, "exec: not found", 128, false, ENDED_MS},
    {"evicted before any container", "{}", "{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"The node was low on resource: memory\"}", UNIT_ENDED,
     UNIT_EVICTED, "The node was low on resource: memory", -1, false, 0},
    {"preempted", "{}",
     "{\"phase\":\"Failed\",\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":\"PreemptionByScheduler\",\"message\":\"preempted\"}],"
     CONTAINERS(AGENT(ENDED(143, "Error", ""))) "}", UNIT_ENDED, UNIT_EVICTED, "preempted", 143, true, ENDED_MS},
    {"node gone", "{}",
     "{\"phase\":\"Failed\",\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":\"DeletionByPodGC\",\"message\":\"no node\","
     "\"lastTransitionTime\":\"2026-03-01T08:15:02Z\"}]}", UNIT_ENDED, UNIT_NODE_LOST, "no node", -1, false, ENDED_MS},
    {"node shutdown", "{}", "{\"phase\":\"Failed\",\"reason\":\"Terminated\",\"message\":\"shutdown\"}", UNIT_ENDED, UNIT_NODE_LOST, "shutdown", -1, false, 0},
    {"active deadline", "{}", "{\"phase\":\"Failed\",\"reason\":\"DeadlineExceeded\"}", UNIT_ENDED, UNIT_DEADLINE, "DeadlineExceeded", -1, false, 0},
    {"init container failed", "{}",
     "{\"phase\":\"Failed\",\"initContainerStatuses\":[{\"name\":\"i\",\"state\":" ENDED(2, "Error", "init broke") "}],"
     CONTAINERS(AGENT(WAITING("PodInitializing", ""))) "}", UNIT_ENDED, UNIT_CRASH, "init broke", -1, true, ENDED_MS},
    {"succeeded without statuses", "{}", "{\"phase\":\"Succeeded\"}", UNIT_ENDED, UNIT_FINE, NULL, -1, false, 0},
    {"running on a node that does not answer", "{}", "{\"phase\":\"Running\",\"reason\":\"NodeLost\",\"message\":\"no news\"," CONTAINERS(AGENT(RUNNING)) "}",
     UNIT_RUNNING, UNIT_NODE_LOST, "no news", -1, true, 0},
    {"types that cannot be", "[]", "{\"phase\":7,\"conditions\":{\"a\":1},\"containerStatuses\":[1,{\"name\":{}},null]}", UNIT_PENDING, UNIT_FINE, NULL, -1,
     false, 0},
};

static json_t *pod_object(const struct pod_case *c)
{
    char *text = xasprintf("{\"metadata\":{\"name\":\"u-1-abcde\",\"uid\":\"p1\",\"annotations\":%s},"
                           "\"spec\":{\"containers\":[{\"name\":\"agent\"},{\"name\":\"side\"}]},\"status\":%s}", c->annotations, c->status);
    json_t *pod = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(pod);
    return pod;
}

static void check_case(const struct pod_case *c)
{
    struct unit_pod_facts facts;
    json_t *pod = pod_object(c);
    assert_int_equal(unit_parse_pod(pod, NULL, &facts), 0);
    if (facts.phase != c->phase || facts.trouble != c->trouble)
        fail_msg("%s: %s %s", c->what, unit_phase_name(facts.phase), unit_trouble_name(facts.trouble));
    assert_string_equal(str_or_empty(facts.message), str_or_empty(c->message));
    assert_int_equal(facts.exit_code, c->exit_code);
    assert_int_equal(facts.started, c->started);
    assert_true(facts.ended.ms == c->ended_ms);
    unit_pod_facts_done(&facts);
    json_decref(pod);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(CASES); i++)
        check_case(&CASES[i]);
}

static void test_job_names_the_agent(void **state)
{
    (void)state;
    struct pod_case c = {.annotations = "{}", .status = "{" CONTAINERS(SIDE(RUNNING) "," AGENT(ENDED(0, "Completed", ""))) "}"};
    struct unit_pod_facts facts;
    json_t *pod = pod_object(&c);
    assert_int_equal(unit_parse_pod(pod, "side", &facts), 0);
    assert_int_equal(facts.phase, UNIT_RUNNING);
    assert_true(facts.several);
    unit_pod_facts_done(&facts);
    json_decref(pod);
}

static void test_nameless(void **state)
{
    (void)state;
    struct unit_pod_facts facts;
    json_t *pod = json_pack("{s:{s:s}}", "metadata", "name", "x");
    assert_int_equal(unit_parse_pod(pod, NULL, &facts), -1);
    json_decref(pod);
    assert_int_equal(unit_parse_pod(NULL, NULL, &facts), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_job_names_the_agent),
        cmocka_unit_test(test_nameless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
