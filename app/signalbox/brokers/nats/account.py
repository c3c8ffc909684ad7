"""The account's limits, the servers, and what the lists name as missing. Pure."""

from collections.abc import Iterable, Mapping

from signalbox.brokers.model import Fault, Node, ResourceLimit, Why
from signalbox.brokers.nats.answers import TEXT_MAX, Answer, limit, number, part, rows, seconds, text
from signalbox.brokers.nats.consumers import group_name


def limits(account: Answer) -> tuple[ResourceLimit, ...]:
    """Return what the account uses and may use, per tier where it has tiers (by the number of copies)."""
    tiers = account.get("tiers")
    if isinstance(tiers, Mapping) and tiers:
        return tuple(
            row for tier, usage in tiers.items() if isinstance(usage, Mapping) for row in _limits(usage, f" ({tier})")
        )
    return _limits(account, "")


def _limits(usage: Answer, suffix: str) -> tuple[ResourceLimit, ...]:
    kinds = (("storage", "bytes"), ("memory", "bytes"), ("streams", "streams"), ("consumers", "consumers"))
    return tuple(
        ResourceLimit(
            name=name + suffix, used=number(usage, name), maximum=limit(usage, "limits", f"max_{name}"), unit=unit
        )
        for name, unit in kinds
    )


def nodes(info: Answer, streams: Iterable[Answer]) -> tuple[Node, ...] | None:
    """Return the servers that the streams' copies name, and the one that we are connected to, which alone tells its version.

    A server is not known to run when no copy on it is current: it was not heard of for ten seconds, or it is behind.
    """
    ours = text(info, "server_name")
    running: dict[str, bool | None] = {ours: True}
    heard: dict[str, float] = {}
    for stream in streams:
        running[text(stream, "cluster", "leader")] = True
        for copy in rows(part(stream, "cluster"), "replicas"):
            name, now = text(copy, "name"), _running(copy)
            running[name] = running.get(name) or now
            heard[name] = seconds(copy, "active") or 0.0
    return tuple(_node(info, name, up, heard.get(name)) for name, up in sorted(running.items()) if name) or None


def _running(copy: Answer) -> bool | None:
    if copy.get("offline") is True:
        return False
    return True if copy.get("current") is True else None


def _node(info: Answer, name: str, running: bool | None, heard_s: float | None) -> Node:
    if name == text(info, "server_name"):
        address = f"{text(info, 'host')}:{number(info, 'port') or ''}"
        return Node(
            id=name, address=address, running=True, version=text(info, "version") or None, note="connected here"
        )
    quiet = f"last heard of {heard_s:.0f} s ago" if heard_s and not running else ""
    return Node(id=name, address="", running=running, note=quiet)


def left_out(answer: Answer, *, stream: str | None = None) -> list[Fault]:
    """Return the faults for what a list names as missing or offline: it exists, and its leader did not answer."""
    missing, offline = answer.get("missing"), part(answer, "offline")
    names = {str(name): "its leader did not answer" for name in missing} if isinstance(missing, list) else {}
    names |= {str(name): str(reason)[:TEXT_MAX] for name, reason in offline.items()}
    return [
        Fault(
            resource=f"stream {name}" if stream is None else f"consumer {name} of {stream}",
            why=Why.NO_LEADER,
            detail=detail,
            group=None if stream is None else group_name(stream, name),
            destination=name if stream is None else stream,
        )
        for name, detail in names.items()
    ]
