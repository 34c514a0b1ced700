#include "common/demand.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char kubectl[] = "Kubectl", path[] = "/usr/bin/kubectl", team[] = "team", payments[] = "Payments EU", version[] = "Agent.Version", v[] = "4.255.0-rc1",
            empty[] = "empty", nothing[] = "", name[] = "Agent.Name", a1[] = "a-1", odd[] = "odd", two[] = "2";

static const struct capability caps[] = {
    {kubectl, path}, {team, payments}, {version, v}, {empty, nothing}, {name, a1}, {odd, two}, {odd, NULL},
};

static void test_parse(void **state)
{
    (void)state;
    static const struct { const char *text; enum demand_op op; size_t n; const char *value; } cases[] = {
        {"kubectl", DEMAND_EXISTS, 7, NULL},
        {"team -equals payments eu", DEMAND_EQUALS, 4, "payments eu"},
        {"team \t -equals   x ", DEMAND_EQUALS, 4, "x "},
        {"team -equals ", DEMAND_EQUALS, 4, ""},
        {"Agent.Version -gtVersion 2.1", DEMAND_AT_LEAST, 13, "2.1"},
        {"team -equals", DEMAND_UNPARSED, 4, NULL},
        {"team -Equals x", DEMAND_UNPARSED, 4, NULL},
        {"team -gtversion 1.0", DEMAND_UNPARSED, 4, NULL},
        {"team -exists x", DEMAND_UNPARSED, 4, NULL},
        {"team equals x", DEMAND_UNPARSED, 4, NULL},
        {"team ", DEMAND_UNPARSED, 4, NULL},
        {"team - equals x", DEMAND_UNPARSED, 4, NULL},
        {" team", DEMAND_UNPARSED, 0, NULL},
        {"", DEMAND_UNPARSED, 0, NULL},
        {"-equals x", DEMAND_UNPARSED, 7, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t n;
        const char *value;
        assert_int_equal(demand_parse(cases[i].text, &n, &value), cases[i].op);
        assert_int_equal(n, cases[i].n);
        if (cases[i].value)
            assert_string_equal(value, cases[i].value);
        else
            assert_null(value);
    }
}

static void test_satisfied(void **state)
{
    (void)state;
    static const struct { const char *demand; bool holds; } cases[] = {
        {"kubectl", true}, {"KUBECTL", true}, {"kube", false}, {"kubectl2", false}, {"empty", true}, {"team", true},
        {"team -equals payments eu", true}, {"TEAM -equals PAYMENTS EU", true}, {"team -equals payments", false}, {"team -equals payments eu ", false},
        {"empty -equals ", true}, {"none -equals ", false},
        {"Agent.Version -gtVersion 4.255.0", true}, {"agent.version -gtVersion 4.254.9", true}, {"Agent.Version -gtVersion 4.255.1", false},
        {"Agent.Version -gtVersion 4.255", true}, {"Agent.Version -gtVersion 4.255.0.0", false}, {"Agent.Version -gtVersion x", false},
        {"Agent.Version -gtVersion 10.0.0", false}, {"Agent.Version -gtVersion 4.255.0-beta", true}, {"kubectl -gtVersion 1.0", false},
        {"odd -gtVersion 1.0", false}, {"kubectl -nonsense x", false}, {"kubectl ", false}, {"", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (demand_satisfied(cases[i].demand, caps, ARRAY_SIZE(caps), false) != cases[i].holds)
            fail_msg("%s", cases[i].demand);
}

static void test_tolerated_version(void **state)
{
    (void)state;
    assert_true(demand_satisfied("Agent.Version -gtVersion 2.182.1", NULL, 0, true));
    assert_true(demand_satisfied("AGENT.VERSION -gtVersion 2.182.1", NULL, 0, true));
    assert_false(demand_satisfied("Agent.Version -gtVersion 2.182.1", NULL, 0, false));
    assert_false(demand_satisfied("Agent.Version -equals 2.182.1", NULL, 0, true));
    assert_false(demand_satisfied("Agent.Version", NULL, 0, true));
    assert_false(demand_satisfied("node -gtVersion 2.182.1", NULL, 0, true));
    /* one that is declared is believed */
    assert_false(demand_satisfied("Agent.Version -gtVersion 5.0.0", caps, ARRAY_SIZE(caps), true));
}

static void test_first_missing(void **state)
{
    (void)state;
    static const char *const demands[] = {"kubectl", "cuda", "team -equals payments eu", "npm"};
    assert_ptr_equal(demand_first_missing(demands, 4, caps, ARRAY_SIZE(caps), false), demands[1]);
    assert_null(demand_first_missing(demands, 1, caps, ARRAY_SIZE(caps), false));
    assert_null(demand_first_missing(NULL, 0, NULL, 0, false));
}

static void test_pins(void **state)
{
    (void)state;
    const char *value = "";
    assert_true(demand_pins_agent("Agent.Name -equals a 1", &value));
    assert_string_equal(value, "a 1");
    assert_true(demand_pins_agent("agent.name -equals a-1", NULL));
    assert_false(demand_pins_agent("Agent.Name", &value));
    assert_null(value);
    assert_false(demand_pins_agent("Agent.Names -equals a", NULL));
    assert_false(demand_pins_agent("kubectl", NULL));
}

static void test_versions(void **state)
{
    (void)state;
    static const struct { const char *a, *b; int order; bool ok; } cases[] = {
        {"1.2", "1.2", 0, true}, {"1.2", "1.2.0", -1, true}, {"1.10", "1.9", 1, true}, {"2.0.0.1", "2.0.0.0", 1, true}, {"1.2-x", "1.2-y", 0, true},
        {" 1 . 2 ", "1.2", 0, true}, {"1", "1.0", 0, false}, {"1.2.3.4.5", "1.0", 0, false}, {"1..2", "1.0", 0, false}, {"", "1.0", 0, false},
        {"1.2.", "1.0", 0, false}, {"a.b", "1.0", 0, false}, {"-1.0", "1.0", 0, false}, {"1.0", "99999999999.0", 0, false},
        {"1.2147483647", "1.2147483646", 1, true}, {"1.2147483648", "1.0", 0, false}, {"1.99999999999999999999999999", "1.0", 0, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool ok;
        int order = demand_compare_versions(cases[i].a, cases[i].b, &ok);
        if (ok != cases[i].ok || (ok && order != cases[i].order))
            fail_msg("%s %s", cases[i].a, cases[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse), cmocka_unit_test(test_satisfied), cmocka_unit_test(test_tolerated_version),
        cmocka_unit_test(test_first_missing), cmocka_unit_test(test_pins), cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
