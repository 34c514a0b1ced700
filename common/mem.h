/* Allocation that cannot fail (out of memory aborts), and the abort for our own bugs. */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof *(a))

/* Our bug: prints file:line and the condition, then aborts. Never for bytes that came from outside. */
#define CHECK(condition) ((condition) ? (void)0 : mem_bug(__FILE__, __LINE__, #condition))
void mem_bug(const char *file, int line, const char *what) __attribute__((noreturn));

void *xcalloc(size_t count, size_t size);            /* zeroed */
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *s);                        /* NULL stays NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Replaces *slot by a copy of s (NULL allowed), freeing what was there. */
void xstr_replace(char **slot, const char *s);

/* "" for NULL: for printing and comparing optional strings. */
const char *str_or_empty(const char *s);

/* Wipes, then frees, a NUL-terminated secret and sets the caller's pointer to NULL. NULL is fine. */
void secret_free(char **secret);

#endif
