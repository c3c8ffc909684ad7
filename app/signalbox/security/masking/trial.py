"""Tests rules on a sample, which is not stored, logged or counted."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from signalbox.security.errors import RequestRejected
from signalbox.security.masking import tree
from signalbox.security.masking.body_lines import BodyLine, body_lines
from signalbox.security.masking.engine import Body, JsonBody, mask
from signalbox.security.masking.model import ClearMessage, MaskedText, Rule
from signalbox.security.masking.rules import Ruleset

SAMPLE_BYTES_MAX: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The result of testing rules on a sample."""

    body: Body | None
    lines: tuple[BodyLine, ...]  # of JSON; otherwise empty
    fields: int | None  # values in the sample; None: hidden whole, so not counted
    masked: int | None  # of these
    candidate: int | None  # the number of the new rule
    took_ms: float


def try_rules(
    sample: str, destination: str, rules: Sequence[Rule], candidate: Rule | None, *, kind: str | None, key: bytes
) -> Trial:
    """Mask a sample as if it came from a "connection/destination", with the rules and then the candidate.

    Raises:
        RequestRejected: the sample is too long.
    """
    data = sample.encode("utf-8", "replace")
    if len(data) > SAMPLE_BYTES_MAX:
        raise RequestRejected(f"The sample has {len(data):,} bytes, over {SAMPLE_BYTES_MAX:,}. Paste a shorter one.")
    connection, _, name = destination.partition("/") if "/" in destination else ("", "", destination)
    message = ClearMessage(connection=connection, destination=name, type=kind, body=data)
    ruleset = Ruleset((*rules, *([candidate] if candidate else [])))
    started = time.perf_counter()
    body = mask(message, ruleset, key).body
    took_ms = (time.perf_counter() - started) * 1000
    fields, masked = _counts(data, body)
    return Trial(
        body=body,
        lines=tuple(body_lines(body.root)) if isinstance(body, JsonBody) else (),
        fields=fields,
        masked=masked,
        candidate=len(ruleset.rules) if candidate else None,
        took_ms=took_ms,
    )


def _counts(data: bytes, body: Body | None) -> tuple[int | None, int | None]:
    if isinstance(body, MaskedText):
        return 1, int(body.rule is not None)
    if not isinstance(body, JsonBody):
        return None, None
    fields = sum(1 for _ in tree.leaves(tree.parse(tree.decode(data))))
    return fields, fields - sum(1 for leaf in tree.leaves(body.root) if not isinstance(leaf, MaskedText))
