/* Run-time errors: what went wrong, as a code to branch on and one sentence for people.
 * A function that can fail returns 0 or -1 and fills the struct err it was given; nothing below main logs or exits.
 * Secrets are never put into the text. */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

enum err_code {
    ERR_NONE = 0,
    ERR_CONFIG,      /* a setting is missing or wrong: exit 78 at start */
    ERR_INVALID,     /* bytes or an object that cannot be what they claim to be; 400, 422 */
    ERR_IO,          /* socket, file or TLS trouble; the outcome of a write is unknown */
    ERR_TIMEOUT,     /* our own deadline passed; the outcome of a write is unknown */
    ERR_AUTH,        /* the credential was refused */
    ERR_DENIED,      /* the credential is good, the right is missing; 403 */
    ERR_NOT_FOUND,
    ERR_EXISTS,      /* 409 AlreadyExists */
    ERR_CONFLICT,    /* 409 Conflict: re-read, then retry */
    ERR_GONE,        /* 410: list again */
    ERR_THROTTLED,   /* 429 */
    ERR_UNAVAILABLE, /* 5xx, offline: retry with backoff */
    ERR_TOO_LARGE,
    ERR_CANCELLED,
};

enum { ERR_TEXT_MAX = 480 };

struct err {
    enum err_code code;
    char text[ERR_TEXT_MAX];
};

/* Fills err (which may be NULL) and returns -1, so that a caller can write `return err_set(...)`. */
int err_set(struct err *err, enum err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text of err and returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A stable lower-case name of the code, e.g. "not-found". */
const char *err_code_name(enum err_code code);

#endif
