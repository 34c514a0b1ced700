/* Jobs and pods of any shape in any order: one line of input is one event, its first byte says which ('J' Job, 'P' pod: JSON follows; 'j', 'p': gone, a name). */
#include "common/mem.h"
#include "common/unit.h"
#include "common/unit_parse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void gone(struct units *units, struct mono now, char kind, const char *name)
{
    if (kind == 'p') {
        units_pod_gone(units, now, name, "");
        return;
    }
    struct unit *unit = units_job_gone(units, name, NULL);
    unit_free(&unit);
}

static void event(struct units *units, struct mono now, char *line)
{
    if (*line == 'j' || *line == 'p') {
        gone(units, now, *line, line + 1);
        return;
    }
    json_t *object = *line ? json_loads(line + 1, 0, NULL) : NULL;
    if (object && *line == 'J')
        units_job(units, now, object);
    else if (object)
        units_pod(units, now, object);
    json_decref(object);
}

static void check_unit(const struct units *units, const struct unit *unit, struct mono now)
{
    CHECK(unit->name && *unit->name && unit->uid && *unit->uid);
    CHECK(units_get(units, unit->name) == unit);
    CHECK(units_by_agent(units, unit->name, NULL) == unit);
    CHECK((unit->phase == UNIT_ENDED) == (unit->ended_seen.ns != MONO_NEVER.ns));
    CHECK(!unit->message || strlen(unit->message) <= UNIT_MESSAGE_MAX);
    CHECK(!unit->pod == !unit->pod_uid);
    CHECK(unit->phase != UNIT_RUNNING || (unit->pod && unit->container_started));
    CHECK(unit->pod || unit->phase != UNIT_PENDING || unit->trouble == UNIT_NO_POD);
    CHECK(unit->changed.ns <= now.ns && unit->seen.ns <= now.ns);
}

static void check(const struct units *units, struct mono now)
{
    size_t cursor = 0, n = 0;
    for (const struct unit *unit; (unit = units_next(units, &cursor)); n++)
        check_unit(units, unit, now);
    CHECK(n == units_count(units));
    cursor = 0;
    for (const struct unit_orphan *orphan; (orphan = units_next_orphan(units, &cursor));)
        CHECK(orphan->pod && orphan->uid && orphan->seen.ns <= now.ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct units *units = units_new();
    struct mono now = {1};
    char *text = xcalloc(size + 1, 1), *rest = text;
    if (size)
        memcpy(text, data, size);
    for (char *line; (line = strsep(&rest, "\n"));) {
        now = mono_add_ms(now, 1);
        event(units, now, line);
        check(units, now);
    }
    free(text);
    units_free(&units);
    return 0;
}
