/* azpctl: what a person asks the running processes. */
#include "protocol/azpctl/render.h"

#include "common/clock.h"
#include "common/daemon.h"
#include "common/mem.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { PING_MS = 2000, ASK_MS = 3000, ALL = (1u << PROCESSES) - 1 };

struct options {
    const char *run_dir;
    bool json, brief, help, version;
};

static const char help_text[] =
    "azpctl [--run-dir DIR] COMMAND\n"
    "\n"
    "  status [--json] [--brief]  pools, what waits and why, units; --brief without the units\n"
    "  explain REQUEST_ID         why this job waits, or which unit has it\n"
    "  ping [ROLE]                does watcher, provisioner or reaper (all without ROLE) answer within 2 s; silent with ROLE when it does\n"
    "\n"
    "  --run-dir DIR  directory of the sockets (RUN_DIR, /run/ado-orchestrator)\n"
    "  --help         this text\n"
    "  --version      version\n"
    "\n"
    "In the table of pools: QUEUED and RUNNING are jobs; PEND, START, BUSY and ENDED are units; SEEN is how old the picture is that the watcher, the\n"
    "provisioner and the reaper have of the pool. What is shortened or left out is whole in status --json.\n"
    "\n"
    "exit: 0 fine, 1 something is down or not found, 64 wrong usage, 69 no process reachable\n";

static int usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "azpctl: ");
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nazpctl --help tells more\n");
    return EXIT_USAGE;
}

static int outcome(const struct answers *answers)
{
    size_t whole = client_whole(answers);
    if (!whole)
        return EXIT_UNAVAILABLE;
    return whole == client_asked(answers) ? EXIT_OK : EXIT_FAILED;
}

static int status(const struct options *options)
{
    struct answers answers;
    struct view view;
    client_ask(options->run_dir, ALL, 0, ASK_MS, &answers);
    view_make(&answers, &view);
    if (options->json)
        render_json(&answers, &view, stdout);
    else if (client_whole(&answers))
        render_text(&answers, &view, options->brief, stdout);
    render_down(&answers, stderr);
    int code = outcome(&answers);
    view_done(&view);
    client_free(&answers);
    return code;
}

static int explain(const struct options *options, const char *text)
{
    char *end;
    unsigned long long id = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || !id)
        return usage("\"%s\" is not a request id: azpctl status lists them", text);
    struct answers answers;
    client_ask(options->run_dir, ALL, id, ASK_MS, &answers);
    bool known = client_whole(&answers) && explain_request(&answers, id, stdout);
    render_down(&answers, stderr);
    int code = known ? EXIT_OK : client_whole(&answers) ? EXIT_FAILED : EXIT_UNAVAILABLE;
    client_free(&answers);
    return code;
}

static int ping(const struct options *options, const char *role_text)
{
    enum role role = ROLE_AZPCTL;
    if (role_text && (role_parse(role_text, &role) || role == ROLE_AZPCTL))
        return usage("\"%s\" is none of watcher, provisioner, reaper", role_text);
    struct answers answers;
    /* request 1: any one, so that no process has to list everything for a probe */
    client_ask(options->run_dir, role_text ? 1u << role : ALL, 1, PING_MS, &answers);
    for (size_t i = 0; i < PROCESSES && !role_text; i++)
        if (answers.of[i].whole)
            printf("%s: ok\n", role_name((enum role)i));
    render_down(&answers, stderr);
    int code = outcome(&answers);
    client_free(&answers);
    return code;
}

static int run(const struct options *options, int n, char **words)
{
    const char *command = n ? words[0] : "";
    bool is_status = strcmp(command, "status") == 0;
    if (!n)
        return usage("a command is missing: status, explain REQUEST_ID or ping");
    if ((options->json || options->brief) && !is_status)
        return usage("--json and --brief belong to status, not to %s", command);
    if (is_status && n == 1)
        return status(options);
    if (strcmp(command, "explain") == 0 && n == 2)
        return explain(options, words[1]);
    if (strcmp(command, "ping") == 0 && n <= 2)
        return ping(options, n == 2 ? words[1] : NULL);
    return usage("\"%s\" is no command, or has the wrong number of words after it", command);
}

static int parse(int argc, char **argv, struct options *ret)
{
    static const struct option longs[] = {
        {"run-dir", required_argument, NULL, 'r'}, {"json", no_argument, NULL, 'j'}, {"brief", no_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        switch (c) {
        case 'r': ret->run_dir = optarg; break;
        case 'j': ret->json = true; break;
        case 'b': ret->brief = true; break;
        case 'h': ret->help = true; break;
        case 'v': ret->version = true; break;
        default: return usage("\"%s\": no such option, or its value is missing", argv[optind - 1]);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *env = getenv("RUN_DIR");
    struct options options = {.run_dir = env && *env ? env : "/run/ado-orchestrator"};
    int wrong = parse(argc, argv, &options);
    if (wrong)
        return wrong;
    if (options.help)
        return fputs(help_text, stdout) < 0;
    if (options.version)
        return printf("azpctl %s\n", daemon_build()) < 0;
    return run(&options, argc - optind, argv + optind);
}
