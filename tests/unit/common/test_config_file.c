/* CONFIG_FILE: levels, pools and templates, what wins over what, places in sentences, and printing it back. */
#include "tests/unit/common/config_fixture.h"

static char path[] = "/tmp/test_config_file_XXXXXX";
static char config_file[64];

static int make_file(void **state)
{
    (void)state;
    close(mkstemp(path));
    snprintf(config_file, sizeof config_file, "CONFIG_FILE=%s", path);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

/* Only the token comes from the environment. */
#define FROM_FILE(...) LIST("-ORG_URL", "-AGENT_POOLS", "-JOB_IMAGE", "-JOB_NAMESPACE", config_file, __VA_ARGS__)

static const char whole[] =
    "org_url: https://dev.azure.com/yourorg\n"
    "polling_delay: 2s\n"
    "job_namespace: ci\n"
    "run_once: yes\n"
    "no_proxy: [.corp, localhost]\n"
    "maximum_total_agent_count: 50\n"
    "maximum_agent_count: 20\n"
    "job_image: img:top\n"
    "job_retention: 5m\n"
    "pools:\n"
    "- name: Linux\n"
    "  minimum_idle_agent_count: 2\n"
    "  templates:\n"
    "  - name: small\n"
    "    limit: 5\n"
    "  - name: gpu\n"
    "    job_definition_file: /etc/hostname\n"
    "    registration_deadline: 20m\n"
    "    capabilities: {cuda: 12.10, gpu: , on: yes}\n"
    "  - name: tools\n"
    "    job_image: img:tools\n"
    "    capabilities: [maven, java]\n"
    "- name: Build pool\n"
    "  maximum_agent_count: 3\n"
    "  job_retention: 10\n"
    "  job_image: img:build\n";

static void a_whole_file_is_read(void **state)
{
    (void)state;
    write_file(path, whole);
    struct config *c = load_good(FROM_FILE(NULL));
    assert_string_equal(c->config_file, path);
    assert_int_equal(c->polling_delay_ms, 2000);
    assert_string_equal(c->job_namespace, "ci");
    assert_true(c->run_once);
    assert_string_equal(c->no_proxy, ".corp,localhost");
    assert_int_equal(c->limit, 50);
    assert_int_equal(c->n_pools, 2);
    const struct config_pool *linux_pool = &c->pools[0], *build = &c->pools[1];
    assert_string_equal(linux_pool->name, "Linux");
    assert_int_equal(linux_pool->limit, 20);
    assert_int_equal(linux_pool->minimum_idle, 2);
    assert_int_equal(linux_pool->retention_ms, 300000);
    assert_int_equal(linux_pool->n_templates, 3);
    assert_string_equal(linux_pool->templates[0].name, "small");
    assert_string_equal(linux_pool->templates[0].job_image, "img:top");
    assert_int_equal(linux_pool->templates[0].limit, 5);
    assert_int_equal(linux_pool->templates[0].n_capabilities, 0);
    assert_string_equal(build->name, "Build pool");
    assert_int_equal(build->limit, 3);
    assert_int_equal(build->retention_ms, 10000);
    assert_int_equal(build->n_templates, 1);
    assert_string_equal(build->templates[0].name, "default");
    assert_string_equal(build->templates[0].job_image, "img:build");
    config_free(&c);
}

static void a_template_says_what_it_is(void **state)
{
    (void)state;
    write_file(path, whole);
    struct config *c = load_good(FROM_FILE(NULL));
    const struct config_template *gpu = &c->pools[0].templates[1], *tools = &c->pools[0].templates[2];
    assert_null(gpu->job_image);   /* the top level's image is not meant where a template has a file */
    assert_string_equal(gpu->job_definition_file, "/etc/hostname");
    assert_int_equal(gpu->registration_deadline_ms, 1200000);
    assert_int_equal(gpu->n_capabilities, 3);
    assert_string_equal(gpu->capabilities[0].name, "cuda");
    assert_string_equal(gpu->capabilities[0].value, "12.10");
    assert_string_equal(gpu->capabilities[1].name, "gpu");
    assert_string_equal(gpu->capabilities[1].value, "");
    assert_string_equal(gpu->capabilities[2].name, "true");   /* keys are read as kubectl reads them */
    assert_string_equal(gpu->capabilities[2].value, "yes");
    assert_int_equal(tools->n_capabilities, 2);
    assert_string_equal(tools->capabilities[1].name, "java");
    assert_int_equal(warned.n, 0);
    config_free(&c);
}

static void the_environment_wins_over_the_top_level_only(void **state)
{
    (void)state;
    write_file(path, whole);
    struct config *c = load_good(FROM_FILE("POLLING_DELAY=500", "JOB_IMAGE=img:env", "MAXIMUM_AGENT_COUNT=7", "JOB_RETENTION=1h", "JOB_NAMESPACE=other"));
    assert_int_equal(c->polling_delay_ms, 500);
    assert_string_equal(c->job_namespace, "other");
    assert_string_equal(c->pools[0].templates[0].job_image, "img:env");
    assert_string_equal(c->pools[0].templates[2].job_image, "img:tools");
    assert_int_equal(c->pools[0].limit, 7);
    assert_int_equal(c->pools[1].limit, 3);
    assert_int_equal(c->pools[0].retention_ms, 3600000);
    assert_int_equal(c->pools[1].retention_ms, 10000);
    config_free(&c);
}

static void agent_pools_selects_among_the_pools(void **state)
{
    (void)state;
    write_file(path, whole);
    struct config *c = load_good(FROM_FILE("AGENT_POOLS=Build pool,Extra"));
    assert_int_equal(c->n_pools, 2);
    assert_string_equal(c->pools[0].name, "Build pool");
    assert_int_equal(c->pools[0].limit, 3);
    assert_string_equal(c->pools[1].name, "Extra");
    assert_int_equal(c->pools[1].limit, 20);
    assert_string_equal(c->pools[1].templates[0].job_image, "img:top");
    assert_non_null(strstr(warned.last, "pool \"Extra\" is not among those of"));
    config_free(&c);
    write_file(path, "agent_pools: [A, B]\n");
    c = load_good(LIST("-AGENT_POOLS", config_file));
    assert_int_equal(c->n_pools, 2);
    assert_string_equal(c->pools[1].name, "B");
    config_free(&c);
}

static void a_stronger_source_replaces_the_rival_setting(void **state)
{
    (void)state;
    write_file(path, "job_definition_file: /etc/hostname\norg_pat: fromfile\n");
    struct config *c = load_good(LIST(config_file));
    assert_string_equal(c->pools[0].templates[0].job_image, "x/y:latest");
    assert_null(c->pools[0].templates[0].job_definition_file);
    assert_string_equal(c->org_pat, "12345");
    config_free(&c);
    c = load_good(LIST("-ORG_PAT", "ORG_PAT_FILE=/etc/hostname", config_file));
    assert_null(c->org_pat);
    config_free(&c);
    c = load_good(LIST("-ORG_PAT", config_file));
    assert_string_equal(c->org_pat, "fromfile");
    config_free(&c);
}

static void mistakes_in_the_file_are_told_with_their_place(void **state)
{
    (void)state;
    static const struct { const char *content, *sentence; } rows[] = {
        {"org_ulr: x\n", ":1:1: unknown key \"org_ulr\" at the top level; did you mean org_url?"},
        {"a: 1\n", ":1:1: unknown key \"a\" at the top level; --help lists the settings"},
        {"ORG_URL: https://dev.azure.com/o\n", ":1:1: unknown key \"ORG_URL\" at the top level; did you mean org_url?"},
        {"\npolling_delay: 100\n", ":2:16: polling_delay: 100 ms is too short: it must be 200ms to 1h"},
        {"polling_delay: [1]\n", ":1:16: polling_delay: one value is needed here, not a list"},
        {"org_url: {a: 1}\n", ":1:10: org_url: one value is needed here, not a map"},
        {"no_proxy: [a, [b]]\n", ":1:15: no_proxy: a list of plain values without commas is needed here"},
        {"limit: 3\n", ":1:1: limit belongs in a template, not at the top level"},
        {"pools: [{name: A, limit: 3}]\n", ":1:19: limit belongs in a template, not in a pool"},
        {"pools: []\n", ":1:8: pools: a list with at least one entry is needed here"},
        {"pools: 3\n", ":1:8: pools: a list with at least one entry is needed here"},
        {"pools: [Linux]\n", ":1:9: pools: each entry is a map that begins with \"- name: ...\""},
        {"pools: [{name: A, org_url: x}]\n", ":1:19: org_url belongs at the top level, not in a pool"},
        {"pools: [{name: A, minimum_agents: 1}]\n", ":1:19: unknown key \"minimum_agents\" in a pool; --help lists the settings"},
        {"pools: [{name: A, minimum_agent_cuont: 1}]\n", ":1:19: unknown key \"minimum_agent_cuont\" in a pool; did you mean minimum_agent_count?"},
        {"pools: [{name: A, templates: [{name: x, job_retention: 1}]}]\n", ":1:41: job_retention belongs at the top level, not in a template"},
        {"pools: [{minimum_agent_count: 1}]\n", ":1:9: name is missing: the agent pool's name as Azure DevOps writes it"},
        {"pools: [{name: A}, {name: a}]\n", ":1:20: pool \"a\" is there twice; remove one"},
        {"pools: [{name: \"A,B\"}]\n", ":1:16: name: \"A,B\" contains a comma, which AGENT_POOLS could not name; rename the pool"},
        {"pools: [{name: A, templates: [{}, {name: b}]}]\n", ":1:31: name is missing: each of several templates of a pool needs one"},
        {"pools: [{name: A, templates: [{name: b}, {name: b}]}]\n", ":1:42: pool \"A\" has two templates named b; rename one"},
        {"pools: [{name: A, templates: [{name: B}]}]\n", ":1:38: name: \"B\" is no template name: use at most 63 characters of a-z, 0-9 and -"},
        {"pools: [{name: A, templates: [{capabilities: 3}]}]\n", ":1:46: capabilities: a map of names and values, or a list of names, is needed here"},
        {"pools: [{name: A, templates: [{capabilities: [[a]]}]}]\n", ":1:47: capabilities: a plain name is needed here"},
        {"pools: [{name: A, minimum_agent_count: 2, maximum_agent_count: 1}]\n",
         ":1:9: pool \"A\": MINIMUM_AGENT_COUNT (2) is more than MAXIMUM_AGENT_COUNT (1) allows; raise the maximum or lower the minimum"},
        {"job_prefix: \"a\\x01\"\n", ":1:13: job_prefix: contains a control character (0x01) at position 2; remove it"},
        {"org_url: a\norg_url: b\n", ":2:1: key \"org_url\" is here a second time, after line 1; remove one"},
        {"- a\n", ":1:1: a map of settings is needed here, e.g. org_url: https://dev.azure.com/yourorg"},
        {"", " must hold exactly one document, not 0"},
        {"log_level: info\n---\nlog_level: info\n", " must hold exactly one document, not 2"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        write_file(path, rows[i].content);
        assert_refused_in_part(LIST("-AGENT_POOLS", config_file), rows[i].sentence);
    }
    write_file(path, "pools: [{name: A}]\n");
    assert_refused_in_part(LIST("-AGENT_POOLS", "-JOB_IMAGE", config_file), "pool \"A\" has neither job_image nor job_definition_file; give one of the two");
    write_file(path, "pools: [{name: A, templates: [{name: x}]}]\n");
    assert_refused_in_part(LIST("-AGENT_POOLS", "-JOB_IMAGE", config_file), ":1:31: a template of pool \"A\" has neither job_image nor job_definition_file");
}

static char *printed(const struct config *c)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    config_print(c, out);
    fclose(out);
    return text;
}

static void assert_round_trip(const char *const *settings)
{
    struct config *c = load_good(settings);
    char *first = printed(c);
    config_free(&c);
    write_file(path, first);
    c = load_good(FROM_FILE(NULL));
    char *second = printed(c);
    config_free(&c);
    assert_string_equal(first, second);
    assert_null(strstr(first, "12345"));
    assert_non_null(strstr(first, "# org_pat: ***\n"));
    free(first);
    free(second);
}

static void what_is_printed_can_be_loaded(void **state)
{
    (void)state;
    assert_round_trip(NULL);
    write_file(path, whole);
    assert_round_trip(FROM_FILE(NULL));
    assert_round_trip(LIST("AGENT_POOLS=a \"b\" \\ c: #,{x}", "POLLING_DELAY=1500", "LOG_FORMAT=json", "JOB_OS=windows", "RUN_ONCE=1", "KUBECONFIG=/a b",
                           "JOB_DOCKER_SOCKET_PATH=/var/run/docker.sock", "INSTANCE=007", "MAX_JOB_DURATION=90500ms", "LOG_LEVEL=error"));
}

static void a_password_in_a_proxy_is_not_printed(void **state)
{
    (void)state;
    struct config *c = load_good(LIST("HTTPS_PROXY=http://user:pa@ss@proxy:3128"));
    char *text = printed(c);
    assert_null(strstr(text, "pa@ss"));
    assert_null(strstr(text, "user"));
    assert_non_null(strstr(text, "# https_proxy: \"http://***@proxy:3128\"\n"));
    free(text);
    config_free(&c);
}

static void every_setting_is_in_the_help(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    config_print_settings(out);
    fclose(out);
    for (size_t i = 0; i < config_n_fields; i++) {
        assert_non_null(strstr(text, config_fields[i].help));
        assert_non_null(strstr(text, config_fields[i].env ? config_fields[i].env : config_fields[i].key));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_read),
        cmocka_unit_test(a_template_says_what_it_is),
        cmocka_unit_test(the_environment_wins_over_the_top_level_only),
        cmocka_unit_test(agent_pools_selects_among_the_pools),
        cmocka_unit_test(a_stronger_source_replaces_the_rival_setting),
        cmocka_unit_test(mistakes_in_the_file_are_told_with_their_place),
        cmocka_unit_test(what_is_printed_can_be_loaded),
        cmocka_unit_test(a_password_in_a_proxy_is_not_printed),
        cmocka_unit_test(every_setting_is_in_the_help),
    };
    return cmocka_run_group_tests_name("config_file", tests, make_file, remove_file);
}
