"""Typed access to the fields of JetStream's answers. A missing field, or one of another type, is unknown and never zero. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Answer = Mapping[str, Any]

TEXT_MAX = 2000  # characters of one setting
INTEGER_MAX = 2**63 // 3  # settled + pending + in flight must fit into a column of 64 bits
NANOSECONDS = 1e9


def integer(answer: object, *path: str) -> int | None:
    """Return the integer at this path; None if it is missing or too large for a column."""
    for key in path:
        answer = answer.get(key) if isinstance(answer, Mapping) else None
    if isinstance(answer, int) and not isinstance(answer, bool) and abs(answer) < INTEGER_MAX:
        return answer
    return None


def text(answer: object, *path: str) -> str:
    """Return the text at this path, or ""."""
    for key in path:
        answer = answer.get(key) if isinstance(answer, Mapping) else None
    return answer[:TEXT_MAX] if isinstance(answer, str) else ""


def mapping(answer: Answer, key: str) -> Answer:
    """Return the object under this key, or an empty one."""
    value = answer.get(key)
    return value if isinstance(value, Mapping) else {}


def mappings(answer: Answer, key: str) -> list[Answer]:
    """Return the objects of the list under this key."""
    value = answer.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def timestamp(answer: Answer, *path: str) -> float | None:
    """Return a time in seconds since the epoch by the server's clock; None if it is missing or "never" (year 1)."""
    try:
        at = datetime.fromisoformat(text(answer, *path))
    except ValueError:
        return None
    return at.timestamp() if at.year > 1 and at.tzinfo is not None else None


def seconds(answer: Answer, *path: str) -> float | None:
    """Return a duration, which JetStream gives in nanoseconds; None if it is missing, or zero, which means no limit."""
    value = integer(answer, *path)
    return value / NANOSECONDS if value and value > 0 else None


def limit(answer: Answer, *path: str) -> int | None:
    """Return a limit; None if it is missing, or -1, which means no limit."""
    value = integer(answer, *path)
    return value if value is not None and value >= 0 else None


def filter_subjects(consumer: Answer) -> tuple[str, ...]:
    """Return the subjects that a consumer filters by; () = it reads the whole stream."""
    several = mapping(consumer, "config").get("filter_subjects")
    if isinstance(several, list) and several:
        return tuple(str(subject) for subject in several)
    single = text(consumer, "config", "filter_subject")
    return (single,) if single and single != ">" else ()


def has_leader(answer: Answer) -> bool:
    """Return whether a stream or consumer has a leader. A single server reports no leaders and always has one."""
    return "cluster" not in answer or bool(text(answer, "cluster", "leader"))


def lacks_a_replica(answer: Answer) -> bool:
    """Return whether a replica is offline or behind."""
    replicas = mappings(mapping(answer, "cluster"), "replicas")
    return any(not replica.get("current") or replica.get("offline") for replica in replicas)
