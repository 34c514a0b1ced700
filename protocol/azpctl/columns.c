#include "protocol/azpctl/columns.h"

#include "protocol/azpctl/text.h"

#include "common/mem.h"

#include <stdbool.h>
#include <stdlib.h>

struct columns {
    size_t width;                 /* cells in a row */
    size_t *limits;               /* of each column, 0 = none */
    char **cells;
    size_t n;
};

struct columns *columns_new(size_t n_columns)
{
    struct columns *columns = xcalloc(1, sizeof *columns);
    columns->width = n_columns;
    columns->limits = xcalloc(n_columns, sizeof *columns->limits);
    return columns;
}

void columns_limit(struct columns *columns, size_t column, size_t width)
{
    columns->limits[column] = width;
}

void columns_add(struct columns *columns, const char *cell)
{
    char *text = text_clean(cell && *cell ? cell : "-");
    size_t limit = columns->limits[columns->n % columns->width];
    if (limit)
        text_shorten(text, limit);
    columns->cells = xreallocarray(columns->cells, columns->n + 1, sizeof(char *));
    columns->cells[columns->n++] = text;
}

void columns_add_number(struct columns *columns, unsigned long long number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", number);
    columns_add(columns, text);
}

static size_t widest(const struct columns *columns, size_t column)
{
    size_t most = 0;
    for (size_t i = column; i < columns->n; i += columns->width) {
        size_t n = text_width(columns->cells[i]);
        most = n > most ? n : most;
    }
    return most;
}

void columns_print(const struct columns *columns, FILE *out)
{
    size_t *widths = xcalloc(columns->width, sizeof *widths);
    for (size_t c = 0; c < columns->width; c++)
        widths[c] = widest(columns, c);
    for (size_t i = 0; i < columns->n; i++) {
        bool last = i % columns->width == columns->width - 1;
        size_t pad = last ? 0 : widths[i % columns->width] - text_width(columns->cells[i]) + 2;
        fprintf(out, "%s%*s%s", columns->cells[i], (int)pad, "", last ? "\n" : "");
    }
    free(widths);
}

void columns_free(struct columns **pcolumns)
{
    for (size_t i = 0; i < (*pcolumns)->n; i++)
        free((*pcolumns)->cells[i]);
    free((*pcolumns)->cells);
    free((*pcolumns)->limits);
    free(*pcolumns);
    *pcolumns = NULL;
}
