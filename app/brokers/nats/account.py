"""The account's limits, the servers, and what the lists name as missing. Pure."""

from collections.abc import Iterable, Mapping

from app.brokers.model import Fault, Limit, Node, Why
from app.brokers.nats.answers import TEXT_MAX, Answer, limit, number, part, rows, text
from app.brokers.nats.consumers import group_name


def limits(account: Answer) -> tuple[Limit, ...]:
    """Return what the account uses and may use, per tier where it has tiers (by the number of copies)."""
    tiers = account.get("tiers")
    if isinstance(tiers, Mapping) and tiers:
        return tuple(
            row for tier, usage in tiers.items() if isinstance(usage, Mapping) for row in _limits(usage, f" ({tier})")
        )
    return _limits(account, "")


def _limits(usage: Answer, suffix: str) -> tuple[Limit, ...]:
    kinds = (("storage", "bytes"), ("memory", "bytes"), ("streams", "streams"), ("consumers", "consumers"))
    return tuple(
        Limit(name=name + suffix, used=number(usage, name), most=limit(usage, "limits", f"max_{name}"), unit=unit)
        for name, unit in kinds
    )


def nodes(info: Answer, streams: Iterable[Answer]) -> tuple[Node, ...] | None:
    """Return the servers that the streams' replicas name, and the one that we are connected to, which alone tells its version."""
    running: dict[str, bool | None] = {}
    for stream in streams:
        cluster = part(stream, "cluster")
        if leader := text(cluster, "leader"):
            running[leader] = True
        for replica in rows(cluster, "replicas"):
            name = text(replica, "name")
            running[name] = not replica.get("offline") or running.get(name) is True
    ours = text(info, "server_name")
    if ours:
        running[ours] = True
    return (
        tuple(
            Node(
                id=name,
                address=f"{text(info, 'host')}:{number(info, 'port') or ''}" if name == ours else "",
                running=up,
                version=text(info, "version") or None if name == ours else None,
                note="connected here" if name == ours else "",
            )
            for name, up in sorted(running.items())
            if name
        )
        or None
    )


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
