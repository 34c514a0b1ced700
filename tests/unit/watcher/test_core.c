#include "watcher/core.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct core *core;

static int setup(void **state)
{
    (void)state;
    core = core_new((struct siphash_key){1, 2});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    core_free(&core);
    return 0;
}

static void row(uint64_t id, uint64_t agent, int64_t received)
{
    const struct ado_request r = {
        .id = id, .queued_ms = 1, .agent_id = agent, .agent_name = agent ? "a" : "", .received_ms = received, .result = "", .job_id = "", .plan = "",
        .definition = "d", .run = "r", .url = "",
    };
    core_poll_row(core, &r);
}

static void rows(uint64_t first, uint64_t last)
{
    for (uint64_t id = first; id <= last; id++)
        row(id, 0, 0);
}

static struct core_change commit(int64_t began)
{
    return core_poll_commit(core, (struct mono){began});
}

/* A whole poll that lists first..last, told at once. */
static struct core_change poll_of(uint64_t first, uint64_t last, int64_t began)
{
    core_poll_begin(core);
    rows(first, last);
    struct core_change change = commit(began);
    core_told(core);
    return change;
}

static unsigned n_dirty(void)
{
    unsigned n = 0;
    const struct watch_request *r;
    for (size_t cursor = 0; (r = core_next(core, &cursor));)
        n += r->dirty;
    return n;
}

static size_t n_gone(void)
{
    size_t n;
    core_gone(core, &n);
    return n;
}

static uint32_t tickets[64];      /* by id */

static uint64_t ask(void)
{
    uint32_t ticket;
    uint64_t id = core_ask(core, &ticket);
    if (id)
        tickets[id] = ticket;
    return id;
}

static void answer(uint64_t id, enum core_answer what, const char *result, const char *agent, int64_t received)
{
    core_answer(core, id, tickets[id], what, result, agent, received);
}

static unsigned n_asks(void)
{
    unsigned n = 0;
    while (ask())
        n++;
    return n;
}

static void test_picture(void **state)
{
    (void)state;
    assert_false(core_known(core));
    core_poll_begin(core);
    rows(1, 3);
    struct core_change change = commit(5);
    assert_int_equal(change.upserts, 3);
    assert_true(core_known(core));
    assert_true(core_began(core).ns == 5);
    assert_int_equal(core_count(core), 3);
    assert_int_equal(n_dirty(), 3);
    core_told(core);
    assert_int_equal(n_dirty(), 0);
    assert_int_equal(core_dirty(core), 0);
    change = poll_of(1, 3, 6);
    assert_int_equal(change.upserts, 0);
    assert_int_equal(change.vanished, 0);
}

static void test_an_empty_queue_is_a_picture(void **state)
{
    (void)state;
    poll_of(1, 0, 5);
    assert_true(core_known(core));
    assert_int_equal(core_count(core), 0);
}

static void test_only_changes_are_dirty(void **state)
{
    (void)state;
    poll_of(1, 3, 1);
    core_poll_begin(core);
    row(1, 0, 0);
    row(2, 9, 0);
    row(3, 0, 0);
    row(4, 0, 0);
    struct core_change change = commit(2);
    assert_int_equal(change.upserts, 2);
    assert_int_equal(n_dirty(), 2);
    assert_true(core_find(core, 2)->dirty && core_find(core, 4)->dirty);
    assert_true(core_find(core, 2)->agent_id == 9);
    assert_true(change.assigned && change.unknown_agent);
}

static void test_abandoned_poll_never_happened(void **state)
{
    (void)state;
    poll_of(1, 3, 1);
    core_poll_begin(core);
    rows(1, 1);
    row(2, 9, 0);
    row(7, 0, 0);
    core_poll_abandon(core);
    assert_int_equal(core_count(core), 3);
    assert_true(core_find(core, 2)->agent_id == 0);
    assert_true(core_began(core).ns == 1);
    assert_int_equal(n_asks(), 0);
    struct core_change change = poll_of(2, 3, 2);
    assert_int_equal(change.vanished, 1);
    assert_int_equal(ask(), 1);
}

static void test_vanished_stays_until_confirmed(void **state)
{
    (void)state;
    poll_of(1, 3, 1);
    struct core_change change = poll_of(2, 3, 2);
    assert_int_equal(change.vanished, 1);
    assert_int_equal(core_count(core), 3);
    assert_int_equal(ask(), 1);
    assert_int_equal(ask(), 0);
    poll_of(2, 3, 3);
    assert_int_equal(ask(), 0);              /* the answer is still under way */
    answer(1, ANSWER_GONE, "succeeded", "a-1", 77);
    assert_int_equal(core_count(core), 2);
    size_t n;
    const struct core_gone *gone = core_gone(core, &n);
    assert_int_equal(n, 1);
    assert_int_equal(gone[0].id, 1);
    assert_string_equal(gone[0].result, "succeeded");
    assert_string_equal(gone[0].agent, "a-1");
    assert_true(gone[0].received_ms == 77);
    core_told(core);
    assert_int_equal(n_gone(), 0);
}

static void test_gone_keeps_what_was_seen(void **state)
{
    (void)state;
    core_poll_begin(core);
    row(1, 9, 55);
    commit(1);
    poll_of(2, 2, 2);
    assert_int_equal(ask(), 1);
    answer(1, ANSWER_GONE, "", "", 0);
    size_t n;
    const struct core_gone *gone = core_gone(core, &n);
    assert_string_equal(gone[0].agent, "a");
    assert_string_equal(gone[0].result, "");
    assert_true(gone[0].received_ms == 55);
}

static void test_failed_answer_is_tried_again(void **state)
{
    (void)state;
    poll_of(1, 1, 1);
    for (int i = 2; i < 6; i++) {
        poll_of(2, 2, i);
        assert_int_equal(ask(), 1);
        answer(1, ANSWER_FAILED, "", "", 0);
        assert_int_equal(ask(), 0);
    }
    assert_non_null(core_find(core, 1));
}

static void test_unfinished_is_asked_for_less_and_less(void **state)
{
    (void)state;
    poll_of(1, 1, 1);
    unsigned asked = 0;
    for (int i = 2; i < 102; i++) {
        poll_of(2, 2, i);
        if (ask() != 1)
            continue;
        asked++;
        answer(1, ANSWER_UNFINISHED, "", "", 0);
    }
    assert_int_equal(asked, 8);                       /* after 1, 2, 4, 8, 16, 32, 32 polls */
    assert_non_null(core_find(core, 1));
}

static void test_listed_again(void **state)
{
    (void)state;
    poll_of(1, 2, 1);
    poll_of(2, 2, 2);
    assert_int_equal(ask(), 1);
    poll_of(1, 2, 3);
    answer(1, ANSWER_GONE, "succeeded", "", 0);
    assert_non_null(core_find(core, 1));              /* the newer picture has it */
    assert_int_equal(n_gone(), 0);
    poll_of(2, 2, 4);
    assert_int_equal(ask(), 1);
}

static void test_a_poll_under_way_does_not_raise_the_dead(void **state)
{
    (void)state;
    poll_of(1, 2, 1);
    poll_of(2, 2, 2);
    assert_int_equal(ask(), 1);
    core_poll_begin(core);
    row(2, 0, 0);
    answer(1, ANSWER_GONE, "canceled", "", 0);
    row(1, 0, 0);                                     /* the server's snapshot is older than the answer */
    struct core_change change = commit(3);
    assert_int_equal(change.upserts, 0);
    assert_null(core_find(core, 1));
    core_poll_begin(core);
    rows(1, 2);                                       /* but a later poll is believed */
    commit(4);
    assert_non_null(core_find(core, 1));
}

static void test_at_most_eight_at_once(void **state)
{
    (void)state;
    poll_of(1, 30, 1);
    poll_of(13, 30, 2);
    assert_int_equal(n_asks(), CORE_ASKS_MAX);
    answer(1, ANSWER_GONE, "", "", 0);
    answer(2, ANSWER_FAILED, "", "", 0);
    assert_int_equal(n_asks(), 2);
}

static void test_mass_needs_two_polls(void **state)
{
    (void)state;
    static const struct { uint64_t n, left_from; bool mass; } cases[] = {
        {30, 31, true}, {30, 17, true}, {30, 16, false}, {20, 12, true}, {20, 11, false}, {10, 11, false}, {11, 12, true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        core_forget(core);
        poll_of(1, cases[i].n, 1);
        poll_of(cases[i].left_from, cases[i].n, 2);
        unsigned asked = n_asks();
        if ((asked == 0) != cases[i].mass)
            fail_msg("%zu: %u", i, asked);
        for (uint64_t id = 1; id <= asked; id++)
            answer(id, ANSWER_FAILED, "", "", 0);
        assert_int_equal(core_count(core), cases[i].n);
        poll_of(cases[i].left_from, cases[i].n, 3);
        asked = n_asks();
        assert_int_equal(asked, CORE_ASKS_MAX);
        for (uint64_t id = 1; id <= asked; id++)
            answer(id, ANSWER_FAILED, "", "", 0);
    }
}

static void test_mass_that_comes_back(void **state)
{
    (void)state;
    poll_of(1, 30, 1);
    poll_of(1, 0, 2);
    assert_int_equal(n_asks(), 0);
    poll_of(1, 30, 3);
    assert_int_equal(n_asks(), 0);
    assert_int_equal(core_count(core), 30);
    poll_of(1, 0, 4);                                 /* and again counts from one */
    assert_int_equal(n_asks(), 0);
}

static void test_finished_rows_are_ignored(void **state)
{
    (void)state;
    const struct ado_request finished = {.id = 5, .result = "succeeded", .agent_name = "", .definition = "", .run = "", .url = ""};
    core_poll_begin(core);
    core_poll_row(core, &finished);
    row(6, 0, 0);
    commit(1);
    assert_null(core_find(core, 5));
    assert_int_equal(core_finished_rows(core), 1);
}

/* A row as it comes from the wire: its bytes stand for what it says. */
static bool wire(uint64_t id, uint64_t agent)
{
    char bytes[64];
    int n = snprintf(bytes, sizeof bytes, "{%llu,%llu}", (unsigned long long)id, (unsigned long long)agent);
    bool known = core_poll_known(core, bytes, (size_t)n);
    if (!known)
        row(id, agent, 0);
    return known;
}

static bool wire_finished(void)
{
    const struct ado_request finished = {.id = 5, .result = "succeeded", .agent_name = "", .definition = "", .run = "", .url = ""};
    bool known = core_poll_known(core, "finished", 8);
    if (!known)
        core_poll_row(core, &finished);
    return known;
}

static void test_rows_that_did_not_change_are_known(void **state)
{
    (void)state;
    core_poll_begin(core);
    assert_false(wire(1, 0));
    assert_false(wire(2, 0));
    assert_false(wire_finished());
    commit(1);
    core_told(core);
    core_poll_begin(core);
    assert_true(wire(1, 0));
    assert_false(wire(2, 9));
    assert_true(wire_finished());
    assert_int_equal(commit(2).vanished, 0);
    assert_int_equal(n_dirty(), 1);
    assert_int_equal(core_find(core, 2)->agent_id, 9);
    assert_int_equal(core_finished_rows(core), 2);
    core_told(core);
    core_poll_begin(core);
    assert_false(wire(2, 0));                         /* what it was before is not what it was last */
    assert_true(wire_finished());
    assert_int_equal(commit(3).vanished, 1);
    assert_int_equal(core_find(core, 2)->agent_id, 0);
}

static void test_a_poll_that_was_abandoned_makes_nothing_known(void **state)
{
    (void)state;
    core_poll_begin(core);
    wire(1, 0);
    core_poll_abandon(core);
    core_poll_begin(core);
    assert_false(wire(1, 0));
    commit(1);
    core_poll_begin(core);
    assert_false(wire(1, 9));
    core_poll_abandon(core);
    core_poll_begin(core);
    assert_true(wire(1, 0));
    assert_int_equal(commit(2).upserts, 0);
    assert_int_equal(core_find(core, 1)->agent_id, 0);
}

static void test_what_is_gone_or_forgotten_is_not_known(void **state)
{
    (void)state;
    core_poll_begin(core);
    wire(1, 0);
    wire(2, 0);
    commit(1);
    core_poll_begin(core);
    wire(2, 0);
    commit(2);
    uint32_t ticket;
    assert_int_equal(core_ask(core, &ticket), 1);
    core_answer(core, 1, ticket, ANSWER_GONE, "", "", 0);
    core_poll_begin(core);
    assert_false(wire(1, 0));
    assert_true(wire(2, 0));
    commit(3);
    core_forget(core);
    core_poll_begin(core);
    assert_false(wire(2, 0));
    commit(4);
    assert_int_equal(core_count(core), 1);
}

static void test_many_known_rows(void **state)
{
    (void)state;
    for (int64_t poll = 1; poll <= 2; poll++) {
        core_poll_begin(core);
        for (uint64_t id = 1; id <= 5000; id++)
            assert_int_equal(wire(id, 0), poll == 2);
        assert_int_equal(commit(poll).upserts, poll == 1 ? 5000 : 0);
    }
}

static void test_a_row_twice_in_one_reply(void **state)
{
    (void)state;
    core_poll_begin(core);
    row(1, 0, 0);
    row(1, 9, 0);
    row(1, 9, 0);
    commit(1);
    assert_int_equal(core_count(core), 1);
    assert_true(core_find(core, 1)->agent_id == 9);
}

static void test_forget(void **state)
{
    (void)state;
    poll_of(1, 2, 1);
    poll_of(2, 2, 2);
    assert_int_equal(ask(), 1);
    core_forget(core);
    assert_false(core_known(core));
    assert_int_equal(core_count(core), 0);
    poll_of(1, 1, 3);
    answer(1, ANSWER_GONE, "succeeded", "", 0);    /* to a question about the other pool */
    assert_non_null(core_find(core, 1));
}

static void agent(uint64_t id, const char *name)
{
    const struct ado_agent a = {.id = id, .name = name, .host_name = "", .instance = ""};
    core_agents_row(core, &a);
}

static void test_agents(void **state)
{
    (void)state;
    size_t n;
    assert_false(core_agents_known(core));
    core_agents_begin(core);
    agent(9, "b");
    agent(3, "a");
    core_agents_commit(core, (struct mono){4});
    const struct watch_agent *const *agents = core_agents(core, &n);
    assert_int_equal(n, 2);
    assert_int_equal(agents[0]->id, 3);
    assert_string_equal(agents[1]->text, "b");
    core_agents_begin(core);
    agent(1, "c");
    core_agents_abandon(core);
    core_agents(core, &n);
    assert_int_equal(n, 2);
    assert_true(core_agents_began(core).ns == 4);
    core_agents_begin(core);
    core_agents_commit(core, (struct mono){5});
    core_agents(core, &n);
    assert_int_equal(n, 0);
    assert_true(core_agents_known(core));
}

static void test_known_agent(void **state)
{
    (void)state;
    core_agents_begin(core);
    agent(9, "b");
    core_agents_commit(core, (struct mono){4});
    core_poll_begin(core);
    row(1, 9, 0);
    struct core_change change = commit(1);
    assert_true(change.assigned);
    assert_false(change.unknown_agent);
    core_poll_begin(core);
    row(1, 9, 55);
    change = commit(2);
    assert_false(change.assigned);
    core_poll_begin(core);
    row(1, 8, 55);
    change = commit(3);
    assert_true(change.assigned && change.unknown_agent);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_picture), TEST(test_an_empty_queue_is_a_picture), TEST(test_only_changes_are_dirty), TEST(test_abandoned_poll_never_happened),
        TEST(test_vanished_stays_until_confirmed), TEST(test_gone_keeps_what_was_seen), TEST(test_failed_answer_is_tried_again),
        TEST(test_unfinished_is_asked_for_less_and_less), TEST(test_listed_again), TEST(test_a_poll_under_way_does_not_raise_the_dead),
        TEST(test_at_most_eight_at_once), TEST(test_mass_needs_two_polls), TEST(test_mass_that_comes_back), TEST(test_finished_rows_are_ignored),
        TEST(test_rows_that_did_not_change_are_known), TEST(test_a_poll_that_was_abandoned_makes_nothing_known),
        TEST(test_what_is_gone_or_forgotten_is_not_known), TEST(test_many_known_rows), TEST(test_a_row_twice_in_one_reply), TEST(test_forget), TEST(test_agents), TEST(test_known_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
