"""What /api/v1/masking-rules takes and answers with. Times are seconds since the epoch, UTC; null is unknown or none."""

from typing import Annotated

from msgspec import Meta, Struct

from signalbox.security.masking.model import ALL
from signalbox.security.masking.trial import SAMPLE_BYTES_MAX
from signalbox.security.model import REASON_LENGTH_MAX

Reason = Annotated[str, Meta(description="kept in the audit log", min_length=1, max_length=REASON_LENGTH_MAX)]
Destinations = Annotated[tuple[str, ...], Meta(description="shell patterns over connection/destination; * is any")]
Types = Annotated[tuple[str, ...], Meta(description="shell patterns over the type of a message; * is any")]
What = Annotated[
    tuple[str, ...], Meta(description="JSON paths, header NAME, key, or card numbers: $..email, header reply-to")
]
HowText = Annotated[str, Meta(description="hide, hash, or keep last N with N from 1 to 16")]
Hits = Annotated[int, Meta(description="how often it masked something in the last 24 h, or since hits_since")]


class MaskingRuleOut(Struct, frozen=True, kw_only=True):
    number: Annotated[int, Meta(description="from 1; of the rules that fit a value the first wins")]
    name: str
    destinations: Destinations
    types: Types
    what: What
    how: HowText
    hits: Hits
    set_by: Annotated[str, Meta(description="the admin who added it, or configuration")]
    made_at: Annotated[float | None, Meta(description="null = set in signalbox.toml, where alone it can be changed")]


class MaskingRulesOut(Struct, frozen=True, kw_only=True):
    items: tuple[MaskingRuleOut, ...]
    hits_since: Annotated[float, Meta(description="when hits began to be counted; what was masked before is not known")]


class RuleTexts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule masks, where and how."""

    destinations: Destinations = ALL
    types: Types = ALL
    what: What
    how: HowText


class MaskingRuleIn(RuleTexts, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    reason: Reason


class MaskingRulePatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: Annotated[
        int, Meta(description="its new place; those between move by one, rules of the configuration stay first")
    ]
    reason: Reason


class TrialIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sample is not kept: it is in no log, and not in the audit log."""

    sample: Annotated[str, Meta(description=f"a body, {SAMPLE_BYTES_MAX:,} bytes at most")]
    source: Annotated[str, Meta(description="as if it came from this connection/destination")]
    type: Annotated[str | None, Meta(description="of the message; null = unknown, which fits every rule")] = None
    rule: Annotated[RuleTexts | None, Meta(description="the one being written; it comes after all others")] = None
    only: Annotated[bool, Meta(description="without the rules that there are")] = False


class MaskedByOut(Struct, frozen=True, kw_only=True):
    """A rule that masked something of the sample."""

    number: Annotated[int | None, Meta(description="null = the one being written")]
    values: Annotated[int, Meta(description="how many")]


class TrialOut(Struct, frozen=True, kw_only=True):
    """What others would see of the sample."""

    body: Annotated[str | None, Meta(description="null = nothing of it: hidden_because says why")]
    hidden_because: str | None
    by: Annotated[tuple[MaskedByOut, ...], Meta(description="the rules that masked something, in order")]
    masked: Annotated[int | None, Meta(description="values; null = it was hidden whole, so they were not counted")]
    fields: Annotated[int | None, Meta(description="values in the sample, masked or not")]
    took_ms: float
