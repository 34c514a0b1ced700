#include "protocol/socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 64 };

static void directory(const char *run_dir, enum role role, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", run_dir, role_name(role));
}

int socket_address(const char *run_dir, enum role role, struct sockaddr_un *ret, struct err *err)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(ret->sun_path, sizeof ret->sun_path, "%s/%s/socket", run_dir, role_name(role));
    if (n < 0 || (size_t)n >= sizeof ret->sun_path)
        return err_set(err, ERR_CONFIG, "RUN_DIR: the socket path %s/%s/socket has %d bytes, the system allows %zu: choose a shorter RUN_DIR", run_dir,
                       role_name(role), n, sizeof ret->sun_path - 1);
    return 0;
}

static int trouble(struct err *err, const char *what, const char *path)
{
    return err_set(err, ERR_CONFIG, "RUN_DIR: cannot %s %s: %s: choose a RUN_DIR that this user may write to", what, path,
                   strerror(errno));
}

/* mkdir -p, for the run directory itself. */
static int make_parents(const char *path, struct err *err)
{
    char part[sizeof((struct sockaddr_un *)0)->sun_path];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        struct stat st;
        if (stat(part, &st) && mkdir(part, 0755) && errno != EEXIST)
            return trouble(err, "make the directory", part);
        if (!slash)
            return 0;
        *slash = '/';
    }
}

/* Whoever owns this directory decides who listens in it: it must be ours. */
static int make_directory(const char *path, struct err *err)
{
    struct stat st;
    if (mkdir(path, 0750) && errno != EEXIST)
        return trouble(err, "make the directory", path);
    if (lstat(path, &st))
        return trouble(err, "look at", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFIG, "RUN_DIR: %s is not a directory: remove it or choose another RUN_DIR", path);
    if (st.st_uid != geteuid() && geteuid() != 0)
        return err_set(err, ERR_CONFIG, "RUN_DIR: %s belongs to user %u, this process runs as %u: remove it or choose another RUN_DIR", path,
                       (unsigned)st.st_uid, (unsigned)geteuid());
    if ((st.st_mode & 0777) != 0750 && chmod(path, 0750 | (st.st_mode & S_ISGID)))
        return trouble(err, "set the mode of", path);
    return 0;
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int connect_to(int fd, const struct sockaddr_un *address)
{
    return connect(fd, (const struct sockaddr *)address, sizeof *address);
}

/* EAGAIN: a full backlog, so somebody listens. */
static bool answered(const struct sockaddr_un *address)
{
    int fd = new_socket();
    bool yes = fd >= 0 && (connect_to(fd, address) == 0 || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return yes;
}

static int clear_path(const struct sockaddr_un *address, struct err *err)
{
    struct stat st;
    if (lstat(address->sun_path, &st))
        return errno == ENOENT ? 0 : trouble(err, "look at", address->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_CONFIG, "RUN_DIR: %s is there and is not a socket: remove it or choose another RUN_DIR", address->sun_path);
    if (answered(address))
        return err_set(err, ERR_CONFIG, "RUN_DIR: another process already listens on %s: stop it or choose another RUN_DIR", address->sun_path);
    return unlink(address->sun_path) && errno != ENOENT ? trouble(err, "remove the old", address->sun_path) : 0;
}

static int bind_and_listen(int fd, const struct sockaddr_un *address, struct err *err)
{
    if (fd < 0)
        return trouble(err, "make a socket for", address->sun_path);
    if (bind(fd, (const struct sockaddr *)address, sizeof *address))
        return trouble(err, "bind", address->sun_path);
    if (chmod(address->sun_path, 0660) || listen(fd, BACKLOG))
        return trouble(err, "listen on", address->sun_path);
    return 0;
}

int socket_listen(const char *run_dir, enum role role, struct err *err)
{
    struct sockaddr_un address;
    char path[sizeof address.sun_path];
    if (socket_address(run_dir, role, &address, err) || make_parents(run_dir, err))
        return -1;
    directory(run_dir, role, path, sizeof path);
    if (make_directory(path, err) || clear_path(&address, err))
        return -1;
    int fd = new_socket();
    if (bind_and_listen(fd, &address, err) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static enum err_code dial_code(int error)
{
    if (error == ENOENT || error == ECONNREFUSED || error == EAGAIN || error == ENOTDIR)
        return ERR_UNAVAILABLE;
    return error == EACCES || error == EPERM ? ERR_DENIED : ERR_IO;
}

int socket_dial(const char *run_dir, enum role role, struct err *err)
{
    struct sockaddr_un address;
    if (socket_address(run_dir, role, &address, err))
        return -1;
    int fd = new_socket();
    if (fd >= 0 && connect_to(fd, &address) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return err_set(err, dial_code(error), "cannot reach %s at %s: %s", role_name(role), address.sun_path, strerror(error));
}

int socket_peer(int fd, uid_t *ret)
{
    struct ucred cred;
    socklen_t n = sizeof cred;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n))
        return -1;
    *ret = cred.uid;
    return 0;
}
