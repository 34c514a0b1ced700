#include "tests/unit/protocol/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { BIG = 8 << 20 };

/* What required fields look like on the wire, byte for byte: a change here breaks peers that are already out there. */
static const struct { const char *name, *hex; } golden[] = {
    {"hello", "0000001c83a17401a776657273696f6ece05f5e22da4726f6c65a5733131c3a9"},
    {"requests", "0000005489a17402a7706f6f6c5f6964ce17d788b1a4706f6f6ca5733231c3a9a466756c6cc3a3736574ce225516c1a46c617374c3a8626567616e5f"
        "6e73ce284af8eda57374616c65c3a864656c61795f6d73ce2ebaed31"},
    {"agents", "0000004e88a17403a7706f6f6c5f6964ce35a4f38da4706f6f6ca5733331c3a9a3736574ce40e8df04a46c617374c2a8626567616e5f6e73ce490412"
        "9ca57374616c65c2a864656c61795f6d73ce5199584c"},
    {"retire", "0000002684a17404a4756e6974a5733430c3a9a3756964a5733432c3a9a6726561736f6ea5733434c3a9"},
    {"trouble", "0000002584a17405a4756e6974a5733530c3a9a3756964a5733532c3a9a56361757365a5733534c3a9"},
    {"reaped", "0000003785a17406a4756e6974a5733630c3a9a3756964a5733632c3a9a6726561736f6ea5733634c3a9a77768656e5f6d73cf0000000103a37c0d"},
    {"leader", "0000000d82a17407a76c656164696e67c2"},
    {"poll", "0000000481a17408"},
    {"pause", "0000001783a17409a4706f6f6ca5733930c3a9a6706175736564c2"},
    {"drain", "0000000481a1740a"},
    {"done", "0000000e82a1740ba8636f6d706c657465c2"},
    {"status", "0000000481a1740c"},
    {"status_reply", "0000002584a1740da4726f6c65a673313330c3a9a46c617374c2a9757074696d655f6d73d2f8129331"},
    {"unsupported", "0000001482a1740ea66e756d626572cf00000004904129b1"},
};

static size_t unhex(const char *hex, unsigned char *out)
{
    size_t n = 0;
    for (unsigned value; hex[2 * n] && sscanf(hex + 2 * n, "%2x", &value) == 1;)
        out[n++] = (unsigned char)value;
    return n;
}

static void encode(const struct msg *msg, struct buf *out)
{
    struct err err = {.text = ""};
    buf_init(out, BIG);
    if (msg_encode(msg, out, &err))
        fail_msg("%s: %s", msg_name(msg->type), err.text);
    assert_int_equal((unsigned char)out->data[0] << 24 | (unsigned char)out->data[1] << 16 | (unsigned char)out->data[2] << 8 | (unsigned char)out->data[3],
                     out->len - 4);
}

static struct msg *decode(const struct buf *frame)
{
    struct msg *msg = NULL;
    struct err err = {.text = ""};
    uint64_t number;
    if (msg_decode(frame->data + 4, frame->len - 4, &msg, &number, &err))
        fail_msg("%s", err.text);
    return msg;
}

static void golden_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; table_at(i); i++) {
        unsigned char want[512];
        struct msg msg = sample_msg(table_at(i), false);
        struct buf b;
        encode(&msg, &b);
        assert_string_equal(golden[i].name, msg_name(msg.type));
        assert_int_equal(unhex(golden[i].hex, want), b.len);
        assert_memory_equal(b.data, want, b.len);
        buf_done(&b);
        sample_free(&msg);
    }
}

/* Written by another library (Python's msgpack), optional fields and rows included: read, and written back as the same bytes. */
static void another_librarys_bytes(void **state)
{
    (void)state;
    static const char hex[] =
        "8ba17402a7706f6f6c5f696407a4706f6f6ca56c696e7578a466756c6cc3a3736574cd012ca46c617374c3a8626567616e5f6e73cf000000012a05f2"
        "00a57374616c65c2a864656c61795f6d73cd03e8a4726f77739188a26964ce00011170a97175657565645f6d73cf0000018bcfe56800a86167656e74"
        "5f696409a56167656e74a3612d31ac6167656e745f6f6e6c696e65c3a764656d616e647392a56c696e7578ae76202d677456657273696f6e2032a870"
        "72696f72697479ffaa646566696e6974696f6ea364c3a9a4676f6e659183a2696403a6726573756c74a66661696c6564ab72656365697665645f6d73"
        "d1ff7f";
    unsigned char bytes[512];
    size_t n = unhex(hex, bytes);
    struct msg *msg = NULL;
    struct err err;
    struct buf b;
    assert_int_equal(msg_decode(bytes, n, &msg, NULL, &err), 0);
    const struct msg_requests *r = &msg->u.requests;
    assert_string_equal(r->pool, "linux");
    assert_int_equal(r->began_ns, 5000000000);
    assert_int_equal(r->n_rows, 1);
    assert_int_equal(r->rows[0].id, 70000);
    assert_int_equal(r->rows[0].queued_ms, 1700000000000);
    assert_int_equal(r->rows[0].priority, -1);
    assert_true(r->rows[0].agent_online);
    assert_int_equal(r->rows[0].n_demands, 2);
    assert_string_equal(r->rows[0].demands[1], "v -gtVersion 2");
    assert_string_equal(r->rows[0].url, "");
    assert_string_equal(r->gone[0].result, "failed");
    assert_int_equal(r->gone[0].received_ms, -129);
    encode(msg, &b);
    assert_int_equal(b.len - 4, n);
    assert_memory_equal(b.data + 4, bytes, n);
    msg_free(&msg);
    buf_done(&b);
}

static void round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; table_at(i); i++) {
        for (int full = 0; full < 2; full++) {
            struct msg msg = sample_msg(table_at(i), full);
            struct buf b;
            encode(&msg, &b);
            struct msg *back = decode(&b);
            assert_int_equal(back->type, msg.type);
            if (!sample_same(&table_at(i)->body, (char *)&msg.u, (char *)&back->u))
                fail_msg("%s (%s) came back different", msg_name(msg.type), full ? "full" : "sparse");
            msg_free(&back);
            assert_null(back);
            buf_done(&b);
            sample_free(&msg);
        }
    }
}

/* Every proper beginning of a message is refused, and so is a byte too many. */
static void cut_and_trailing(void **state)
{
    (void)state;
    for (size_t i = 0; table_at(i); i++) {
        struct msg msg = sample_msg(table_at(i), false), *back = NULL;
        struct buf b;
        struct err err;
        encode(&msg, &b);
        for (size_t n = 0; n < b.len - 4; n++) {
            assert_int_equal(msg_decode(b.data + 4, n, &back, NULL, &err), -1);
            assert_int_equal(err.code, ERR_INVALID);
        }
        assert_int_equal(msg_decode(b.data + 4, b.len - 4 + 1, &back, NULL, &err), -1);   /* the buffer's own NUL */
        buf_done(&b);
        sample_free(&msg);
    }
}

static const char hello_rest[] = "a776657273696f6e01a4726f6c65a3616263";   /* version 1, role abc */

static int decode_hex(const char *hex, struct msg **ret, uint64_t *number, struct err *err)
{
    unsigned char bytes[512];
    size_t n = unhex(hex, bytes);
    *err = (struct err){.code = ERR_NONE};
    *ret = NULL;
    return msg_decode(bytes, n, ret, number, err);
}

static void bad_bytes(void **state)
{
    (void)state;
    static const struct { const char *what, *hex, *text; } cases[] = {
        {"nothing", "", "not one msgpack map"},
        {"not a map", "93010203", "not one msgpack map"},
        {"a map that claims 4 Gi pairs", "dfffffffff", "not one msgpack map"},
        {"an array that claims 4 Gi entries inside", "82a17401a178ddffffffff", "not one msgpack map"},
        {"a string past the end", "82a17401a178dbffffffff", "not one msgpack map"},
        {"the unused head c1", "82a17401a178c1", "not one msgpack map"},
        {"nine levels deep", "82a17401a1789191919191919191" "01", "not one msgpack map"},
        {"no t", "82a776657273696f6e01a4726f6c65a3616263", "t is missing"},
        {"t twice", "84a17401a17401a776657273696f6e01a4726f6c65a3616263", "t must be one number"},
        {"t a string", "83a174a131a776657273696f6e01a4726f6c65a3616263", "t must be one number"},
        {"t negative", "83a174ffa776657273696f6e01a4726f6c65a3616263", "t must be one number"},
        {"a key that is a number", "84a174010102a776657273696f6e01a4726f6c65a3616263", "a key that is not a string"},
        {"role missing", "82a17401a776657273696f6e01", "hello.role: missing"},
        {"version twice", "84a17401a776657273696f6e01a776657273696f6e01a4726f6c65a3616263", "hello.version: twice"},
        {"version negative", "83a17401a776657273696f6effa4726f6c65a3616263", "hello.version: out of range"},
        {"version a float", "83a17401a776657273696f6eca3f800000a4726f6c65a3616263", "hello.version: wrong type"},
        {"version nil", "83a17401a776657273696f6ec0a4726f6c65a3616263", "hello.version: wrong type"},
        {"role binary", "83a17401a776657273696f6e01a4726f6c65c403616263", "hello.role: wrong type"},
        {"role with NUL", "83a17401a776657273696f6e01a4726f6c65a3610063", "hello.role: not UTF-8 text"},
        {"role not UTF-8", "83a17401a776657273696f6e01a4726f6c65a361ff63", "hello.role: not UTF-8 text"},
        {"role a surrogate", "83a17401a776657273696f6e01a4726f6c65a3eda080", "hello.role: not UTF-8 text"},
        {"role of 17 bytes", "83a17401a776657273696f6e01a4726f6c65b13030303030303030303030303030303030", "hello.role: too long"},
        {"leading a number", "82a17407a76c656164696e6701", "leader.leading: wrong type"},
        {"i64 beyond", "85a17406a4756e6974a161a3756964a162a6726561736f6ea163a77768656e5f6d73cfffffffffffffffff", "reaped.when_ms: out of range"},
        {"rows not a list", "82a1740da5706f6f6c7301", "status_reply.pools: wrong type"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct msg *msg;
        struct err err;
        if (decode_hex(cases[i].hex, &msg, NULL, &err) != -1 || err.code != ERR_INVALID)
            fail_msg("%s: accepted", cases[i].what);
        if (!strstr(err.text, cases[i].text))
            fail_msg("%s: \"%s\"", cases[i].what, err.text);
    }
}

/* A peer of the next version may add keys and messages. */
static void newer_peer(void **state)
{
    (void)state;
    struct msg *msg;
    struct err err;
    uint64_t number = 0;
    char hex[256];
    snprintf(hex, sizeof hex, "85a17401%sa16181a16b93c0c2cb3ff0000000000000a162d60501020304", hello_rest);
    assert_int_equal(decode_hex(hex, &msg, &number, &err), 0);
    assert_int_equal(number, 1);
    assert_string_equal(msg->u.hello.role, "abc");
    assert_string_equal(msg->u.hello.build, "");
    msg_free(&msg);
    assert_int_equal(decode_hex("82a174cd0309a161c3", &msg, &number, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(number, 777);
    assert_null(msg);
}

/* Other libraries write numbers wider than needed, and keys in any order. */
static void other_writers(void **state)
{
    (void)state;
    struct msg *msg;
    struct err err;
    assert_int_equal(decode_hex("83a4726f6c65d903616263a776657273696f6ed30000000000000001a174cc01", &msg, NULL, &err), 0);
    assert_int_equal(msg->u.hello.version, 1);
    msg_free(&msg);
}

/* Names of pipelines come from strangers: cut and repaired, never refused. */
static void strangers_strings(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'a', sizeof name);
    memcpy(name + 254, "\xe2\x82\xac", 3);   /* a character across the maximum of 256 */
    name[399] = '\0';
    const char *demands[300];
    for (size_t i = 0; i < 300; i++)
        demands[i] = "linux";
    struct request_row row = {.id = 7, .definition = name, .run = "x\xff\xc0y", .demands = demands, .n_demands = 300};
    struct msg msg = {.type = MSG_requests, .u.requests = {.pool = "p", .set = 1, .rows = &row, .n_rows = 1}};
    struct buf b;
    encode(&msg, &b);
    struct msg *back = decode(&b);
    const struct request_row *got = &back->u.requests.rows[0];
    assert_int_equal(strlen(got->definition), 254);
    assert_string_equal(got->run, "x\xef\xbf\xbd\xef\xbf\xbdy");
    assert_int_equal(got->n_demands, 256);
    assert_string_equal(got->demands[254], "linux");
    assert_string_equal(got->demands[255], "(more entries than a message may hold)");
    msg_free(&back);
    buf_done(&b);
}

static void what_cannot_be_sent(void **state)
{
    (void)state;
    char id[80];
    memset(id, 'u', sizeof id);
    id[79] = '\0';
    struct err err;
    struct buf b;
    buf_init(&b, BIG);
    buf_puts(&b, "before");
    struct msg retire = {.type = MSG_retire, .u.retire = {.unit = id, .uid = "u", .reason = "surplus"}};
    assert_int_equal(msg_encode(&retire, &b, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, "retire.unit is longer than 64 bytes");

    struct agent_row *rows = xcalloc(60000, sizeof *rows);
    for (size_t i = 0; i < 60000; i++)
        rows[i] = (struct agent_row){.id = i, .name = "an agent"};
    struct msg agents = {.type = MSG_agents, .u.agents = {.pool = "p", .rows = rows, .n_rows = 60000}};
    assert_int_equal(msg_encode(&agents, &b, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_string_equal(b.data, "before");
    assert_false(b.failed);

    struct buf small;
    buf_init(&small, 1000);
    agents.u.agents.n_rows = 100;
    assert_int_equal(msg_encode(&agents, &small, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_int_equal(small.len, 0);
    free(rows);
    buf_done(&b);
    buf_done(&small);
}

static void too_many_in_a_list(void **state)
{
    (void)state;
    struct msg msg = {.type = MSG_status_reply, .u.status_reply = {.role = "reaper"}}, *back = NULL;
    const char *notes[TABLE_LIST_MAX];
    for (size_t i = 0; i < TABLE_LIST_MAX; i++)
        notes[i] = "n";
    msg.u.status_reply.notes = notes;
    msg.u.status_reply.n_notes = TABLE_LIST_MAX;
    struct buf b;
    struct err err;
    encode(&msg, &b);
    back = decode(&b);
    assert_int_equal(back->u.status_reply.n_notes, TABLE_LIST_MAX);
    msg_free(&back);
    /* 256 written as array16: one more element makes it 257 */
    char *count = memmem(b.data, b.len, "\xdc\x01\x00", 3);
    assert_non_null(count);
    count[2] = 1;
    buf_append(&b, "\xa1n", 2);
    assert_int_equal(msg_decode(b.data + 4, b.len - 4, &back, NULL, &err), -1);
    assert_string_equal(err.text, "message not understood: status_reply.notes: too many");
    buf_done(&b);
}

static void who_may_send(void **state)
{
    (void)state;
    assert_true(msg_allowed(MSG_requests, ROLE_WATCHER, ROLE_REAPER));
    assert_false(msg_allowed(MSG_requests, ROLE_PROVISIONER, ROLE_REAPER));
    assert_true(msg_allowed(MSG_retire, ROLE_AZPCTL, ROLE_REAPER));
    assert_false(msg_allowed(MSG_retire, ROLE_WATCHER, ROLE_REAPER));
    assert_false(msg_allowed(MSG_retire, ROLE_PROVISIONER, ROLE_WATCHER));
    assert_false(msg_allowed((enum msg_type)99, ROLE_WATCHER, ROLE_REAPER));
    assert_null(msg_name((enum msg_type)99));
    enum role role;
    assert_int_equal(role_parse("reaper", &role), 0);
    assert_int_equal(role, ROLE_REAPER);
    assert_int_equal(role_parse("Reaper", &role), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_bytes), cmocka_unit_test(another_librarys_bytes), cmocka_unit_test(round_trip), cmocka_unit_test(cut_and_trailing), cmocka_unit_test(bad_bytes),
        cmocka_unit_test(newer_peer), cmocka_unit_test(other_writers), cmocka_unit_test(strangers_strings),
        cmocka_unit_test(what_cannot_be_sent), cmocka_unit_test(too_many_in_a_list), cmocka_unit_test(who_may_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
