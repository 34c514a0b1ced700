"""Dates as the two services write them."""
import time

TICKS = 10_000_000


def ado_date(t: float, digits: int = 7) -> str:
    """ISO 8601 UTC with at most `digits` (0-7) fractional digits, trailing zeros trimmed, as .NET writes it."""
    seconds, frac = divmod(int(t * TICKS), TICKS)
    text = f"{frac:07d}"[:digits].rstrip("0")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ("." + text if text else "") + "Z"


def kube_time(t: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def kube_micro_time(t: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + f".{int(t % 1 * 1e6):06d}Z"


def http_date(t: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(t))
