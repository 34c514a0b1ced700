/* UTF-8 as the protocol wants it: shortest forms, no surrogates, at most U+10FFFF. Pure. */
#ifndef PROTOCOL_UTF8_H
#define PROTOCOL_UTF8_H

#include <stdbool.h>
#include <stddef.h>

size_t utf8_step(const char *s, size_t n);                /* bytes of the valid character at s; 0 when there is none */
bool utf8_valid(const char *s, size_t n);
/* Copies text so that it is valid and at most max bytes: a byte that is not UTF-8 becomes U+FFFD, the end is cut between characters.
 * out has room for max bytes; returns the bytes written (no NUL is added). */
size_t utf8_clean(const char *text, size_t n, char *out, size_t max);

#endif
