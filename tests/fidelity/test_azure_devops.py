"""Microsoft's Python client reads pools and agents from the stand-in, and adds, changes and deletes an agent there."""
import pytest

pytest.importorskip("azure.devops")
from azure.devops.connection import Connection                                   # noqa: E402
from azure.devops.exceptions import AzureDevOpsServiceError                      # noqa: E402
from azure.devops.v7_1.task_agent.models import TaskAgent                        # noqa: E402
from msrest.authentication import BasicAuthentication                            # noqa: E402


def client(stage, pat="pat"):
    return Connection(base_url=stage.ado, creds=BasicAuthentication("", pat)).clients_v7_1.get_task_agent_client()


def test_pools(stage):
    c = client(stage)
    assert [(p.id, p.name, p.is_hosted) for p in c.get_agent_pools()] == [(12, "linux", False), (13, "windows", False)]
    assert [p.id for p in c.get_agent_pools(pool_name="windows")] == [13]
    assert c.get_agent_pools(pool_name="nosuch") == []
    assert c.get_agent_pool(12).name == "linux"


def test_agents(stage):
    agent = stage.control.post("agents", pool="linux", name="a1", host="h1", capabilities={"kubectl": "/usr/bin/kubectl"})["id"]
    [job] = stage.control.post("jobs", pool="linux", demands=["kubectl"], duration=600)["ids"]
    c = client(stage)
    [a] = c.get_agents(12, include_capabilities=True, include_assigned_request=True, include_last_completed_request=True)
    assert (a.id, a.name, a.status, a.enabled, a.assigned_request.request_id) == (agent, "a1", "online", True, job)
    assert a.system_capabilities["kubectl"] == "/usr/bin/kubectl" and a.created_on.year >= 2025
    assert a.assigned_request.demands == ["kubectl"] and a.assigned_request.receive_time is not None
    assert c.get_agent(12, agent, include_capabilities=True).system_capabilities["Agent.ComputerName"] == "h1"
    stage.control.post(f"agents/{agent}/finish")
    assert c.get_agent(12, agent, include_last_completed_request=True).last_completed_request.result == "succeeded"


def test_add_change_delete(stage):
    c = client(stage)
    added = c.add_agent(TaskAgent(name="placeholder", version="99.999.9", system_capabilities={"cuda": "12"}), 12)
    assert added.id and added.status == "offline"
    with pytest.raises(AzureDevOpsServiceError, match="already contains an agent"):
        c.add_agent(TaskAgent(name="placeholder"), 12)
    assert c.update_agent(TaskAgent(id=added.id, name="placeholder", enabled=False), 12, added.id).enabled is False
    c.delete_agent(12, added.id)
    with pytest.raises(AzureDevOpsServiceError, match="No agent found"):
        c.get_agent(12, added.id)


def test_a_wrong_token_is_refused(stage):
    with pytest.raises(Exception) as refused:
        client(stage, "wrong").get_agent_pools()
    assert "TF400813" in str(refused.value) or "401" in str(refused.value) or "not authorized" in str(refused.value)
