#include "common/daemon_priv.h"

#include "common/mem.h"
#include "common/nearest.h"

#include <string.h>

static const struct {
    const char *name, *letter;
    enum daemon_mode mode;
    const char *help;
} options[] = {
    {"--check", "-c", MODE_CHECK, "validate the settings and what they name, print the effective configuration, exit"},
    {"--help", "-h", MODE_HELP, "this text"},
    {"--version", "-V", MODE_VERSION, "version and commit"},
};

static int bad_option(const char *text, struct err *err)
{
    const char *names[ARRAY_SIZE(options)];
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        names[i] = options[i].name;
    const char *near = nearest(text, names, ARRAY_SIZE(names), 3);
    if (near)
        return err_set(err, ERR_CONFIG, "unknown option %s; did you mean %s?", text, near);
    return err_set(err, ERR_CONFIG, "unknown option %s; settings are environment variables, see --help", text);
}

enum daemon_mode daemon_options(int argc, char *const *argv, struct err *err)
{
    if (argc < 2)
        return MODE_RUN;
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (strcmp(argv[1], options[i].name) != 0 && strcmp(argv[1], options[i].letter) != 0)
            continue;
        if (argc == 2)
            return options[i].mode;
        err_set(err, ERR_CONFIG, "%s stands alone: what is \"%s\"? See --help", argv[1], argv[2]);
        return MODE_USAGE;
    }
    bad_option(argv[1], err);
    return MODE_USAGE;
}

void daemon_help(const struct daemon_ops *ops, FILE *out)
{
    fprintf(out, "azp-%s: %s\n\nusage: azp-%s [OPTION]\n\n", ops->role, ops->summary, ops->role);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        fprintf(out, "  %s, %-10s %s\n", options[i].letter, options[i].name, options[i].help);
    fprintf(out, "\nWithout an option it runs in the foreground and logs to stderr. It is set up by environment variables; the same ones "
                 "for all three processes.\n\n");
    config_print_settings(out);
    fprintf(out, "\nSignals: SIGTERM and SIGINT finish what is under way, then exit 0; a second one ends at once with 1. SIGHUP does "
                 "nothing: restart to read settings anew.\n"
                 "Exit codes: 0 done, 1 failed, 64 wrong usage, 69 something it needs is not available, 78 a setting is missing or "
                 "wrong.\n");
}
