#include "protocol/azpctl/columns.h"

#include "protocol/utf8.h"

#include "common/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct columns {
    size_t width;                 /* cells in a row */
    char **cells;
    size_t n;
};

/* U+0080-009F, U+200E/F, U+202A-E, U+2066-9, U+061C: a terminal or its reader would be led astray. */
static bool obeyed(const unsigned char *c, size_t size)
{
    if (size == 1)
        return *c < 0x20 || *c == 0x7f;
    if (size == 2)
        return (c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xd8 && c[1] == 0x9c);
    if (size != 3 || c[0] != 0xe2)
        return false;
    return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xaa && c[2] <= 0xae))) || (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

char *text_clean(const char *text)
{
    size_t n = strlen(text), used = 0;
    char *out = xcalloc(1, n + 1);
    for (size_t i = 0, size; i < n; i += size ? size : 1) {
        size = utf8_step(text + i, n - i);
        if (size == 1 && strchr("\t\n\r", text[i]))
            out[used++] = ' ';
        else if (size && !obeyed((const unsigned char *)text + i, size)) {
            memcpy(out + used, text + i, size);
            used += size;
        }
    }
    return out;
}

static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

struct columns *columns_new(size_t n_columns)
{
    struct columns *columns = xcalloc(1, sizeof *columns);
    columns->width = n_columns;
    return columns;
}

void columns_add(struct columns *columns, const char *cell)
{
    columns->cells = xreallocarray(columns->cells, columns->n + 1, sizeof(char *));
    columns->cells[columns->n++] = text_clean(cell && *cell ? cell : "-");
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
        size_t n = characters(columns->cells[i]);
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
        size_t pad = last ? 0 : widths[i % columns->width] - characters(columns->cells[i]) + 2;
        fprintf(out, "%s%*s%s", columns->cells[i], (int)pad, "", last ? "\n" : "");
    }
    free(widths);
}

void columns_free(struct columns **pcolumns)
{
    for (size_t i = 0; i < (*pcolumns)->n; i++)
        free((*pcolumns)->cells[i]);
    free((*pcolumns)->cells);
    free(*pcolumns);
    *pcolumns = NULL;
}
