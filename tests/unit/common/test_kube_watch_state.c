#include "common/kube_watch_state.h"

#include "common/json.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct mono at_ms(int64_t ms)
{
    return mono_add_ms((struct mono){1}, ms);
}

static struct kube_watch_plan page(struct kube_watch_state *s, const char *rv, const char *token)
{
    struct kube_watch_plan plan;
    struct err err;
    assert_int_equal(kube_watch_state_page(s, rv, token, &plan, &err), 0);
    return plan;
}

static struct kube_watch_plan ended(struct kube_watch_state *s, int status, enum err_code code, unsigned events, int64_t opened_ms, int64_t now_ms)
{
    struct kube_watch_end end = {.status = status, .code = code, .retry_after_ms = -1, .events = events, .opened = at_ms(opened_ms)};
    return kube_watch_state_ended(s, &end, at_ms(now_ms), 1023);
}

static int line(struct kube_watch_state *s, const char *text, struct kube_event *event, struct err *err)
{
    json_t *row = json_parse(text, strlen(text), err);
    assert_non_null(row);
    int result = kube_watch_state_line(s, row, event, err);
    json_decref(row);
    return result;
}

static void first_page_gives_the_rv(void **state)
{
    (void)state;
    struct kube_watch_state s = {.rv = NULL};
    struct kube_watch_plan plan = page(&s, "100", "t1");
    assert_int_equal(plan.what, KUBE_DO_PAGE);
    assert_false(plan.synced);
    assert_string_equal(s.continue_token, "t1");
    plan = page(&s, "101", "t2");
    assert_string_equal(s.continue_token, "t2");
    plan = page(&s, "", "");
    assert_int_equal(plan.what, KUBE_DO_WATCH);
    assert_true(plan.synced);
    assert_int_equal(plan.health, KUBE_HEALTH_WELL);
    assert_int_equal(plan.delay_ms, 0);
    assert_string_equal(s.rv, "100");
    assert_null(s.continue_token);
    kube_watch_state_done(&s);
}

static void impossible_pages(void **state)
{
    (void)state;
    struct kube_watch_state s = {.rv = NULL};
    struct kube_watch_plan plan;
    struct err err;
    assert_int_equal(kube_watch_state_page(&s, "", "", &plan, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    page(&s, "5", "same");
    assert_int_equal(kube_watch_state_page(&s, "5", "same", &plan, &err), -1);
    plan = kube_watch_state_list_failed(&s, ERR_INVALID, -1, at_ms(0), 1023);
    assert_int_equal(plan.what, KUBE_DO_LIST);
    assert_null(s.list_rv);
    kube_watch_state_done(&s);
}

static void expired_continue_restarts_the_list(void **state)
{
    (void)state;
    struct kube_watch_state s = {.rv = NULL};
    page(&s, "100", "t1");
    struct kube_watch_plan plan = kube_watch_state_list_failed(&s, ERR_GONE, -1, at_ms(0), 1023);
    assert_int_equal(plan.what, KUBE_DO_LIST);
    assert_int_equal(plan.health, KUBE_HEALTH_SAME);
    assert_null(s.continue_token);
    page(&s, "200", "");
    assert_string_equal(s.rv, "200");
    kube_watch_state_done(&s);
}

struct end_case {
    int status;
    enum err_code code;
    unsigned events;
    int64_t lived_ms;
    enum kube_watch_do what;
    enum kube_watch_health health, again;    /* of the first such end, and of a second one right after it */
    int64_t delay_ms;
};

static void ends_of_a_watch(void **state)
{
    (void)state;
    static const struct end_case cases[] = {
        {200, ERR_NONE, 5, 300000, KUBE_DO_WATCH, KUBE_HEALTH_SAME, KUBE_HEALTH_SAME, 0},
        {200, ERR_NONE, 1, 10, KUBE_DO_WATCH, KUBE_HEALTH_SAME, KUBE_HEALTH_SAME, 0},
        {200, ERR_NONE, 0, 5000, KUBE_DO_WATCH, KUBE_HEALTH_SAME, KUBE_HEALTH_SAME, 0},
        {200, ERR_NONE, 0, 10, KUBE_DO_WATCH, KUBE_HEALTH_SAME, KUBE_HEALTH_ILL, 800},
        {200, ERR_IO, 3, 60000, KUBE_DO_WATCH, KUBE_HEALTH_SAME, KUBE_HEALTH_SAME, 800},
        {200, ERR_TIMEOUT, 0, 150000, KUBE_DO_WATCH, KUBE_HEALTH_SAME, KUBE_HEALTH_SAME, 800},
        {200, ERR_GONE, 1, 10, KUBE_DO_LIST, KUBE_HEALTH_SAME, KUBE_HEALTH_ILL, 800},
        {410, ERR_GONE, 0, 10, KUBE_DO_LIST, KUBE_HEALTH_SAME, KUBE_HEALTH_ILL, 800},
        {200, ERR_THROTTLED, 0, 10, KUBE_DO_WATCH, KUBE_HEALTH_ILL, KUBE_HEALTH_ILL, 800},
        {429, ERR_THROTTLED, 0, 10, KUBE_DO_WATCH, KUBE_HEALTH_ILL, KUBE_HEALTH_ILL, 800},
        {200, ERR_UNAVAILABLE, 0, 10, KUBE_DO_LIST, KUBE_HEALTH_ILL, KUBE_HEALTH_ILL, 800},
        {200, ERR_INVALID, 9, 10000, KUBE_DO_LIST, KUBE_HEALTH_ILL, KUBE_HEALTH_ILL, 800},
        {200, ERR_TOO_LARGE, 9, 10000, KUBE_DO_LIST, KUBE_HEALTH_ILL, KUBE_HEALTH_ILL, 800},
        {403, ERR_DENIED, 0, 10, KUBE_DO_LIST, KUBE_HEALTH_ILL, KUBE_HEALTH_ILL, 800},
        {401, ERR_AUTH, 0, 10, KUBE_DO_LIST, KUBE_HEALTH_ILL, KUBE_HEALTH_ILL, 800},
        {0, ERR_IO, 0, 10, KUBE_DO_LIST, KUBE_HEALTH_ILL, KUBE_HEALTH_ILL, 800},
        {0, ERR_TIMEOUT, 0, 150000, KUBE_DO_LIST, KUBE_HEALTH_ILL, KUBE_HEALTH_ILL, 800},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct end_case *c = &cases[i];
        struct kube_watch_state s = {.rv = NULL};
        page(&s, "7", "");
        struct kube_watch_plan plan = ended(&s, c->status, c->code, c->events, 1000, 1000 + c->lived_ms);
        if (plan.what != c->what || plan.health != c->health || plan.delay_ms != c->delay_ms || plan.synced)
            fail_msg("case %zu: what %d health %d delay %lld", i, plan.what, plan.health, (long long)plan.delay_ms);
        assert_string_equal(s.rv, "7");
        plan = ended(&s, c->status, c->code, c->events, 1000 + c->lived_ms, 1000 + 2 * c->lived_ms);
        if (plan.health != c->again || (c->lived_ms < 1000 && c->delay_ms && plan.delay_ms != 1600))
            fail_msg("case %zu, again: health %d delay %lld", i, plan.health, (long long)plan.delay_ms);
        kube_watch_state_done(&s);
    }
}

/* A refused watch behind lists that work must not flap between well and ill. */
static void refused_watch_stays_ill_until_open(void **state)
{
    (void)state;
    struct kube_watch_state s = {.rv = NULL};
    page(&s, "7", "");
    ended(&s, 403, ERR_DENIED, 0, 0, 10);
    assert_int_equal(page(&s, "8", "").health, KUBE_HEALTH_SAME);
    kube_watch_state_open(&s);
    ended(&s, 0, ERR_IO, 0, 2000, 2010);
    assert_int_equal(page(&s, "9", "").health, KUBE_HEALTH_WELL);
    kube_watch_state_done(&s);
}

static void waits_grow_to_30_s_and_are_forgotten(void **state)
{
    (void)state;
    static const int64_t expected[] = {800, 1600, 3200, 6400, 12800, 25600, 30000, 30000};
    struct kube_watch_state s = {.rv = NULL};
    int64_t now = 0;
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        struct kube_watch_plan plan = kube_watch_state_list_failed(&s, ERR_IO, -1, at_ms(now), 1023);
        assert_int_equal(plan.delay_ms, expected[i]);
        now += plan.delay_ms;
    }
    assert_int_equal(kube_watch_state_list_failed(&s, ERR_THROTTLED, 45000, at_ms(now), 0).delay_ms, 45000);
    assert_int_equal(kube_watch_state_list_failed(&s, ERR_THROTTLED, 86400000, at_ms(now), 0).delay_ms, 60000);
    now += 120001;
    assert_int_equal(kube_watch_state_list_failed(&s, ERR_IO, -1, at_ms(now), 0).delay_ms, 400);
    kube_watch_state_done(&s);
}

static void lines_move_the_rv(void **state)
{
    (void)state;
    struct kube_watch_state s = {.rv = NULL};
    struct kube_event e;
    struct err err = {.text = ""};
    page(&s, "7", "");
    assert_int_equal(line(&s, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"8\"}}}", &e, &err), 0);
    assert_int_equal(e.kind, KUBE_EVENT_CHANGED);
    assert_string_equal(s.rv, "8");
    assert_int_equal(line(&s, "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"9\"}}}", &e, &err), 0);
    assert_int_equal(e.kind, KUBE_EVENT_DELETED);
    assert_string_equal(s.rv, "9");
    assert_int_equal(line(&s, "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"12\"}}}", &e, &err), 0);
    assert_int_equal(e.kind, KUBE_EVENT_NOTHING);
    assert_string_equal(s.rv, "12");
    assert_int_equal(line(&s, "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}", &e, &err), 0);
    assert_string_equal(s.rv, "12");
    assert_int_equal(line(&s, "{\"type\":\"SURPRISE\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"13\"}}}", &e, &err), 0);
    assert_int_equal(e.kind, KUBE_EVENT_NOTHING);
    assert_string_equal(s.rv, "12");
    kube_watch_state_done(&s);
}

static void lines_that_end_a_watch(void **state)
{
    (void)state;
    static const struct { const char *text; enum err_code code; } cases[] = {
        {"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}}", ERR_GONE},
        {"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":500}}", ERR_UNAVAILABLE},
        {"{\"type\":\"ERROR\"}", ERR_UNAVAILABLE},
        {"{\"type\":\"ADDED\",\"object\":{\"metadata\":{}}}", ERR_INVALID},
        {"{\"type\":\"ADDED\",\"object\":[]}", ERR_INVALID},
        {"{\"type\":\"ADDED\"}", ERR_INVALID},
        {"{\"object\":{}}", ERR_INVALID},
        {"{\"kind\":\"Status\",\"code\":410}", ERR_INVALID},
    };
    struct kube_watch_state s = {.rv = NULL};
    page(&s, "7", "");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct kube_event e;
        struct err err = {.text = ""};
        assert_int_equal(line(&s, cases[i].text, &e, &err), -1);
        assert_int_equal(err.code, cases[i].code);
    }
    assert_string_equal(s.rv, "7");
    kube_watch_state_done(&s);
}

static void timeouts_are_spread(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        assert_in_range(kube_watch_timeout_s(i * 7919), 300, 600);
    assert_int_equal(kube_watch_timeout_s(300), 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_page_gives_the_rv),
        cmocka_unit_test(impossible_pages),
        cmocka_unit_test(expired_continue_restarts_the_list),
        cmocka_unit_test(ends_of_a_watch),
        cmocka_unit_test(refused_watch_stays_ill_until_open),
        cmocka_unit_test(waits_grow_to_30_s_and_are_forgotten),
        cmocka_unit_test(lines_move_the_rv),
        cmocka_unit_test(lines_that_end_a_watch),
        cmocka_unit_test(timeouts_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
