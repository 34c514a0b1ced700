"""Two full sets of the three processes against the same organisation and cluster: one leads, the other stands by; whatever becomes of the leader, each job gets
exactly one unit, counted from the API server's own events."""
import re
import signal
import time
import uuid

import pytest

from tests.system.harness import REAL, ROLES, SLOW, System, wait_until

QUICK = {"LEASE_DURATION": "4", "LEASE_RENEW_DEADLINE": "2500ms", "LEASE_RETRY": "500ms"}       # where only the logic is of interest
MICRO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Replica:
    """One pod: the three processes with a RUN_DIR and a POD_UID of their own."""

    def __init__(self, system: System, name: str, **env: str):
        self.s, self.name, self.uid = system, name, f"{name}-{uuid.uuid4().hex[:6]}"
        run = system.dir / name
        run.mkdir()
        self.env = {"RUN_DIR": str(run), "LEADER_ELECTION": "1", "POD_UID": self.uid, **env}
        self.processes = {}

    def start(self, *roles: str) -> "Replica":
        for role in roles or ROLES:
            self.s.start(role, **self.env)
            self.processes[role] = self.s.processes[f"{self.name}-{role}"] = self.s.processes.pop(role)
        return self

    def signal(self, sig: int, *roles: str) -> None:
        for role in roles or ROLES:
            self.processes[role].send_signal(sig)

    def kill(self, *roles: str) -> None:
        self.signal(signal.SIGKILL, *roles)
        for role in roles or ROLES:
            self.processes[role].wait()

    def status(self, role: str = "provisioner") -> dict:
        before = self.s.env["RUN_DIR"]
        self.s.env["RUN_DIR"] = self.env["RUN_DIR"]
        try:
            return self.s.status().get("processes", {}).get(role, {})
        finally:
            self.s.env["RUN_DIR"] = before

    def notes(self, role: str = "provisioner") -> str:
        return " | ".join(self.status(role).get("notes", []))

    def leads(self) -> bool:
        return "leader: holds the Lease" in self.notes()


def lease_object(s: System) -> dict:
    """It is in the namespace of the kubeconfig, named after the instance."""
    name = f"ado-orchestrator-{s.env['INSTANCE']}"
    return next((o for o in s.rest.items("/apis/coordination.k8s.io/v1/leases") if o["metadata"]["name"] == name), {})


def lease(s: System) -> dict:
    return lease_object(s).get("spec", {})


def two(system, **env):
    """The first leads, the second is warm."""
    s = system(INSTANCE=f"ha-{uuid.uuid4().hex[:8]}")
    a, b = Replica(s, "a", **env).start(), Replica(s, "b", **env)
    wait_until(a.leads, 15, "the first leads")
    b.start()
    wait_until(lambda: f"standby: {a.uid} holds the Lease" in b.notes(), 15, "the second stands by")
    wait_until(lambda: "polling slowly" in b.notes("watcher"), 15, "its watcher knows")
    return s, a, b


def taken_over(s: System, by: Replica) -> bool:
    return lease(s).get("holderIdentity") == by.uid


def test_lease_as_kubernetes_wants_it(system):
    s, a, b = two(system, **QUICK)
    found = lease_object(s)
    assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "ado-orchestrator"
    spec = found["spec"]
    assert spec["holderIdentity"] == a.uid and spec["leaseDurationSeconds"] == 4
    assert MICRO.fullmatch(spec["acquireTime"]) and MICRO.fullmatch(spec["renewTime"])
    wait_until(lambda: lease(s)["renewTime"] > spec["renewTime"], 5, "renewed")
    assert lease(s)["acquireTime"] == spec["acquireTime"] and lease(s).get("leaseTransitions", 0) == 0
    ids = s.queue(n=3, duration=0.3)
    s.expect_finished(ids)
    s.expect_one_unit_each(ids)
    assert a.status()["counters"]["units_created"] == 3 and b.status()["counters"]["units_created"] == 0


def test_failover_after_sigterm(system):
    """The defaults: 15, 10 and 2 seconds."""
    s, a, b = two(system)
    ids = s.queue(n=20, duration=1)
    wait_until(lambda: sum(bool(j["received"]) for j in s.ado_jobs().values()) >= 5, 20, "some run")
    began = time.monotonic()
    a.signal(signal.SIGTERM)
    wait_until(lambda: taken_over(s, b), 10, "the second leads", every=0.02)
    took = time.monotonic() - began
    print(f"fail-over after SIGTERM: {took:.2f} s")
    assert took < 3
    assert [a.processes[r].wait(10 * SLOW) for r in ROLES] == [0, 0, 0]
    ids += s.queue(n=5, duration=0.3)
    s.expect_finished(ids, 40)
    s.expect_clean(30)
    s.expect_one_unit_each(ids)
    assert lease(s)["leaseTransitions"] == 1 and b.status()["counters"]["lease_transitions"] == 1


def test_failover_after_kill(system):
    """The defaults again: nobody says goodbye."""
    s, a, b = two(system)
    ids = s.queue(n=20, duration=1)
    wait_until(lambda: sum(bool(j["received"]) for j in s.ado_jobs().values()) >= 5, 20, "some run")
    began = time.monotonic()
    a.kill()
    ids += s.queue(n=5, duration=0.3)
    wait_until(lambda: taken_over(s, b), 30, "the second leads")
    took = time.monotonic() - began
    print(f"fail-over after kill -9: {took:.2f} s")
    assert 10 < took < 20
    s.expect_finished(ids, 40)
    s.expect_clean(30)
    s.expect_one_unit_each(ids)


def test_lease_is_taken_back_by_a_restarted_container(system):
    s, a, b = two(system)
    ids = s.queue(n=5, duration=0.5)
    a.kill("provisioner")
    ids += s.queue(n=5, duration=0.5)
    began = time.monotonic()
    a.start("provisioner")
    wait_until(a.leads, 10, "it leads again", every=0.02)
    assert time.monotonic() - began < 3 * SLOW
    assert lease(s).get("leaseTransitions", 0) == 0
    s.expect_finished(ids, 30)
    s.expect_clean(30)
    s.expect_one_unit_each(ids)


@pytest.mark.parametrize("roles", [ROLES, ("provisioner",)], ids=["pod", "provisioner"])
def test_lease_of_a_paused_leader(system, roles):
    """Stopped in the midst of its work for longer than the lease, then continued: two that think they lead for a moment, no second unit."""
    s, a, b = two(system, **QUICK)
    if not REAL:
        s.control.post("kube/settings", latency=0.05)      # so that creates are under way and wait in queues when it stops
    ids = s.queue(n=60, duration=0.5)
    wait_until(lambda: len(s.jobs.rows()) >= 3, 10, "it is at work", every=0.005)
    a.signal(signal.SIGSTOP, *roles)
    ids += s.queue(n=20, duration=0.5)
    wait_until(lambda: taken_over(s, b), 20, "the second leads")
    ids += s.queue(n=20, duration=0.5)
    s.expect_finished(ids[:60], 60)
    a.signal(signal.SIGCONT, *roles)
    ids += s.queue(n=20, duration=0.5)
    wait_until(lambda: f"standby: {b.uid} holds" in a.notes(), 10, "the first knows")
    s.expect_finished(ids, 60)
    s.expect_clean(30)
    s.expect_one_unit_each(ids)
    assert b.leads() and s.kubelet()["killed_busy"] == []


def test_lease_changes_hands_again_and_again(system):
    """Every way to lose it, in turn, under a steady load."""
    s, a, b = two(system, **QUICK)
    ids = []
    for how in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        ids += s.queue(n=10, duration=0.3)
        a.signal(how)
        ids += s.queue(n=10, duration=0.3)
        for role in ROLES:
            a.processes[role].wait(20 * SLOW)
        wait_until(lambda: taken_over(s, b), 20, "the other leads")
        a.uid = a.env["POD_UID"] = f"{a.name}-{uuid.uuid4().hex[:6]}"
        a.start()
        wait_until(lambda: f"standby: {b.uid} holds" in a.notes(), 20, "the new one stands by")
        a, b = b, a
    s.expect_finished(ids, 60)
    s.expect_clean(30)
    s.expect_one_unit_each(ids)
    assert lease(s)["leaseTransitions"] == 4


@pytest.mark.sim_only
def test_lease_without_the_right_to_it(system):
    """A Role made for an older version: nothing is made, and everybody can see why."""
    s = system(LEADER_ELECTION="1", **QUICK)
    s.control.post("kube/deny", verb="*", resource="leases")
    s.start()
    ids = s.queue(n=1)
    wait_until(lambda: "allow get, create and update of leases" in s.ctl("status").stdout, 15, "status says what to do")
    assert s.log("provisioner").count("the Lease cannot be used") == 1
    wait_until(lambda: s.reasons().get(ids[0], "").startswith("standby"), 10, "the reason standby")
    assert not s.units()
