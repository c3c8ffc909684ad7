"""Bodies of /api/v1/masking-rules. Times are epoch seconds, UTC."""

from typing import Annotated

from msgspec import Meta, Struct

from signalbox.security.masking.model import ALL
from signalbox.security.masking.trial import SAMPLE_BYTES_MAX
from signalbox.security.model import REASON_LENGTH_MAX

Reason = Annotated[str, Meta(description="Recorded in the audit log.", min_length=1, max_length=REASON_LENGTH_MAX)]
Destinations = Annotated[tuple[str, ...], Meta(description="Shell patterns for connection/destination; * matches any.")]
Types = Annotated[tuple[str, ...], Meta(description="Shell patterns for the message type; * matches any.")]
What = Annotated[
    tuple[str, ...], Meta(description="JSON paths, header NAME, key or card numbers: $..email, header reply-to.")
]
HowText = Annotated[str, Meta(description="hide, hash, or keep last N with N from 1 to 16.")]
Hits = Annotated[int, Meta(description="Masked values in the last 24 h, or since hits_since if that is later.")]


class MaskingRuleOut(Struct, frozen=True, kw_only=True):
    number: Annotated[int, Meta(description="Position from 1; the first rule that matches a value wins.")]
    name: str
    destinations: Destinations
    types: Types
    what: What
    how: HowText
    hits: Hits
    set_by: Annotated[str, Meta(description="The admin who added the rule, or configuration.")]
    created_at: Annotated[
        float | None, Meta(description="Null for a rule of signalbox.toml, which can be changed only in that file.")
    ]


class MaskingRulesOut(Struct, frozen=True, kw_only=True):
    items: tuple[MaskingRuleOut, ...]
    hits_since: Annotated[float, Meta(description="When counting of hits began.")]


class RuleTexts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Target a rule masks, where and how."""

    destinations: Destinations = ALL
    types: Types = ALL
    what: What
    how: HowText


class MaskingRuleIn(RuleTexts, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    reason: Reason


class MaskingRulePatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: Annotated[
        int, Meta(description="The new position. Rules in between move by one; rules of signalbox.toml stay first.")
    ]
    reason: Reason


class TrialIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sample is not stored and not logged."""

    sample: Annotated[str, Meta(description=f"A message body of at most {SAMPLE_BYTES_MAX:,} bytes.")]
    source: Annotated[str, Meta(description="The connection/destination that the sample is treated as coming from.")]
    type: Annotated[str | None, Meta(description="The message type; null means unknown and matches every rule.")] = None
    rule: Annotated[RuleTexts | None, Meta(description="A new rule, tested after all existing rules.")] = None
    only_new_rule: Annotated[bool, Meta(description="Test without the existing rules.")] = False


class MaskedByOut(Struct, frozen=True, kw_only=True):
    """A rule that masked values of the sample."""

    number: Annotated[int | None, Meta(description="Null for the new rule.")]
    values: Annotated[int, Meta(description="Number of masked values.")]


class TrialOut(Struct, frozen=True, kw_only=True):
    """The sample as users without the payloads permission see it."""

    body: Annotated[str | None, Meta(description="Null if the sample is fully hidden: see hidden_reason.")]
    hidden_reason: str | None
    masked_by: Annotated[tuple[MaskedByOut, ...], Meta(description="The rules that masked values, in order.")]
    masked: Annotated[int | None, Meta(description="Number of masked values; null if the sample is fully hidden.")]
    fields: Annotated[int | None, Meta(description="Number of values; null if the sample is fully hidden.")]
    took_ms: float
