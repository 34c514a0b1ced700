/* Text for a terminal: foreign strings without what a terminal would obey, and aligned columns. */
#ifndef AZPCTL_COLUMNS_H
#define AZPCTL_COLUMNS_H

#include <stddef.h>
#include <stdio.h>

/* Without control characters (C0, DEL, C1) and without the marks that turn the direction of text; white space becomes a space. The caller frees. */
char *text_clean(const char *text);

struct columns;
struct columns *columns_new(size_t n_columns);
void columns_add(struct columns *columns, const char *cell);      /* cleaned and copied; NULL and "" become "-"; rows fill from the left */
void columns_add_number(struct columns *columns, unsigned long long number);
void columns_print(const struct columns *columns, FILE *out);
void columns_free(struct columns **columns);

#endif
