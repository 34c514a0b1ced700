#include "watcher/rows.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct watch_scratch scratch;

static struct ado_request sample(void)
{
    static const char *const demands[] = {"kubectl", "team -equals x"};
    return (struct ado_request){
        .id = 90211, .queued_ms = 1, .assigned_ms = 2, .received_ms = 3, .agent_id = 501, .agent_name = "a-1", .agent_online = true, .priority = -4,
        .demands = demands, .n_demands = 2, .definition = "payments", .run = "2026.1", .url = "https://x", .result = "",
    };
}

static void test_round_trip(void **state)
{
    (void)state;
    struct ado_request in = sample();
    struct watch_request *kept = watch_request_copy(watch_request_pack(&scratch, &in));
    struct request_row row;
    const char *demands[2];
    watch_request_row(kept, &row, demands);
    assert_true(row.id == 90211 && row.queued_ms == 1 && row.assigned_ms == 2 && row.received_ms == 3 && row.agent_id == 501);
    assert_true(row.agent_online);
    assert_int_equal(row.priority, -4);
    assert_string_equal(row.agent, "a-1");
    assert_string_equal(row.definition, "payments");
    assert_string_equal(row.run, "2026.1");
    assert_string_equal(row.url, "https://x");
    assert_int_equal(row.n_demands, 2);
    assert_string_equal(row.demands[0], "kubectl");
    assert_string_equal(row.demands[1], "team -equals x");
    free(kept);
}

static void change_nothing(struct ado_request *r) { r->finished_ms = 0; }
static void change_agent(struct ado_request *r) { r->agent_name = "a-2"; }
static void change_online(struct ado_request *r) { r->agent_online = false; }
static void change_received(struct ado_request *r) { r->received_ms = 0; }
static void change_demands(struct ado_request *r) { r->n_demands = 1; }
static void change_border(struct ado_request *r) { r->definition = "payment"; r->run = "s2026.1"; }
static void change_priority(struct ado_request *r) { r->priority = 0; }

static void test_same(void **state)
{
    (void)state;
    static const struct { void (*change)(struct ado_request *); bool same; } cases[] = {
        {change_nothing, true}, {change_agent, false}, {change_online, false}, {change_received, false}, {change_demands, false},
        {change_border, false}, {change_priority, false},
    };
    struct ado_request first = sample();
    struct watch_request *kept = watch_request_copy(watch_request_pack(&scratch, &first));
    kept->missing = 3;
    kept->dirty = true;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct ado_request second = sample();
        cases[i].change(&second);
        assert_int_equal(watch_request_same(kept, watch_request_pack(&scratch, &second)), cases[i].same);
    }
    free(kept);
}

static void test_too_long(void **state)
{
    (void)state;
    char longer[3000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    memcpy(longer + 254, "\xe2\x82\xac", 3);      /* a character of three bytes over the limit of names */
    struct ado_request in = sample();
    const char *demands[200];
    for (size_t i = 0; i < ARRAY_SIZE(demands); i++)
        demands[i] = i ? "d" : longer;
    in.definition = in.url = longer;
    in.demands = demands;
    in.n_demands = ARRAY_SIZE(demands);
    struct watch_request *kept = watch_request_copy(watch_request_pack(&scratch, &in));
    struct request_row row;
    const char *out[DEMANDS_MAX];
    watch_request_row(kept, &row, out);
    assert_int_equal(strlen(row.definition), 254);
    assert_int_equal(strlen(row.url), 1024);
    assert_int_equal(strlen(row.demands[0]), 1024);
    assert_int_equal(row.n_demands, DEMANDS_MAX);
    assert_string_equal(row.demands[DEMANDS_MAX - 2], "d");
    assert_string_equal(row.demands[DEMANDS_MAX - 1], "too-many-demands -refused");
    free(kept);
}

static void test_agent(void **state)
{
    (void)state;
    const struct ado_agent in = {
        .id = 5, .name = "n", .host_name = "h", .instance = "i1", .online = true, .enabled = false, .assigned_request = 7, .last_request = 6, .placeholder = true,
    };
    struct watch_agent *kept = watch_agent_new(&in);
    struct agent_row row;
    watch_agent_row(kept, "i1", &row);
    assert_true(row.id == 5 && row.online && !row.enabled && row.assigned == 7 && row.last == 6 && row.ours && row.placeholder);
    assert_string_equal(row.name, "n");
    assert_string_equal(row.host, "h");
    assert_string_equal(row.instance, "");
    watch_agent_row(kept, "i2", &row);
    assert_false(row.ours);
    assert_string_equal(row.instance, "i1");
    free(kept);
    const struct ado_agent foreign = {.id = 6, .name = "n", .host_name = "", .instance = ""};
    kept = watch_agent_new(&foreign);
    watch_agent_row(kept, "", &row);
    assert_false(row.ours || row.placeholder);
    free(kept);
}

static int teardown(void **state)
{
    (void)state;
    free(scratch.block);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_same), cmocka_unit_test(test_too_long), cmocka_unit_test(test_agent),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
