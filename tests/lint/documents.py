#!/usr/bin/env python3
"""Documents that must agree with the code: the README's option table with --help, protocol/README.md with the table it is generated from."""
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


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    problems = [*check_options(build), *check_protocol(build)]
    for p in problems:
        print(p)
    print(f"documents: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
