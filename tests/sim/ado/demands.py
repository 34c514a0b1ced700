"""Demands against capabilities, as the service decides. Written independently of the C code, from the documented grammar."""
import re
from typing import Iterable, Mapping

GRAMMAR = re.compile(r"^(?P<name>\S+)(\s+-(?P<op>\S+)\s+(?P<value>.*))?$")
VERSION = re.compile(r"^\d+(\.\d+){1,3}$")


def version(text: str) -> tuple[int, ...] | None:
    text = text.split("-")[0].strip()
    if not VERSION.match(text):
        return None
    parts = tuple(int(p) for p in text.split("."))
    return parts + (-1,) * (4 - len(parts))     # .NET: an absent component sorts before 0


def satisfies(demand: str, capabilities: Mapping[str, str]) -> bool:
    """capabilities: names already folded to lower case."""
    m = GRAMMAR.match(demand.strip())
    if not m:
        return False
    have = capabilities.get(m["name"].lower())
    if have is None:
        return False
    op = (m["op"] or "").lower()
    if not op:
        return True
    if op == "equals":
        return have.lower() == m["value"].lower()
    if op == "gtversion":
        wanted, got = version(m["value"]), version(have)
        return wanted is not None and got is not None and got >= wanted
    return False


def satisfies_all(demands: Iterable[str], capabilities: Mapping[str, str]) -> bool:
    return all(satisfies(d, capabilities) for d in demands)
