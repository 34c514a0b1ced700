/* One line per event on stderr, logfmt or JSON. Only shells log, and each failure is logged by exactly one function.
 * Values from outside are escaped; control bytes never reach the terminal. Secrets must not be passed. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_kv {
    const char *key;   /* NULL ends the list */
    const char *text;
    int64_t number;
    bool is_number;
};

struct log_kv kv_s(const char *key, const char *text);      /* NULL and "" are left out */
struct log_kv kv_i(const char *key, int64_t number);
struct log_kv kv_err(const struct err *err);                /* error="text" */
#define KV_NONE ((struct log_kv){.key = ""})

/* At least one kv (KV_NONE where there is none): log_info("unit created", kv_s("unit", name), kv_i("request", id)); */
#define log_debug(message, ...) log_write(LOG_DEBUG, message, (const struct log_kv[]){__VA_ARGS__, {.key = NULL}})
#define log_info(message, ...) log_write(LOG_INFO, message, (const struct log_kv[]){__VA_ARGS__, {.key = NULL}})
#define log_warn(message, ...) log_write(LOG_WARN, message, (const struct log_kv[]){__VA_ARGS__, {.key = NULL}})
#define log_error(message, ...) log_write(LOG_ERROR, message, (const struct log_kv[]){__VA_ARGS__, {.key = NULL}})

/* process: "watcher"... is on every line. Before log_open: info, logfmt. */
void log_open(const char *process, enum log_level least, enum log_format format);
void log_write(enum log_level level, const char *message, const struct log_kv *kvs);
bool log_on(enum log_level level);

int log_level_parse(const char *text, enum log_level *ret);   /* debug, info, warn, error */
int log_format_parse(const char *text, enum log_format *ret); /* logfmt, json */

#endif
