#include "provisioner/placeholder.h"
#include "provisioner/names.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POOL_ID = 12 };

static const char base[] = "i1-placeholder-linux-base-", gpu[] = "i1-placeholder-linux-gpu-";

static struct {
    struct config config;
    struct config_pool pools[2];
    struct config_template templates[2];
    struct capability cuda[2];
    struct placeholders *core;
    struct mirror *mirror;
    struct mono now;
    uint64_t set;
    struct agent_row agents[8];
    size_t n_agents;
    struct request_row requests[2];
    size_t n_requests;
    struct placeholder_step step;
    char gpu_name[PLACEHOLDER_NAME_MAX + 1];
} w;

static int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    static char name_base[] = "base", name_gpu[] = "gpu", linux_name[] = "linux", instance[] = "i1";
    w.cuda[0] = (struct capability){strdup("cuda"), strdup("12")};
    w.templates[0] = (struct config_template){.name = name_base};
    w.templates[1] = (struct config_template){.name = name_gpu, .capabilities = w.cuda, .n_capabilities = 1};
    w.pools[0] = (struct config_pool){.name = linux_name, .templates = w.templates, .n_templates = 2};
    w.config = (struct config){.instance = instance, .placeholders = true, .pools = w.pools, .n_pools = 1};
    w.mirror = mirror_new();
    w.now = mono_add_ms(MONO_ZERO, 1000000);
    w.core = placeholders_new(&w.config);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    placeholders_free(&w.core);
    mirror_free(&w.mirror);
    free(w.cuda[0].name);
    free(w.cuda[0].value);
    return 0;
}

/* ---- the world ---- */

static void later(int64_t ms)
{
    w.now = mono_add_ms(w.now, ms);
}

static void tell_requests(void)
{
    const struct msg_requests msg = {.pool_id = POOL_ID, .pool = "linux", .full = true, .set = ++w.set, .last = true, .began_ns = (uint64_t)w.now.ns,
                                     .reason = "", .delay_ms = 1000, .rows = w.requests, .n_rows = w.n_requests};
    assert_int_equal(mirror_requests(w.mirror, w.now, &msg, NULL), 0);
}

static void tell_agents(void)
{
    const struct msg_agents msg = {.pool_id = POOL_ID, .pool = "linux", .set = ++w.set, .last = true, .began_ns = (uint64_t)w.now.ns, .reason = "",
                                   .delay_ms = 15000, .rows = w.agents, .n_rows = w.n_agents};
    assert_int_equal(mirror_agents(w.mirror, w.now, &msg, NULL), 0);
}

/* A fresh picture of everything, one second on. */
static void look(void)
{
    later(1000);
    tell_requests();
    tell_agents();
}

static void list_agent(uint64_t id, const char *name, bool ours)
{
    w.agents[w.n_agents++] = (struct agent_row){.id = id, .name = name, .host = "", .instance = "", .enabled = true, .ours = ours, .placeholder = true};
}

static void queue(void)
{
    w.requests[w.n_requests++] = (struct request_row){.id = 90000 + w.n_requests, .queued_ms = 1, .agent = "", .definition = "", .run = "", .url = ""};
}

/* ---- steps ---- */

static void expect(enum placeholder_kind kind)
{
    bool any = placeholders_next(w.core, w.mirror, w.now, &w.step);
    assert_int_equal(any ? w.step.kind : PLACEHOLDER_NOTHING, kind);
    assert_true(any == placeholders_busy(w.core, w.mirror, w.now));
    if (any)
        assert_int_equal(w.step.pool_id, POOL_ID);
}

static void expect_for(enum placeholder_kind kind, const char *name)
{
    expect(kind);
    assert_int_equal(strncmp(w.step.name, name, strlen(name)), 0);
}

static void expect_nothing(void)
{
    assert_false(placeholders_busy(w.core, w.mirror, w.now));
    expect(PLACEHOLDER_NOTHING);
}

static void answer(enum err_code code)
{
    struct ado_result result = {.err = {.code = code}};
    if (code != ERR_NONE)
        err_set(&result.err, code, "told so");
    placeholders_answer(w.core, w.now, 1023, &result, NULL);
}

static void answer_found(struct ado_agent agent, const struct ado_capability *capabilities, size_t n)
{
    const struct ado_result result = {.err = {.code = ERR_NONE}};
    const struct ado_found found = {.agent = agent, .capabilities = capabilities, .n_capabilities = n};
    placeholders_answer(w.core, w.now, 1023, &result, &found);
}

static struct ado_agent ours(uint64_t id)
{
    return (struct ado_agent){.id = id, .name = "", .host_name = "", .instance = "i1", .version = "", .placeholder = true};
}

static const struct ado_capability as_wanted[] = {
    {"ADO_ORCHESTRATOR_INSTANCE", "i1"}, {"ado_orchestrator_placeholder", "1"}, {"Agent.Version", "99.999.9"}, {"Agent.OS", "Linux"},
    {"Agent.Name", "added by the server"}, {"CUDA", "12"}, {"old", ""},
};
enum { AS_BASE = 5, AS_GPU = 6, WITH_OLD = 7 };

static void expect_add(const char *name)
{
    expect_for(PLACEHOLDER_FIND, name);
    answer(ERR_NOT_FOUND);
    expect_for(PLACEHOLDER_ADD, name);
}

/* The one of the last step, from now on in the list. */
static void list_registered(void)
{
    snprintf(w.gpu_name, sizeof w.gpu_name, "%s", w.step.agent->name);
    list_agent(501, w.gpu_name, true);
}

static void register_both(void)
{
    look();
    expect_add(base);
    answer(ERR_NONE);
    expect_add(gpu);
    answer(ERR_NONE);
    list_registered();
    expect_nothing();
}

static const char *value_of(const struct ado_new_agent *agent, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < agent->n_capabilities; i++)
        if (strcmp(agent->capabilities[i].name, name) == 0) {
            assert_null(value);
            value = agent->capabilities[i].value;
        }
    return value;
}

static char *trouble(void)
{
    static char text[600];
    enum err_code code;
    char *t = placeholders_trouble(w.core, &code);
    snprintf(text, sizeof text, "%s", str_or_empty(t));
    assert_int_equal(t != NULL, code != ERR_NONE);
    free(t);
    return text;
}

/* ---- tests ---- */

static void test_one_for_each_template(void **state)
{
    (void)state;
    expect_nothing();             /* no picture yet */
    look();
    expect_add(base);
    assert_string_equal(w.step.agent->name, w.step.name);
    assert_string_equal(w.step.agent->version, "99.999.9");
    assert_int_equal(w.step.agent->n_capabilities, 4);
    assert_string_equal(value_of(w.step.agent, "Agent.OS"), "Linux");
    assert_string_equal(value_of(w.step.agent, "Agent.Version"), "99.999.9");
    assert_string_equal(value_of(w.step.agent, "ADO_ORCHESTRATOR_INSTANCE"), "i1");
    assert_string_equal(value_of(w.step.agent, "ADO_ORCHESTRATOR_PLACEHOLDER"), "1");
    assert_false(w.step.again);
    struct placeholder_step second;
    assert_false(placeholders_next(w.core, w.mirror, w.now, &second));   /* one at a time */
    assert_true(placeholders_busy(w.core, w.mirror, w.now));
    answer(ERR_NONE);
    expect_add(gpu);
    assert_string_equal(value_of(w.step.agent, "cuda"), "12");
    assert_int_equal(placeholders_kept(w.core), 1);
    answer(ERR_NONE);
    expect_nothing();
    assert_int_equal(placeholders_kept(w.core), 2);
}

static void test_what_the_template_declares_wins(void **state)
{
    (void)state;
    w.cuda[1] = (struct capability){strdup("agent.version"), strdup("3.0")};
    w.templates[1].n_capabilities = 2;
    w.config.job_os = OS_WINDOWS;
    placeholders_free(&w.core);
    w.core = placeholders_new(&w.config);
    look();
    expect_add(base);
    assert_string_equal(value_of(w.step.agent, "Agent.OS"), "Windows_NT");
    answer(ERR_NONE);
    expect_add(gpu);
    assert_string_equal(value_of(w.step.agent, "agent.version"), "3.0");
    assert_null(value_of(w.step.agent, "Agent.Version"));
    free(w.cuda[1].name);
    free(w.cuda[1].value);
}

static void test_deleted_by_hand(void **state)
{
    (void)state;
    register_both();
    look();                       /* base is not in the list */
    expect_for(PLACEHOLDER_ADD, base);
    assert_true(w.step.again);
    later(5);
    answer(ERR_NONE);
    expect_nothing();             /* the list is older than the answer */
    list_agent(502, "another", false);
    look();
    expect_for(PLACEHOLDER_ADD, base);
    answer(ERR_EXISTS);           /* it was there all the time */
    expect_for(PLACEHOLDER_FIND, base);
    answer_found(ours(502), as_wanted, AS_BASE);
    look();
    expect_nothing();             /* not again with each list */
    later(60000);
    look();
    expect_for(PLACEHOLDER_ADD, base);
}

static void test_there_already(void **state)
{
    (void)state;
    register_both();
    placeholders_free(&w.core);
    w.core = placeholders_new(&w.config);   /* a new process */
    look();
    expect_add(base);             /* another process was quicker */
    answer(ERR_CONFLICT);
    expect_for(PLACEHOLDER_FIND, base);
    answer_found(ours(500), as_wanted, AS_BASE);
    expect_for(PLACEHOLDER_FIND, gpu);
    answer_found(ours(501), as_wanted, AS_BASE);
    queue();
    look();
    expect_for(PLACEHOLDER_REPLACE, gpu);   /* a capability more: at once */
    assert_int_equal(w.step.agent_id, 501);
    answer(ERR_NONE);
    expect_nothing();
    assert_int_equal(placeholders_kept(w.core), 2);
}

static void test_nothing_is_taken_away_while_a_request_waits(void **state)
{
    (void)state;
    register_both();
    later(3600 * 1000);
    queue();
    w.agents[w.n_agents++] = (struct agent_row){.id = 7, .name = "i1-placeholder-linux-base-x", .host = "", .instance = "", .ours = true};
    look();
    expect_for(PLACEHOLDER_ADD, base);
    answer(ERR_NONE);
    expect_for(PLACEHOLDER_FIND, gpu);      /* looked at once an hour */
    answer_found(ours(501), as_wanted, WITH_OLD);
    expect_nothing();
    w.requests[0].received_ms = 5;          /* now it runs */
    look();
    expect_for(PLACEHOLDER_ADD, base);
    answer(ERR_NONE);
    expect_for(PLACEHOLDER_REPLACE, gpu);
    answer(ERR_NOT_FOUND);
    expect_for(PLACEHOLDER_ADD, gpu);       /* deleted meanwhile */
}

static void test_a_name_that_is_taken(void **state)
{
    (void)state;
    look();
    expect_for(PLACEHOLDER_FIND, base);
    struct ado_agent stranger = ours(9);
    stranger.instance = "i2";
    answer_found(stranger, as_wanted, AS_BASE);
    assert_non_null(strstr(trouble(), "is not ours"));
    expect_add(gpu);
    answer(ERR_NONE);
    list_registered();
    expect_nothing();
    later(5 * 60 * 1000);
    look();
    expect_add(base);
    answer(ERR_NONE);
    assert_string_equal(trouble(), "");
}

static void test_denied(void **state)
{
    (void)state;
    static const enum err_code codes[] = {ERR_DENIED, ERR_AUTH};
    static const int minutes[] = {5, 10, 20, 40, 60, 60};
    for (size_t c = 0; c < 2; c++) {
        placeholders_free(&w.core);
        w.core = placeholders_new(&w.config);
        for (size_t i = 0; i < ARRAY_SIZE(minutes); i++) {
            look();
            if (i == 0)
                expect_add(base);
            else
                expect_for(PLACEHOLDER_ADD, base);
            answer(codes[c]);
            assert_non_null(strstr(trouble(), "pool \"linux\": told so"));
            assert_non_null(strstr(trouble(), "PLACEHOLDERS=0"));
            later(minutes[i] * 60 * 1000 - 2000);
            look();
            expect_nothing();     /* neither this one nor another of the pool */
            later(1000);
        }
        look();
        expect(PLACEHOLDER_ADD);
        answer(ERR_NONE);
        assert_string_equal(trouble(), "");
        expect_add(gpu);
        answer(ERR_NONE);
    }
}

static void test_unavailable(void **state)
{
    (void)state;
    look();
    expect_add(base);
    answer(ERR_UNAVAILABLE);
    assert_non_null(strstr(trouble(), "told so"));
    assert_null(strstr(trouble(), "PLACEHOLDERS"));
    expect_nothing();
    later(2000);
    look();
    expect(PLACEHOLDER_ADD);
    const struct ado_result throttled = {.err = {.code = ERR_THROTTLED}, .wait_ms = 600 * 1000};
    placeholders_answer(w.core, w.now, 0, &throttled, NULL);
    later(590 * 1000);
    look();
    expect_nothing();
    later(9 * 1000);
    look();
    expect(PLACEHOLDER_ADD);
}

/* The name is taken, and yet nobody has it. */
static void test_contradictions_do_not_spin(void **state)
{
    (void)state;
    look();
    expect_add(base);
    answer(ERR_EXISTS);
    expect_for(PLACEHOLDER_FIND, base);
    answer(ERR_NOT_FOUND);
    expect_add(gpu);
    answer(ERR_NONE);
    list_registered();
    look();
    expect_nothing();
    later(60 * 1000);
    look();
    expect_for(PLACEHOLDER_ADD, base);
}

static void test_stale_pictures_decide_nothing(void **state)
{
    (void)state;
    look();
    later(60 * 1000);
    expect_nothing();
}

static void test_without_a_template(void **state)
{
    (void)state;
    w.config.placeholders = false;
    placeholders_free(&w.core);
    w.core = placeholders_new(&w.config);
    list_agent(31, "i1-placeholder-linux-a-1", true);
    list_agent(30, "i1-placeholder-linux-b-1", true);
    list_agent(29, "i2-placeholder-linux-c-1", false);
    w.agents[w.n_agents++] = (struct agent_row){.id = 28, .name = "agent-job-linux-1", .host = "", .instance = "", .ours = true};
    queue();
    look();
    expect_nothing();             /* a request waits */
    w.n_requests = 0;
    look();
    expect_for(PLACEHOLDER_FIND, "i1-placeholder-linux-b-1");
    answer_found(ours(30), as_wanted, AS_GPU);
    expect_for(PLACEHOLDER_DELETE, "i1-placeholder-linux-b-1");
    assert_int_equal(w.step.agent_id, 30);
    answer(ERR_NONE);
    expect_for(PLACEHOLDER_FIND, "i1-placeholder-linux-a-1");
    answer_found(ours(31), as_wanted, AS_GPU);
    queue();
    tell_requests();
    expect_nothing();             /* one was queued at this moment */
    w.n_requests = 0;
    tell_requests();
    expect_for(PLACEHOLDER_DELETE, "i1-placeholder-linux-a-1");
    answer(ERR_UNAVAILABLE);
    later(3000);
    w.n_agents = 1;
    look();
    expect_for(PLACEHOLDER_FIND, "i1-placeholder-linux-a-1");
    answer(ERR_NOT_FOUND);
    expect_nothing();             /* once in each picture */
}

static void test_what_is_no_placeholder_after_all_stays(void **state)
{
    (void)state;
    static const struct ado_agent others[] = {
        {.id = 30, .instance = "i1"}, {.id = 30, .instance = "i2", .placeholder = true}, {.id = 30, .instance = "i1", .placeholder = true, .online = true},
        {.id = 30, .instance = "i1", .placeholder = true, .assigned_request = 5}, {.id = 31, .instance = "i1", .placeholder = true},
    };
    w.config.placeholders = false;
    placeholders_free(&w.core);
    w.core = placeholders_new(&w.config);
    list_agent(30, "i1-placeholder-linux-b-1", true);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        look();
        expect(PLACEHOLDER_FIND);
        answer_found(others[i], as_wanted, AS_GPU);
        expect_nothing();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_for_each_template, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_the_template_declares_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deleted_by_hand, setup, teardown),
        cmocka_unit_test_setup_teardown(test_there_already, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_taken_away_while_a_request_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_name_that_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unavailable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_contradictions_do_not_spin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_pictures_decide_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_a_template, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_placeholder_after_all_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
