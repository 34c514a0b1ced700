"""python -m tests.sim: the stand-ins by hand."""
from __future__ import annotations

import argparse
import asyncio
import json
import signal

from .ado.control import help_text
from .ado.server import AdoServer
from .serve import listen


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m tests.sim", formatter_class=argparse.RawDescriptionHelpFormatter,
                                description="Stand-ins for Azure DevOps and Kubernetes, and a fake kubelet that runs simulated agents. PAT: pat (or read-pat).",
                                epilog="Control, on the ADO stand-in's port:\n" + help_text())
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--ado-port", type=int, default=18080)
    p.add_argument("--prefix", default="/contoso-ci", help="path of the organisation")
    p.add_argument("--pool", action="append", default=[], metavar="NAME[=ID]", help="create this pool (repeatable)")
    p.add_argument("--ready-file", help="write the addresses here as JSON once everything listens")
    return p.parse_args()


async def main() -> None:
    args = arguments()
    stop = asyncio.Event()
    for s in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(s, stop.set)
    ado = AdoServer(args.prefix)
    runner, port = await listen(ado.app, args.ado_port, args.host)
    ado.world.rows.base_url = f"http://{args.host}:{port}{args.prefix}"
    for spec in args.pool:
        name, _, id = spec.partition("=")
        ado.world.add_pool(name, int(id or 0))
    info = {"ado": ado.world.rows.base_url, "control": f"http://{args.host}:{port}"}
    print(json.dumps(info), flush=True)
    if args.ready_file:
        with open(args.ready_file, "w") as f:
            json.dump(info, f)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
