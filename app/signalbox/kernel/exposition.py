"""Prometheus's text format, version 0.0.4. A value that is not known has no line: never 0."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

Sample = tuple[Mapping[str, str], float | None]
"""Labels and a value; None = not known: no line."""


def metric(name: str, kind: str, about: str, samples: Sequence[Sample]) -> Iterator[str]:
    """Yield the lines of one metric."""
    yield f"# HELP {name} {about}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        if value is not None:
            yield f"{name}{{{labels_of(labels)}}} {value}\n" if labels else f"{name} {value}\n"


def labels_of(labels: Mapping[str, str]) -> str:
    """Return labels as they stand between the braces."""
    return ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels.items())


def encoded(lines: Iterable[str]) -> bytes:
    return "".join(lines).encode("utf-8", "replace")
