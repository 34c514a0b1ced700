#include "provisioner/names.h"

#include "common/mem.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { HASH_DIGITS = 6, PREFIX_MAX = 30, SLUG_MIN = HASH_DIGITS + 2 };

static uint64_t hash_more(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
    return (h ^ 0xff) * 0x100000001b3ull;
}

static uint64_t hash_pool(const char *prefix, const char *pool, const char *instance)
{
    return hash_more(hash_more(hash_more(0xcbf29ce484222325ull, instance), pool), prefix);
}

/* Lower case, everything else than [a-z0-9] becomes one '-'; none at the ends. True when nothing was lost. */
static bool slugify(char *out, size_t room, const char *text)
{
    size_t n = 0;
    bool exact = true;
    for (; *text; text++) {
        char c = *text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        exact = exact && plain;
        if (!plain)
            c = isupper((unsigned char)c) ? (char)tolower((unsigned char)c) : '-';
        if (c == '-' && (n == 0 || out[n - 1] == '-')) {
            exact = false;
            continue;
        }
        if (n + 1 >= room) {
            exact = false;
            break;
        }
        out[n++] = c;
    }
    while (n && out[n - 1] == '-') {
        n--;
        exact = false;
    }
    out[n] = '\0';
    return exact;
}

/* out = at most room characters: the text as it is, or cut and with the hash behind it. */
static void fit(char *out, size_t room, const char *text, bool exact, uint64_t hash)
{
    size_t n = strlen(text);
    if (exact && n <= room) {
        memcpy(out, text, n + 1);
        return;
    }
    size_t kept = n < room - HASH_DIGITS - 1 ? n : room - HASH_DIGITS - 1;
    while (kept && text[kept - 1] == '-')
        kept--;
    snprintf(out, room + 1, "%.*s%s%06x", (int)kept, text, kept ? "-" : "", (unsigned)(hash & 0xffffff));
}

static void assemble(char out[64], const char *prefix, const char *pool, const char *instance, const char *tail)
{
    char slug[128], part[64], lead[64];
    uint64_t hash = hash_pool(prefix, pool, instance);
    size_t prefix_len = strlen(prefix);
    if (prefix_len > PREFIX_MAX) {
        char cut[PREFIX_MAX];
        fit(cut, PREFIX_MAX - 1, prefix, false, hash);
        snprintf(lead, sizeof lead, "%s%s", cut, prefix[prefix_len - 1] == '-' ? "-" : "");
    } else {
        memcpy(lead, prefix, prefix_len + 1);
    }
    bool exact = slugify(slug, sizeof slug, pool);
    size_t room = UNIT_NAME_MAX - strlen(lead) - 1 - strlen(tail);
    CHECK(strlen(lead) + 1 + strlen(tail) + SLUG_MIN <= UNIT_NAME_MAX);
    fit(part, room, slug, exact && *slug, hash);
    snprintf(out, 64, "%s%s-%s", lead, part, tail);
}

/* Attempts are few; one beyond five digits would only be a foreign object's claim. */
static uint32_t bounded(uint32_t n)
{
    return n > 99999 ? 99999 : n;
}

void unit_name_for_request(char out[64], const char *prefix, const char *pool, const char *instance, uint64_t request, uint32_t attempt)
{
    char tail[32];
    uint64_t id = request % 1000000000000ull;
    if (attempt > 1)
        snprintf(tail, sizeof tail, "%llu-%u", (unsigned long long)id, bounded(attempt));
    else
        snprintf(tail, sizeof tail, "%llu", (unsigned long long)id);
    assemble(out, prefix, pool, instance, tail);
}

void unit_name_for_warm(char out[64], const char *prefix, const char *pool, const char *instance, uint32_t slot, uint32_t generation)
{
    char tail[32];
    snprintf(tail, sizeof tail, "w%u-%u", bounded(slot), bounded(generation));
    assemble(out, prefix, pool, instance, tail);
}

void placeholder_name(char out[PLACEHOLDER_NAME_MAX + 1], const char *instance, const char *pool, const char *template)
{
    enum { SHARE = 14 };
    char who[SHARE], where[SHARE], what[SHARE];
    uint64_t hash = hash_more(hash_more(hash_more(0xcbf29ce484222325ull, instance), pool), template);
    slugify(who, sizeof who, instance);
    slugify(where, sizeof where, pool);
    slugify(what, sizeof what, template);
    snprintf(out, PLACEHOLDER_NAME_MAX + 1, "%s-placeholder-%s-%s-%08x", who, where, what, (unsigned)(hash >> 16) & 0xffffffff);
}
