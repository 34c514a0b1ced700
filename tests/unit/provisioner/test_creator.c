/* The creator between a real ledger and a backend whose answers the test gives. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tests/support/world.h"

#include "common/json.h"
#include "common/log.h"
#include "provisioner/creator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { CALLS = 256 };

struct call { char name[64], demands[256]; uint64_t request; backend_done_fn *on_done; void *data; bool answered; };

struct fake {
    struct backend base;
    struct call calls[CALLS];
    size_t n, under_way, most;
};

static struct world w;
static struct fake fake;
static struct loop *loop;
static struct templates *templates;
static struct creator *creator;
static size_t changes, losses;
static struct mono covered_until;

static void fake_create(struct backend *self, struct template *t, const struct jobspec_unit *unit, backend_done_fn *on_done, void *data)
{
    struct fake *f = (struct fake *)self;
    struct call *c = &f->calls[f->n++];
    const json_t *body = jobspec_body(t->spec, unit);
    const char *demands = json_string_value(json_object_get(json_at(body, "metadata.annotations"), ANNOTATION_DEMANDS));
    *c = (struct call){.request = unit->request_id, .on_done = on_done, .data = data};
    snprintf(c->name, sizeof c->name, "%s", unit->name);
    snprintf(c->demands, sizeof c->demands, "%s", str_or_empty(demands));
    f->under_way++;
    f->most = f->under_way > f->most ? f->under_way : f->most;
}

static void answer(size_t i, enum ledger_outcome result, const char *code, bool lost)
{
    struct backend_result told = {.outcome = {.result = result, .code = code, .namespace_lost = lost}, .uid = result == LEDGER_OK ? "uid" : "", .message = code};
    assert_false(fake.calls[i].answered);
    fake.calls[i].answered = true;
    fake.under_way--;
    fake.calls[i].on_done(fake.calls[i].data, &told);
}

static void on_change(void *data)
{
    (void)data;
    changes++;
}

static void on_lost(void *data)
{
    (void)data;
    losses++;
    creator_allow(creator, false);
}

static struct mono may_send_until(void *data)
{
    (void)data;
    return covered_until;
}

static int begin(void **state)
{
    (void)state;
    struct err err = {0};
    struct jobfile_rules rules = {.ns = "ado"};
    static char image[] = "img";
    world_open(&w);
    w.templates[0].job_image = image;
    w.demands[0] = "docker";
    world_start(&w);
    log_open("test", LOG_ERROR, LOG_LOGFMT);
    fake = (struct fake){.base = {.create = fake_create}};
    loop = loop_new();
    w.now = loop_now(loop);
    templates = templates_load(&w.config, &rules, &err);
    assert_non_null(templates);
    struct creator_options options = {.loop = loop, .backend = &fake.base, .ledger = w.ledger, .mirror = w.mirror, .templates = templates,
                                      .on_change = on_change, .on_namespace_lost = on_lost, .may_send_until = may_send_until};
    covered_until = MONO_NEVER;
    creator = creator_new(&options);
    creator_allow(creator, true);
    changes = losses = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    creator_free(&creator);
    templates_free(&templates);
    loop_free(&loop);
    world_close(&w);
    return 0;
}

static void queue(size_t n)
{
    for (size_t i = 0; i < n; i++)
        world_queue(&w, i == 0 ? 0 : -1);
    world_poll(&w);
    world_agents(&w);
}

static void pass(void)
{
    world_pass(&w);
    for (size_t i = 0; i < w.actions.n; i++)
        creator_add(creator, &w.actions.list[i]);
}

static const char *code_of(uint64_t request)
{
    struct ledger_view view = {.code = "?"};
    assert_true(ledger_request_view(w.ledger, WORLD_POOL_ID, request, &view));
    return view.code;
}

static void sent_in_order_a_limited_number_at_once(void **state)
{
    (void)state;
    queue(200);
    pass();
    assert_int_equal(fake.n, CREATOR_IN_FLIGHT);
    assert_int_equal(creator_pending(creator), 200);
    for (size_t i = 0; i < fake.n; i++)
        answer(i, LEDGER_OK, "", false);
    assert_int_equal(fake.n, 200);
    assert_int_equal(fake.most, CREATOR_IN_FLIGHT);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(fake.calls[i].request, 100 + i);
    assert_string_equal(fake.calls[0].demands, "[\"docker\"]");
    assert_string_equal(fake.calls[1].demands, "[]");
    assert_int_equal(creator_created(creator), 200);
    assert_int_equal(creator_pending(creator), 0);
    assert_int_equal(changes, 200);
    assert_int_equal(ledger_creating(w.ledger), 0);
}

static void a_refusal_calls_back_what_waits_behind_it(void **state)
{
    (void)state;
    queue(200);
    pass();
    answer(0, LEDGER_OK, "", false);
    size_t sent = fake.n;
    answer(1, LEDGER_REFUSED_QUOTA, "quota", false);
    assert_int_equal(fake.n, sent);
    assert_int_equal(creator_pending(creator), CREATOR_IN_FLIGHT - 1);
    world_poll(&w);
    pass();
    assert_int_equal(fake.n, sent);
    assert_string_equal(code_of(101), "quota");
    assert_string_equal(code_of(299), "quota");
    assert_string_equal(code_of(100), "");
}

static void not_allowed_means_nothing_is_sent(void **state)
{
    (void)state;
    creator_allow(creator, false);
    queue(3);
    pass();
    assert_int_equal(fake.n, 0);
    creator_allow(creator, false);
    assert_int_equal(creator_pending(creator), 0);
    creator_allow(creator, true);
    world_advance(&w, 60000);
    world_poll(&w);
    pass();
    assert_int_equal(fake.n, 3);
}

/* The lease is looked at before each create, not only when it was decided. */
static void a_lost_lease_stops_what_is_not_sent(void **state)
{
    (void)state;
    queue(100);
    covered_until = mono_add_ms(loop_now(loop), 60000);
    pass();
    assert_int_equal(fake.n, CREATOR_IN_FLIGHT);
    assert_true(fake.base.send_by.ns == covered_until.ns);
    covered_until = loop_now(loop);
    answer(0, LEDGER_OK, "", false);
    assert_int_equal(fake.n, CREATOR_IN_FLIGHT);
    assert_int_equal(creator_pending(creator), CREATOR_IN_FLIGHT - 1);
    for (size_t i = 1; i < CREATOR_IN_FLIGHT; i++)
        answer(i, LEDGER_OK, "", false);
    covered_until = MONO_NEVER;
    w.now = mono_add_ms(w.now, 3000);
    pass();
    assert_int_equal(fake.n, 100);                 /* ours again: each once */
    for (size_t i = CREATOR_IN_FLIGHT; i < 100; i++)
        assert_int_equal(fake.calls[i].request, 100 + i);
}

static void a_lost_namespace_is_told(void **state)
{
    (void)state;
    queue(100);
    pass();
    answer(0, LEDGER_REFUSED, "namespace", true);
    assert_int_equal(losses, 1);
    assert_int_equal(fake.n, CREATOR_IN_FLIGHT);
    world_poll(&w);
    pass();
    assert_string_equal(code_of(100), "namespace");
}

static void nothing_is_made_for_a_request_that_left(void **state)
{
    (void)state;
    queue(66);
    pass();
    w.jobs[64].state = JOB_CANCELLED;
    world_poll(&w);
    answer(0, LEDGER_OK, "", false);
    assert_int_equal(fake.n, CREATOR_IN_FLIGHT + 1);
    assert_int_equal(fake.calls[CREATOR_IN_FLIGHT].request, 165);
    assert_int_equal(creator_pending(creator), CREATOR_IN_FLIGHT);
}

static void an_unknown_outcome_is_tried_under_the_same_name(void **state)
{
    (void)state;
    queue(1);
    pass();
    answer(0, LEDGER_RETRY, "unreachable", false);
    world_advance(&w, 60000);
    world_poll(&w);
    pass();
    assert_int_equal(fake.n, 2);
    assert_string_equal(fake.calls[1].name, fake.calls[0].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sent_in_order_a_limited_number_at_once, begin, end),
        cmocka_unit_test_setup_teardown(a_refusal_calls_back_what_waits_behind_it, begin, end),
        cmocka_unit_test_setup_teardown(not_allowed_means_nothing_is_sent, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_lease_stops_what_is_not_sent, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_namespace_is_told, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_made_for_a_request_that_left, begin, end),
        cmocka_unit_test_setup_teardown(an_unknown_outcome_is_tried_under_the_same_name, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
