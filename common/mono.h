/* Two kinds of time that must not mix: mono (our monotonic clock, for ages and deadlines) and wall (Unix time, for people and for
 * comparing two stamps of one server). Pure: the clocks themselves are read in clock.h by the shells only. */
#ifndef COMMON_MONO_H
#define COMMON_MONO_H

#include <stdbool.h>
#include <stdint.h>

struct mono { int64_t ns; };
struct wall { int64_t ms; };   /* Unix time in milliseconds; 0 = not known */

#define MONO_NEVER ((struct mono){INT64_MAX})
#define MONO_ZERO ((struct mono){0})

struct mono mono_add_ms(struct mono t, int64_t ms);      /* MONO_NEVER stays; saturates */
int64_t mono_ms_between(struct mono from, struct mono to);   /* to - from, in ms */
bool mono_before(struct mono a, struct mono b);          /* a < b */
bool mono_reached(struct mono deadline, struct mono now);    /* deadline <= now; never for MONO_NEVER */
struct mono mono_min(struct mono a, struct mono b);
struct mono mono_max(struct mono a, struct mono b);

/* ISO 8601 / RFC 3339 with 0-9 fractional digits, Z or an offset. NULL, "" or nonsense: {0}; *ok (may be NULL) tells. */
struct wall wall_parse(const char *text, bool *ok);

enum { WALL_TEXT_MAX = 32 };
/* 2026-03-01T08:15:02.500Z ("" for 0); returns out. */
char *wall_format(struct wall t, char out[WALL_TEXT_MAX]);
/* Kubernetes MicroTime: exactly six fractional digits. */
char *wall_format_micro(struct wall t, char out[WALL_TEXT_MAX]);

/* "1h2m", "45s", "350ms": for people; returns out. */
char *duration_format(int64_t ms, char out[WALL_TEXT_MAX]);
/* "90" (in the given default unit's ms), "500ms", "30s", "10m", "2h", "1d", "1h30m"; -1 on nonsense, negatives or overflow. */
int duration_parse(const char *text, int64_t plain_unit_ms, int64_t *ret_ms);

#endif
