"""Sentences of the masking page. Pure; times are epoch seconds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from signalbox.kernel import figures
from signalbox.monitoring.words.spans import Spans, quantity, spans, strong
from signalbox.security.audit.model import AuditEntry, EntryCount, Outcome
from signalbox.security.masking.marks import mark
from signalbox.security.masking.model import ALL, Method, Rule, SpecialTarget, Target, target_text
from signalbox.security.model import Grant, Rights, Role

ITEMS_MAX: Final = 3  # patterns shown in a table row; the rule's own page shows all
_EXAMPLE: Final = "4242" * 16  # longer than the most characters that a rule keeps
_NO_KEY: Final = bytes(32)
_SPECIAL: Final = {
    SpecialTarget.KEY: "the message key",
    SpecialTarget.CARDS: "card numbers: 13 to 19 digits with a valid checksum",
}
_VIEW_OUTCOMES: Final[Mapping[str, str]] = {Outcome.DONE: "unmasked", Outcome.REFUSED: "was denied an unmasked view of"}

CONFIRMATIONS: Final[Mapping[str, str]] = {
    "added": "Rule added. It applies from now on, also to messages that are already on the broker.",
    "moved": "Rule moved. The first match wins.",
    "removed": "Rule removed. Data that only this rule masked is unmasked from now on.",
}


def sentence(rules: int) -> Spans:
    """Return "9 rules mask payloads before data leaves the server."."""
    if not rules:
        return spans(strong("No masking rules"), ": payloads leave the server unmasked.")
    many = "1 rule masks" if rules == 1 else f"{rules:,} rules mask"
    return spans(strong(many), " payloads before data leaves the server.")


def reason(users: Sequence[Rights], views: EntryCount) -> str:
    """Return where rules apply, how many users can unmask payloads, and how often they did in the last 24 hours."""
    can = sum(can_unmask(rights) for rights in users)
    number = f"{'at least ' if views.at_least else ''}{views.number:,}" if views.number else "none"
    return (
        f"The rules apply to pages, the API, exports, logs and errors. {can:,} of {quantity(len(users), 'user', 'users')} "
        "can unmask payloads, one message at a time. "
        f"Every unmasked view is in the audit log: {number} in the last 24{figures.NBSP}h."
    )


def can_unmask(rights: Rights) -> bool:
    """Return whether payloads can be unmasked on any resource."""

    def unmasks(grant: Grant) -> bool:
        return grant.payloads and grant.role > Role.NONE

    return any(map(unmasks, (rights.everywhere, *rights.on.values())))


def allowed_views(requested: EntryCount, refused: EntryCount) -> EntryCount:
    return EntryCount(max(0, requested.number - refused.number), requested.at_least)


def scope(rule: Rule) -> str:
    destinations = "any destination" if rule.destinations == ALL else few(rule.destinations)
    return destinations if rule.types == ALL else f"{destinations}; type {few(rule.types)}"


def field_text(what: Target) -> str:
    """Return what a rule masks: a path, or words for the special ones."""
    return _SPECIAL[what] if isinstance(what, SpecialTarget) else target_text(what)


def few(texts: Iterable[str], most: int = ITEMS_MAX) -> str:
    items = tuple(texts)
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def example(how: Method) -> str:
    """Return a masked example value."""
    return mark(how, _EXAMPLE, _NO_KEY)


def hits_head(since: float, now: float) -> str:
    """Return the head of the hits column: the last 24 hours, or since counting began."""
    return "Hits, 24 h" if now - since >= figures.DAY_S else f"Hits since {figures.utc_time(since, now, seconds=False)}"


def add_button(number: int, rule: Rule) -> str:
    """Return "Add rule 10: hash $.customer_id"."""
    return f"Add rule {number}: {rule.how.text} {few(map(target_text, rule.what), 1)}"


def masked_count(fields: int | None, masked: int | None, took_ms: float) -> str:
    took = f"in {took_ms:.1f}{figures.NBSP}ms"
    if fields is None or masked is None:
        return f"fully hidden, {took}"
    return f"{masked:,} of {quantity(fields, 'field', 'fields')} masked, {took}"


def view_text(entry: AuditEntry) -> str:
    """Return "billing-lead unmasked orders.placed: partition 0, offset 17, on kafka-prod"."""
    did = _VIEW_OUTCOMES.get(entry.outcome, "tried to unmask")
    return f"{entry.actor} {did} {entry.target}, on {entry.resource}"


def view_reason(entry: AuditEntry) -> str:
    return ", ".join(text for text in (f"\u201c{entry.reason}\u201d" if entry.reason else "", entry.detail) if text)
