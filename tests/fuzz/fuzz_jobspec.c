/* Any bytes as a job definition file: read or refused; what is read makes a body for any unit. */
#include "common/mem.h"
#include "provisioner/jobfile.h"
#include "provisioner/jobspec.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void ignore(void *data, const char *text)
{
    *(size_t *)data += text[0] != '\0';
}

static void make_body(const struct jobfile *file)
{
    struct jobspec_options options = {.job = file->job, .agent = file->agent, .ns = "ado", .instance = "i", .org_url = "https://dev.azure.com/o", .pool = "p",
                                      .template_name = "t", .token_secret = "s", .token_key = "k", .ttl_s = 1};
    struct jobspec *spec = jobspec_new(&options);
    const char *demand = file->path;
    struct jobspec_unit unit = {.name = "u-1", .pool_id = 1, .request_id = 1, .attempt = 1, .queued_ms = 1, .demands = &demand, .n_demands = 1};
    char *text = json_dumps(jobspec_body(spec, &unit), JSON_COMPACT);
    CHECK(text != NULL);
    free(text);
    jobspec_free(&spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    size_t warnings = 0;
    struct err err = {0};
    struct jobfile_rules rules = {.ns = "ado", .own_account = "me", .warn = ignore, .data = &warnings};
    struct jobfile *file = jobfile_parse("job.yaml", (const char *)bytes, n, &rules, &err);
    if (!file) {
        CHECK(err.code != ERR_NONE && err.text[0]);
        return 0;
    }
    make_body(file);
    bool from;
    jobfile_env(file, "AZP_URL", &from, NULL);
    free(jobfile_complaint(file, file->root, "spec.template.spec.containers[0].env[1].value", "x"));
    jobfile_free(&file);
    return 0;
}
