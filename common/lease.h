/* Leader election on one coordination.k8s.io Lease, by client-go's rules. Pure: what to send next, what the answers mean, whether the lease is ours.
 * A record of somebody else is held to be good for its duration from when *we* first saw it: no clock but our own monotonic one decides. Our own is good
 * for the renew deadline from when its renewal was *sent*; that ends before the earliest moment at which anybody else can think it expired. */
#ifndef COMMON_LEASE_H
#define COMMON_LEASE_H

#include "common/mono.h"

struct lease_terms {
    int64_t duration_ms;          /* what others wait for without a renewal; told in whole seconds, rounded up */
    int64_t renew_ms;             /* without a renewal for so long the holder leads no longer */
    int64_t retry_ms;             /* between two renewals, or two looks of one who waits */
};
/* duration > renew > retry * 1.2 */
bool lease_terms_good(const struct lease_terms *terms);

enum { LEASE_IDENTITY_MAX = 200 };

/* The Lease as it is read and written. */
struct lease_record {
    char holder[LEASE_IDENTITY_MAX + 56];        /* "" = free */
    int64_t duration_s;                          /* 0 = not said */
    char acquired[40], renewed[40];              /* MicroTime */
    int64_t transitions;
    char version[64];                            /* resourceVersion: of what was read; an UPDATE is of this one only */
};

enum lease_want { LEASE_WAIT, LEASE_GET, LEASE_CREATE, LEASE_UPDATE };

struct lease;
struct lease *lease_new(const struct lease_terms *terms, const char *identity);   /* identity: cut at LEASE_IDENTITY_MAX */
void lease_free(struct lease **lease);

/* What to send at this instant; one call at a time is under way. ret_record: what to write. random: for jitter. wall: only ever written, for people. */
enum lease_want lease_tick(struct lease *lease, struct mono now, struct wall wall, uint64_t random, struct lease_record *ret_record);
/* The next time that lease_tick wants something, or lease_leads changes by itself. */
struct mono lease_deadline(const struct lease *lease, struct mono now);

/* What the call under way came to: */
void lease_found(struct lease *lease, struct mono now, const struct lease_record *record);   /* GET: this */
void lease_missing(struct lease *lease, struct mono now);                                    /* GET: 404 */
void lease_written(struct lease *lease, struct mono now, const char *version);               /* CREATE, UPDATE: accepted as this version */
void lease_failed(struct lease *lease, struct mono now);                                     /* anything else, also no answer */

/* A write sent before this instant is covered by our lease; MONO_ZERO = none is. */
struct mono lease_until(const struct lease *lease);
bool lease_leads(const struct lease *lease, struct mono now);

/* Leads no longer and gives back what is ours: tick until lease_over. */
void lease_release(struct lease *lease, struct mono now);
bool lease_over(const struct lease *lease);

/* The newest record told or written; NULL = none yet, or there is no Lease. */
const struct lease_record *lease_seen(const struct lease *lease);

#endif
