/* The token: what it may look like, and a file that holds it. Its text is never part of a sentence. */
#include "common/config_priv.h"

#include "common/mem.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAT_MAX_BYTES = 4096 };

/* A reason why these bytes are no token, NULL when they can be one. */
static const char *bad_token(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n' || bytes[i] == '\r')
            return "contains a line break: exactly one token on one line is needed";
        if (!isgraph((unsigned char)bytes[i]))
            return "contains a space, a control character or a letter that no token has: copy the token again";
    }
    return n >= PAT_MAX_BYTES ? "is too long for a token (4096 bytes)" : NULL;
}

int config_check_pat(const struct config_setting *s, char **text, struct err *err)
{
    const char *bad = bad_token(*text, strlen(*text));
    return bad ? config_refuse(s, err, "%s", bad) : 0;
}

static int refuse_unreadable(const struct config_setting *s, const char *path, struct err *err)
{
    int why = errno;
    struct stat st;
    if (why != EACCES || stat(path, &st) != 0)
        return config_refuse(s, err, "cannot read %.150s: %s; give the path of a file that holds the token", path, strerror(why));
    return config_refuse(s, err, "cannot read %.150s: it belongs to user %u, group %u, mode %04o, and this process is user %u, group %u; "
                         "let that user read it (a mounted Secret: defaultMode 0440 with fsGroup)", path,
                         (unsigned)st.st_uid, (unsigned)st.st_gid, (unsigned)st.st_mode & 07777, (unsigned)geteuid(), (unsigned)getegid());
}

static ssize_t read_all(int fd, char *bytes, size_t max)
{
    size_t n = 0;
    ssize_t got;
    while (n < max && (got = read(fd, bytes + n, max - n)) != 0) {
        if (got < 0 && errno != EINTR)
            return -1;
        n += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)n;
}

static int check_content(const struct config_setting *s, const char *path, const char *bytes, size_t n, struct err *err)
{
    while (n > 0 && isspace((unsigned char)bytes[n - 1]))
        n--;
    if (n == 0)
        return config_refuse(s, err, "%.200s is empty: write the token into it", path);
    const char *bad = bad_token(bytes, n);
    return bad ? config_refuse(s, err, "%.200s %s", path, bad) : 0;
}

int config_check_pat_file(const struct config_setting *s, char **text, struct err *err)
{
    char bytes[PAT_MAX_BYTES + 64];
    int fd = open(*text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return refuse_unreadable(s, *text, err);
    ssize_t n = read_all(fd, bytes, sizeof bytes);
    int result = n < 0 ? refuse_unreadable(s, *text, err) : check_content(s, *text, bytes, (size_t)n, err);
    explicit_bzero(bytes, sizeof bytes);
    close(fd);
    return result;
}
