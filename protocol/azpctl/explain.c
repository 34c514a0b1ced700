/* Why a request waits, or who has it, in sentences. */
#include "protocol/azpctl/advice.h"
#include "protocol/azpctl/render.h"
#include "protocol/azpctl/text.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

static void sentence(FILE *out, char *text)
{
    char *clean = text_clean(text);
    fprintf(out, "%s\n", clean);
    free(clean);
    free(text);
}

static bool is(const char *state, const char *name)
{
    return strcmp(state, name) == 0;
}

static char *since(const struct request_status *request)
{
    char text[WALL_TEXT_MAX];
    struct wall now = clock_wall();
    if (!request->queued_ms || now.ms < request->queued_ms)
        return xstrdup("");
    return xasprintf(", queued %s ago", duration_format(now.ms - request->queued_ms, text));
}

static void say_why(const struct request_status *request, FILE *out)
{
    const char *advice = advice_for(request->code);
    if (*request->reason && *request->code)
        sentence(out, xasprintf("It waits: %s (%s).", request->reason, request->code));
    else if (*request->reason || *request->code)
        sentence(out, xasprintf("It waits: %s.", *request->reason ? request->reason : request->code));
    else if (*request->unit)
        sentence(out, xasprintf("It waits for unit %s.", request->unit));
    else
        sentence(out, xstrdup("It waits; the provisioner has not said why."));
    if (advice)
        sentence(out, xasprintf("What to do: %s.", advice));
}

/* Only the provisioner knows which agents are units. */
static void say_who(const struct request_status *request, bool provisioner, FILE *out)
{
    if (*request->unit)
        sentence(out, xasprintf("Unit %s has it.", request->unit));
    else
        sentence(out, xstrdup(provisioner ? "An agent has it that is not one of our units." : "An agent has it; the provisioner, which does not answer, knows which."));
}

static void say_state(const struct request_status *request, bool provisioner, FILE *out)
{
    char *age = since(request);
    sentence(out, xasprintf("Request %llu of pool %s%s%s%s is %s.", (unsigned long long)request->id, request->pool, *request->definition ? ", pipeline " : "",
                            request->definition, age, is(request->state, "gone") ? "not in the list any more" : request->state));
    free(age);
    if (*request->url)
        sentence(out, xasprintf("Its run: %s", request->url));
    if (is(request->state, "gone"))
        sentence(out, xasprintf("It has ended: %s.", *request->reason ? request->reason : "Azure DevOps no longer tells how"));
    else if (is(request->state, "running"))
        say_who(request, provisioner, out);
    else if (!provisioner)
        sentence(out, xstrdup("Why it waits is not known: the provisioner does not answer."));
    else
        say_why(request, out);
}

/* told: somebody has said its trouble already. */
static void say_unit(const char *who, const struct unit_status *unit, bool told, FILE *out)
{
    char age[WALL_TEXT_MAX];
    char *trouble = !told && (*unit->trouble || *unit->message)
                        ? xasprintf(" (%s%s%s)", unit->trouble, *unit->trouble && *unit->message ? ": " : "", unit->message) : xstrdup("");
    char *serves = unit->serves && unit->serves != unit->request ? xasprintf(", its agent has request %llu", (unsigned long long)unit->serves) : xstrdup("");
    sentence(out, xasprintf("The %s sees unit %s: %s for %s%s%s.", who, unit->name, unit->state, duration_format(unit->age_ms, age), serves, trouble));
    free(trouble);
    free(serves);
}

static bool concerns(const struct unit_status *unit, const struct request_status *request, uint64_t id)
{
    return unit->request == id || unit->serves == id || (request && *request->unit && strcmp(unit->name, request->unit) == 0);
}

static bool trouble_told(const struct answers *answers, enum role role, const struct unit_status *unit)
{
    const struct unit_status *of_provisioner = role == ROLE_PROVISIONER ? NULL : view_unit(&answers->of[ROLE_PROVISIONER], unit->name);
    return of_provisioner && strcmp(of_provisioner->trouble, unit->trouble) == 0 && strcmp(of_provisioner->message, unit->message) == 0;
}

static bool say_units(const struct answers *answers, enum role role, const struct request_status *request, uint64_t id, FILE *out)
{
    const struct answer *answer = &answers->of[role];
    bool any = false;
    for (size_t k = 0; k < answer->n; k++) {
        const struct msg_status_reply *part = &answer->parts[k]->u.status_reply;
        for (size_t i = 0; i < part->n_units; i++) {
            if (!concerns(&part->units[i], request, id))
                continue;
            say_unit(role_name(role), &part->units[i], trouble_told(answers, role, &part->units[i]), out);
            any = true;
        }
    }
    return any;
}

static void say_disagreement(const struct answers *answers, uint64_t id, FILE *out)
{
    const struct request_status *p = view_request(&answers->of[ROLE_PROVISIONER], id), *w = view_request(&answers->of[ROLE_WATCHER], id);
    if (answers->of[ROLE_PROVISIONER].whole && w && !p)
        sentence(out, xstrdup("The watcher has just seen it; the provisioner has not been told yet."));
    else if (answers->of[ROLE_WATCHER].whole && p && !w && !is(p->state, "gone"))
        sentence(out, xstrdup("The watcher no longer sees it in the list."));
}

static void say_pool(const struct answers *answers, const char *name, FILE *out)
{
    for (size_t r = 0; r < PROCESSES; r++) {
        const struct msg_status_reply *first = client_first(&answers->of[r]);
        for (size_t i = 0; first && i < first->n_pools; i++)
            if (strcmp(first->pools[i].name, name) == 0 && !is(first->pools[i].state, "ok"))
                sentence(out, xasprintf("The %s's picture of the pool is %s%s%s.", role_name((enum role)r), first->pools[i].state,
                                        *first->pools[i].reason ? ": " : "", first->pools[i].reason));
    }
}

bool explain_request(const struct answers *answers, uint64_t id, FILE *out)
{
    const struct request_status *request = view_request(&answers->of[ROLE_PROVISIONER], id);
    if (!request)
        request = view_request(&answers->of[ROLE_WATCHER], id);
    if (request)
        say_state(request, answers->of[ROLE_PROVISIONER].whole, out);
    say_disagreement(answers, id, out);
    bool units = say_units(answers, ROLE_PROVISIONER, request, id, out);
    units = say_units(answers, ROLE_REAPER, request, id, out) || units;
    if (request)
        say_pool(answers, request->pool, out);
    if (!request && !units)
        sentence(out, xasprintf("No process %sknows request %llu: it was never queued in these pools, or it ended long ago.",
                                client_whole(answers) < client_asked(answers) ? "that answers " : "", (unsigned long long)id));
    return request || units;
}
