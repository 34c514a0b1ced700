#include "protocol/table.h"

#include "common/mem.h"

#include <string.h>

/* The owner of a field is a record (struct x) or a message (struct msg_x): one name for both. */
#define U64(owner, name, need, text)
#define I64(owner, name, need, text)
#define BOOL(owner, name, need, text)
#define STR(owner, name, need, most, text)
#define STRS(owner, name, need, most, text)
#define ROWS(owner, name, row, need, text)
#define END_RECORD(name)
#define END_MESSAGE(name)
#define RECORD(name) typedef struct name owner_##name;
#define MESSAGE(name, number, senders, receivers) typedef struct msg_##name owner_##name;
#include "protocol/messages.def"
#undef U64
#undef I64
#undef BOOL
#undef STR
#undef STRS
#undef ROWS
#undef END_RECORD
#undef END_MESSAGE
#undef RECORD
#undef MESSAGE

#define REQ true
#define OPT false
#define SCALAR(owner, name_, kind_, need) {.name = #name_, .kind = kind_, .required = need, .offset = offsetof(owner_##owner, name_)},
#define LIST(owner, name_, kind_, need, most, row) \
    {.name = #name_, .kind = kind_, .required = need, .max = most, .offset = offsetof(owner_##owner, name_), \
     .count_offset = offsetof(owner_##owner, n_##name_), .rows = row},
#define U64(owner, name, need, text) SCALAR(owner, name, FIELD_U64, need)
#define I64(owner, name, need, text) SCALAR(owner, name, FIELD_I64, need)
#define BOOL(owner, name, need, text) SCALAR(owner, name, FIELD_BOOL, need)
#define STR(owner, name_, need, most, text) \
    {.name = #name_, .kind = FIELD_STR, .required = need, .max = most, .offset = offsetof(owner_##owner, name_)},
#define STRS(owner, name, need, most, text) LIST(owner, name, FIELD_STRS, need, most, NULL)
#define ROWS(owner, name, row, need, text) LIST(owner, name, FIELD_ROWS, need, 0, &record_##row)

#define RECORD(name) static const struct field fields_##name[] = {
#define END_RECORD(name_) }; \
    static const struct record record_##name_ = {.name = #name_, .size = sizeof(owner_##name_), .fields = fields_##name_, .n_fields = ARRAY_SIZE(fields_##name_)}; \
    _Static_assert(ARRAY_SIZE(fields_##name_) <= TABLE_FIELDS_MAX, "too many fields");
#define MESSAGE(name, number, senders, receivers) static const struct field fields_##name[] = {
#define END_MESSAGE(name_) }; \
    _Static_assert(ARRAY_SIZE(fields_##name_) <= TABLE_FIELDS_MAX, "too many fields");
#include "protocol/messages.def"
#undef U64
#undef I64
#undef BOOL
#undef STR
#undef STRS
#undef ROWS
#undef END_RECORD
#undef END_MESSAGE
#undef RECORD
#undef MESSAGE

#define U64(owner, name, need, text)
#define I64(owner, name, need, text)
#define BOOL(owner, name, need, text)
#define STR(owner, name, need, most, text)
#define STRS(owner, name, need, most, text)
#define ROWS(owner, name, row, need, text)
#define RECORD(name)
#define END_RECORD(name)
#define END_MESSAGE(name)
#define MESSAGE(name_, number, senders, receivers) \
    {.body = {.name = #name_, .size = sizeof(owner_##name_), .fields = fields_##name_, .n_fields = ARRAY_SIZE(fields_##name_)}, \
     .type = MSG_##name_, .from = senders, .to = receivers},
enum { W = 1u << ROLE_WATCHER, P = 1u << ROLE_PROVISIONER, R = 1u << ROLE_REAPER, C = 1u << ROLE_AZPCTL };
static const struct message messages[] = {
#include "protocol/messages.def"
};

static const char *const role_names[] = {
    [ROLE_WATCHER] = "watcher", [ROLE_PROVISIONER] = "provisioner", [ROLE_REAPER] = "reaper", [ROLE_AZPCTL] = "azpctl"};

const struct message *table_find(uint64_t number)
{
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
        if (messages[i].type == number)
            return &messages[i];
    return NULL;
}

const struct message *table_at(size_t i)
{
    return i < ARRAY_SIZE(messages) ? &messages[i] : NULL;
}

const struct field *table_field(const struct record *record, const char *name, size_t n)
{
    for (size_t i = 0; i < record->n_fields; i++)
        if (strlen(record->fields[i].name) == n && memcmp(record->fields[i].name, name, n) == 0)
            return &record->fields[i];
    return NULL;
}

const char *role_name(enum role role)
{
    CHECK((unsigned)role < ROLE_COUNT);
    return role_names[role];
}

int role_parse(const char *text, enum role *ret)
{
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(text, role_names[i]) == 0) {
            *ret = (enum role)i;
            return 0;
        }
    }
    return -1;
}

const char *msg_name(enum msg_type type)
{
    const struct message *m = table_find(type);
    return m ? m->body.name : NULL;
}

bool msg_allowed(enum msg_type type, enum role from, enum role to)
{
    const struct message *m = table_find(type);
    return m && m->from & 1u << from && m->to & 1u << to;
}
