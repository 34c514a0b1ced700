/* Augmenting paths on the bipartite graph of classes and templates; counts instead of single vertices, so the size is classes x templates. */
#include "provisioner/matching.h"

#include "common/mem.h"

#include <stdlib.h>

struct search {
    struct matching *m;
    uint32_t *open;          /* [class] requests not served yet */
    uint32_t *spare;         /* [template] units not used yet */
    int32_t *class_from;     /* [class] template we came by, -1 = start, -2 = not reached */
    int32_t *template_from;  /* [template] class we came by, -2 = not reached */
    size_t *queue;
};

static uint32_t *cell(const struct matching *m, size_t c, size_t t)
{
    return &m->flow[c * m->n_templates + t];
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void count_rest(struct search *s)
{
    const struct matching *m = s->m;
    for (size_t t = 0; t < m->n_templates; t++)
        s->spare[t] = m->supply[t];
    for (size_t c = 0; c < m->n_classes; c++) {
        s->open[c] = m->demand[c];
        for (size_t t = 0; t < m->n_templates; t++) {
            CHECK(*cell(m, c, t) <= s->open[c] && *cell(m, c, t) <= s->spare[t]);
            s->open[c] -= *cell(m, c, t);
            s->spare[t] -= *cell(m, c, t);
        }
    }
}

static void match_directly(struct search *s)
{
    const struct matching *m = s->m;
    for (size_t c = 0; c < m->n_classes; c++)
        for (size_t t = 0; t < m->n_templates && s->open[c]; t++) {
            if (!m->fits[c][t])
                continue;
            uint32_t n = least(s->open[c], s->spare[t]);
            *cell(m, c, t) += n;
            s->open[c] -= n;
            s->spare[t] -= n;
        }
}

/* Walks the alternating path back from template t, moving n requests along it. */
static void apply_path(struct search *s, size_t t, uint32_t n)
{
    for (;;) {
        size_t c = (size_t)s->template_from[t];
        *cell(s->m, c, t) += n;
        if (s->class_from[c] < 0) {
            s->open[c] -= n;
            return;
        }
        t = (size_t)s->class_from[c];
        *cell(s->m, c, t) -= n;
    }
}

static uint32_t path_width(const struct search *s, size_t t)
{
    uint32_t n = s->spare[t];
    for (;;) {
        size_t c = (size_t)s->template_from[t];
        if (s->class_from[c] < 0)
            return least(n, s->open[c]);
        t = (size_t)s->class_from[c];
        n = least(n, *cell(s->m, c, t));
    }
}

/* Classes that could give up template t become reachable. */
static size_t reach_classes(struct search *s, size_t t, size_t tail)
{
    for (size_t c = 0; c < s->m->n_classes; c++)
        if (s->class_from[c] == -2 && *cell(s->m, c, t)) {
            s->class_from[c] = (int32_t)t;
            s->queue[tail++] = c;
        }
    return tail;
}

/* Breadth-first from one open class; true when one path was found and applied. */
static bool augment(struct search *s, size_t start)
{
    const struct matching *m = s->m;
    for (size_t c = 0; c < m->n_classes; c++)
        s->class_from[c] = -2;
    for (size_t t = 0; t < m->n_templates; t++)
        s->template_from[t] = -2;
    size_t head = 0, tail = 0;
    s->class_from[start] = -1;
    s->queue[tail++] = start;
    while (head < tail) {
        size_t c = s->queue[head++];
        for (size_t t = 0; t < m->n_templates; t++) {
            if (!m->fits[c][t] || s->template_from[t] != -2)
                continue;
            s->template_from[t] = (int32_t)c;
            if (s->spare[t]) {
                uint32_t n = path_width(s, t);
                s->spare[t] -= n;
                apply_path(s, t, n);
                return true;
            }
            tail = reach_classes(s, t, tail);
        }
    }
    return false;
}

static bool any_spare(const struct search *s)
{
    for (size_t t = 0; t < s->m->n_templates; t++)
        if (s->spare[t])
            return true;
    return false;
}

void matching_solve(struct matching *m)
{
    struct search s = {
        .m = m,
        .open = xcalloc(m->n_classes, sizeof *s.open),
        .spare = xcalloc(m->n_templates, sizeof *s.spare),
        .class_from = xcalloc(m->n_classes, sizeof *s.class_from),
        .template_from = xcalloc(m->n_templates, sizeof *s.template_from),
        .queue = xcalloc(m->n_classes, sizeof *s.queue),
    };
    count_rest(&s);
    match_directly(&s);
    for (size_t c = 0; c < m->n_classes && any_spare(&s); c++)
        while (s.open[c] && augment(&s, c))
            ;
    free(s.open);
    free(s.spare);
    free(s.class_from);
    free(s.template_from);
    free(s.queue);
}
