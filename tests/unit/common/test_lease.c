#include "common/lease.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct lease_terms terms = {.duration_ms = 15000, .renew_ms = 10000, .retry_ms = 2000};

static struct lease *l;
static struct lease_record out;
static const struct wall noon = {1772366400000};     /* 2026-03-01T12:00:00Z */

static struct mono at(int64_t ms)
{
    return (struct mono){ms * 1000000};
}

static int begin(void **state)
{
    (void)state;
    l = lease_new(&terms, "us");
    return 0;
}

static int end(void **state)
{
    (void)state;
    lease_free(&l);
    return 0;
}

static enum lease_want tick(int64_t ms)
{
    return lease_tick(l, at(ms), (struct wall){noon.ms + ms}, 0, &out);
}

static struct lease_record theirs(const char *renewed, const char *version)
{
    struct lease_record r = {.holder = "them", .duration_s = 15, .acquired = "2026-03-01T11:00:00.000000Z", .transitions = 4};
    snprintf(r.renewed, sizeof r.renewed, "%s", renewed);
    snprintf(r.version, sizeof r.version, "%s", version);
    return r;
}

static void found(int64_t ms, struct lease_record r)
{
    lease_found(l, at(ms), &r);
}

/* From nothing to leading at ms. */
static void lead_from(int64_t ms)
{
    assert_int_equal(tick(ms), LEASE_GET);
    lease_missing(l, at(ms));
    assert_int_equal(tick(ms), LEASE_CREATE);
    lease_written(l, at(ms), "1");
    assert_true(lease_leads(l, at(ms)));
}

static int64_t next(int64_t now_ms)
{
    struct mono t = lease_deadline(l, at(now_ms));
    return t.ns == INT64_MAX ? -1 : t.ns / 1000000;
}

static void terms_are_checked(void **state)
{
    (void)state;
    static const struct { int64_t duration, renew, retry; bool good; } cases[] = {
        {15000, 10000, 2000, true}, {15000, 15000, 2000, false}, {15000, 10000, 8334, false}, {15000, 10000, 8333, true}, {3, 2, 1, true}, {15000, 10000, 0, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(lease_terms_good(&(struct lease_terms){cases[i].duration, cases[i].renew, cases[i].retry}), cases[i].good);
}

static void makes_what_is_missing(void **state)
{
    (void)state;
    assert_false(lease_leads(l, at(0)));
    lead_from(100);
    assert_string_equal(out.holder, "us");
    assert_int_equal(out.duration_s, 15);
    assert_string_equal(out.acquired, "2026-03-01T12:00:00.100000Z");
    assert_string_equal(out.renewed, out.acquired);
    assert_int_equal(out.transitions, 0);
    assert_int_equal(next(100), 2100);
}

static void one_call_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(tick(0), LEASE_GET);
    assert_int_equal(tick(0), LEASE_WAIT);
    assert_int_equal(tick(60000), LEASE_WAIT);
    assert_int_equal(next(0), -1);
}

static void renews_without_asking(void **state)
{
    (void)state;
    lead_from(0);
    assert_int_equal(tick(1999), LEASE_WAIT);
    assert_int_equal(tick(2000), LEASE_UPDATE);
    assert_string_equal(out.version, "1");
    assert_string_equal(out.acquired, "2026-03-01T12:00:00.000000Z");
    assert_string_equal(out.renewed, "2026-03-01T12:00:02.000000Z");
    assert_int_equal(out.transitions, 0);
    lease_written(l, at(2300), "2");
    assert_int_equal(lease_until(l).ns, at(12000).ns);     /* from when it was sent */
    assert_int_equal(next(2300), 4000);
}

static void waits_while_another_renews(void **state)
{
    (void)state;
    int64_t now = 0;
    for (int i = 0; i < 50; i++, now = next(now)) {
        char version[16];
        snprintf(version, sizeof version, "%d", 7 + i);
        assert_int_equal(tick(now), LEASE_GET);
        found(now, theirs("a holder whose clock stands still", version));
        assert_false(lease_leads(l, at(now)));
        assert_int_equal(next(now), now + 2000);
    }
}

/* By our own clock from when we saw it last change; what the record says of the time of day is not looked at. */
static void takes_what_is_not_renewed(void **state)
{
    (void)state;
    int64_t now = 5000, asked = 0;
    for (; now < 20000; now = next(now), asked++) {
        assert_int_equal(tick(now), LEASE_GET);
        found(now, theirs("1999-01-01T00:00:00.000000Z", "7"));
    }
    assert_int_equal(now, 20000);
    assert_int_equal(asked, 8);
    assert_int_equal(tick(now), LEASE_GET);
    found(now, theirs("1999-01-01T00:00:00.000000Z", "7"));
    assert_int_equal(tick(now), LEASE_UPDATE);
    assert_string_equal(out.version, "7");
    assert_string_equal(out.holder, "us");
    assert_int_equal(out.transitions, 5);
    assert_string_equal(out.acquired, "2026-03-01T12:00:20.000000Z");
    assert_false(lease_leads(l, at(now)));
    lease_written(l, at(now + 10), "8");
    assert_true(lease_leads(l, at(now + 10)));
    assert_false(lease_leads(l, at(now + 10000)));
}

static void takes_what_is_free_at_once(void **state)
{
    (void)state;
    struct lease_record free_one = theirs("x", "9");
    free_one.holder[0] = '\0';
    free_one.duration_s = 1;
    assert_int_equal(tick(0), LEASE_GET);
    found(0, free_one);
    assert_int_equal(tick(0), LEASE_UPDATE);
    assert_int_equal(out.transitions, 5);
    assert_int_equal(out.duration_s, 15);
}

/* A restarted container of the same pod. */
static void takes_its_own_back_at_once(void **state)
{
    (void)state;
    struct lease_record own = theirs("x", "9");
    snprintf(own.holder, sizeof own.holder, "us");
    assert_int_equal(tick(0), LEASE_GET);
    found(0, own);
    assert_false(lease_leads(l, at(0)));           /* what a dead process wrote is no right of ours yet */
    assert_int_equal(tick(0), LEASE_UPDATE);
    assert_int_equal(out.transitions, 4);
    assert_string_equal(out.acquired, "2026-03-01T11:00:00.000000Z");
    lease_written(l, at(5), "10");
    assert_true(lease_leads(l, at(5)));
}

static void a_lost_race_is_lost(void **state)
{
    (void)state;
    assert_int_equal(tick(0), LEASE_GET);
    lease_missing(l, at(0));
    assert_int_equal(tick(0), LEASE_CREATE);
    lease_failed(l, at(1));                        /* 409 */
    assert_int_equal(tick(1), LEASE_WAIT);
    assert_int_equal(tick(2001), LEASE_GET);
    found(2001, theirs("x", "3"));
    assert_false(lease_leads(l, at(2001)));
    assert_int_equal(tick(2001), LEASE_WAIT);
}

static void a_lost_renewal_is_looked_up_and_repeated(void **state)
{
    (void)state;
    lead_from(0);
    assert_int_equal(tick(2000), LEASE_UPDATE);
    struct lease_record written = out;
    lease_failed(l, at(7000));                     /* no answer: it may have arrived */
    assert_true(lease_leads(l, at(7000)));
    assert_int_equal(tick(7000), LEASE_GET);
    snprintf(written.version, sizeof written.version, "2");
    found(7010, written);
    assert_int_equal(lease_until(l).ns, at(10000).ns);   /* that it stands there is no renewal of known age */
    assert_int_equal(tick(7010), LEASE_UPDATE);
    assert_string_equal(out.version, "2");
    lease_written(l, at(7020), "3");
    assert_int_equal(lease_until(l).ns, at(17010).ns);
}

static void without_renewals_it_leads_no_longer(void **state)
{
    (void)state;
    lead_from(0);
    for (int64_t now = 2000; now < 10000; now = next(now)) {
        assert_true(lease_leads(l, at(now)));
        assert_int_not_equal(tick(now), LEASE_WAIT);
        lease_failed(l, at(now));
    }
    assert_true(lease_leads(l, at(9999)));
    assert_false(lease_leads(l, at(10000)));
    assert_true(lease_until(l).ns == at(10000).ns);
}

/* Even when an answer to what was sent before the pause is the first thing it reads. */
static void a_paused_leader_leads_no_longer(void **state)
{
    (void)state;
    lead_from(0);
    assert_int_equal(tick(2000), LEASE_UPDATE);
    assert_false(lease_leads(l, at(42000)));
    lease_written(l, at(42000), "2");
    assert_false(lease_leads(l, at(42000)));
    assert_int_equal(tick(42000), LEASE_UPDATE);   /* of the version it knows: refused when another has it */
    assert_string_equal(out.version, "2");
    lease_failed(l, at(42001));
    assert_int_equal(tick(42001), LEASE_GET);
    found(42002, theirs("x", "9"));
    assert_false(lease_leads(l, at(42002)));
    assert_int_equal(tick(42002), LEASE_WAIT);
}

static void a_late_acceptance_is_too_late(void **state)
{
    (void)state;
    assert_int_equal(tick(0), LEASE_GET);
    lease_missing(l, at(0));
    assert_int_equal(tick(0), LEASE_CREATE);
    lease_written(l, at(10000), "1");
    assert_false(lease_leads(l, at(10000)));
    assert_int_equal(tick(10000), LEASE_UPDATE);
    lease_written(l, at(10001), "2");
    assert_true(lease_leads(l, at(10001)));
}

static void a_stolen_lease_is_given_up(void **state)
{
    (void)state;
    lead_from(0);
    assert_int_equal(tick(2000), LEASE_UPDATE);
    lease_failed(l, at(2001));                     /* 409: somebody wrote it */
    assert_int_equal(tick(2001), LEASE_GET);
    assert_true(lease_leads(l, at(2001)));
    found(2002, theirs("x", "9"));
    assert_false(lease_leads(l, at(2002)));
    assert_int_equal(lease_until(l).ns, 0);
}

static void a_deleted_or_emptied_lease_is_given_up_and_made_anew(void **state)
{
    (void)state;
    lead_from(0);
    assert_int_equal(tick(2000), LEASE_UPDATE);
    lease_failed(l, at(2001));                     /* 404 */
    assert_int_equal(tick(2001), LEASE_GET);
    lease_missing(l, at(2002));
    assert_false(lease_leads(l, at(2002)));
    assert_int_equal(tick(2002), LEASE_CREATE);
    assert_int_equal(out.transitions, 0);
    lease_written(l, at(2003), "20");
    assert_true(lease_leads(l, at(2003)));
    assert_int_equal(tick(4002), LEASE_UPDATE);
    lease_failed(l, at(4003));
    assert_int_equal(tick(4003), LEASE_GET);
    struct lease_record emptied = out;
    emptied.holder[0] = '\0';
    found(4004, emptied);
    assert_false(lease_leads(l, at(4004)));
    assert_int_equal(tick(4004), LEASE_UPDATE);
}

/* The wall clock is only ever written; and two records of ours always differ. */
static void the_wall_clock_may_jump(void **state)
{
    (void)state;
    static const int64_t walls[] = {0, 86400000, -86400000, 0, 0};
    char last[40] = "";
    lead_from(0);
    for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
        int64_t now = 2000 * (int64_t)(i + 1);
        assert_int_equal(lease_tick(l, at(now), (struct wall){noon.ms + walls[i]}, 0, &out), LEASE_UPDATE);
        assert_string_not_equal(out.renewed, last);
        assert_int_equal(strlen(out.renewed), strlen("2026-03-01T12:00:00.000000Z"));
        snprintf(last, sizeof last, "%s", out.renewed);
        lease_written(l, at(now), "5");
        assert_int_equal(lease_until(l).ns, at(now + 10000).ns);
    }
}

static void gives_back_what_it_has(void **state)
{
    (void)state;
    lead_from(0);
    lease_release(l, at(500));
    assert_false(lease_leads(l, at(500)));
    assert_false(lease_over(l));
    assert_int_equal(tick(500), LEASE_UPDATE);
    assert_string_equal(out.holder, "");
    assert_int_equal(out.duration_s, 1);
    assert_int_equal(out.transitions, 0);
    assert_string_equal(out.version, "1");
    lease_written(l, at(510), "2");
    assert_true(lease_over(l));
    assert_int_equal(tick(99999), LEASE_WAIT);
    assert_int_equal(next(99999), -1);
}

static void gives_back_after_the_renewal_under_way(void **state)
{
    (void)state;
    lead_from(0);
    assert_int_equal(tick(2000), LEASE_UPDATE);
    lease_release(l, at(2001));
    assert_int_equal(tick(2001), LEASE_WAIT);
    lease_written(l, at(2005), "2");
    assert_false(lease_leads(l, at(2005)));
    assert_int_equal(tick(2005), LEASE_UPDATE);
    assert_string_equal(out.holder, "");
    assert_string_equal(out.version, "2");
    lease_failed(l, at(2006));
    assert_int_equal(tick(2006), LEASE_GET);
    found(2007, theirs("x", "9"));                 /* it is no longer ours to give */
    assert_true(lease_over(l));
}

static void one_that_waits_has_nothing_to_give(void **state)
{
    (void)state;
    assert_int_equal(tick(0), LEASE_GET);
    found(0, theirs("x", "9"));
    lease_release(l, at(1));
    assert_true(lease_over(l));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(terms_are_checked), T(makes_what_is_missing), T(one_call_at_a_time), T(renews_without_asking), T(waits_while_another_renews),
        T(takes_what_is_not_renewed), T(takes_what_is_free_at_once), T(takes_its_own_back_at_once), T(a_lost_race_is_lost),
        T(a_lost_renewal_is_looked_up_and_repeated), T(without_renewals_it_leads_no_longer), T(a_paused_leader_leads_no_longer),
        T(a_late_acceptance_is_too_late), T(a_stolen_lease_is_given_up), T(a_deleted_or_emptied_lease_is_given_up_and_made_anew),
        T(the_wall_clock_may_jump), T(gives_back_what_it_has), T(gives_back_after_the_renewal_under_way), T(one_that_waits_has_nothing_to_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
