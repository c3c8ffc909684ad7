"""Parse a new rule and test it on a sample, reporting every invalid field at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from signalbox.security.errors import RequestRejected
from signalbox.security.masking.errors import InvalidRule
from signalbox.security.masking.model import ALL, Rule, parse_rule
from signalbox.security.masking.trial import SAMPLE_BYTES_MAX, Trial
from signalbox.security.model import REASON_LENGTH_MAX
from signalbox.web.errors import BadRequest
from signalbox.web.security.masking.dependencies import MaskingAdmin

SOURCE_LENGTH_MAX: Final = 500  # characters of connection/destination, and of a message type
UNNAMED: Final = "new rule"  # the name of a rule under test
_VALID: Final[Mapping[str, Any]] = {
    "name": UNNAMED,
    "destinations": ALL,
    "types": ALL,
    "what": ("key",),
    "how": "hide",
}


class InvalidFields(BadRequest):
    """Some fields are invalid: a sentence for each, by field."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{field}: {sentence}" for field, sentence in faults.items()))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as text."""

    name: str
    destinations: tuple[str, ...] = ALL
    types: tuple[str, ...] = ALL
    what: tuple[str, ...]
    how: str

    def rule(self) -> Rule:
        """Parse the rule.

        Raises:
            InvalidFields: some fields cannot be parsed.
        """
        texts = {field: getattr(self, field) for field in _VALID}
        faults: dict[str, str] = {}
        for field, text in texts.items():  # each beside valid ones, so that every fault is found
            try:
                parse_rule(**{**_VALID, field: text})
            except InvalidRule as fault:
                faults[fault.part] = f"Expected {fault.expected}. Got {fault.got}."
        if faults:
            raise InvalidFields(faults)
        return parse_rule(**texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest:
    sample: str
    source: str
    kind: str | None
    draft: RuleDraft | None
    only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    trial: Trial
    candidate: Rule | None


def run_trial(admin: MaskingAdmin, request: TrialRequest) -> TrialResult:
    """Test rules on a sample. Nothing of the sample is stored.

    Raises:
        InvalidFields: some fields are invalid.
        RulesNotLoaded: the existing rules have not been loaded yet.
    """
    faults = dict(_faults_of(request))
    candidate: Rule | None = None
    try:
        candidate = request.draft.rule() if request.draft else None
    except InvalidFields as invalid:
        faults.update(invalid.faults)
    if faults:
        raise InvalidFields(faults)
    try:
        trial = admin.masking.try_rule(
            request.sample, request.source, candidate, only_candidate=request.only, kind=request.kind
        )
    except RequestRejected as refused:
        raise InvalidFields({"sample": str(refused)}) from None
    return TrialResult(trial=trial, candidate=candidate)


def _faults_of(request: TrialRequest) -> Iterable[tuple[str, str]]:
    if "/" not in request.source or len(request.source) > SOURCE_LENGTH_MAX:
        got = request.source[:60]
        yield "source", f"Expected connection/destination, such as kafka-prod/orders.placed. Got {got!r}."
    if len(request.kind or "") > SOURCE_LENGTH_MAX:
        yield (
            "kind",
            f"Expected a type of at most {SOURCE_LENGTH_MAX} characters, such as OrderPlaced. Got a longer one.",
        )
    if request.draft is None and request.only:
        yield "what", "Expected a field to mask, such as $..email. Got nothing."
    elif request.draft is None and not request.sample.strip():
        yield (
            "sample",
            f'Expected a sample of at most {SAMPLE_BYTES_MAX:,} bytes, such as {{"email": "a@b.example"}}. Got nothing.',
        )


def valid_reason(text: str) -> str:
    """Return the reason for a change, for the audit log.

    Raises:
        InvalidFields: the reason is empty or too long.
    """
    if not text.strip() or len(text) > REASON_LENGTH_MAX:
        expected = f"a reason of 1 to {REASON_LENGTH_MAX} characters, such as customers asked for it"
        got = f"{len(text):,} characters" if text.strip() else "nothing"
        raise InvalidFields({"reason": f"Expected {expected}. Got {got}."})
    return text


def lines_of(text: str) -> tuple[str, ...]:
    """Return the lines of a text without empty ones."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())
