#include "protocol/mirror.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct mono at(int64_t s)
{
    return (struct mono){(1000 + s) * 1000000000ll};
}

static struct request_row row(uint64_t id)
{
    return (struct request_row){.id = id, .queued_ms = 5, .agent = "", .definition = "build", .run = "", .url = ""};
}

static struct msg_requests set(uint64_t number, bool full, bool last, const struct request_row *rows, size_t n)
{
    return (struct msg_requests){.pool_id = 7, .pool = "linux", .full = full, .set = number, .last = last, .began_ns = 999000000000, .reason = "",
                                 .delay_ms = 1000, .rows = rows, .n_rows = n};
}

static int tell(struct mirror *m, struct mono now, struct msg_requests msg)
{
    struct err err = {.text = ""};
    return mirror_requests(m, now, &msg, &err);
}

static const struct mirror_request *request(const struct mirror_pool *pool, uint64_t id)
{
    return map_get_u64(pool->requests, id);
}

static struct mirror *with_rows(uint64_t first, size_t n)
{
    struct mirror *m = mirror_new();
    struct request_row *rows = xcalloc(n, sizeof *rows);
    for (size_t i = 0; i < n; i++)
        rows[i] = row(first + i);
    assert_int_equal(tell(m, at(0), set(1, true, true, rows, n)), 0);
    free(rows);
    return m;
}

static void parts_apply_at_the_last(void **state)
{
    (void)state;
    struct mirror *m = mirror_new();
    struct request_row a = row(1), b = row(2);
    assert_int_equal(tell(m, at(0), set(4, true, false, &a, 1)), 0);
    struct mirror_pool *pool = mirror_find(m, "linux");
    assert_int_equal(map_count(pool->requests), 0);
    assert_false(pool->have_requests);
    assert_false(mirror_requests_fresh(pool, at(0)));
    assert_int_equal(tell(m, at(1), set(4, true, true, &b, 1)), 0);
    assert_int_equal(map_count(pool->requests), 2);
    assert_true(mirror_requests_fresh(pool, at(1)));
    assert_int_equal(pool->began.ns, 999000000000);
    assert_int_equal(pool->heard.ns, at(1).ns);
    assert_ptr_equal(mirror_find_id(m, 7), pool);
    assert_null(mirror_find(m, "Linux"));
    mirror_free(&m);
}

static void a_full_set_replaces(void **state)
{
    (void)state;
    struct mirror *m = with_rows(1, 3);
    struct request_row rows[] = {row(2), row(9), row(9)};
    rows[0].agent = "unit-2";
    rows[0].received_ms = 77;
    rows[2].definition = "later";
    assert_int_equal(tell(m, at(5), set(2, true, true, rows, 3)), 0);
    struct mirror_pool *pool = mirror_pool_at(m, 0);
    assert_int_equal(map_count(pool->requests), 2);
    assert_int_equal(request(pool, 2)->first_seen.ns, at(0).ns);
    assert_string_equal(request(pool, 2)->agent, "unit-2");
    assert_int_equal(request(pool, 9)->first_seen.ns, at(5).ns);
    assert_string_equal(request(pool, 9)->definition, "later");
    assert_int_equal(pool->done, 2);
    assert_int_equal(pool->n_gone, 2);
    assert_string_equal(mirror_gone_find(pool, 1)->result, "");
    assert_int_equal(mirror_gone_find(pool, 3)->seen.ns, at(5).ns);
    assert_null(mirror_gone_find(pool, 2));
    mirror_free(&m);
}

static void deltas(void **state)
{
    (void)state;
    struct mirror *m = with_rows(1, 3);
    struct mirror_pool *pool = mirror_pool_at(m, 0);
    struct request_row up = row(2);
    up.agent = "unit-2";
    up.received_ms = 50;
    assert_int_equal(tell(m, at(2), set(2, false, true, &up, 1)), 0);
    assert_int_equal(map_count(pool->requests), 3);
    assert_int_equal(request(pool, 2)->first_seen.ns, at(0).ns);

    struct gone_row gone[] = {{.id = 2, .result = "", .agent = ""}, {.id = 40, .result = "canceled", .agent = ""}};
    struct msg_requests msg = set(3, false, true, NULL, 0);
    msg.gone = gone;
    msg.n_gone = 2;
    assert_int_equal(tell(m, at(3), msg), 0);
    assert_null(request(pool, 2));
    assert_int_equal(pool->done, 1);
    const struct mirror_gone *two = mirror_gone_find(pool, 2);
    assert_string_equal(two->agent, "unit-2");
    assert_int_equal(two->received_ms, 50);
    assert_string_equal(mirror_gone_find(pool, 40)->result, "canceled");

    gone[0].result = "succeeded";
    msg.set = 4;
    assert_int_equal(tell(m, at(4), msg), 0);
    assert_string_equal(mirror_gone_find(pool, 2)->result, "succeeded");
    assert_string_equal(mirror_gone_find(pool, 2)->agent, "unit-2");
    assert_int_equal(mirror_gone_find(pool, 2)->seen.ns, at(3).ns);
    assert_int_equal(pool->done, 1);
    assert_int_equal(pool->n_gone, 2);
    mirror_free(&m);
}

static void what_makes_no_sense(void **state)
{
    (void)state;
    struct request_row a = row(1);
    struct msg_requests stale_with_rows = set(3, false, true, &a, 1), nameless = set(3, true, true, &a, 1), far = set(3, true, true, &a, 1);
    stale_with_rows.stale = true;
    nameless.pool = "";
    far.pool_id = 1ull << 40;
    const struct { const char *what; struct msg_requests first, second; } cases[] = {
        {"a delta first", set(1, false, true, &a, 1), {.pool = NULL}},
        {"an old set", set(5, true, true, &a, 1), set(4, false, true, &a, 1)},
        {"the same set again", set(5, true, true, &a, 1), set(5, true, true, &a, 1)},
        {"a set inside another", set(5, true, false, &a, 1), set(6, true, true, &a, 1)},
        {"half full, half delta", set(5, true, false, &a, 1), set(5, false, true, &a, 1)},
        {"rows in a stale message", set(2, true, true, &a, 1), stale_with_rows},
        {"no name", set(2, true, true, &a, 1), nameless},
        {"an id of 2^40", set(2, true, true, &a, 1), far},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct mirror *m = mirror_new();
        int first = tell(m, at(0), cases[i].first);
        if (!cases[i].second.pool ? first != -1 : first || tell(m, at(1), cases[i].second) != -1)
            fail_msg("%s was accepted", cases[i].what);
        mirror_free(&m);
    }
}

static void the_watcher_restarts(void **state)
{
    (void)state;
    struct mirror *m = with_rows(1, 3);
    struct mirror_pool *pool = mirror_pool_at(m, 0);
    struct request_row half = row(50), rows[] = {row(2), row(60)};
    assert_int_equal(tell(m, at(1), set(9, false, false, &half, 1)), 0);
    mirror_disconnected(m, at(2));
    assert_int_equal(map_count(pool->requests), 3);
    assert_true(mirror_requests_fresh(pool, at(3)));                          /* the picture ages, it does not vanish */
    assert_int_equal(tell(m, at(4), set(2, false, true, &half, 1)), -1);      /* no delta on the old connection's picture */
    mirror_disconnected(m, at(4));
    assert_int_equal(tell(m, at(5), set(1, true, true, rows, 2)), 0);         /* numbers begin anew */
    assert_int_equal(map_count(pool->requests), 2);
    assert_null(request(pool, 50));
    assert_int_equal(pool->done, 2);
    mirror_free(&m);
}

static void staleness(void **state)
{
    (void)state;
    struct mirror *m = with_rows(1, 1);
    struct mirror_pool *pool = mirror_pool_at(m, 0);
    assert_int_equal(mirror_stale_at(pool).ns, at(30).ns);
    assert_true(mirror_requests_fresh(pool, at(29)));
    assert_false(mirror_requests_fresh(pool, at(30)));

    struct msg_requests msg = set(2, false, true, NULL, 0);
    msg.delay_ms = 20000;
    msg.began_ns = UINT64_MAX;
    assert_int_equal(tell(m, at(31), msg), 0);
    assert_true(mirror_requests_fresh(pool, at(90)));
    assert_false(mirror_requests_fresh(pool, at(91)));
    assert_int_equal(pool->began.ns, at(31).ns);                              /* nothing begins in the future */

    msg = set(3, false, true, NULL, 0);
    msg.stale = true;
    msg.reason = "401";
    assert_int_equal(tell(m, at(32), msg), 0);
    assert_false(mirror_requests_fresh(pool, at(32)));
    assert_string_equal(pool->stale_reason, "401");
    assert_int_equal(map_count(pool->requests), 1);                           /* never an empty queue */
    assert_int_equal(pool->began.ns, at(31).ns);

    assert_int_equal(tell(m, at(33), set(4, false, true, NULL, 0)), 0);
    assert_true(mirror_requests_fresh(pool, at(33)));
    assert_string_equal(pool->stale_reason, "");
    mirror_free(&m);
}

static void stale_from_the_start(void **state)
{
    (void)state;
    struct mirror *m = mirror_new();
    struct msg_requests msg = set(1, false, true, NULL, 0);
    msg.pool_id = 0;
    msg.stale = true;
    msg.reason = "no such pool";
    assert_int_equal(tell(m, at(0), msg), 0);
    struct mirror_pool *pool = mirror_find(m, "linux");
    assert_false(pool->have_requests);
    assert_int_equal(mirror_stale_at(pool).ns, MONO_NEVER.ns);
    assert_string_equal(pool->stale_reason, "no such pool");
    struct request_row a = row(1);
    assert_int_equal(tell(m, at(1), set(2, true, true, &a, 1)), 0);
    assert_int_equal(pool->id, 7);
    assert_true(mirror_requests_fresh(pool, at(1)));
    mirror_free(&m);
}

/* After a 404 the name is found under another id: the old picture is another pool's. */
static void a_pool_is_made_anew(void **state)
{
    (void)state;
    struct mirror *m = with_rows(1, 2);
    struct request_row a = row(1);
    struct msg_requests msg = set(2, false, true, &a, 1);
    msg.pool_id = 8;
    assert_int_equal(tell(m, at(1), msg), -1);
    msg.set = 3;
    msg.full = true;
    assert_int_equal(tell(m, at(1), msg), 0);
    assert_int_equal(mirror_count(m), 1);
    assert_int_equal(mirror_pool_at(m, 0)->id, 8);
    mirror_free(&m);
}

static void gone_is_bounded(void **state)
{
    (void)state;
    struct mirror *m = with_rows(1, 1);
    struct mirror_pool *pool = mirror_pool_at(m, 0);
    struct gone_row *gone = xcalloc(15000, sizeof *gone);
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 15000; i++)
            gone[i] = (struct gone_row){.id = 100 + round * 15000 + i, .result = "succeeded", .agent = "a"};
        struct msg_requests msg = set(2 + round, false, true, NULL, 0);
        msg.gone = gone;
        msg.n_gone = 15000;
        assert_int_equal(tell(m, at(1 + (int64_t)round), msg), 0);
    }
    assert_in_range(pool->n_gone, 18000, 20000);
    assert_null(mirror_gone_find(pool, 100));
    assert_int_equal(mirror_gone_find(pool, 100 + 44999)->id, 100 + 44999);
    assert_int_equal(pool->gone[pool->n_gone - 1].id, 100 + 44999);
    assert_int_equal(tell(m, at(3 + 899), set(9, false, true, NULL, 0)), 0);
    assert_int_equal(pool->n_gone, 15000);                                    /* 15 minutes: the last round is one second younger */
    assert_int_equal(tell(m, at(3 + 900), set(10, false, true, NULL, 0)), 0);
    assert_int_equal(pool->n_gone, 0);
    assert_null(mirror_gone_find(pool, 100 + 44999));
    free(gone);
    mirror_free(&m);
}

static void demands_are_shared(void **state)
{
    (void)state;
    const char *ab[] = {"a", "b"}, *joined[] = {"a1:b"};
    struct request_row rows[] = {row(1), row(2), row(3), row(4)};
    rows[0].demands = rows[1].demands = ab;
    rows[0].n_demands = rows[1].n_demands = 2;
    rows[2].demands = joined;
    rows[2].n_demands = 1;
    struct mirror *m = mirror_new();
    assert_int_equal(tell(m, at(0), set(1, true, true, rows, 4)), 0);
    struct mirror_pool *pool = mirror_pool_at(m, 0);
    assert_ptr_equal(request(pool, 1)->demands, request(pool, 2)->demands);
    assert_string_equal(request(pool, 1)->demands[1], "b");
    assert_string_equal(request(pool, 3)->demands[0], "a1:b");
    assert_int_equal(request(pool, 4)->n_demands, 0);
    assert_int_equal(tell(m, at(1), set(2, true, true, rows + 1, 1)), 0);     /* one of the two sharers leaves */
    assert_string_equal(request(pool, 2)->demands[0], "a");
    mirror_free(&m);
}

/* ---- agents ---- */

static struct agent_row agent(uint64_t id, const char *name, const char *host, bool online)
{
    return (struct agent_row){.id = id, .name = name, .host = host, .online = online, .enabled = true, .instance = ""};
}

static int tell_agents(struct mirror *m, struct mono now, uint64_t number, bool last, const struct agent_row *rows, size_t n)
{
    struct err err;
    struct msg_agents msg = {.pool_id = 7, .pool = "linux", .set = number, .last = last, .began_ns = 5, .reason = "", .delay_ms = 15000, .rows = rows, .n_rows = n};
    return mirror_agents(m, now, &msg, &err);
}

static void agents(void **state)
{
    (void)state;
    struct mirror *m = mirror_new();
    struct agent_row first[] = {agent(1, "zeta", "", false), agent(2, "Alpha", "POD-A", true)}, second[] = {agent(3, "mid", "pod-a", false)};
    second[0].placeholder = true;
    assert_int_equal(tell_agents(m, at(0), 1, false, first, 2), 0);
    struct mirror_pool *pool = mirror_pool_at(m, 0);
    assert_false(pool->have_agents);
    assert_null(mirror_agent_by_name(pool, "zeta"));
    assert_int_equal(tell_agents(m, at(1), 1, true, second, 1), 0);
    assert_int_equal(pool->n_agents, 3);
    assert_int_equal(mirror_agent_by_name(pool, "alpha")->id, 2);
    assert_int_equal(mirror_agent_by_host(pool, "pod-a")->id, 2);             /* online before offline */
    assert_null(mirror_agent_by_host(pool, ""));
    assert_null(mirror_agent_by_name(pool, "zet"));
    assert_true(mirror_agent_by_name(pool, "mid")->placeholder && !mirror_agent_by_name(pool, "zeta")->placeholder);
    assert_int_equal(mirror_agent_by_name(pool, "zeta")->offline_since.ns, at(1).ns);
    assert_int_equal(mirror_agent_by_name(pool, "Alpha")->offline_since.ns, MONO_NEVER.ns);
    assert_true(mirror_agents_fresh(pool, at(45)));
    assert_false(mirror_agents_fresh(pool, at(46)));
    assert_int_equal(mirror_agents_stale_at(pool).ns, at(46).ns);

    struct agent_row third[] = {agent(1, "zeta", "", false), agent(9, "mid", "", false)};
    assert_int_equal(tell_agents(m, at(20), 2, true, third, 2), 0);
    assert_int_equal(pool->n_agents, 2);
    assert_int_equal(mirror_agent_by_name(pool, "zeta")->offline_since.ns, at(1).ns);
    assert_int_equal(mirror_agent_by_name(pool, "mid")->offline_since.ns, at(20).ns);   /* another agent of that name */
    assert_null(mirror_agent_by_name(pool, "Alpha"));
    assert_null(mirror_agent_by_host(pool, "pod-a"));
    assert_int_equal(tell_agents(m, at(21), 3, true, NULL, 0), 0);
    assert_int_equal(pool->n_agents, 0);
    mirror_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_apply_at_the_last), cmocka_unit_test(a_full_set_replaces), cmocka_unit_test(deltas),
        cmocka_unit_test(what_makes_no_sense), cmocka_unit_test(the_watcher_restarts), cmocka_unit_test(staleness),
        cmocka_unit_test(stale_from_the_start), cmocka_unit_test(a_pool_is_made_anew), cmocka_unit_test(gone_is_bounded),
        cmocka_unit_test(demands_are_shared), cmocka_unit_test(agents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
