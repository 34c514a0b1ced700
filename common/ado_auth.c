#include "common/ado_auth.h"

#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAT_MAX = 8 * 1024 };

struct ado_auth {
    char *pat;          /* secret */
    char *file;         /* NULL = given, never changes */
    struct stat seen;
    unsigned changes;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A trimmed copy; NULL with err when nothing is left or a byte inside cannot be part of a PAT. */
static char *clean_pat(const char *bytes, size_t n, const char *where, struct err *err)
{
    while (n && is_blank(bytes[n - 1]))
        n--;
    for (; n && is_blank(*bytes); n--)
        bytes++;
    if (!n) {
        err_set(err, ERR_CONFIG, "%s is empty: put a personal access token there", where);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)bytes[i] <= ' ' || (unsigned char)bytes[i] >= 0x7f) {
            err_set(err, ERR_CONFIG, "%s holds a blank, a line break or another byte that no personal access token has", where);
            return NULL;
        }
    return xstrndup(bytes, n);
}

static ssize_t read_all(int fd, char *bytes, size_t size)
{
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, bytes + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static char *read_pat(const char *file, struct stat *ret_seen, struct err *err)
{
    char bytes[PAT_MAX + 1];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 && fstat(fd, ret_seen) == 0 ? read_all(fd, bytes, sizeof bytes) : -1;
    int why = errno;
    if (fd >= 0)
        close(fd);
    char *pat = NULL;
    if (n < 0)
        err_set(err, ERR_CONFIG, "ORG_PAT_FILE %s cannot be read: %s", file, strerror(why));
    else if (n > PAT_MAX)
        err_set(err, ERR_CONFIG, "ORG_PAT_FILE %s is longer than %d bytes: it must hold a personal access token and nothing else", file, PAT_MAX);
    else
        pat = clean_pat(bytes, (size_t)n, "ORG_PAT_FILE", err);
    explicit_bzero(bytes, sizeof bytes);
    return pat;
}

struct ado_auth *ado_auth_open(const char *pat, const char *pat_file, struct err *err)
{
    struct ado_auth *auth = xcalloc(1, sizeof *auth);
    auth->file = pat_file && *pat_file ? xstrdup(pat_file) : NULL;
    if (auth->file)
        auth->pat = read_pat(auth->file, &auth->seen, err);
    else if (pat)
        auth->pat = clean_pat(pat, strlen(pat), "ORG_PAT", err);
    else
        err_set(err, ERR_CONFIG, "no credential for Azure DevOps: set ORG_PAT or ORG_PAT_FILE");
    if (!auth->pat)
        ado_auth_close(&auth);
    return auth;
}

void ado_auth_close(struct ado_auth **auth)
{
    struct ado_auth *a = *auth;
    *auth = NULL;
    if (!a)
        return;
    secret_free(&a->pat);
    free(a->file);
    free(a);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

unsigned ado_auth_refresh(struct ado_auth *auth, bool refused)
{
    struct stat now;
    if (!auth->file || stat(auth->file, &now) != 0 || (!refused && same_file(&now, &auth->seen)))
        return auth->changes;
    char *pat = read_pat(auth->file, &auth->seen, NULL);
    if (!pat)
        return auth->changes;
    auth->changes += strcmp(pat, auth->pat) != 0;
    secret_free(&auth->pat);
    auth->pat = pat;
    return auth->changes;
}

char *ado_auth_header(const struct ado_auth *auth)
{
    char *plain = xasprintf(":%s", auth->pat);
    size_t n = strlen(plain);
    char *encoded = xcalloc(n / 3 * 4 + 5, 1);
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)plain, (int)n);
    char *header = xasprintf("Authorization: Basic %s", encoded);
    secret_free(&plain);
    secret_free(&encoded);
    return header;
}
