#!/usr/bin/env python3
"""Documents that must agree with the code: the README's option table with --help, its reason codes with those in the source, protocol/README.md with the
table it is generated from."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def help_settings(build):
    text = subprocess.run([f"{build}/azp-watcher", "--help"], capture_output=True, text=True, check=True).stdout
    table = text[text.index("SETTING"):text.index("Durations are")]
    rows = re.finditer(r"^  ([A-Z][A-Z_]+) +(.{23})", table, re.M)
    return {m.group(1): m.group(2).strip() for m in rows if m.group(1) != "SETTING"}


def readme_settings():
    section = (ROOT / "README.md").read_text().split("## All options")[1].split("\n## ")[0]
    found = {}
    for line in section.split("\n"):
        cells = [c.strip() for c in line.split("|")]
        if len(cells) > 3 and cells[1].startswith("`"):
            for name, default in zip(re.findall(r"`([A-Z_]+)`", cells[1]), (cells[2].split(", ") + [cells[2]] * 2)):
                found[name] = default.strip("`")
    return found


def check_options(build):
    code, text = help_settings(build), readme_settings()
    for name in sorted(code.keys() - text.keys()):
        yield f"README.md: {name} is missing from the option table"
    for name in sorted(text.keys() - code.keys()):
        yield f"README.md: {name} is not a setting"
    for name in sorted(code.keys() & text.keys()):
        default = code[name]
        if re.fullmatch(r"[a-z0-9/-]+", default) and default not in (text[name], "a", "false") and text[name] != default:
            yield f"README.md: the default of {name} is {default}, not {text[name]}"


def check_protocol(build):
    generated = subprocess.run([f"{build}/protocol-doc"], capture_output=True, text=True, check=True).stdout
    if generated != (ROOT / "protocol/README.md").read_text():
        yield f"protocol/README.md is out of date: {build}/protocol-doc > protocol/README.md"


# Where a reason code is written in the source: file pattern, and what stands around it. Each must match something, so that a code that moves is missed here.
WAITING = [
    ("provisioner/outcome.c", r'\.code = "([a-z-]+)"'), ("provisioner/outcome.c", r'refused\("([a-z-]+)"\)'),
    ("provisioner/ledger*.c", r'ledger_set_reason\(r, "([a-z-]+)"'), ("provisioner/ledger*.c", r'note_failure\(l, r, "([a-z-]+)"'),
    ("provisioner/ledger*.c", r'(?:_code|\bcode) = "([a-z-]+)"'), ("provisioner/ledger.c", r'return "([a-z]+-[a-z]+)"'),
    ("provisioner/ledger_create.c", r'first_code : "([a-z-]+)"'), ("provisioner/status.c", r'\*ret_code = "([a-z-]+)"'),
    ("provisioner/status.c", r'\.code = "([a-z-]+)"'), ("provisioner/setup.c", r'KUBE_[A-Z_]+: return "([a-z-]+)"'),
    ("provisioner/setup*.c", r'setup_again\(s, "([a-z-]+)"'), ("common/unit_trouble.c", r'case UNIT_(?!PENDING|RUNNING|ENDED)[A-Z_]+: return "([a-z-]+)"'),
]
DELETED = [("reaper/core.c", r'case RULE_[A-Z_]+: return "([a-z-]+)"'), ("reaper/rules.c", r'act\(METHOD_[A-Z]+, RULE_[A-Z_]+, "([a-z-]+)"'),
           ("reaper/orphans.c", r'\.reason = "([a-z-]+)"'), ("provisioner/ledger_surplus.c", r'retire\(l, pool, u, "([a-z-]+)"')]
NO_REASON = {"retired"}                # the rule's name; its reason is the order's


def codes_of(places):
    for pattern, around in places:
        found = {c for f in ROOT.glob(pattern) for c in re.findall(around, f.read_text())}
        yield pattern, around, found


def check_reasons(_):
    section = (ROOT / "README.md").read_text().split("## See what it does")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.split("\n") if line.startswith("| `")]
    table = {c for cell in rows for c in re.findall(r"`([a-z-]+)`", cell)}
    prose = set(re.findall(r"`([a-z-]+)`", section[section.index("Each deletion"):])) | table
    advice = set(re.findall(r'^    \{"([a-z-]+)", ', (ROOT / "protocol/azpctl/advice.c").read_text(), re.M))
    waiting = set()
    for pattern, around, found in [*codes_of(WAITING), *codes_of(DELETED)]:
        if not found:
            yield f"{pattern}: no reason code is written as {around} any more: mend tests/lint/documents.py"
    for _, _, found in codes_of(WAITING):
        waiting |= found
    for where, known in (("README.md", table), ("protocol/azpctl/advice.c", advice)):
        for code in sorted(waiting - known):
            yield f"{where}: the reason code {code} is missing"
        for code in sorted(known - waiting - {c for *_, f in codes_of(DELETED) for c in f}):
            yield f"{where}: {code} is no reason code of the source"
    for _, _, found in codes_of(DELETED):
        for code in sorted(found - prose - NO_REASON):
            yield f"README.md: the reaper's reason {code} is missing"


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    problems = [*check_options(build), *check_reasons(build), *check_protocol(build)]
    for p in problems:
        print(p)
    print(f"documents: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
