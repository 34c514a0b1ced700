"""The service's error body."""
from __future__ import annotations

from ..reply import Reply, dumps


def json_reply(value, status: int = 200) -> Reply:
    return Reply(status, dumps(value))


def error(status: int, type_key: str, message: str) -> Reply:
    namespace = "Microsoft.TeamFoundation.DistributedTask.WebApi" if type_key.startswith("TaskAgent") else "Microsoft.TeamFoundation.Framework.Server"
    return json_reply({"$id": "1", "innerException": None, "message": message, "typeName": f"{namespace}.{type_key}, {namespace}",
                       "typeKey": type_key, "errorCode": 0, "eventId": 3000}, status)
