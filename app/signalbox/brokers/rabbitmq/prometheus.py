"""Parser of the prometheus plugin's text: the messages of the queues that a node leads."""

import re

from signalbox.kernel.slices import in_slices

COARSE = "/metrics/detailed?family=queue_coarse_metrics"
READY = "rabbitmq_detailed_queue_messages_ready{"
UNACKED = "rabbitmq_detailed_queue_messages_unacked{"
TOTAL = "rabbitmq_detailed_queue_messages{"
LINES_PER_SLICE = 2000  # about 3 ms
LINE_MAX = 2000  # characters: two names of 255 bytes with every byte escaped, and the rest

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")


async def parse_coarse(text: str) -> tuple[dict[tuple[str, str], tuple[int, int, int]], int]:
    """Return (ready, unacknowledged, neither) by (vhost, queue), and the number of invalid lines of these families.

    Leaves out a queue without one of the values: the answer was cut off.
    """
    columns: dict[str, dict[tuple[str, str], int]] = {READY: {}, UNACKED: {}, TOTAL: {}}
    ready, unacked, total = columns.values()
    invalid = 0
    async for line in in_slices(text.split("\n"), LINES_PER_SLICE):
        column = columns.get(line[: line.find("{") + 1])
        if column is None:
            continue
        try:
            key, value = _sample(line)
        except (KeyError, ValueError):
            invalid += 1
        else:
            column[key] = value
    known = ready.keys() & unacked.keys() & total.keys()
    return {key: (ready[key], unacked[key], max(total[key] - ready[key] - unacked[key], 0)) for key in known}, invalid


def _sample(line: str) -> tuple[tuple[str, str], int]:
    """Split `name{labels} value`. The last brace ends the labels: names may contain braces."""
    labels_at, labels_end = line.find("{") + 1, line.rfind("}")
    if len(line) > LINE_MAX or labels_end < labels_at:
        raise ValueError("a truncated line")
    labels = _labels(line[labels_at:labels_end])
    return (labels["vhost"], labels["queue"]), _count(line[labels_end + 1 :])


def _labels(text: str) -> dict[str, str]:
    labels, at = {}, 0
    while at < len(text):
        match = _LABEL.match(text, at)
        if match is None:
            raise ValueError("not a label")
        labels[match[1]] = _ESCAPE.sub(_unescaped, match[2]) if "\\" in match[2] else match[2]
        at = match.end()
    return labels


def _unescaped(match: "re.Match[str]") -> str:
    return "\n" if match[1] == "n" else match[1]


def _count(text: str) -> int:
    word = text.split(maxsplit=1)[:1]
    value = float(word[0]) if word and len(word[0]) <= 20 else -1.0
    if not 0 <= value < 2**63:
        raise ValueError("not a count")
    return int(value)
