"""JetStream's answers are hostile: what is missing or of another type is unknown, never zero. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Answer = Mapping[str, Any]

TEXT_MAX = 2000  # of a setting's value
COLUMN_MAX = 2**63 // 3  # settled, pending and in flight are added up in a column of 64 bits
NANOSECONDS = 1e9


def number(answer: object, *path: str) -> int | None:
    """Return the integer at this path of an answer, or None; also where it is too large for a column."""
    for key in path:
        answer = answer.get(key) if isinstance(answer, Mapping) else None
    if isinstance(answer, int) and not isinstance(answer, bool) and abs(answer) < COLUMN_MAX:
        return answer
    return None


def text(answer: object, *path: str) -> str:
    """Return the text at this path of an answer, or ""."""
    for key in path:
        answer = answer.get(key) if isinstance(answer, Mapping) else None
    return answer[:TEXT_MAX] if isinstance(answer, str) else ""


def part(answer: Answer, key: str) -> Answer:
    """Return the object under this key, or an empty one."""
    value = answer.get(key)
    return value if isinstance(value, Mapping) else {}


def rows(answer: Answer, key: str) -> list[Answer]:
    """Return the objects of the list under this key."""
    value = answer.get(key)
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def moment(answer: Answer, *path: str) -> float | None:
    """Return a time of the server, in seconds since the epoch by its clock; None where it says "never"."""
    try:
        at = datetime.fromisoformat(text(answer, *path))
    except ValueError:
        return None
    return at.timestamp() if at.year > 1 and at.tzinfo is not None else None


def seconds(answer: Answer, *path: str) -> float | None:
    """Return a span that JetStream gives in nanoseconds; None where it is absent or zero, which means none."""
    value = number(answer, *path)
    return value / NANOSECONDS if value and value > 0 else None


def limit(answer: Answer, *path: str) -> int | None:
    """Return a limit; None where JetStream says -1, which means none."""
    value = number(answer, *path)
    return value if value is not None and value >= 0 else None


def filters(consumer: Answer) -> tuple[str, ...]:
    """Return the subjects that a consumer wants; () = all of the stream."""
    several = part(consumer, "config").get("filter_subjects")
    if isinstance(several, list) and several:
        return tuple(str(subject) for subject in several)
    one = text(consumer, "config", "filter_subject")
    return (one,) if one and one != ">" else ()


def led(answer: Answer) -> bool:
    """Say whether somebody leads it. A server that is no cluster tells no leaders."""
    return "cluster" not in answer or bool(text(answer, "cluster", "leader"))


def lacks_a_copy(answer: Answer) -> bool:
    """Say whether a replica is offline or behind."""
    return any(not row.get("current") or row.get("offline") for row in rows(part(answer, "cluster"), "replicas"))
