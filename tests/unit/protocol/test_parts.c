#include "protocol/bus.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 6000, UNITS = 3000 };

struct seen {
    size_t parts, lasts, notes, requests, units, biggest;
    bool in_order;
    size_t stop_after;
};

static int take(void *data, const struct msg *part)
{
    struct seen *seen = data;
    const struct msg_status_reply *reply = &part->u.status_reply;
    struct buf frame;
    struct err err;
    buf_init(&frame, 1 << 21);
    if (seen->parts == seen->stop_after)
        return -1;
    assert_int_equal(msg_encode(part, &frame, &err), 0);
    seen->biggest = frame.len > seen->biggest ? frame.len : seen->biggest;
    buf_done(&frame);
    assert_int_equal(seen->lasts, 0);
    assert_string_equal(reply->role, "reaper");
    for (size_t i = 0; i < reply->n_requests; i++)
        seen->in_order = seen->in_order && reply->requests[i].id == ++seen->requests;
    for (size_t i = 0; i < reply->n_units; i++)
        seen->in_order = seen->in_order && reply->units[i].request == ++seen->units;
    seen->parts++;
    seen->lasts += reply->last;
    seen->notes += reply->n_notes;
    return 0;
}

static struct msg reply(size_t n_requests, size_t n_units)
{
    static const char *const notes[] = {"one", "two"};
    struct request_status *requests = xcalloc(n_requests + 1, sizeof *requests);
    struct unit_status *units = xcalloc(n_units + 1, sizeof *units);
    for (size_t i = 0; i < n_requests; i++)
        requests[i] = (struct request_status){.id = i + 1, .pool = "linux", .state = "waiting", .reason = "template gpu: demand cuda missing"};
    for (size_t i = 0; i < n_units; i++)
        units[i] = (struct unit_status){.name = "agent-job-linux", .pool = "linux", .state = "idle", .request = i + 1};
    return (struct msg){.type = MSG_status_reply,
                        .u.status_reply = {.role = "reaper", .notes = notes, .n_notes = 2, .requests = requests, .n_requests = n_requests,
                                           .units = units, .n_units = n_units, .last = true}};
}

static void done(struct msg *msg)
{
    free((void *)(uintptr_t)msg->u.status_reply.requests);
    free((void *)(uintptr_t)msg->u.status_reply.units);
}

static void every_row_once(void **state)
{
    (void)state;
    static const struct { size_t requests, units, least_parts; } cases[] = {{0, 0, 1}, {1, 0, 1}, {0, 1, 1}, {ROWS, 0, 3}, {ROWS, UNITS, 4}, {0, UNITS, 2}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct seen seen = {.in_order = true, .stop_after = SIZE_MAX};
        struct msg msg = reply(cases[i].requests, cases[i].units);
        assert_int_equal(bus_in_parts(&msg, take, &seen), 0);
        assert_int_equal(seen.requests, cases[i].requests);
        assert_int_equal(seen.units, cases[i].units);
        assert_true(seen.in_order);
        assert_int_equal(seen.lasts, 1);
        assert_int_equal(seen.notes, 2);
        assert_true(seen.parts >= cases[i].least_parts);
        assert_true(seen.biggest < 140000);
        done(&msg);
    }
}

static int one_row(void *data, const struct msg *part)
{
    size_t *parts = data;
    struct buf frame;
    struct err err;
    buf_init(&frame, 8 << 20);
    assert_int_equal(msg_encode(part, &frame, &err), 0);
    assert_int_equal(part->u.requests.n_rows, 1);
    buf_done(&frame);
    (*parts)++;
    return 0;
}

/* A job with absurdly many demands goes alone, and fits. */
static void rows_of_maximum_size(void **state)
{
    (void)state;
    char text[1025];
    memset(text, 'd', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const char *demands[400];
    for (size_t i = 0; i < ARRAY_SIZE(demands); i++)
        demands[i] = text;
    struct request_row rows[5];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        rows[i] = (struct request_row){.id = i + 1, .demands = demands, .n_demands = ARRAY_SIZE(demands)};
    struct msg msg = {.type = MSG_requests, .u.requests = {.pool = "p", .rows = rows, .n_rows = ARRAY_SIZE(rows)}};
    struct msg unsent = msg;
    struct buf frame;
    struct err err;
    buf_init(&frame, 8 << 20);
    assert_int_equal(msg_encode(&unsent, &frame, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    buf_done(&frame);
    size_t parts = 0;
    assert_int_equal(bus_in_parts(&msg, one_row, &parts), 0);
    assert_int_equal(parts, 5);
}

static void a_failing_sender_ends_it(void **state)
{
    (void)state;
    struct seen seen = {.in_order = true, .stop_after = 1};
    struct msg msg = reply(ROWS, UNITS);
    assert_int_equal(bus_in_parts(&msg, take, &seen), -1);
    assert_int_equal(seen.parts, 1);
    done(&msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_once), cmocka_unit_test(rows_of_maximum_size), cmocka_unit_test(a_failing_sender_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
