#include "protocol/session.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { W = 1u << ROLE_WATCHER, P = 1u << ROLE_PROVISIONER, R = 1u << ROLE_REAPER, C = 1u << ROLE_AZPCTL };

static void uids(void **state)
{
    (void)state;
    static const struct { const char *text; unsigned self, uid, roles; } cases[] = {
        {NULL, 1000, 1000, W | P | R | C},
        {NULL, 1000, 0, W | P | R | C},
        {NULL, 1000, 1001, 0},
        {"", 1000, 1000, W | P | R | C},
        {"watcher=1,provisioner=2,reaper=3", 3, 1, W | C},
        {"watcher=1,provisioner=2,reaper=3", 3, 2, P | C},
        {"watcher=1,provisioner=2,reaper=3", 3, 3, R | C},
        {"watcher=1,provisioner=2,reaper=3", 3, 0, W | P | R | C},
        {"watcher=1,provisioner=2,reaper=3", 3, 4, 0},
        {"watcher=1,provisioner=2", 3, 3, C},
        {" watcher=1, provisioner=1 ,", 3, 1, W | P | C},
        {"azpctl=5", 3, 5, C},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct peer_uids list;
        struct err err;
        assert_int_equal(peer_uids_parse(cases[i].text, &list, &err), 0);
        assert_int_equal(peer_uids_roles(&list, cases[i].self, cases[i].uid), cases[i].roles);
    }
}

static void bad_uids(void **state)
{
    (void)state;
    static const char *const cases[] = {"watcher", "watcher=", "watcher=x", "watcher=-1", "watcher=4294967295", "boss=1", "watcher=1 2=3", "=1", "watcher=1x"};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct peer_uids list;
        struct err err = {.code = ERR_NONE};
        if (peer_uids_parse(cases[i], &list, &err) != -1)
            fail_msg("\"%s\" was accepted", cases[i]);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_non_null(strstr(err.text, "PEER_UIDS"));
    }
}

static struct msg hello(uint64_t version, const char *role)
{
    return (struct msg){.type = MSG_hello, .u.hello = {.version = version, .role = role, .build = "", .instance = ""}};
}

static void hellos(void **state)
{
    (void)state;
    static const struct { uint64_t version; const char *role; enum session_verdict verdict; uint64_t number; const char *text; } cases[] = {
        {PROTOCOL_VERSION, "watcher", SESSION_UP, 0, ""},
        {PROTOCOL_VERSION + 1, "watcher", SESSION_UP, 0, ""},
        {PROTOCOL_VERSION + 2, "watcher", SESSION_REFUSE, PROTOCOL_VERSION + 2, "watcher speaks protocol version 3, we speak 1"},
        {0, "watcher", SESSION_REFUSE, 0, "version 0"},
        {PROTOCOL_VERSION, "provisioner", SESSION_REFUSE, PROTOCOL_VERSION, "claims to be provisioner"},
        {PROTOCOL_VERSION, "boss", SESSION_REFUSE, PROTOCOL_VERSION, "unknown role"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct session s = {.self = ROLE_REAPER, .may_be = W | C};
        struct msg msg = hello(cases[i].version, cases[i].role), reply = {.type = MSG_poll};
        struct err err = {.text = ""};
        assert_int_equal(session_receive(&s, &msg, 0, &reply, &err), cases[i].verdict);
        assert_int_equal(s.up, cases[i].verdict == SESSION_UP);
        assert_non_null(strstr(err.text, cases[i].text));
        if (cases[i].verdict == SESSION_REFUSE) {
            assert_int_equal(reply.type, MSG_unsupported);
            assert_int_equal(reply.u.unsupported.number, cases[i].number);
        }
    }
}

static void before_hello(void **state)
{
    (void)state;
    struct session s = {.self = ROLE_REAPER, .may_be = W};
    struct msg leader = {.type = MSG_leader}, refusal = {.type = MSG_unsupported, .u.unsupported = {.number = 9, .reason = "too old"}}, reply;
    struct err err;
    assert_int_equal(session_receive(&s, &leader, MSG_leader, &reply, &err), SESSION_REFUSE);
    assert_string_equal(err.text, "refused: hello must come first");
    assert_int_equal(session_receive(&s, NULL, 99, &reply, &err), SESSION_REFUSE);
    assert_int_equal(session_receive(&s, &refusal, 0, &reply, &err), SESSION_CLOSE);
    assert_string_equal(err.text, "the peer refuses us: too old (9)");
}

static void after_hello(void **state)
{
    (void)state;
    struct session s = {.self = ROLE_REAPER, .may_be = W};
    struct msg h = hello(PROTOCOL_VERSION, "watcher"), requests = {.type = MSG_requests}, retire = {.type = MSG_retire}, reply;
    struct msg refusal = {.type = MSG_unsupported, .u.unsupported = {.number = 9, .reason = ""}};
    struct err err;
    assert_int_equal(session_receive(&s, &h, 0, &reply, &err), SESSION_UP);
    assert_int_equal(s.peer, ROLE_WATCHER);
    assert_int_equal(session_receive(&s, &requests, 0, &reply, &err), SESSION_DELIVER);
    assert_int_equal(session_receive(&s, &refusal, 0, &reply, &err), SESSION_DELIVER);
    assert_int_equal(session_receive(&s, NULL, 99, &reply, &err), SESSION_ANSWER);
    assert_int_equal(reply.u.unsupported.number, 99);
    assert_int_equal(session_receive(&s, &retire, 0, &reply, &err), SESSION_CLOSE);
    assert_string_equal(err.text, "watcher may not send retire to reaper");
    assert_int_equal(session_receive(&s, &h, 0, &reply, &err), SESSION_CLOSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uids), cmocka_unit_test(bad_uids), cmocka_unit_test(hellos), cmocka_unit_test(before_hello), cmocka_unit_test(after_hello),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
