"""Discovery, as Microsoft's own clients ask for it before their first call: OPTIONS /_apis, ResourceAreas, connectionData."""
from .rows import HOST_ID, OWNER_ID

AREA = "a85b8835-c1a1-4aac-ae97-1c3d0ba72dbd"
_TASK = [("pools", "a8c47e17-4d56-4a56-92bb-de7ea7dc65be", "_apis/{area}/{resource}/{poolId}"),
         ("agents", "e298ef32-5878-4cab-993c-043836571f42", "_apis/{area}/pools/{poolId}/{resource}/{agentId}"),
         ("jobrequests", "fc825784-c92a-4299-9221-998a02d1b54f", "_apis/{area}/pools/{poolId}/{resource}/{requestId}"),
         ("sessions", "134e239e-2df3-4794-a6f6-24f1f19ec8dc", "_apis/{area}/pools/{poolId}/{resource}/{sessionId}"),
         ("messages", "c3a054f6-7a8a-49c0-944e-3a8e5d7adfd7", "_apis/{area}/pools/{poolId}/{resource}/{messageId}"),
         ("usercapabilities", "30ba3ada-fedf-4da8-bbb5-dacf2f82e176", "_apis/{area}/pools/{poolId}/agents/{agentId}/{resource}"),
         ("agentclouds", "bfa72b3d-0fc6-43fb-932b-a7f6559f93b9", "_apis/{area}/{resource}/{agentCloudId}")]
_LOCATION = [("ResourceAreas", "e81700f7-3be2-46de-8624-2eb35882fcaa", "_apis/{resource}/{areaId}"),
             ("connectionData", "00d9565f-ed9c-4a06-9a50-00e7896ccab4", "_apis/{resource}")]


def _location(area: str, name: str, id: str, template: str, ceiling: str) -> dict:
    released = min(("7.1", ceiling), key=lambda v: tuple(int(p) for p in v.split(".")))
    return {"id": id, "area": area, "resourceName": name, "routeTemplate": template, "resourceVersion": 1, "minVersion": "1.0",
            "maxVersion": ceiling, "releasedVersion": released}


def locations(ceiling: str, area: str = "") -> dict:
    rows = [_location("distributedtask", *row, ceiling) for row in _TASK]
    rows += [_location("Location", *row, ceiling) for row in _LOCATION]
    rows = [r for r in rows if not area or r["area"].lower() == area.lower()]
    return {"count": len(rows), "value": rows}


def resource_areas(base_url: str, area_id: str = "") -> dict:
    row = {"id": AREA, "name": "distributedtask", "locationUrl": base_url + "/"}
    return row if area_id else {"count": 1, "value": [row]}


def connection_data(base_url: str) -> dict:
    user = {"id": OWNER_ID, "providerDisplayName": "Ada Ops", "isActive": True, "properties": {"Account": {"$type": "System.String", "$value": "ada@contoso.example"}}}
    return {"authenticatedUser": user, "authorizedUser": user, "instanceId": HOST_ID, "deploymentId": HOST_ID, "deploymentType": "hosted",
            "locationServiceData": {"serviceOwner": "00025394-6065-48ca-87d9-7f5672854ef7", "defaultAccessMappingMoniker": "PublicAccessMapping",
                                    "lastChangeId": 1, "accessMappings": [{"displayName": "Public", "moniker": "PublicAccessMapping", "accessPoint": base_url + "/"}]}}
