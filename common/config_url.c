/* ORG_URL: brought into one normal form, so that the instance's hash and every path built on it are stable. */
#include "common/config_priv.h"

#include "common/buf.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { URL_MAX_BYTES = 2000 };

struct url {
    bool secure;
    const char *host;    /* with the brackets of an IPv6 address */
    size_t host_len;
    const char *port;    /* with its colon */
    size_t port_len;
    const char *path;    /* "" or /... */
};

#define EXAMPLE "e.g. https://dev.azure.com/yourorg"

static int split_scheme(const struct config_setting *s, const char *text, struct url *u, const char **rest, struct err *err)
{
    u->secure = strncasecmp(text, "https://", 8) == 0;
    if (!u->secure && strncasecmp(text, "http://", 7) != 0)
        return config_refuse(s, err, "must begin with https://, " EXAMPLE);
    *rest = text + (u->secure ? 8 : 7);
    return 0;
}

static int split_authority(const struct config_setting *s, const char *rest, struct url *u, struct err *err)
{
    size_t n = strcspn(rest, "/");
    if (memchr(rest, '@', n))
        return config_refuse(s, err, "contains a user name or password before @; put the token into ORG_PAT and remove that part");
    if (strpbrk(rest, "?#"))
        return config_refuse(s, err, "contains ? or #; give only the address of the organisation or collection, " EXAMPLE);
    u->host = rest;
    u->host_len = rest[0] == '[' ? strcspn(rest, "]") + 1 : strcspn(rest, ":/");
    u->port = rest + (u->host_len < n ? u->host_len : n);
    u->port_len = (size_t)(rest + n - u->port);
    u->path = rest + n;
    return 0;
}

static bool good_host(const struct url *u)
{
    char address[64];
    struct in6_addr six;
    if (u->host[0] != '[')
        return u->host_len > 0 && strspn(u->host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") >= u->host_len;
    if (u->host_len < 3 || u->host_len > sizeof address)
        return false;
    snprintf(address, sizeof address, "%.*s", (int)u->host_len - 2, u->host + 1);
    return inet_pton(AF_INET6, address, &six) == 1;
}

static bool good_port(const struct url *u)
{
    if (u->port_len == 0)
        return true;
    if (u->port[0] != ':' || u->port_len < 2 || u->port_len > 6 || strspn(u->port + 1, "0123456789") < u->port_len - 1)
        return false;
    long port = strtol(u->port + 1, NULL, 10);
    return port > 0 && port <= 65535;
}

static bool host_is(const struct url *u, const char *name)
{
    return u->host_len == strlen(name) && strncasecmp(u->host, name, u->host_len) == 0;
}

static bool host_ends(const struct url *u, const char *tail)
{
    size_t n = strlen(tail);
    return u->host_len > n && strncasecmp(u->host + u->host_len - n, tail, n) == 0;
}

static bool is_loopback(const struct url *u)
{
    char address[32];
    struct in_addr four;
    snprintf(address, sizeof address, "%.*s", (int)u->host_len, u->host);
    return host_is(u, "localhost") || host_is(u, "[::1]") || (inet_pton(AF_INET, address, &four) == 1 && (ntohl(four.s_addr) >> 24) == 127);
}

static int check_host(const struct config_setting *s, const struct url *u, struct err *err)
{
    if (!good_host(u) || !good_port(u))
        return config_refuse(s, err, "\"%.100s\" is no host name with an optional port, " EXAMPLE, u->host);
    if (!u->secure && !is_loopback(u))
        return config_refuse(s, err, "http:// would send the token in clear to %.*s; use https://", (int)u->host_len, u->host);
    return 0;
}

static bool plain_byte(char c)
{
    return isalnum((unsigned char)c) || strchr("-._~!$&'()*+,;=:@/", c);
}

/* Percent-encodes what must be, keeps what already is. */
static int put_path(const struct config_setting *s, const char *path, size_t n, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (path[i] == '%' && i + 2 < n && isxdigit((unsigned char)path[i + 1]) && isxdigit((unsigned char)path[i + 2]))
            buf_append(out, path + i, 1);
        else if (path[i] == '%')
            return config_refuse(s, err, "contains a %% that is not followed by two hexadecimal digits; write %%25 for the character "
                                         "itself");
        else if (plain_byte(path[i]))
            buf_append(out, path + i, 1);
        else
            buf_printf(out, "%%%02X", (unsigned char)path[i]);
    }
    return 0;
}

static bool odd_segment(const char *path, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t len = 0;
        i++;   /* the slash */
        while (i + len < n && path[i + len] != '/')
            len++;
        if (len == 0 || (len == 1 && path[i] == '.') || (len == 2 && path[i] == '.' && path[i + 1] == '.'))
            return true;
        i += len;
    }
    return false;
}

static size_t count_segments(const char *path, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += path[i] == '/';
    return count;
}

/* dev.azure.com has the organisation as its only segment, the old address has it in the host. */
static int check_path(const struct config_setting *s, const struct url *u, size_t n, struct err *err)
{
    size_t segments = count_segments(u->path, n);
    int first = (int)strcspn(u->path + (n > 0), "/");
    if (odd_segment(u->path, n))
        return config_refuse(s, err, "its path \"%.100s\" has an empty part, . or ..; write it plainly, " EXAMPLE, u->path);
    if (host_is(u, "dev.azure.com") && segments == 0)
        return config_refuse(s, err, "the organisation is missing: write https://dev.azure.com/yourorg");
    if (host_is(u, "dev.azure.com") && segments > 1)
        return config_refuse(s, err, "agent pools belong to the organisation, not to a project: write https://dev.azure.com/%.*s", first,
                             u->path + 1);
    if (host_is(u, "visualstudio.com") || host_is(u, "www.visualstudio.com"))
        return config_refuse(s, err, "the organisation is missing: write https://yourorg.visualstudio.com or "
                                     "https://dev.azure.com/yourorg");
    if (host_ends(u, ".visualstudio.com") && segments > 0 && !(segments == 1 && strncasecmp(u->path, "/DefaultCollection", n) == 0))
        return config_refuse(s, err, "agent pools belong to the organisation, not to a project: write https://%.*s", (int)u->host_len,
                             u->host);
    if (segments == 0 && !host_ends(u, ".visualstudio.com") && !is_loopback(u))
        config_warn(s, "has no collection; the address of an Azure DevOps Server ends with one, e.g. https://server/DefaultCollection");
    return 0;
}

static int build(const struct config_setting *s, const struct url *u, size_t path_len, char **text, struct err *err)
{
    struct buf out;
    buf_init(&out, 3 * URL_MAX_BYTES);
    buf_puts(&out, u->secure ? "https://" : "http://");
    for (size_t i = 0; i < u->host_len; i++)
        buf_printf(&out, "%c", tolower((unsigned char)u->host[i]));
    buf_append(&out, u->port, u->port_len);
    if (put_path(s, u->path, path_len, &out, err) != 0) {
        buf_done(&out);
        return -1;
    }
    free(*text);
    *text = buf_take(&out);
    return 0;
}

int config_check_org_url(const struct config_setting *s, char **text, struct err *err)
{
    struct url u = {0};
    const char *rest = NULL;
    if (strlen(*text) > URL_MAX_BYTES)
        return config_refuse(s, err, "is longer than %d bytes, " EXAMPLE, URL_MAX_BYTES);
    if (split_scheme(s, *text, &u, &rest, err) != 0 || split_authority(s, rest, &u, err) != 0 || check_host(s, &u, err) != 0)
        return -1;
    size_t n = strlen(u.path), given = n;
    while (n > 0 && u.path[n - 1] == '/')
        n--;
    if (check_path(s, &u, n, err) != 0)
        return -1;
    if (n != given)
        config_warn(s, "the slash at its end is not needed");
    return build(s, &u, n, text, err);
}
