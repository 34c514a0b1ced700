/* Prints protocol/README.md from protocol/messages.def, so that the document cannot differ from the code. */
#include "protocol/cursor.h"
#include "protocol/session.h"
#include "protocol/table.h"

#include "common/mem.h"

#include <stdio.h>
#include <string.h>

static const char intro[] =
    "# The protocol between the processes\n"
    "\n"
    "<!-- generated from messages.def by tests/tools/protocol_doc.c: `build/protocol-doc > protocol/README.md`; do not edit -->\n"
    "\n"
    "Watcher, provisioner and reaper are three programs that know each other only through this page. It is enough to replace one of them in another language;\n"
    "`tests/system/peers/` holds a watcher and a reaper in Python that the real ones work with.\n"
    "\n"
    "## Sockets\n"
    "\n"
    "Each process makes `$RUN_DIR/<role>/` (mode 0750) and listens on `$RUN_DIR/<role>/socket`: `AF_UNIX`, `SOCK_STREAM`, mode 0660. The watcher dials provisioner and\n"
    "reaper, the provisioner dials the reaper, `azpctl` dials any. Messages go both ways on a connection, whoever dialed. Who dials tries again with backoff (100 ms to\n"
    "5 s), so the start order does not matter. The kernel tells the peer's user (`SO_PEERCRED`), and `PEER_UIDS=watcher=10001,provisioner=10002,reaper=10003` says which\n"
    "user may claim which role; without it, our own user and root may claim any.\n"
    "\n"
    "## Frames\n"
    "\n"
    "A frame is a big-endian u32 length `n` (1 to %d), then `n` bytes: exactly one [msgpack](https://msgpack.org) map, nothing after it. Keys are strings. `t` is the\n"
    "message's number, the other keys are the fields below, in any order.\n"
    "\n"
    "| type | on the wire |\n"
    "|---|---|\n"
    "| `u64`, `i64` | an integer of any width that holds the value |\n"
    "| `bool` | `true` or `false` |\n"
    "| `str` | UTF-8, without NUL, at most so many bytes |\n"
    "| `strs` | a list of at most %d such strings |\n"
    "| `rows` | a list of maps, one per row; the records are below |\n"
    "\n"
    "An optional field that is left out is 0, `false`, `\"\"` or an empty list; `nil` is not allowed. Keys that a reader does not know are skipped. Everything else that is\n"
    "wrong (a missing field, one that is there twice, a wrong type, a string that is too long or not UTF-8, nesting beyond %d, a count larger than the bytes left) closes\n"
    "the connection, and nothing more.\n"
    "\n"
    "## A connection\n"
    "\n"
    "1. Both ends send `hello` at once, before anything else, and wait at most 5 s for the other's. Version here: **%d**. A process speaks with its own version, the one\n"
    "   before and the one after (the newer end adapts). Another version, a role that is not allowed, or anything before `hello` is answered with `unsupported`, and closed.\n"
    "2. After that, messages as the table allows: a message that its sender may not send closes the connection. A message number that is not known is answered with\n"
    "   `unsupported`, and the connection stays.\n"
    "3. A second connection of the same role replaces the first (`azpctl` may come as often as it likes, up to 32 connections).\n"
    "4. A frame that has begun must end within 30 s. Who does not read is dropped when 8 MiB wait for it. After every reconnect the sender tells everything anew,\n"
    "   so nothing is lost with a connection; no message is acknowledged, and every message may come twice.\n"
    "\n"
    "## Pictures: `requests` and `agents`\n"
    "\n"
    "- The watcher tells one pool at a time. After a (re)connect the first `requests` of each pool is **full**; later ones may be deltas: `rows` are new or changed\n"
    "  requests, `gone` are those that have left, *confirmed* (a row with a result, or asked one by one), never just missing from a reply. `agents` is always the whole pool.\n"
    "- A set larger than a frame is cut in **parts** with the same `set`, all with the same `full`; `last` is true on the final one only, and only then the whole set\n"
    "  applies. `set` rises with every set of a pool and kind on one connection. A request that is missing from a full set has left.\n"
    "- A message after each poll, also when nothing changed: an empty delta with the new `began_ns`. That is when the poll **began**: the picture is at least as new as this.\n"
    "- `stale` true: the poll failed, `reason` says why; no rows, the receiver keeps the old picture and decides nothing that needs a new one. Without any message for\n"
    "  max(3 x `delay_ms`, 30 s) the receiver takes the picture for stale by itself. Stale never means empty.\n"
    "\n"
    "## Clocks\n"
    "\n"
    "`*_ns` is `CLOCK_MONOTONIC` in nanoseconds, the same for all processes of one machine (Python: `time.monotonic_ns()`). `*_ms` is Unix time in milliseconds of the\n"
    "server that the fact comes from, 0 = not known; `age_ms`, `delay_ms` and `uptime_ms` are durations. Wall clocks of two machines are never compared.\n"
    "\n"
    "## A process in twenty lines\n"
    "\n"
    "```python\n"
    "import msgpack, os, socket, struct, time\n"
    "\n"
    "s = socket.socket(socket.AF_UNIX)\n"
    "s.connect(os.environ.get(\"RUN_DIR\", \"/run/ado-orchestrator\") + \"/provisioner/socket\")\n"
    "stream = s.makefile(\"rb\")\n"
    "\n"
    "def send(number, **fields):\n"
    "    body = msgpack.packb({\"t\": number, **fields})\n"
    "    s.sendall(struct.pack(\">I\", len(body)) + body)\n"
    "\n"
    "def receive():\n"
    "    return msgpack.unpackb(stream.read(struct.unpack(\">I\", stream.read(4))[0]))\n"
    "\n"
    "send(1, version=1, role=\"watcher\")                  # hello\n"
    "print(receive())                                     # its hello\n"
    "pool = {\"pool_id\": 7, \"pool\": \"linux\", \"last\": True, \"began_ns\": time.monotonic_ns(), \"stale\": False, \"delay_ms\": 1000}\n"
    "send(2, set=1, full=True, rows=[{\"id\": 1, \"queued_ms\": 0}], **pool)\n"
    "send(3, set=1, rows=[], **pool)\n"
    "print(receive())                                     # leader, poll...\n"
    "```\n"
    "\n";

#define TEXT_OF(owner, name, text) {#owner, #name, text},
static const struct { const char *owner, *name, *text; } texts[] = {
#define U64(owner, name, need, text) TEXT_OF(owner, name, text)
#define I64(owner, name, need, text) TEXT_OF(owner, name, text)
#define BOOL(owner, name, need, text) TEXT_OF(owner, name, text)
#define STR(owner, name, need, most, text) TEXT_OF(owner, name, text)
#define STRS(owner, name, need, most, text) TEXT_OF(owner, name, text)
#define ROWS(owner, name, row, need, text) TEXT_OF(owner, name, text)
#define RECORD(name)
#define END_RECORD(name)
#define MESSAGE(name, number, senders, receivers)
#define END_MESSAGE(name)
#include "protocol/messages.def"
};

static const char *text_of(const char *owner, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (strcmp(texts[i].owner, owner) == 0 && strcmp(texts[i].name, name) == 0)
            return texts[i].text;
    return "";
}

static void print_type(const struct field *field)
{
    static const char *const names[] = {
        [FIELD_U64] = "u64", [FIELD_I64] = "i64", [FIELD_BOOL] = "bool", [FIELD_STR] = "str", [FIELD_STRS] = "strs", [FIELD_ROWS] = "rows"};
    printf("%s", names[field->kind]);
    if (field->kind == FIELD_ROWS)
        printf(" of [%s](#%s)", field->rows->name, field->rows->name);
    else if (field->max)
        printf(" <= %zu", field->max);
}

static void print_fields(const struct record *record)
{
    printf("| field | type | required | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < record->n_fields; i++) {
        const struct field *field = &record->fields[i];
        printf("| `%s` | ", field->name);
        print_type(field);
        printf(" | %s | %s |\n", field->required ? "yes" : "", text_of(record->name, field->name));
    }
    printf("\n");
}

static void print_roles(unsigned roles)
{
    const char *comma = "";
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (!(roles & 1u << i))
            continue;
        printf("%s%s", comma, role_name((enum role)i));
        comma = ", ";
    }
}

static void print_overview(void)
{
    printf("## Messages\n\nNumbers are never used again for something else.\n\n| number | message | from | to |\n|---|---|---|---|\n");
    for (size_t i = 0; table_at(i); i++) {
        const struct message *message = table_at(i);
        printf("| %d | [%s](#%s) | ", (int)message->type, message->body.name, message->body.name);
        print_roles(message->from);
        printf(" | ");
        print_roles(message->to);
        printf(" |\n");
    }
    printf("\n");
}

static void print_messages(void)
{
    for (size_t i = 0; table_at(i); i++) {
        printf("### %s\n\n", table_at(i)->body.name);
        print_fields(&table_at(i)->body);
    }
}

/* Each record once, in the order in which messages first use them. */
static void print_records(void)
{
    const struct record *printed[TABLE_FIELDS_MAX];
    size_t n = 0;
    printf("## Records\n\n");
    for (size_t i = 0; table_at(i); i++) {
        const struct record *body = &table_at(i)->body;
        for (size_t k = 0; k < body->n_fields; k++) {
            const struct record *rows = body->fields[k].rows;
            size_t at = 0;
            while (at < n && printed[at] != rows)
                at++;
            if (!rows || at < n)
                continue;
            printed[n++] = rows;
            printf("### %s\n\n", rows->name);
            print_fields(rows);
        }
    }
}

int main(void)
{
    printf(intro, PROTOCOL_FRAME_MAX, TABLE_LIST_MAX, CURSOR_DEPTH_MAX, PROTOCOL_VERSION);
    print_overview();
    print_messages();
    print_records();
    return 0;
}
