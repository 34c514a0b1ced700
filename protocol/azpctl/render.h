/* What azpctl prints. */
#ifndef AZPCTL_RENDER_H
#define AZPCTL_RENDER_H

#include "protocol/azpctl/view.h"

#include <stdio.h>

void render_text(const struct answers *answers, const struct view *view, bool brief, FILE *out);
void render_down(const struct answers *answers, FILE *out);       /* one line per process that was asked and did not answer */
void render_json(const struct answers *answers, const struct view *view, FILE *out);
/* Sentences about one request. false: no process knows it. */
bool explain_request(const struct answers *answers, uint64_t id, FILE *out);

#endif
