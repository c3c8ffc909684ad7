"""What the page Masking shows: the rules, the one that is selected, a trial, the last looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.kernel import figures
from signalbox.monitoring.words import Span
from signalbox.security.audit.model import AuditEntry, EntryCount
from signalbox.security.masking.model import KEEP_MAX, MethodKind, Rule, target_text
from signalbox.security.masking.service import ListedRule
from signalbox.security.model import Rights
from signalbox.web.security import urls
from signalbox.web.security.masking import words
from signalbox.web.security.masking.desk import Desk
from signalbox.web.security.masking.drafts import Tried
from signalbox.web.security.masking.sent import RuleForm
from signalbox.web.security.masking.tree import Seen, seen

HOWS = (
    (MethodKind.HIDE.value, "hide"),
    (MethodKind.HASH.value, "hash: the same value gives the same hash"),
    *((f"{MethodKind.KEEP} {kept}", f"keep last {kept}") for kept in range(1, KEEP_MAX + 1)),
)
DONE: Mapping[str, str] = {
    "added": "The rule is added. It holds from now on, also for what is stored already.",
    "moved": "The rule is moved. The first that fits wins.",
    "removed": "The rule is removed. What it alone masked is masked no more.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the page is drawn from."""

    rules: Sequence[ListedRule]
    selected: ListedRule | None
    users: Sequence[Rights]
    looks: Sequence[AuditEntry]  # the last ones
    looked: EntryCount  # in the last 24 hours
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the page is to say of what was just asked."""

    done: str = ""
    fault: str = ""
    form: RuleForm = field(default_factory=RuleForm)
    faults: Mapping[str, str] = field(default_factory=dict)
    tried: Tried | None = None
    move_fault: str = ""
    move_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    number: int
    name: str
    href: str
    where: str
    what: str
    is_code: bool  # what is masked is written as a machine would
    how: str
    example: str
    hits: int
    set_by: str
    selected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """One rule, whole."""

    number: int
    name: str
    what: tuple[str, ...]
    destinations: tuple[str, ...]
    types: tuple[str, ...]
    how: str
    set_by: str
    made_at: float | None
    hits: int
    hits_head: str
    fixed: bool
    up: int | None  # the number that it would get
    down: int | None
    fault: str
    reason: str


@dataclass(frozen=True, slots=True)
class Field:
    """What was typed into a field, and what is wrong with it."""

    value: str
    fault: str


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    words: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A rule that is being written, and a sample."""

    faults: int
    source: Field
    kind: Field
    what: Field
    destinations: Field
    types: Field
    how: Field
    hows: tuple[Option, ...]
    scopes: tuple[Option, ...]
    sample: Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """The rule that was tried, about to be added."""

    faults: int
    button: str
    name: Field
    reason: Field
    kept: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialShown:
    """What others would see of the sample; None: there was no sample."""

    counted: str
    seen: Seen | None
    adding: Adding | None


@dataclass(frozen=True, slots=True)
class Look:
    at: float
    words: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingPage:
    """What `security/masking.html` shows."""

    sentence: Sequence[Span]
    why: str
    done: str
    fault: str
    read_only: bool
    hits_head: str
    rules: tuple[RuleRow, ...]
    selected: Selected | None
    form: Form
    trial: TrialShown | None
    looks: tuple[Look, ...]


def masking_page(desk: Desk, facts: Facts, said: Said) -> MaskingPage:
    head = words.hits_head(desk.masking.counting_since, facts.now)
    return MaskingPage(
        sentence=words.sentence(len(facts.rules)),
        why=words.reason(facts.users, facts.looked),
        done=said.done,
        fault=said.fault,
        read_only=desk.door.read_only,
        hits_head=head,
        rules=tuple(_row(one, selected=one is facts.selected) for one in facts.rules),
        selected=_selected(facts.selected, facts.rules, head, said) if facts.selected else None,
        form=_form(said, len(facts.rules)),
        trial=_trial(said, said.tried, len(facts.rules) + 1) if said.tried else None,
        looks=tuple(Look(one.at_us / 1e6, words.looked(one), words.looked_why(one)) for one in facts.looks),
    )


def _row(one: ListedRule, *, selected: bool) -> RuleRow:
    rule = one.rule
    return RuleRow(
        number=one.number,
        name=rule.name,
        href=urls.masking("rules", rule.name),
        where=words.where(rule),
        what=words.few(map(words.told, rule.what)),
        is_code=any(target_text(what).startswith("$") for what in rule.what),
        how=rule.how.text,
        example=words.example(rule.how),
        hits=one.hits,
        set_by=one.created_by,
        selected=selected,
    )


def _selected(one: ListedRule, rules: Sequence[ListedRule], head: str, said: Said) -> Selected:
    fixed = sum(rule.is_configured for rule in rules)
    return Selected(
        number=one.number,
        name=one.rule.name,
        what=tuple(map(words.told, one.rule.what)),
        destinations=one.rule.destinations,
        types=one.rule.types,
        how=one.rule.how.text,
        set_by=one.created_by,
        made_at=one.created_at,
        hits=one.hits,
        hits_head=head,
        fixed=one.is_configured,
        up=one.number - 1 if one.number > fixed + 1 else None,
        down=one.number + 1 if one.number < len(rules) else None,
        fault=said.move_fault,
        reason=said.move_reason,
    )


def _form(said: Said, rules: int) -> Form:
    typed = said.form
    there = "the one there is" if rules == 1 else f"all {figures.count(rules)}"
    every = f"{there}, and the one being written" if rules else "the one being written"
    return Form(
        faults=0 if said.tried else len(said.faults),
        source=_field(said, "source"),
        kind=_field(said, "kind"),
        what=_field(said, "what"),
        destinations=_field(said, "destinations"),
        types=_field(said, "types"),
        how=_field(said, "how"),
        hows=tuple(Option(value, text, value == typed.how) for value, text in HOWS),
        scopes=(
            Option("", every, typed.only != "yes"),
            *([Option("yes", "only the one being written", typed.only == "yes")] if rules else []),
        ),
        sample=_field(said, "sample"),
    )


def _trial(said: Said, tried: Tried, number: int) -> TrialShown:
    trial = tried.trial
    sampled = bool(said.form.sample.strip())
    return TrialShown(
        counted=words.counted(trial.fields, trial.masked, trial.took_ms) if sampled else "no sample was given",
        seen=seen(trial) if sampled else None,
        adding=_adding(said, tried.candidate, number) if tried.candidate else None,
    )


def _adding(said: Said, rule: Rule, number: int) -> Adding:
    kept = ("source", "kind", "what", "how", "destinations", "types", "only", "sample")
    return Adding(
        faults=len(said.faults),
        button=words.adding(number, rule),
        name=_field(said, "name"),
        reason=_field(said, "reason"),
        kept=tuple((part, getattr(said.form, part)) for part in kept),
    )


def _field(said: Said, part: str) -> Field:
    return Field(getattr(said.form, part), said.faults.get(part, ""))
