"""Target the masking page shows: rules, the selected rule, a test on a sample, recent unmasked views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.kernel import figures
from signalbox.monitoring.words import Span
from signalbox.security.audit.model import AuditEntry, EntryCount, Outcome
from signalbox.security.masking.model import KEEP_MAX, MethodKind, Rule, target_text
from signalbox.security.masking.service import ListedRule
from signalbox.security.model import Rights
from signalbox.web.lists import Option
from signalbox.web.security import urls
from signalbox.web.security.masking import words
from signalbox.web.security.masking.dependencies import MaskingAdmin
from signalbox.web.security.masking.forms import RuleForm
from signalbox.web.security.masking.masked_sample import MaskedSample, masked_sample
from signalbox.web.security.masking.rule_draft import TrialResult

METHODS = (
    (MethodKind.HIDE.value, "hide"),
    (MethodKind.HASH.value, "hash: same value, same hash"),
    *((f"{MethodKind.KEEP} {kept}", f"keep last {kept}") for kept in range(1, KEEP_MAX + 1)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingData:
    rules: Sequence[ListedRule]
    selected: ListedRule | None
    users: Sequence[Rights]
    views: Sequence[AuditEntry]  # the latest unmasked views
    view_count: EntryCount  # in the last 24 hours
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingFeedback:
    """The result of the last form."""

    done: str = ""
    fault: str = ""
    form: RuleForm = field(default_factory=RuleForm)
    faults: Mapping[str, str] = field(default_factory=dict)
    result: TrialResult | None = None
    move_fault: str = ""
    move_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    number: int
    name: str
    href: str
    scope: str
    fields: str
    is_code: bool  # whether `fields` are JSON paths
    method: str
    example: str
    hits: int
    set_by: str
    selected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedRule:
    number: int
    name: str
    fields: tuple[str, ...]
    destinations: tuple[str, ...]
    types: tuple[str, ...]
    method: str
    set_by: str
    created_at: float | None
    hits: int
    hits_head: str
    fixed: bool
    up: int | None  # the number after a move up
    down: int | None
    fault: str
    reason: str


@dataclass(frozen=True, slots=True)
class FormField:
    value: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialForm:
    """The form of a new rule and a sample."""

    faults: int
    source: FormField
    kind: FormField
    what: FormField
    destinations: FormField
    types: FormField
    how: FormField
    methods: tuple[Option, ...]
    rule_sets: tuple[Option, ...]
    sample: FormField


@dataclass(frozen=True, slots=True, kw_only=True)
class AddForm:
    """The form that adds the tested rule."""

    faults: int
    button: str
    name: FormField
    reason: FormField
    hidden_fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """The result of a test."""

    summary: str
    sample: MaskedSample | None  # None without a sample
    add_form: AddForm | None


@dataclass(frozen=True, slots=True)
class UnmaskedView:
    at: float
    denied: bool
    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingPage:
    """Target `security/masking/index.html` shows."""

    sentence: Sequence[Span]
    reason: str
    done: str
    fault: str
    read_only: bool
    hits_head: str
    rules: tuple[RuleRow, ...]
    selected: SelectedRule | None
    form: TrialForm
    trial: TrialView | None
    views: tuple[UnmaskedView, ...]


def masking_page(admin: MaskingAdmin, data: MaskingData, feedback: MaskingFeedback) -> MaskingPage:
    hits_head = words.hits_head(admin.masking.counting_since, data.now)
    return MaskingPage(
        sentence=words.sentence(len(data.rules)),
        reason=words.reason(data.users, data.view_count),
        done=feedback.done,
        fault=feedback.fault,
        read_only=admin.door.read_only,
        hits_head=hits_head,
        rules=tuple(_rule_row(listed, selected=listed is data.selected) for listed in data.rules),
        selected=_selected(data.selected, data.rules, hits_head, feedback) if data.selected else None,
        form=_trial_form(feedback, len(data.rules)),
        trial=_trial(feedback, feedback.result, len(data.rules) + 1) if feedback.result else None,
        views=tuple(
            UnmaskedView(
                entry.at_us / 1e6, entry.outcome == Outcome.REFUSED, words.view_text(entry), words.view_reason(entry)
            )
            for entry in data.views
        ),
    )


def _rule_row(listed: ListedRule, *, selected: bool) -> RuleRow:
    rule = listed.rule
    return RuleRow(
        number=listed.number,
        name=rule.name,
        href=urls.masking("rules", rule.name),
        scope=words.scope(rule),
        fields=words.few(map(words.field_text, rule.what)),
        is_code=any(target_text(what).startswith("$") for what in rule.what),
        method=rule.how.text,
        example=words.example(rule.how),
        hits=listed.hits,
        set_by=listed.created_by,
        selected=selected,
    )


def _selected(
    listed: ListedRule, rules: Sequence[ListedRule], hits_head: str, feedback: MaskingFeedback
) -> SelectedRule:
    rule, fixed = listed.rule, sum(other.is_configured for other in rules)
    return SelectedRule(
        number=listed.number,
        name=rule.name,
        fields=tuple(map(words.field_text, rule.what)),
        destinations=rule.destinations,
        types=rule.types,
        method=rule.how.text,
        set_by=listed.created_by,
        created_at=listed.created_at,
        hits=listed.hits,
        hits_head=hits_head,
        fixed=listed.is_configured,
        up=listed.number - 1 if listed.number > fixed + 1 else None,
        down=listed.number + 1 if listed.number < len(rules) else None,
        fault=feedback.move_fault,
        reason=feedback.move_reason,
    )


def _trial_form(feedback: MaskingFeedback, rules: int) -> TrialForm:
    form = feedback.form
    existing = "the existing rule" if rules == 1 else f"all {figures.number(rules)}"
    every = f"{existing} and the new rule" if rules else "the new rule"
    only = (Option("yes", "only the new rule", form.only == "yes"),) if rules else ()
    return TrialForm(
        faults=0 if feedback.result else len(feedback.faults),
        source=_field(feedback, "source"),
        kind=_field(feedback, "kind"),
        what=_field(feedback, "what"),
        destinations=_field(feedback, "destinations"),
        types=_field(feedback, "types"),
        how=_field(feedback, "how"),
        methods=tuple(Option(value, label, value == form.how) for value, label in METHODS),
        rule_sets=(Option("", every, form.only != "yes"), *only),
        sample=_field(feedback, "sample"),
    )


def _trial(feedback: MaskingFeedback, result: TrialResult, number: int) -> TrialView:
    trial = result.trial
    has_sample = bool(feedback.form.sample.strip())
    return TrialView(
        summary=words.masked_count(trial.fields, trial.masked, trial.took_ms) if has_sample else "no sample given",
        sample=masked_sample(trial) if has_sample else None,
        add_form=_add_form(feedback, result.candidate, number) if result.candidate else None,
    )


def _add_form(feedback: MaskingFeedback, rule: Rule, number: int) -> AddForm:
    hidden = ("source", "kind", "what", "how", "destinations", "types", "only", "sample")
    return AddForm(
        faults=len(feedback.faults),
        button=words.add_button(number, rule),
        name=_field(feedback, "name"),
        reason=_field(feedback, "reason"),
        hidden_fields=tuple((name, getattr(feedback.form, name)) for name in hidden),
    )


def _field(feedback: MaskingFeedback, name: str) -> FormField:
    return FormField(getattr(feedback.form, name), feedback.faults.get(name, ""))
