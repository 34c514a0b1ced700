#include "common/clock.h"
#include "common/http_priv.h"
#include "common/mem.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEADERS_MAX_BYTES = 64 * 1024 };

void http_headers_init(struct http_headers *headers)
{
    buf_init(&headers->lines, HEADERS_MAX_BYTES);
}

void http_headers_done(struct http_headers *headers)
{
    buf_wipe(&headers->lines);
}

int http_headers_line(struct http_headers *headers, const char *bytes, size_t n)
{
    if (n >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {   /* a new reply begins: what came before was 100 Continue or the like */
        buf_reset(&headers->lines);
        return 0;
    }
    while (n && (bytes[n - 1] == '\r' || bytes[n - 1] == '\n' || bytes[n - 1] == ' '))
        n--;
    n = strnlen(bytes, n);   /* a NUL would end the text early anyhow */
    if (!n)
        return 0;
    if (buf_append(&headers->lines, bytes, n))
        return -1;
    return buf_append(&headers->lines, "", 1);
}

static const char *value_of(const char *line, const char *name, size_t name_len)
{
    if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
        return NULL;
    line += name_len + 1;
    while (*line == ' ' || *line == '\t')
        line++;
    return line;
}

const char *http_header(const struct http_reply *reply, const char *name)
{
    if (!reply->headers)
        return NULL;
    const struct buf *b = &reply->headers->lines;
    size_t name_len = strlen(name);
    for (size_t at = 0; at < b->len; at += strlen(b->data + at) + 1) {
        const char *value = value_of(b->data + at, name, name_len);
        if (value)
            return value;
    }
    return NULL;
}

static bool parse_date(const char *text, int64_t *ret_ms)
{
    time_t t = text ? curl_getdate(text, NULL) : -1;
    if (t == -1)
        return false;
    *ret_ms = (int64_t)t * 1000;
    return true;
}

/* A date is taken against the same server's Date: our wall clock may be wrong. */
static long until_date(const struct http_reply *reply, const char *text)
{
    int64_t then, now;
    if (!parse_date(text, &then))
        return -1;
    if (!parse_date(http_header(reply, "Date"), &now))
        now = clock_wall().ms;
    return then <= now ? 0 : (long)(then - now);
}

long http_retry_after_ms(const struct http_reply *reply)
{
    const char *text = http_header(reply, "Retry-After");
    if (!text)
        return -1;
    if (!isdigit((unsigned char)*text))
        return isalpha((unsigned char)*text) ? until_date(reply, text) : -1;
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);
    if (*end)
        return -1;
    return seconds > LONG_MAX / 1000 ? LONG_MAX : (long)seconds * 1000;
}

bool http_is_json(const struct http_reply *reply)
{
    const char *type = http_header(reply, "Content-Type");
    if (!type)
        return false;
    size_t n = strcspn(type, "; \t");
    if (n == 16 && strncasecmp(type, "application/json", n) == 0)
        return true;
    return n > 5 && strncasecmp(type + n - 5, "+json", 5) == 0;
}

char *http_escape(const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = xcalloc(strlen(text) * 3 + 1, 1), *p = out;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x80 && isalnum(c)) || strchr("-._~", c)) {
            *p++ = (char)c;
            continue;
        }
        *p++ = '%';
        *p++ = hex[c >> 4];
        *p++ = hex[c & 15];
    }
    return out;
}
