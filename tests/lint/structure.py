#!/usr/bin/env python3
"""Rules of the source tree that a compiler does not check. Prints one line per breach, exits 1 when there is any."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_FILE, MAX_FUNCTION = 400, 60
MAY_INCLUDE = {
    "common": {"common"},
    "protocol": {"common", "protocol"},
    "watcher": {"common", "protocol", "watcher"},
    "provisioner": {"common", "protocol", "provisioner"},
    "reaper": {"common", "protocol", "reaper"},
}
# Pure files hold decisions: no clock, descriptor, log or event loop in them.
PURE = re.compile(
    r"^(provisioner/(ledger|matching|names|jobspec|placeholder(?!s_shell))|reaper/(core|rules)|watcher/core|protocol/(mirror|session|decode|encode|cursor|table)"
    r"|common/(demand|backoff|window|unit|kube_status|kube_watch_state|ado_reply|ado_parse|json_rows|mono|map|lease))")
IMPURE_HEADERS = {"common/clock.h", "common/loop.h", "common/http.h", "common/log.h", "protocol/bus.h", "ev.h", "curl/curl.h", "time.h", "unistd.h"}
PURE_MAY = {"common/mono.c": {"time.h"}}
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|strtok|popen|system)\s*\(")


def c_files():
    for top in MAY_INCLUDE:
        yield from sorted((ROOT / top).rglob("*.[ch]"))


def function_lengths(lines):
    """(first line, length) of each function body: from a line that is '{' in column 0 to its '}'."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start - 1
            start = None


def check_c(path, complain):
    name = str(path.relative_to(ROOT))
    top = name.split("/")[0]
    lines = path.read_text().split("\n")
    if len(lines) > MAX_FILE + 1:
        complain(name, 1, f"{len(lines)} lines: over {MAX_FILE}")
    for start, length in function_lengths(lines):
        if length > MAX_FUNCTION:
            complain(name, start, f"a function of {length} lines: over {MAX_FUNCTION}")
    for number, line in enumerate(lines, 1):
        include = re.match(r'#include [<"]([^>"]+)[>"]', line)
        if include:
            check_include(name, top, number, include.group(1), complain)
        elif BANNED.search(line.split("/*")[0]):
            complain(name, number, "a function that is not used here: " + line.strip())
        if len(line) > 180:
            complain(name, number, "a line over 180 columns")


def check_include(name, top, number, target, complain):
    first = target.split("/")[0]
    if first in MAY_INCLUDE and first not in MAY_INCLUDE[top]:
        complain(name, number, f"{top}/ may not include {target}")
    if PURE.match(name) and target in IMPURE_HEADERS and target not in PURE_MAY.get(name, ()):
        complain(name, number, f"a pure file may not include {target}")


def main():
    breaches = []
    for path in c_files():
        check_c(path, lambda *b: breaches.append(b))
    for name, number, what in breaches:
        print(f"{name}:{number}: {what}")
    print(f"structure: {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
