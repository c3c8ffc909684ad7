"""Prometheus's text format, version 0.0.4. An unknown value has no line; it is never written as 0."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

Sample = tuple[Mapping[str, str], float | None]
"""Labels and a value; None = unknown: the sample has no line."""


def metric(name: str, kind: str, help_text: str, samples: Sequence[Sample]) -> Iterator[str]:
    """Yield the lines of one metric."""
    yield f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        if value is not None:
            yield f"{name}{{{format_labels(labels)}}} {value}\n" if labels else f"{name} {value}\n"


def format_labels(labels: Mapping[str, str]) -> str:
    """Return the labels as they appear between the braces."""
    return ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels.items())


def encode(lines: Iterable[str]) -> bytes:
    return "".join(lines).encode("utf-8", "replace")
