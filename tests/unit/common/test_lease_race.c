/* Three contenders for one Lease in a bad world: requests and replies are lost or late, processes are paused, killed and started again, their clocks run at
 * different speeds, and one or the other gives up in an orderly way. At no instant do two of them lead. */
#include "common/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { CONTENDERS = 3, STEP_MS = 25, RUN_MS = 600 * 1000, CALL_MS = 5000, RUNS = 150 };

struct flight {                   /* one request on its way; it may arrive long after its sender gave up or died */
    bool used, arrived;
    enum lease_want want;
    struct lease_record record;
    int64_t arrives, replies;     /* MAX: lost */
};

struct contender {
    struct lease *lease;
    char name[16];
    double speed;
    int64_t offset, paused_until, gives_up_at;
    struct flight *flight;        /* the one it waits for */
    int answer;                   /* of the server: 200, 404, 409 */
    struct lease_record reply;
};

static struct { bool exists; struct lease_record record; int version; } server;
static struct flight flights[64];
static struct contender list[CONTENDERS];
static uint64_t dice;
static int trouble;               /* percent */

static uint64_t roll(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice * 0x2545F4914F6CDD1Dull >> 16;
}

static bool chance(int percent)
{
    return (int)(roll() % 100) < percent;
}

static struct mono clock_of(const struct contender *c, int64_t now)
{
    return (struct mono){(int64_t)((double)(now + c->offset) * c->speed) * 1000000};
}

static void start_contender(struct contender *c)
{
    static const struct lease_terms terms = {.duration_ms = 15000, .renew_ms = 10000, .retry_ms = 2000};
    lease_free(&c->lease);
    c->lease = lease_new(&terms, c->name);
    c->flight = NULL;
    c->gives_up_at = chance(30) ? (int64_t)(roll() % RUN_MS) : INT64_MAX;
}

static int64_t delay(void)
{
    return chance(trouble) ? (int64_t)(roll() % 12000) : (int64_t)(roll() % 60);
}

static void send_request(struct contender *c, int64_t now, enum lease_want want, const struct lease_record *record)
{
    struct flight *f = flights;
    while (f->used)
        f++;
    assert_true(f < flights + 64);
    *f = (struct flight){.used = true, .want = want, .record = *record, .arrives = now + delay()};
    f->replies = f->arrives + delay();
    if (chance(trouble))
        *(chance(50) ? &f->arrives : &f->replies) = INT64_MAX;
    c->flight = f;
}

static int serve(const struct flight *f, struct lease_record *reply)
{
    char version[16];
    snprintf(version, sizeof version, "%d", server.version);
    if (f->want == LEASE_GET) {
        *reply = server.record;
        return server.exists ? 200 : 404;
    }
    if (server.exists ? f->want == LEASE_CREATE || strcmp(f->record.version, version) != 0 : f->want == LEASE_UPDATE)
        return 409;
    server.exists = true;
    server.record = f->record;
    snprintf(server.record.version, sizeof server.record.version, "%d", ++server.version);
    *reply = server.record;
    return 200;
}

static struct contender *owner_of(const struct flight *f)
{
    for (int i = 0; i < CONTENDERS; i++)
        if (list[i].flight == f)
            return &list[i];
    return NULL;
}

static void run_server(int64_t now)
{
    for (struct flight *f = flights; f < flights + 64; f++) {
        if (!f->used)
            continue;
        struct contender *c = owner_of(f);
        struct lease_record reply = {.holder = ""};
        if (!f->arrived && f->arrives <= now) {
            f->arrived = true;
            int answer = serve(f, &reply);
            if (c) {
                c->answer = answer;
                c->reply = reply;
            }
        }
        if (!c && (f->arrived || f->arrives == INT64_MAX))
            f->used = false;
    }
}

static void hear(struct contender *c, int64_t now, struct mono local, int64_t sent)
{
    struct flight *f = c->flight;
    if (f->arrived && f->replies <= now) {
        c->flight = NULL;
        if (c->answer == 200 && f->want == LEASE_GET)
            lease_found(c->lease, local, &c->reply);
        else if (c->answer == 200)
            lease_written(c->lease, local, c->reply.version);
        else if (c->answer == 404)
            lease_missing(c->lease, local);
        else
            lease_failed(c->lease, local);
    } else if (now - sent >= CALL_MS) {
        c->flight = NULL;
        lease_failed(c->lease, local);
    }
}

static void run_contender(struct contender *c, int64_t now, int64_t *sent)
{
    struct mono local = clock_of(c, now);
    struct lease_record record;
    if (c->flight)
        hear(c, now, local, *sent);
    if (now >= c->gives_up_at) {
        lease_release(c->lease, local);
        c->gives_up_at = INT64_MAX;
    }
    if (lease_over(c->lease))
        start_contender(c);
    struct wall wall = {1772366400000 + now / 1000 * (chance(5) ? 0 : 1000)};     /* a poor one: coarse, and it jumps */
    enum lease_want want = lease_tick(c->lease, local, wall, roll(), &record);
    if (want == LEASE_WAIT)
        return;
    *sent = now;
    send_request(c, now, want, &record);
}

static int leaders(int64_t now, int *ret_who)
{
    int n = 0;
    for (int i = 0; i < CONTENDERS; i++)
        if (lease_leads(list[i].lease, clock_of(&list[i], now))) {
            n++;
            *ret_who = i;
        }
    return n;
}

/* How many milliseconds somebody led, and how often another came to lead. */
static int64_t run_world(uint64_t seed, int percent, int *ret_changes)
{
    int64_t led = 0, sent[CONTENDERS] = {0};
    int last = -1;
    dice = seed * 0x9E3779B97F4A7C15ull | 1;
    trouble = percent;
    memset(&server, 0, sizeof server);
    memset(flights, 0, sizeof flights);
    for (int i = 0; i < CONTENDERS; i++) {
        lease_free(&list[i].lease);                                          /* of the last world */
        list[i] = (struct contender){.speed = 0.95 + (double)(roll() % 101) / 1000, .offset = (int64_t)(roll() % 1000000)};
        snprintf(list[i].name, sizeof list[i].name, "pod-%d", i);
        start_contender(&list[i]);
    }
    for (int64_t now = 0; now < RUN_MS; now += STEP_MS) {
        run_server(now);
        for (int i = 0; i < CONTENDERS; i++) {
            if (chance(percent) && chance(2))
                list[i].paused_until = now + (int64_t)(roll() % 40000);      /* SIGSTOP */
            if (chance(percent) && chance(1))
                start_contender(&list[i]);                                   /* kill -9, and the same pod starts it again */
            if (list[i].paused_until <= now)
                run_contender(&list[i], now, &sent[i]);
        }
        int who = -1, n = leaders(now, &who);
        if (n > 1)
            fail_msg("seed %llu, %d %% trouble: %d leaders at %lld ms", (unsigned long long)seed, percent, n, (long long)now);
        led += n * STEP_MS;
        *ret_changes += n && last >= 0 && who != last;
        last = n ? who : last;
    }
    return led;
}

static void never_two_leaders(void **state)
{
    (void)state;
    int changes = 0;
    int64_t led = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        led += run_world(seed, (int)(seed % 5) * 6, &changes);
    printf("led %lld s of %lld s, %d changes\n", (long long)led / 1000, (long long)RUNS * RUN_MS / 1000, changes);
    assert_true(led > (int64_t)RUNS * RUN_MS / 5);
    assert_true(changes > RUNS);
}

static void in_a_good_world_somebody_leads(void **state)
{
    (void)state;
    int changes = 0;
    for (uint64_t seed = 1; seed <= 10; seed++)
        assert_true(run_world(seed, 0, &changes) > RUN_MS - 10 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(never_two_leaders), cmocka_unit_test(in_a_good_world_somebody_leads)};
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < CONTENDERS; i++)
        lease_free(&list[i].lease);
    return result;
}
