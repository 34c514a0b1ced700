"""Many simulated agents on one line to the ADO stand-in: their steps travel in batches, their jobs come by one long poll."""
from __future__ import annotations

import asyncio
import uuid
from typing import Any

import aiohttp


class LinkError(Exception):
    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


class AgentLink:
    def __init__(self, control_url: str, flush_after: float = 0.01):
        self.url = control_url.rstrip("/") + "/control/agents"
        self.owner = uuid.uuid4().hex
        self.flush_after = flush_after
        self.ops: list[tuple[dict, asyncio.Future]] = []
        self.inbox: dict[int, asyncio.Queue] = {}        # agent id -> its events
        self.early: dict[int, list[dict]] = {}           # events that overtook the reply to the registration

    async def __aenter__(self):
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90))
        self.tasks = [asyncio.create_task(self._send_batches()), asyncio.create_task(self._read_events())]
        return self

    async def __aexit__(self, *_):
        for t in self.tasks:
            t.cancel()
        await self.session.close()

    async def op(self, **op) -> dict[str, Any]:
        future = asyncio.get_running_loop().create_future()
        self.ops.append((op, future))
        result = await future
        if "error" in result:
            raise LinkError(result.get("status", 0), result["error"])
        return result

    async def register(self, **spec) -> int:
        id = (await self.op(op="register", owner=self.owner, **spec))["id"]
        inbox = self.inbox[id] = asyncio.Queue()
        for event in self.early.pop(id, []):
            inbox.put_nowait(event)
        return id

    async def next_event(self, id: int) -> dict:
        return await self.inbox[id].get()

    async def finish(self, id: int, result: str = "") -> None:
        await self.op(op="finish", id=id, **({"result": result} if result else {}))

    async def remove(self, id: int) -> None:
        await self.op(op="remove", id=id)

    async def offline(self, id: int) -> None:
        await self.op(op="offline", id=id)

    def forget(self, id: int) -> None:
        self.inbox.pop(id, None)

    async def _send_batches(self) -> None:
        while True:
            await asyncio.sleep(self.flush_after)
            if not self.ops:
                continue
            batch, self.ops = self.ops[:500], self.ops[500:]
            try:
                async with self.session.post(self.url + "/batch", json={"ops": [op for op, _ in batch]}) as r:
                    results = (await r.json())["results"]
            except (aiohttp.ClientError, asyncio.TimeoutError, KeyError) as e:
                results = [{"error": repr(e), "status": 0}] * len(batch)
            for (_, future), result in zip(batch, results):
                if not future.done():
                    future.set_result(result)

    async def _read_events(self) -> None:
        after = 0
        while True:
            try:
                async with self.session.get(f"{self.url}/events", params={"owner": self.owner, "after": after, "wait": 30}) as r:
                    reply = await r.json()
            except (aiohttp.ClientError, asyncio.TimeoutError):
                await asyncio.sleep(0.3)
                continue
            after = reply["next"]
            for event in reply["events"]:
                inbox = self.inbox.get(event["agent"])
                if inbox:
                    inbox.put_nowait(event)
                else:
                    self.early.setdefault(event["agent"], []).append(event)
