/* Orders of events that system tests have caught: pictures of requests, agents and the cluster that do not come in step. */
#include "tests/support/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct world w;

static int open_world(void **state)
{
    (void)state;
    world_open(&w);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static void begin(void)
{
    world_start(&w);
    world_poll(&w);
    world_agents(&w);
}

static void tell_last_request(int unit, uint64_t request)
{
    struct agent_row row = {.id = 1, .name = w.list[unit].name, .host = "", .instance = "", .online = true, .enabled = true, .ours = true, .last = request};
    struct msg_agents m = {.pool_id = WORLD_POOL_ID, .pool = "linux", .set = ++w.set, .last = true, .began_ns = (uint64_t)w.now.ns, .delay_ms = 15000,
                           .reason = "", .rows = &row, .n_rows = 1};
    struct err err;
    assert_int_equal(mirror_agents(w.mirror, w.now, &m, &err), 0);
}

/* The list of agents is newer than the list of requests: it shows the request as its agent's last one. */
static void a_request_that_an_agent_has_completed_does_not_wait(void **state)
{
    (void)state;
    struct world_job *j = world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass_ok(&w), 1);
    world_set(&w, 0, PLACE_ONLINE);
    world_poll(&w);
    world_take(&w, 0, j);
    tell_last_request(0, j->id);
    assert_int_equal(world_pass(&w), 0);
    world_finish(&w, j, 0);
    assert_int_equal(world_pass(&w), 0);
    world_advance(&w, 1000);
    world_poll(&w);
    assert_int_equal(world_pass(&w), 0);
}

/* What the creator does: an order is sent only while its own request is in the picture. */
static uint64_t answer_creates(void)
{
    uint64_t sent = 0;
    for (size_t i = 0; i < w.actions.n; i++) {
        struct ledger_action a = w.actions.list[i];
        const struct mirror_pool *pool = mirror_find_id(w.mirror, WORLD_POOL_ID);
        if (map_get_u64(pool->requests, a.request_id)) {
            sent = a.request_id;
            ledger_created(w.ledger, w.now, 1, a.name, "u", LEDGER_OK, "", "");
        } else
            ledger_created(w.ledger, w.now, 1, a.name, "", LEDGER_RETRY, "cancelled", "the request left the queue");
    }
    return sent;
}

/* a's create is put off; b's unit serves a. Now b waits, and a's create is never sent again: it must not count as b's. */
static void a_create_put_off_is_given_up_with_its_request(void **state)
{
    (void)state;
    struct world_job *a = world_queue(&w, -1), *b = world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass(&w), 2);
    struct ledger_action first = w.actions.list[0], second = w.actions.list[1];
    assert_int_equal(first.request_id, a->id);
    ledger_created(w.ledger, w.now, 1, first.name, "", LEDGER_RETRY, "unavailable", "500");
    int i = world_create(&w, &second);
    ledger_created(w.ledger, w.now, 1, second.name, w.list[i].uid, LEDGER_OK, "", "");
    world_set(&w, i, PLACE_ONLINE);
    world_agents(&w);
    world_take(&w, i, a);
    world_poll(&w);
    world_pass(&w);
    world_finish(&w, a, 0);
    uint64_t sent = 0;
    for (int round = 0; round < 10 && !sent; round++) {
        world_advance(&w, 1000);
        world_poll(&w);
        world_pass(&w);
        sent = answer_creates();
    }
    assert_int_equal(sent, b->id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_that_an_agent_has_completed_does_not_wait, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_create_put_off_is_given_up_with_its_request, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
