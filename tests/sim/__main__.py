"""python -m tests.sim: the stand-ins by hand."""
from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal

from .ado.control import help_text as ado_help
from .ado.server import AdoServer
from .agentlink import AgentLink
from .kube.control import help_text as kube_help
from .kube.server import KubeServer
from .kubeclient import KubeClient, write_kubeconfig
from .kubelet import Kubelet
from .kubelet_control import HELP as KUBELET_HELP, KubeletControl
from .serve import listen


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m tests.sim", formatter_class=argparse.RawDescriptionHelpFormatter,
                                description="Stand-ins for Azure DevOps and Kubernetes, and a fake kubelet that runs simulated agents. PATs: pat, read-pat.",
                                epilog="Control, on the ADO stand-in's port:\n" + ado_help() + kube_help() + KUBELET_HELP)
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--ado-port", type=int, default=18080)
    p.add_argument("--kube-port", type=int, default=18081)
    p.add_argument("--prefix", default="/contoso-ci", help="path of the organisation")
    p.add_argument("--pool", action="append", default=[], metavar="NAME[=ID]", help="create this pool (repeatable)")
    p.add_argument("--kubeconfig", help="use this real API server in place of the stand-in")
    p.add_argument("--write-kubeconfig", metavar="FILE", help="write a kubeconfig for the Kubernetes stand-in")
    p.add_argument("--namespace", default="", help="the kubelet's pods: only those of this namespace")
    p.add_argument("--no-kubelet", action="store_true", help="nothing starts pods")
    p.add_argument("--ready-file", help="write the addresses here as JSON once everything listens")
    return p.parse_args()


async def start_kube(args, ado: AdoServer, stack: contextlib.AsyncExitStack, info: dict) -> str:
    """The kubeconfig to use."""
    if args.kubeconfig:
        return args.kubeconfig
    kube = KubeServer()
    ado.mounts["kube"] = kube.control.handle
    runner, port = await listen(kube.app, args.kube_port, args.host)
    stack.push_async_callback(runner.cleanup)
    info["kube"] = f"http://{args.host}:{port}"
    path = args.write_kubeconfig or stack.enter_context(contextlib.closing(TemporaryKubeconfig())).path
    write_kubeconfig(path, info["kube"])
    return path


class TemporaryKubeconfig:
    def __init__(self):
        import tempfile
        self.directory = tempfile.TemporaryDirectory()
        self.path = self.directory.name + "/kubeconfig"

    def close(self) -> None:
        self.directory.cleanup()


async def start_kubelet(args, ado: AdoServer, kubeconfig: str, stack: contextlib.AsyncExitStack, control: str) -> None:
    kube = await stack.enter_async_context(KubeClient(kubeconfig))
    link = await stack.enter_async_context(AgentLink(control))
    kubelet = Kubelet(kube, link, args.namespace)
    ado.mounts["kubelet"] = KubeletControl(kubelet).handle
    task = asyncio.create_task(kubelet.run())
    stack.callback(task.cancel)


async def main() -> None:
    args = arguments()
    stop = asyncio.Event()
    for s in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(s, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        ado = AdoServer(args.prefix)
        runner, port = await listen(ado.app, args.ado_port, args.host)
        stack.push_async_callback(runner.cleanup)
        control = f"http://{args.host}:{port}"
        ado.world.rows.base_url = control + ado.prefix
        for spec in args.pool:
            name, _, id = spec.partition("=")
            ado.world.add_pool(name, int(id or 0))
        info = {"ado": ado.world.rows.base_url, "control": control}
        info["kubeconfig"] = await start_kube(args, ado, stack, info)
        if not args.no_kubelet:
            await start_kubelet(args, ado, info["kubeconfig"], stack, control)
        print(json.dumps(info), flush=True)
        if args.ready_file:
            with open(args.ready_file, "w") as f:
                json.dump(info, f)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
