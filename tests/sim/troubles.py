"""What goes wrong with pods. Each function returns True when the pod's life ends there."""
from __future__ import annotations

import asyncio

from . import podstatus

PULL_BACKOFF = 0.5                     # seconds between a failed pull and the next
CONFIG = {"config-error": ("CreateContainerConfigError", 'configmap "missing" not found'),
          "image-name": ("InvalidImageName", "Failed to apply default image tag: couldn't parse image name"),
          "create-error": ("CreateContainerError", "failed to generate container spec: no command specified")}
NAMES = sorted([*CONFIG, "image-pull", "unschedulable", "pending", "crash", "oom", "evicted", "no-register", "hang", "crash-in-job", "lost-in-job"])


async def _until_recovered(run, statuses) -> bool:
    """Shows the statuses in turn for ever, or until the trouble goes away."""
    loop, wait = asyncio.get_running_loop(), run.behaviour.recover_after
    end = loop.time() + (wait or 1e9)
    while True:
        for status in statuses:
            await run.status(status)
            left = end - loop.time()
            await asyncio.sleep(min(PULL_BACKOFF if len(statuses) > 1 else 1e6, max(0.0, left)))
            if loop.time() >= end:
                return False


async def before_start(run) -> bool:
    trouble = run.behaviour.trouble
    image = run.container["image"]
    if trouble == "pending":
        await asyncio.sleep(run.behaviour.recover_after or 1e9)
        return False
    if trouble == "unschedulable":
        return await _until_recovered(run, [podstatus.unschedulable()])
    if trouble == "image-pull":
        text = f'failed to pull and unpack image "{image}": failed to resolve reference: not found'
        return await _until_recovered(run, [podstatus.waiting(run.pod, "ErrImagePull", text),
                                            podstatus.waiting(run.pod, "ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {text}')])
    if trouble in CONFIG:
        return await _until_recovered(run, [podstatus.waiting(run.pod, *CONFIG[trouble])])
    return False


async def before_registration(run) -> bool:
    trouble = run.behaviour.trouble
    if trouble == "crash":
        await run.status(podstatus.ended(run.pod, run.started, 1, message="error: server is not reachable\n"))
    elif trouble == "oom":
        await run.status(podstatus.ended(run.pod, run.started, 137, "OOMKilled"))
    elif trouble == "evicted":
        await run.status(podstatus.evicted(run.pod, run.started))
    elif trouble == "no-register":
        await asyncio.sleep(run.behaviour.recover_after or 1e9)
        return False
    else:
        return False
    return True


async def during_job(run) -> bool:
    """The agent dies under its job: nobody renews the lock, nobody unregisters."""
    if run.behaviour.trouble not in ("crash-in-job", "lost-in-job"):
        return False
    await run.kubelet.link.offline(run.agent)
    run.job = None
    await run.status(podstatus.ended(run.pod, run.started, 137, "OOMKilled" if run.behaviour.trouble == "crash-in-job" else "Error"))
    return True
