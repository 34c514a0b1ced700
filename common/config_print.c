/* The effective configuration as a file that CONFIG_FILE accepts, and the table of --help; both from the table of fields. */
#include "common/config_priv.h"

#include "common/mem.h"
#include "common/mono.h"

#include <string.h>

/* Double quotes hold any text. */
static void print_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\x%02x", *p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

/* A proxy's address may carry a password. */
static void print_masked(FILE *out, const char *key, const char *text)
{
    const char *scheme = strstr(text, "://"), *user = strrchr(text, '@');
    fprintf(out, "# %s: \"%.*s***%s\"\n", key, (int)(scheme ? scheme + 3 - text : 0), text, user ? user : "");
}

static void print_text(FILE *out, int indent, const struct config_field *f, const void *object)
{
    const char *text;
    memcpy(&text, (const char *)object + f->offset, sizeof text);
    if (!text)
        return;
    if (f->secret) {
        fprintf(out, "# %s: ***\n", f->key);
    } else if (f->check == config_check_proxy && strchr(text, '@')) {
        print_masked(out, f->key, text);
    } else {
        fprintf(out, "%*s%s: ", indent, "", f->key);
        print_quoted(out, text);
        fputc('\n', out);
    }
}

static void print_word(FILE *out, const struct config_field *f, const void *at)
{
    int index;
    memcpy(&index, at, sizeof index);
    const char *word = f->words;
    for (; index > 0; index--)
        word += strcspn(word, "|") + 1;
    fprintf(out, "%.*s\n", (int)strcspn(word, "|"), word);
}

static void print_duration(FILE *out, const void *at)
{
    int64_t ms;
    memcpy(&ms, at, sizeof ms);
    fprintf(out, "%lld%s\n", (long long)(ms % 1000 ? ms : ms / 1000), ms % 1000 ? "ms" : "s");
}

static void print_number(FILE *out, int indent, const struct config_field *f, const void *object)
{
    const char *at = (const char *)object + f->offset;
    int count;
    fprintf(out, "%*s%s: ", indent, "", f->key);
    if (f->type == TYPE_WORD) {
        print_word(out, f, at);
    } else if (f->type == TYPE_DURATION) {
        print_duration(out, at);
    } else if (f->type == TYPE_FLAG) {
        fprintf(out, "%s\n", *at ? "true" : "false");
    } else {
        memcpy(&count, at, sizeof count);
        fprintf(out, "%d\n", count);
    }
}

/* Without name: it stands behind the dash of its list. */
static void print_scope(FILE *out, int indent, enum config_scope scope, const void *object)
{
    for (size_t i = 0; i < config_n_fields; i++) {
        const struct config_field *f = &config_fields[i];
        if (f->scope != scope || f->type == TYPE_SPECIAL || strcmp(f->key, "name") == 0)
            continue;
        if (f->type == TYPE_TEXT)
            print_text(out, indent, f, object);
        else
            print_number(out, indent, f, object);
    }
}

static void print_template(FILE *out, const struct config_template *t)
{
    fputs("      - name: ", out);
    print_quoted(out, t->name);
    fputc('\n', out);
    print_scope(out, 8, SCOPE_TEMPLATE, t);
    if (t->n_capabilities > 0)
        fputs("        capabilities:\n", out);
    for (size_t i = 0; i < t->n_capabilities; i++) {
        fputs("          ", out);
        print_quoted(out, t->capabilities[i].name);
        fputs(": ", out);
        print_quoted(out, t->capabilities[i].value);
        fputc('\n', out);
    }
}

void config_print(const struct config *config, FILE *out)
{
    print_scope(out, 0, SCOPE_GLOBAL, config);
    fputs("pools:\n", out);
    for (size_t i = 0; i < config->n_pools; i++) {
        fputs("  - name: ", out);
        print_quoted(out, config->pools[i].name);
        fputc('\n', out);
        print_scope(out, 4, SCOPE_POOL, &config->pools[i]);
        fputs("    templates:\n", out);
        for (size_t j = 0; j < config->pools[i].n_templates; j++)
            print_template(out, &config->pools[i].templates[j]);
    }
}

static void print_setting(FILE *out, const struct config_field *f, const char *name)
{
    const char *fallback = f->fallback ? f->fallback : f->fallback_help;
    fprintf(out, "  %-26s %-22s %s\n", name, str_or_empty(fallback), f->help);
}

static void print_keys(FILE *out, enum config_scope scope, const char *title)
{
    fprintf(out, "\n  %s\n", title);
    for (size_t i = 0; i < config_n_fields; i++)
        if (!config_fields[i].env && config_fields[i].scope == scope)
            print_setting(out, &config_fields[i], config_fields[i].key);
}

void config_print_settings(FILE *out)
{
    fprintf(out, "  %-26s %-22s %s\n", "SETTING", "DEFAULT", "MEANING");
    for (size_t i = 0; i < config_n_fields; i++)
        if (config_fields[i].env)
            print_setting(out, &config_fields[i], config_fields[i].env);
    fputs("\nDurations are whole numbers of seconds, except POLLING_DELAY (milliseconds), or carry a unit: 500ms, 30s, 10m, 2h, 1d.\n"
          "CONFIG_FILE takes every setting by its name in lower case (org_url: ...). The environment wins over these, but\n"
          "what a pool or template says of itself stays: that is the more specific. Only in the file:\n", out);
    print_keys(out, SCOPE_GLOBAL, "at the top level");
    print_keys(out, SCOPE_POOL, "in a pool (beside all settings that are per pool or per template)");
    print_keys(out, SCOPE_TEMPLATE, "in a template (beside JOB_IMAGE, JOB_DEFINITION_FILE, JOB_DOCKER_SOCKET_PATH, JOB_HARDENING, "
                                    "REGISTRATION_DEADLINE)");
}
