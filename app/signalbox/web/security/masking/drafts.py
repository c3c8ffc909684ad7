"""From texts that somebody wrote to a rule and a trial, with every fault at its part at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from signalbox.security.errors import RequestRejected
from signalbox.security.masking.errors import InvalidRule
from signalbox.security.masking.model import ALL, Rule, parse_rule
from signalbox.security.masking.trial import SAMPLE_BYTES_MAX, Trial
from signalbox.security.model import REASON_LENGTH_MAX
from signalbox.web.errors import NotUnderstood
from signalbox.web.security.masking.desk import Desk

SOURCE_LENGTH_MAX: Final = 500  # characters; of a connection/destination, and of a type
UNNAMED: Final = "new rule"  # what a rule is called while it is tried only
_READABLE: Final[Mapping[str, Any]] = {
    "name": UNNAMED,
    "destinations": ALL,
    "types": ALL,
    "what": ("key",),
    "how": "hide",
}


class Faulty(NotUnderstood):
    """Parts of what was sent are not what was expected: a sentence for each, by its name."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{part}: {sentence}" for part, sentence in faults.items()))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A rule in its texts."""

    name: str
    destinations: tuple[str, ...] = ALL
    types: tuple[str, ...] = ALL
    what: tuple[str, ...]
    how: str

    def rule(self) -> Rule:
        """Read it.

        Raises:
            Faulty: some parts cannot be read.
        """
        texts = {part: getattr(self, part) for part in _READABLE}
        faults: dict[str, str] = {}
        for part, text in texts.items():
            try:
                parse_rule(**{**_READABLE, part: text})
            except InvalidRule as fault:
                faults[fault.part] = f"Expected {fault.expected}. Got {fault.got}."
        if faults:
            raise Faulty(faults)
        return parse_rule(**texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be tried."""

    sample: str
    source: str
    kind: str | None
    draft: Draft | None
    only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of it."""

    trial: Trial
    candidate: Rule | None


def tried(desk: Desk, asked: Asked) -> Tried:
    """Try rules on a sample, of which nothing is kept.

    Raises:
        Faulty: parts of it are not what was expected.
        RulesNotLoaded: the rules there are have not been read yet.
    """
    faults = dict(_faults_of(asked))
    candidate: Rule | None = None
    try:
        candidate = asked.draft.rule() if asked.draft else None
    except Faulty as faulty:
        faults.update(faulty.faults)
    if faults:
        raise Faulty(faults)
    try:
        trial = desk.masking.try_rule(asked.sample, asked.source, candidate, only_candidate=asked.only, kind=asked.kind)
    except RequestRejected as refused:
        raise Faulty({"sample": str(refused)}) from None
    return Tried(trial=trial, candidate=candidate)


def _faults_of(asked: Asked) -> Iterable[tuple[str, str]]:
    if "/" not in asked.source or len(asked.source) > SOURCE_LENGTH_MAX:
        yield "source", f"Expected connection/destination, such as kafka-prod/orders.placed. Got {asked.source[:60]!r}."
    if len(asked.kind or "") > SOURCE_LENGTH_MAX:
        yield "kind", f"Expected a type of at most {SOURCE_LENGTH_MAX} letters, such as OrderPlaced. Got a longer one."
    if asked.draft is None and asked.only:
        yield "what", "Expected what the new rule masks, such as $..email. Got nothing."
    elif asked.draft is None and not asked.sample.strip():
        yield (
            "sample",
            f'Expected a sample of at most {SAMPLE_BYTES_MAX:,} bytes, such as {{"email": "a@b.example"}}. Got nothing.',
        )


def reason_from(text: str) -> str:
    """Return why something is changed, which the audit log keeps.

    Raises:
        Faulty: it does not say why.
    """
    if not text.strip() or len(text) > REASON_LENGTH_MAX:
        expected = f"1 to {REASON_LENGTH_MAX} letters that say why, such as customers asked for it"
        raise Faulty({"reason": f"Expected {expected}. Got {f'{len(text):,} letters' if text.strip() else 'nothing'}."})
    return text


def lines_of(text: str) -> tuple[str, ...]:
    """Return what stands one a line, without the lines that are empty."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())
