"""The account's limits, the cluster's servers, and what JetStream's lists report as missing. Pure."""

from collections.abc import Iterable, Mapping

from signalbox.brokers.model import Fault, Node, ResourceLimit, Why
from signalbox.brokers.nats.fields import TEXT_MAX, Answer, integer, limit, mapping, mappings, seconds, text
from signalbox.brokers.nats.groups import group_name


def limits(account: Answer) -> tuple[ResourceLimit, ...]:
    """Return the account's usage and limits; per tier (number of replicas) if the account has tiers."""
    tiers = account.get("tiers")
    if isinstance(tiers, Mapping) and tiers:
        return tuple(
            row for tier, usage in tiers.items() if isinstance(usage, Mapping) for row in _limits(usage, f" ({tier})")
        )
    return _limits(account, "")


def _limits(usage: Answer, suffix: str) -> tuple[ResourceLimit, ...]:
    units = (("storage", "bytes"), ("memory", "bytes"), ("streams", "streams"), ("consumers", "consumers"))
    maximum = {name: limit(usage, "limits", f"max_{name}") for name, _ in units}
    return tuple(
        ResourceLimit(name=name + suffix, used=integer(usage, name), maximum=maximum[name], unit=unit)
        for name, unit in units
    )


def nodes(info: Answer, streams: Iterable[Answer]) -> tuple[Node, ...] | None:
    """Return the connected server, the only one whose version is known, and the servers named by the streams' replicas.

    Whether a server runs is unknown if none of its replicas is current: it was silent for ten seconds, or is behind.
    """
    running: dict[str, bool | None] = {text(info, "server_name"): True}
    silent_s: dict[str, float] = {}
    for stream in streams:
        running[text(stream, "cluster", "leader")] = True
        for replica in mappings(mapping(stream, "cluster"), "replicas"):
            name = text(replica, "name")
            is_up = True if replica.get("current") is True else None
            running[name] = running.get(name) or (False if replica.get("offline") is True else is_up)
            silent_s[name] = seconds(replica, "active") or 0.0
    return tuple(_node(info, name, up, silent_s.get(name)) for name, up in sorted(running.items()) if name) or None


def _node(info: Answer, name: str, running: bool | None, silent_s: float | None) -> Node:
    if name == text(info, "server_name"):
        address, version = f"{text(info, 'host')}:{integer(info, 'port') or ''}", text(info, "version") or None
        return Node(id=name, address=address, running=True, version=version, note="Signalbox is connected to this node")
    note = f"last contact {silent_s:.0f} s ago" if silent_s and not running else ""
    return Node(id=name, address="", running=running, note=note)


def missing_faults(answer: Answer, *, stream: str | None = None) -> list[Fault]:
    """Return a fault for each name that a list reports as missing or offline: it exists, but its leader did not answer."""
    missing, offline = answer.get("missing"), mapping(answer, "offline")
    details = {str(name): "its leader did not answer" for name in missing} if isinstance(missing, list) else {}
    details |= {str(name): str(reason)[:TEXT_MAX] for name, reason in offline.items()}
    return [
        Fault(
            resource=f"stream {name}" if stream is None else f"consumer {name} of {stream}",
            why=Why.NO_LEADER,
            detail=detail,
            group=None if stream is None else group_name(stream, name),
            destination=name if stream is None else stream,
        )
        for name, detail in details.items()
    ]
