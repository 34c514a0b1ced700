/* Names only: the rest is tests/system/test_lease.py. */
#include "provisioner/leader.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_lease_is_named_after_the_instance(void **state)
{
    (void)state;
    static const char long_one[] = "a123456789a123456789a123456789a123456789a123456789a123456789abc";   /* 63, as long as a label may be */
    static const struct { const char *instance, *begin; bool exact; } rows[] = {
        {"61cd3217be", "ado-orchestrator-61cd3217be", true},
        {"team-a", "ado-orchestrator-team-a", true},
        {"Team_A", "ado-orchestrator-team-a-", false},
        {"team.a", "ado-orchestrator-team-a-", false},
        {long_one, "ado-orchestrator-a123456789", false},
    };
    char names[ARRAY_SIZE(rows)][LEASE_NAME_MAX];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        leader_lease_name(names[i], rows[i].instance);
        assert_int_equal(strncmp(names[i], rows[i].begin, strlen(rows[i].begin)), 0);
        assert_true(!rows[i].exact || strcmp(names[i], rows[i].begin) == 0);
        assert_int_equal(strspn(names[i], "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(names[i]));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
}

static void without_election_one_always_leads(void **state)
{
    (void)state;
    struct config config = {.leader_election = false};
    struct leader_options options = {.config = &config};
    assert_null(leader_start(&options));
    config = (struct config){.leader_election = true, .run_once = true};
    assert_null(leader_start(&options));
    assert_true(leader_leads(NULL));
    assert_true(leader_until(NULL).ns == INT64_MAX);
    assert_null(leader_note(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_lease_is_named_after_the_instance), cmocka_unit_test(without_election_one_always_leads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
