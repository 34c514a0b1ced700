/* "Did you mean": the known word nearest to one that is not known. Pure. */
#ifndef COMMON_NEAREST_H
#define COMMON_NEAREST_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap of neighbours) between two words, without case; words over 63 bytes are as far as can be. */
unsigned nearest_distance(const char *a, const char *b);
/* The nearest of words at most max_distance away (and never so far that nothing of text is left); NULL when none is. The first of equals wins. */
const char *nearest(const char *text, const char *const *words, size_t n, unsigned max_distance);

#endif
