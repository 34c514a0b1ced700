/* Settings from the environment: defaults, normal forms, and one sentence for each thing that is wrong. */
#include "tests/unit/common/config_fixture.h"

static void the_example_of_the_readme_works(void **state)
{
    (void)state;
    struct config *c = load_good(NULL);
    assert_string_equal(c->org_url, "https://dev.azure.com/yourorg");
    assert_string_equal(c->org_pat, "12345");
    assert_null(c->org_pat_file);
    assert_int_equal(c->n_pools, 2);
    assert_string_equal(c->pools[0].name, "Pool1");
    assert_string_equal(c->pools[1].name, "Pool2");
    assert_int_equal(c->pools[1].n_templates, 1);
    assert_string_equal(c->pools[1].templates[0].name, "default");
    assert_string_equal(c->pools[1].templates[0].job_image, "x/y:latest");
    assert_string_equal(c->job_namespace, "ado");
    assert_ptr_equal(config_find_pool(c, "Pool2"), &c->pools[1]);
    assert_null(config_find_pool(c, "pool2"));
    assert_int_equal(warned.n, 0);
    config_free(&c);
    assert_null(c);
    config_free(&c);
}

static void defaults_are_as_documented(void **state)
{
    (void)state;
    struct config *c = load_good(NULL);
    assert_int_equal(c->polling_delay_ms, 1000);
    assert_int_equal(c->agents_delay_ms, 15000);
    assert_false(c->run_once);
    assert_int_equal(c->run_once_deadline_ms, 120000);
    assert_string_equal(c->job_prefix, "agent-job-");
    assert_true(c->initialize_namespace);
    assert_false(c->reaper_dry_run);
    assert_true(c->placeholders);
    assert_int_equal(c->agent_exit_grace_ms, 60000);
    assert_string_equal(c->run_dir, "/run/ado-orchestrator");
    assert_int_equal(c->host, HOST_KUBERNETES);
    assert_int_equal(c->job_os, OS_LINUX);
    assert_int_equal(c->log_level, LOG_INFO);
    assert_int_equal(c->log_format, LOG_LOGFMT);
    assert_int_equal(c->limit, 0);
    const struct config_pool *p = &c->pools[0];
    assert_int_equal(p->limit, 0);
    assert_int_equal(p->minimum_agents, 0);
    assert_int_equal(p->minimum_idle, 0);
    assert_int_equal(p->retention_ms, 120000);
    assert_int_equal(p->failed_retention_ms, 600000);
    assert_int_equal(p->idle_grace_ms, 60000);
    assert_int_equal(p->warm_max_age_ms, 86400000);
    assert_int_equal(p->max_job_duration_ms, 0);
    assert_int_equal(p->templates[0].registration_deadline_ms, 600000);
    assert_string_equal(p->templates[0].job_hardening, "baseline");
    assert_null(p->templates[0].job_docker_socket_path);
    assert_null(c->agent_token_secret);
    assert_null(c->kubeconfig);
    config_free(&c);
}

static void values_are_read_and_brought_into_form(void **state)
{
    (void)state;
    const char *const settings[] = {
        "ORG_PAT=abc\n", "AGENT_POOLS= A , B b ,", "POLLING_DELAY=200", "JOB_RETENTION=2m", "IDLE_GRACE=90", "RUN_ONCE=1", "HOST_TYPE=K8S", "JOB_OS=windows",
        "LOG_LEVEL=debug", "LOG_FORMAT=json", "INITIALIZE_NAMESPACE=no", "MINIMUM_AGENT_COUNT=3", "MAXIMUM_AGENT_COUNT=9", "https_proxy=proxy:3128",
        "no_proxy=.corp,localhost", "RUN_DIR=/tmp/x/", "JOB_DOCKER_SOCKET_PATH=/var/run/docker.sock", "AGENT_TOKEN_SECRET=a/b", "JOB_IMAGE= x/y:1 ",
        "JOB_HARDENING=restricted", "REAPER_DRY_RUN=yes", "WARM_MAX_AGE=1d", "MAX_JOB_DURATION=1h30m", NULL,
    };
    struct config *c = load_good(settings);
    assert_string_equal(c->org_pat, "abc");
    assert_int_equal(c->n_pools, 2);
    assert_string_equal(c->pools[0].name, "A");
    assert_string_equal(c->pools[1].name, "B b");
    assert_int_equal(c->polling_delay_ms, 200);
    assert_int_equal(c->pools[0].retention_ms, 120000);
    assert_int_equal(c->pools[0].idle_grace_ms, 90000);
    assert_true(c->run_once);
    assert_int_equal(c->job_os, OS_WINDOWS);
    assert_int_equal(c->log_level, LOG_DEBUG);
    assert_int_equal(c->log_format, LOG_JSON);
    assert_false(c->initialize_namespace);
    assert_int_equal(c->pools[1].minimum_agents, 3);
    assert_int_equal(c->pools[1].limit, 9);
    assert_string_equal(c->https_proxy, "http://proxy:3128");
    assert_string_equal(c->no_proxy, ".corp,localhost");
    assert_string_equal(c->run_dir, "/tmp/x");
    assert_string_equal(c->pools[0].templates[0].job_docker_socket_path, "/var/run/docker.sock");
    assert_string_equal(c->pools[0].templates[0].job_image, "x/y:1");
    assert_string_equal(c->pools[0].templates[0].job_hardening, "restricted");
    assert_string_equal(c->agent_token_secret, "a/b");
    assert_true(c->reaper_dry_run);
    assert_int_equal(c->pools[0].warm_max_age_ms, 86400000);
    assert_int_equal(c->pools[0].max_job_duration_ms, 5400000);
    assert_string_equal(warned.last, "AGENT_POOLS: there is a comma too many");
    config_free(&c);
}

static void an_empty_variable_is_as_good_as_none(void **state)
{
    (void)state;
    struct config *c = load_good(LIST("JOB_PREFIX=", "RUN_ONCE= ", "HTTPS_PROXY=", "https_proxy=http://p:1", "JOB_NAMESPACE="));
    assert_string_equal(c->job_prefix, "agent-job-");
    assert_false(c->run_once);
    assert_string_equal(c->https_proxy, "http://p:1");
    assert_null(c->job_namespace);
    config_free(&c);
}

static void addresses_get_one_form(void **state)
{
    (void)state;
    static const struct { const char *given, *form, *warning; } rows[] = {
        {"https://dev.azure.com/yourorg/", "https://dev.azure.com/yourorg", "ORG_URL: the slash at its end is not needed"},
        {"HTTPS://Dev.Azure.com/YourOrg", "https://dev.azure.com/YourOrg", ""},
        {"https://yourorg.visualstudio.com", "https://yourorg.visualstudio.com", ""},
        {"https://yourorg.visualstudio.com//", "https://yourorg.visualstudio.com", "ORG_URL: the slash at its end is not needed"},
        {"https://yourorg.visualstudio.com/DefaultCollection", "https://yourorg.visualstudio.com/DefaultCollection", ""},
        {"https://tfs.corp/tfs/My Collection", "https://tfs.corp/tfs/My%20Collection", ""},
        {"https://tfs.corp:8443/tfs/My%20Collection", "https://tfs.corp:8443/tfs/My%20Collection", ""},
        {"https://tfs.corp/tfs/B\xc3\xbc" "ro", "https://tfs.corp/tfs/B%C3%BCro", ""},
        {"https://tfs.corp", "https://tfs.corp", "ORG_URL: has no collection; the address of an Azure DevOps Server ends with one, e.g. https://server/DefaultCollection"},
        {"https://[2001:db8::1]:8443/c", "https://[2001:db8::1]:8443/c", ""},
        {"http://127.0.0.1:8080/org", "http://127.0.0.1:8080/org", ""},
        {"http://127.9.8.7/org", "http://127.9.8.7/org", ""},
        {"http://[::1]:1/org", "http://[::1]:1/org", ""},
        {"http://localhost:8080", "http://localhost:8080", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *setting = xasprintf("ORG_URL=%s", rows[i].given);
        struct config *c = load_good(LIST(setting));
        assert_string_equal(c->org_url, rows[i].form);
        assert_string_equal(warned.last, rows[i].warning);
        config_free(&c);
        free(setting);
    }
}

static void bad_addresses_are_refused(void **state)
{
    (void)state;
    static const struct { const char *setting, *sentence; } rows[] = {
        {"ORG_URL=dev.azure.com/yourorg", "ORG_URL: must begin with https://, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=ftp://dev.azure.com/yourorg", "ORG_URL: must begin with https://, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=http://dev.azure.com/yourorg", "ORG_URL: http:// would send the token in clear to dev.azure.com; use https://"},
        {"ORG_URL=http://127.0.0.1.evil.com/x", "ORG_URL: http:// would send the token in clear to 127.0.0.1.evil.com; use https://"},
        {"ORG_URL=http://localhost.evil.com/x", "ORG_URL: http:// would send the token in clear to localhost.evil.com; use https://"},
        {"ORG_URL=https://dev.azure.com", "ORG_URL: the organisation is missing: write https://dev.azure.com/yourorg"},
        {"ORG_URL=https://dev.azure.com/", "ORG_URL: the organisation is missing: write https://dev.azure.com/yourorg"},
        {"ORG_URL=https://dev.azure.com/org/project", "ORG_URL: agent pools belong to the organisation, not to a project: write https://dev.azure.com/org"},
        {"ORG_URL=https://org.visualstudio.com/project", "ORG_URL: agent pools belong to the organisation, not to a project: write https://org.visualstudio.com"},
        {"ORG_URL=https://user:secret@dev.azure.com/org", "ORG_URL: contains a user name or password before @; put the token into ORG_PAT and remove that part"},
        {"ORG_URL=https://dev.azure.com/org?x=1", "ORG_URL: contains ? or #; give only the address of the organisation or collection, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=https://dev.azure.com/org#x", "ORG_URL: contains ? or #; give only the address of the organisation or collection, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=https://", "ORG_URL: \"\" is no host name with an optional port, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=https://a b/c", "ORG_URL: \"a b/c\" is no host name with an optional port, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=https://tfs:99999/c", "ORG_URL: \"tfs:99999/c\" is no host name with an optional port, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=https://[::x]/c", "ORG_URL: \"[::x]/c\" is no host name with an optional port, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=https://[::1/c", "ORG_URL: \"[::1/c\" is no host name with an optional port, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=https://tfs/a//b", "ORG_URL: its path \"/a//b\" has an empty part, . or ..; write it plainly, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=https://tfs/a/../b", "ORG_URL: its path \"/a/../b\" has an empty part, . or ..; write it plainly, e.g. https://dev.azure.com/yourorg"},
        {"ORG_URL=https://tfs/100%", "ORG_URL: contains a % that is not followed by two hexadecimal digits; write %25 for the character itself"},
        {"ORG_URL=https://tfs/a\x01", "ORG_URL: contains a control character (0x01) at position 14; remove it"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_refused(LIST(rows[i].setting), rows[i].sentence);
}

static void each_wrong_value_has_its_sentence(void **state)
{
    (void)state;
    static const struct { const char *setting, *sentence; } rows[] = {
        {"-ORG_URL", "ORG_URL is not set: give the address of the organisation, e.g. https://dev.azure.com/yourorg"},
        {"-ORG_PAT", "ORG_PAT is not set: give a personal access token with the scope Agent Pools (Read & manage), or the path of a file with it in ORG_PAT_FILE"},
        {"ORG_PAT=\n", "ORG_PAT is empty: give a personal access token with the scope Agent Pools (Read & manage), or the path of a file with it in ORG_PAT_FILE"},
        {"ORG_PAT=ab\ncd", "ORG_PAT: contains a line break: exactly one token on one line is needed"},
        {"ORG_PAT=ab cd", "ORG_PAT: contains a space, a control character or a letter that no token has: copy the token again"},
        {"ORG_PAT=ab\x01", "ORG_PAT: contains a space, a control character or a letter that no token has: copy the token again"},
        {"ORG_PAT_FILE=/etc/hostname", "ORG_PAT: ORG_PAT_FILE is set, too; set only one of the two"},
        {"-AGENT_POOLS", "AGENT_POOLS is not set: give the names of the agent pools to serve, e.g. Pool1,Pool2"},
        {"AGENT_POOLS=", "AGENT_POOLS: is empty: give the names of the agent pools to serve, e.g. Pool1,Pool2"},
        {"AGENT_POOLS= , ", "AGENT_POOLS: is empty: give the names of the agent pools to serve, e.g. Pool1,Pool2"},
        {"AGENT_POOLS=A,B, A", "AGENT_POOLS: names pool \"A\" twice; remove one"},
        {"AGENT_POOLS=A,a", "AGENT_POOLS: names pool \"a\" twice; remove one"},
        {"-JOB_IMAGE", "JOB_IMAGE is not set: give the agent's image, e.g. ghcr.io/akanieski/ado-pipelines-linux:latest, or a Job in JOB_DEFINITION_FILE"},
        {"JOB_IMAGE=https://x/y", "JOB_IMAGE: \"https://x/y\" is no image reference: give it as docker pull takes it, e.g. ghcr.io/akanieski/ado-pipelines-linux:latest"},
        {"JOB_DEFINITION_FILE=/nonexistent.yaml", "JOB_DEFINITION_FILE: cannot read /nonexistent.yaml: No such file or directory; mount the file there, or set JOB_IMAGE instead"},
        {"POLLING_DELAY=199", "POLLING_DELAY: 199 ms is too short: it must be 200ms to 1h"},
        {"POLLING_DELAY=0", "POLLING_DELAY: 0 ms is too short: it must be 200ms to 1h"},
        {"POLLING_DELAY=2h", "POLLING_DELAY: 2h is too long: it must be 200ms to 1h"},
        {"POLLING_DELAY=fast", "POLLING_DELAY: \"fast\" is not a duration: write a whole number of milliseconds, or one with a unit such as 500ms, 30s, 10m, 2h"},
        {"POLLING_DELAY=-1000", "POLLING_DELAY: \"-1000\" is not a duration: write a whole number of milliseconds, or one with a unit such as 500ms, 30s, 10m, 2h"},
        {"POLLING_DELAY=1.5", "POLLING_DELAY: \"1.5\" is not a duration: write a whole number of milliseconds, or one with a unit such as 500ms, 30s, 10m, 2h"},
        {"JOB_RETENTION=soon", "JOB_RETENTION: \"soon\" is not a duration: write a whole number of seconds, or one with a unit such as 500ms, 30s, 10m, 2h"},
        {"RUN_ONCE=maybe", "RUN_ONCE: \"maybe\" is neither yes nor no: write 1 (true, yes, on) or 0 (false, no, off)"},
        {"MINIMUM_AGENT_COUNT=-1", "MINIMUM_AGENT_COUNT: \"-1\" is not a whole number: write one from 0 to 100000"},
        {"MINIMUM_AGENT_COUNT=100001", "MINIMUM_AGENT_COUNT: 100001 is out of range: write a whole number from 0 to 100000"},
        {"MINIMUM_AGENT_COUNT=99999999999999999999", "MINIMUM_AGENT_COUNT: 99999999999999999999 is out of range: write a whole number from 0 to 100000"},
        {"JOB_PREFIX=Agent-", "JOB_PREFIX: \"Agent-\" cannot begin a Kubernetes name: use a-z, 0-9 and -, and begin with a letter or digit, e.g. agent-job-"},
        {"JOB_PREFIX=-x", "JOB_PREFIX: \"-x\" cannot begin a Kubernetes name: use a-z, 0-9 and -, and begin with a letter or digit, e.g. agent-job-"},
        {"JOB_PREFIX=abcdefghijklmnopqrstuvwxyz12345", "JOB_PREFIX: \"abcdefghijklmnopqrstuvwxyz12345...\" is too long: names leave room for 30 characters"},
        {"JOB_NAMESPACE=a_b", "JOB_NAMESPACE: \"a_b\" is no namespace name: use at most 63 characters of a-z, 0-9 and -, e.g. ado"},
        {"INSTANCE=a b", "INSTANCE: \"a b\" cannot be a label's value: use at most 63 letters, digits, -, _ and ., and begin and end with a letter or digit"},
        {"AGENT_TOKEN_SECRET=a/b/c", "AGENT_TOKEN_SECRET: \"a/b/c\" does not name a Secret: give NAME or NAME/KEY, e.g. agent-token or agent-token/pat"},
        {"HOST_TYPE=nomad", "HOST_TYPE: \"nomad\" is not possible: write kubernetes (or k8s), the only kind of host there is"},
        {"HOST_TYPE=aci", "HOST_TYPE: this build runs agents on Kubernetes only, not on Azure Container Instances; unset it and the AZ_ settings"},
        {"AZ_SUBSCRIPTION_ID=1", "AZ_SUBSCRIPTION_ID: this build runs agents on Kubernetes only, not on Azure Container Instances; unset the AZ_ settings, or set "
                                 "HOST_TYPE=kubernetes to have them ignored"},
        {"AGENT_POOLS=A\xff", "AGENT_POOLS: is not UTF-8 at position 2 (byte 0xff); write it as UTF-8"},
        {"AGENT_POOLS=A,B\x02", "AGENT_POOLS: contains a control character (0x02) at position 4; remove it"},
        {"JOB_OS=macos", "JOB_OS: \"macos\" is not possible: write linux or windows"},
        {"JOB_HARDENING=none", "JOB_HARDENING: \"none\" is not possible: write baseline or restricted"},
        {"JOB_DEFINITION_FILE=/tmp", "JOB_DEFINITION_FILE: /tmp is not a file; mount the file there, or set JOB_IMAGE instead"},
        {"CA_FILE=/tmp", "CA_FILE: /tmp is not a file; give a file with PEM certificates, or unset it to trust the system's"},
        {"CA_FILE=/dev/null", "CA_FILE: /dev/null is not a file; give a file with PEM certificates, or unset it to trust the system's"},
        {"CA_FILE=/etc/passwd", "CA_FILE: /etc/passwd holds no certificate (-----BEGIN CERTIFICATE-----); give a file with PEM certificates, or unset it to trust the system's"},
        {"RUN_ONCE_DEADLINE=1", "RUN_ONCE_DEADLINE: 1 s is too short: it must be 5s to 1d"},
        {"MAX_JOB_DURATION=1w", "MAX_JOB_DURATION: \"1w\" is not a duration: write a whole number of seconds, or one with a unit such as 500ms, 30s, 10m, 2h"},
        {"LOG_LEVEL=loud", "LOG_LEVEL: \"loud\" is not possible: write debug, info, warn or error"},
        {"LOG_FORMAT=xml", "LOG_FORMAT: \"xml\" is not possible: write logfmt or json"},
        {"HTTPS_PROXY=ftp://x", "HTTPS_PROXY: this is no proxy's address: give e.g. http://proxy.example:3128 (http, https and socks5 are possible)"},
        {"CA_FILE=/nonexistent.pem", "CA_FILE: cannot read /nonexistent.pem: No such file or directory; give a file with PEM certificates, or unset it to trust the system's"},
        {"PEER_UIDS=watcher=x", "PEER_UIDS: \"watcher=x\" is not understood: give ROLE=UID separated by commas, e.g. watcher=10001,provisioner=10002,reaper=10003"},
        {"JOB_DOCKER_SOCKET_PATH=docker.sock", "JOB_DOCKER_SOCKET_PATH: \"docker.sock\" is no absolute path on the node: give e.g. /var/run/docker.sock"},
        {"CONFIG_FILE=/nonexistent.yaml", "CONFIG_FILE: cannot read /nonexistent.yaml: No such file or directory; mount the file there, or unset CONFIG_FILE"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_refused(LIST(rows[i].setting), rows[i].sentence);
    assert_refused(LIST("MINIMUM_AGENT_COUNT=5", "MAXIMUM_AGENT_COUNT=3"),
                   "pool \"Pool1\": MINIMUM_AGENT_COUNT (5) is more than MAXIMUM_AGENT_COUNT (3) allows; raise the maximum or lower the minimum");
    assert_refused(LIST("MINIMUM_IDLE_AGENT_COUNT=5", "MAXIMUM_AGENT_COUNT=3"),
                   "pool \"Pool1\": MINIMUM_IDLE_AGENT_COUNT (5) is more than MAXIMUM_AGENT_COUNT (3) allows; raise the maximum or lower the minimum");
}

static void azure_settings_beside_a_chosen_host_are_left_alone(void **state)
{
    (void)state;
    struct config *c = load_good(LIST("AZ_SUBSCRIPTION_ID=1", "AZ_TENANT_ID=2", "HOST_TYPE=kubernetes"));
    config_free(&c);
}

static void a_job_file_wins_over_an_image(void **state)
{
    (void)state;
    struct config *c = load_good(LIST("JOB_DEFINITION_FILE=/etc/hostname"));
    assert_null(c->pools[0].templates[0].job_image);
    assert_string_equal(c->pools[0].templates[0].job_definition_file, "/etc/hostname");
    assert_string_equal(warned.last, "JOB_IMAGE: ignored, because JOB_DEFINITION_FILE is set, too");
    assert_int_equal(warned.n, 1);
    config_free(&c);
}

static void the_token_file_is_looked_at(void **state)
{
    (void)state;
    static const struct { const char *content, *sentence; } rows[] = {
        {"token\n", NULL}, {"token\r\n", NULL}, {"", "is empty: write the token into it"}, {"\n\n", "is empty: write the token into it"},
        {"a\nb\n", "contains a line break: exactly one token on one line is needed"}, {"a b", "contains a space"},
    };
    char path[] = "/tmp/test_config_XXXXXX";
    close(mkstemp(path));
    char *setting = xasprintf("ORG_PAT_FILE=%s", path);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        write_file(path, rows[i].content);
        if (rows[i].sentence) {
            assert_refused_in_part(LIST("-ORG_PAT", setting), rows[i].sentence);
            continue;
        }
        struct config *c = load_good(LIST("-ORG_PAT", setting));
        assert_string_equal(c->org_pat_file, path);
        assert_null(c->org_pat);
        config_free(&c);
    }
    unlink(path);
    assert_refused_in_part(LIST("-ORG_PAT", setting), "No such file or directory; give the path of a file that holds the token");
    free(setting);
}

static void the_instance_comes_from_three_settings(void **state)
{
    (void)state;
    struct config *a = load_good(NULL), *b = load_good(LIST("ORG_URL=https://dev.azure.com/yourorg/")), *other = load_good(LIST("JOB_PREFIX=x-")),
                  *own = load_good(LIST("-JOB_NAMESPACE", "POD_NAMESPACE=ado")), *named = load_good(LIST("INSTANCE=blue"));
    assert_string_equal(a->instance, "61cd3217be");
    assert_string_equal(b->instance, a->instance);
    assert_string_equal(own->instance, a->instance);
    assert_string_not_equal(other->instance, a->instance);
    assert_string_equal(named->instance, "blue");
    config_free(&a);
    config_free(&b);
    config_free(&other);
    config_free(&own);
    config_free(&named);
}

static void a_leader_is_elected_in_a_pod(void **state)
{
    (void)state;
    static const struct { const char *a, *b; bool elects; } rows[] = {
        {"X=", NULL, false}, {"POD_NAMESPACE=ops", NULL, true}, {"KUBERNETES_SERVICE_HOST=10.0.0.1", NULL, true}, {"POD_NAMESPACE=", NULL, false},
        {"POD_NAMESPACE=ops", "KUBECONFIG=/k", false}, {"POD_NAMESPACE=ops", "LEADER_ELECTION=0", false}, {"LEADER_ELECTION=on", NULL, true},
        {"KUBECONFIG=/k", "LEADER_ELECTION=true", true}, {"POD_NAMESPACE=ops", "LEADER_ELECTION=Auto", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct config *c = load_good(LIST(rows[i].a, rows[i].b));
        assert_int_equal(c->leader_election, rows[i].elects);
        assert_true(c->lease_duration_ms == 15000 && c->lease_renew_ms == 10000 && c->lease_retry_ms == 2000);
        config_free(&c);
    }
    assert_refused(LIST("LEADER_ELECTION=maybe"), "LEADER_ELECTION: \"maybe\" is neither yes nor no: write 1 (true, yes, on) or 0 (false, no, off)");
}

static void the_lease_is_longer_than_its_renewal(void **state)
{
    (void)state;
    struct config *c = load_good(LIST("LEASE_DURATION=3", "LEASE_RENEW_DEADLINE=2s", "LEASE_RETRY=500ms"));
    assert_true(c->lease_duration_ms == 3000 && c->lease_renew_ms == 2000 && c->lease_retry_ms == 500);
    config_free(&c);
    static const char usual[] = "15s, 10s and 2s are usual";
    assert_refused_in_part(LIST("LEASE_DURATION=10"), "LEASE_DURATION (10s) must be longer than LEASE_RENEW_DEADLINE (10s)");
    assert_refused_in_part(LIST("LEASE_DURATION=5", "LEASE_RENEW_DEADLINE=2"), "and that longer than 1.2 times LEASE_RETRY (2s)");
    assert_refused_in_part(LIST("LEASE_RETRY=9"), usual);
}

static void near_misses_are_told(void **state)
{
    (void)state;
    static const struct { const char *variable, *sentence; } rows[] = {
        {"AGENT_POOL=x", "AGENT_POOL: is no setting; did you mean AGENT_POOLS?"},
        {"JOB_NAMESPACES=x", "JOB_NAMESPACES: is no setting; did you mean JOB_NAMESPACE?"},
        {"ORG_TOKEN=x", "ORG_TOKEN: is no setting; did you mean ORG_PAT?"},
        {"ORG_PTA=x", "ORG_PTA: is no setting; did you mean ORG_PAT?"},
        {"AZP_URL=x", "AZP_URL: is no setting; did you mean ORG_URL?"},
        {"POLLING_DELAYS=x", "POLLING_DELAYS: is no setting; did you mean POLLING_DELAY?"},
        {"AGENT_POOLS=x", ""}, {"PATH=x", ""}, {"AGENT_SOMETHING_ELSE=1", ""}, {"HOME=x", ""}, {"JOB_ID=4", ""}, {"=x", ""}, {"", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *environment[] = {xstrdup(rows[i].variable), NULL};
        reset_warnings();
        config_near_misses(environment, take_warning, NULL);
        assert_string_equal(warned.last, rows[i].sentence);
        free(environment[0]);
    }
    char *both[] = {xstrdup("AGENT_POOL=x"), xstrdup("AGENT_POOLS=y"), NULL};
    reset_warnings();
    config_near_misses(both, take_warning, NULL);
    assert_int_equal(warned.n, 0);
    free(both[0]);
    free(both[1]);
}

static void the_token_leaves_the_process_environment(void **state)
{
    (void)state;
    struct err err = {0};
    setenv("ORG_URL", "https://dev.azure.com/o", 1);
    setenv("ORG_PAT", "s3cret", 1);
    setenv("AGENT_POOLS", "A", 1);
    setenv("JOB_IMAGE", "x", 1);
    const char *before = getenv("ORG_PAT");
    struct config *c = config_load_env(&err);
    assert_non_null(c);
    assert_string_equal(c->org_pat, "s3cret");
    assert_null(getenv("ORG_PAT"));
    assert_string_equal(before, "");
    config_free(&c);
}

static void the_table_is_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_n_fields; i++) {
        const struct config_field *f = &config_fields[i];
        assert_non_null(f->help);
        assert_true(f->env || f->key);
        for (size_t j = 0; f->env && f->key && j <= strlen(f->env); j++)
            assert_int_equal(f->key[j], tolower((unsigned char)f->env[j]));
        if (f->rival)
            assert_non_null(config_field_find(SCOPE_GLOBAL, f->rival));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_readme_works),
        cmocka_unit_test(defaults_are_as_documented),
        cmocka_unit_test(values_are_read_and_brought_into_form),
        cmocka_unit_test(an_empty_variable_is_as_good_as_none),
        cmocka_unit_test(addresses_get_one_form),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(each_wrong_value_has_its_sentence),
        cmocka_unit_test(azure_settings_beside_a_chosen_host_are_left_alone),
        cmocka_unit_test(a_job_file_wins_over_an_image),
        cmocka_unit_test(the_token_file_is_looked_at),
        cmocka_unit_test(the_instance_comes_from_three_settings),
        cmocka_unit_test(a_leader_is_elected_in_a_pod),
        cmocka_unit_test(the_lease_is_longer_than_its_renewal),
        cmocka_unit_test(near_misses_are_told),
        cmocka_unit_test(the_token_leaves_the_process_environment),
        cmocka_unit_test(the_table_is_consistent),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
