/* UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF. Pure. */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length of the character that begins at p (n bytes are there), 0 if there is none. ret may be NULL. */
size_t utf8_char(const char *p, size_t n, uint32_t *ret);

#endif
