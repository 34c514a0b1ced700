/* Foreign text for a terminal. */
#ifndef AZPCTL_TEXT_H
#define AZPCTL_TEXT_H

#include <stddef.h>

/* Without control characters (C0, DEL, C1), marks that turn the direction of text, and what takes no room; white space becomes a space. The caller frees. */
char *text_clean(const char *text);
size_t text_width(const char *clean);                     /* cells it takes: CJK and emoji take two, combining marks none */
/* Shortened in place to width cells (at least 2), the last of them an ellipsis. */
void text_shorten(char *clean, size_t width);

#endif
