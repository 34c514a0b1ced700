/* Aligned columns for a terminal; foreign strings are cleaned. */
#ifndef AZPCTL_COLUMNS_H
#define AZPCTL_COLUMNS_H

#include <stddef.h>
#include <stdio.h>

struct columns;
struct columns *columns_new(size_t n_columns);
void columns_limit(struct columns *columns, size_t column, size_t width);   /* what is longer is cut in all rows added from now on */
void columns_add(struct columns *columns, const char *cell);      /* cleaned and copied; NULL and "" become "-"; rows fill from the left */
void columns_add_number(struct columns *columns, unsigned long long number);
void columns_print(const struct columns *columns, FILE *out);
void columns_free(struct columns **columns);

#endif
