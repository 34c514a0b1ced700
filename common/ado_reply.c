#include "common/ado_reply.h"

#include "common/json.h"
#include "common/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WAIT_MAX_MS = 30 * 60 * 1000, OFFLINE_WAIT_MS = 30 * 1000, STRETCH_MAX_MS = 30 * 1000, DETAIL_MAX = 320 };

enum ado_content ado_content_of(const char *content_type, bool is_json)
{
    if (is_json)
        return ADO_CONTENT_JSON;
    if (!content_type || !*content_type)
        return ADO_CONTENT_NONE;
    if (strncasecmp(content_type, "text/html", 9) == 0 || strncasecmp(content_type, "application/xhtml", 17) == 0)
        return ADO_CONTENT_HTML;
    return ADO_CONTENT_OTHER;
}

/* ---- when to call again ---- */

static double number_or(const char *text, double fallback)
{
    char *end;
    double value = text ? strtod(text, &end) : fallback;
    return text && (end == text || value != value) ? fallback : value;
}

static int64_t clamp_ms(double ms, int64_t most)
{
    return ms <= 0 ? 0 : ms > (double)most ? most : (int64_t)ms;
}

/* Under a quarter of the budget left: spread the calls over the time until it is renewed, the less left the wider. */
static int64_t stretch_ms(const struct ado_facts *facts, int64_t server_ms)
{
    double limit = number_or(facts->limit, 0), left = number_or(facts->remaining, -1), reset = number_or(facts->reset, 0);
    if (limit <= 0 || left < 0 || left >= limit / 4 || server_ms <= 0)
        return 0;
    double until_ms = reset * 1000 - (double)server_ms;
    return clamp_ms(until_ms * (1 - 4 * left / limit) / 8, STRETCH_MAX_MS);
}

int64_t ado_wait_ms(const struct ado_facts *facts, int64_t server_ms)
{
    int64_t told = clamp_ms((double)facts->retry_after_ms, WAIT_MAX_MS);
    int64_t delay = clamp_ms(number_or(facts->delay, 0) * 1000, WAIT_MAX_MS);
    int64_t wait = told > delay ? told : delay;
    if (!wait)
        wait = stretch_ms(facts, server_ms);
    return facts->host_offline && wait < OFFLINE_WAIT_MS ? OFFLINE_WAIT_MS : wait;
}

/* "Sun, 01 Mar 2026 08:10:00 GMT"; 0 when it is not that. */
static int64_t date_ms(const char *date)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char month[4], iso[WALL_TEXT_MAX];
    int day, year, hour, minute, second;
    if (!date || sscanf(date, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT", &day, month, &year, &hour, &minute, &second) != 6)
        return 0;
    const char *found = strlen(month) == 3 ? strstr(months, month) : NULL;
    if (!found || (found - months) % 3)
        return 0;
    snprintf(iso, sizeof iso, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, (int)(found - months) / 3 + 1, day, hour, minute, second);
    int64_t ms = wall_parse(iso, NULL).ms;
    return ms > 0 ? ms : 0;
}

/* ---- what the server says ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void percent_decode(const char *in, char *out, size_t size)
{
    size_t n = 0;
    for (; *in && n + 1 < size; in++) {
        int high = *in == '%' ? hex_digit(in[1]) : -1, low = high >= 0 ? hex_digit(in[2]) : -1;
        if (low >= 0) {
            out[n++] = (char)(high * 16 + low);
            in += 2;
        } else {
            out[n++] = *in == '+' ? ' ' : *in;
        }
    }
    out[n] = '\0';
}

struct said {
    char type[96];          /* typeKey */
    char text[DETAIL_MAX];  /* the most telling sentence there is, "" = none */
};

static void first_line(const char *body, char *out, size_t size)
{
    body += strspn(body, " \t\r\n");
    size_t n = strcspn(body, "\r\n");
    snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), body);
}

static struct said what_is_said(const struct ado_facts *facts)
{
    struct said said = {{0}, {0}};
    if (facts->status < 300)
        return said;
    json_t *body = facts->content != ADO_CONTENT_HTML && facts->body_len ? json_parse(facts->body, facts->body_len, NULL) : NULL;
    snprintf(said.type, sizeof said.type, "%s", json_text(body, "typeKey"));
    snprintf(said.text, sizeof said.text, "%s", json_text(body, "message"));
    if (!*said.text && facts->service_error)
        percent_decode(facts->service_error, said.text, sizeof said.text);
    if (!*said.text && !body && facts->content == ADO_CONTENT_OTHER)
        first_line(facts->body, said.text, sizeof said.text);
    json_decref(body);
    return said;
}

static bool has(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

bool ado_refuses_version(const struct ado_facts *facts)
{
    return facts->status == 400 && has(what_is_said(facts).type, "VssVersionOutOfRange");
}

/* ---- what it means ---- */

static enum err_code code_of_400(const struct said *said)
{
    if (has(said->type, "JobStillRunning"))
        return ERR_CONFLICT;
    if (has(said->type, "NotFoundException"))
        return ERR_NOT_FOUND;
    return has(said->text, "internal error") ? ERR_UNAVAILABLE : ERR_INVALID;
}

static enum err_code code_of_success(const struct ado_facts *facts)
{
    if (facts->status == 204 || facts->content == ADO_CONTENT_JSON)
        return ERR_NONE;
    return facts->content == ADO_CONTENT_HTML ? ERR_AUTH : ERR_INVALID;
}

static enum err_code code_of(const struct ado_facts *facts, const struct said *said)
{
    int status = facts->status;
    if (status == 200 || status == 201 || status == 204)
        return code_of_success(facts);
    if (status == 203 || (status >= 300 && status < 400) || status == 401)
        return ERR_AUTH;
    if (status == 429 || has(said->text, "TF400733"))
        return ERR_THROTTLED;
    switch (status) {
    case 400: return code_of_400(said);
    case 403: return ERR_DENIED;
    case 404: return ERR_NOT_FOUND;
    case 408: return ERR_UNAVAILABLE;
    case 409: return has(said->type, "ExistsException") ? ERR_EXISTS : ERR_CONFLICT;
    case 410: return ERR_GONE;
    case 413: return ERR_TOO_LARGE;
    default: return status >= 500 ? ERR_UNAVAILABLE : ERR_INVALID;
    }
}

static const char *sentence_of(enum err_code code, const struct ado_facts *facts)
{
    switch (code) {
    case ERR_NONE: return "";
    case ERR_AUTH: return facts->status == 401 ? "Azure DevOps refused the credential" : "Azure DevOps answered with its sign-in page: the credential is refused";
    case ERR_DENIED: return "the credential has no right to do this";
    case ERR_NOT_FOUND: return "not found";
    case ERR_THROTTLED: return "Azure DevOps throttles this identity";
    case ERR_UNAVAILABLE: return "Azure DevOps is not available";
    case ERR_CONFLICT: return "the state in Azure DevOps forbids it";
    case ERR_EXISTS: return "it exists already";
    case ERR_GONE: return "it is gone";
    case ERR_TOO_LARGE: return "too large";
    case ERR_INVALID: return facts->status < 300 ? "the reply is not JSON" : "Azure DevOps refused the call";
    case ERR_CONFIG:
    case ERR_IO:
    case ERR_TIMEOUT:
    case ERR_CANCELLED: break;
    }
    return "Azure DevOps refused the call";
}

void ado_classify(const struct ado_facts *facts, struct ado_result *ret)
{
    struct said said = what_is_said(facts);
    enum err_code code = code_of(facts, &said);
    ret->status = facts->status;
    ret->server_ms = date_ms(facts->date);
    ret->wait_ms = ado_wait_ms(facts, ret->server_ms);
    ret->err = (struct err){.code = ERR_NONE};
    if (code == ERR_NONE)
        return;
    err_set(&ret->err, code, "%s (HTTP %d)%s%s", sentence_of(code, facts), facts->status, *said.text ? ": " : "", said.text);
}
