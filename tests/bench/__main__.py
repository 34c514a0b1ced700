from __future__ import annotations

import argparse
import importlib
import pathlib
import shutil
import signal
import sys
import tempfile

from .report import Report
from .rig import JOB_CONTROLLER, ROLES, Missing, Timeout, build_directory

SCENARIOS = ("single", "burst", "reap", "kill", "many", "idle")


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="tests/bench/run", description="Figures of the product on a real API server. Exit code 1: a job was lost or doubled.")
    p.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCENARIOS)}; all when none is named")
    p.add_argument("--quick", action="store_true", help="smaller sizes: shows that it works, the figures mean less")
    p.add_argument("--keep", action="store_true", help="keep the logs")
    args = p.parse_args()
    unknown = set(args.names) - set(SCENARIOS)
    if unknown:
        p.error(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    return args


def run(name: str, report: Report, directory: pathlib.Path, quick: bool) -> None:
    directory.mkdir()
    try:
        importlib.import_module(f"tests.bench.{name}").run(report, directory, quick)
    except Missing as e:
        report.note(f"skipped: {e}")
    except Timeout as e:
        report.check("comes to its end", False, e)


def terminate(*_) -> None:
    sys.exit(143)       # unwinds: everything is taken down


def main() -> int:
    args, report = arguments(), Report()
    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, signal.default_int_handler)     # also where a script that runs us in the background ignores it
    for role in ROLES:
        if not (build_directory() / f"azp-{role}").exists():
            sys.exit(f"bench: {build_directory()}/azp-{role} is not built")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="azp-bench."))
    print(f"bench: kube-controller-manager runs with {JOB_CONTROLLER}" + (f"; logs in {directory}" if args.keep else ""))
    try:
        for name in args.names or SCENARIOS:
            run(name, report, directory / name, args.quick)
    except KeyboardInterrupt:
        return 130
    finally:
        if not args.keep:
            shutil.rmtree(directory, ignore_errors=True)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
