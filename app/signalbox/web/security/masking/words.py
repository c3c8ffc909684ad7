"""The sentences of the page Masking. Pure; times are seconds since the epoch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from signalbox.kernel import figures
from signalbox.monitoring.words.spans import Spans, spans, strong
from signalbox.security.audit.model import AuditEntry, EntryCount, Outcome
from signalbox.security.masking.marks import mark
from signalbox.security.masking.model import ALL, Method, Rule, SpecialTarget, Target, target_text
from signalbox.security.model import Grant, Rights, Role

FEW: Final = 3  # patterns that stand in a row; the rule's own page has the rest
_EXAMPLE: Final = "4242" * 16  # long enough to keep the most letters of
_NO_KEY: Final = bytes(32)
_SPECIAL: Final = {
    SpecialTarget.KEY: "the message key",
    SpecialTarget.CARDS: "card numbers: 13 to 19 digits that pass the check sum",
}

_LOOKED: Final[Mapping[str, str]] = {Outcome.DONE: "looked at", Outcome.REFUSED: "was not let look at"}


def sentence(rules: int) -> Spans:
    """9 rules mask what is named before anything leaves the server."""
    if not rules:
        return spans(strong("No rule masks anything"), ": payloads leave the server as they are.")
    many = "One rule masks" if rules == 1 else f"{rules:,} rules mask"
    return spans(f"{many} ", strong("what is named"), " before anything leaves the server.")


def reason(users: Sequence[Rights], looks: EntryCount) -> str:
    """Say where rules hold, who may see beneath, and how often somebody did in the last 24 hours."""
    may = sum(may_see(rights) for rights in users)
    who = f"{may:,} of {len(users):,} users" if len(users) != 1 else "The one user" if may else "No user"
    over = "at least " if looks.at_least else ""
    return (
        f"Rules hold for pages, the API, exports, logs and errors alike. {who} may see what lies beneath, one message at a "
        f"time, and each look is in the audit log: {f'{over}{looks.number:,}' if looks.number else 'none'} in the last 24{figures.NBSP}h."
    )


def may_see(rights: Rights) -> bool:
    """Say whether payloads may be seen anywhere."""

    def sees(grant: Grant) -> bool:
        return grant.payloads and grant.role > Role.NONE

    return any(map(sees, (rights.everywhere, *rights.on.values())))


def looks_done(all_asked: EntryCount, refused: EntryCount) -> EntryCount:
    """Return how many looks there were: all that were asked for but those that were refused."""
    return EntryCount(max(0, all_asked.number - refused.number), all_asked.at_least)


def where(rule: Rule) -> str:
    destinations = "any destination" if rule.destinations == ALL else few(rule.destinations)
    return destinations if rule.types == ALL else f"{destinations}; type {few(rule.types)}"


def told(what: Target) -> str:
    """Return what is masked, in words where it is no path."""
    return _SPECIAL[what] if isinstance(what, SpecialTarget) else target_text(what)


def few(texts: Iterable[str], most: int = FEW) -> str:
    held = tuple(texts)
    more = f" and {len(held) - most:,} more" if len(held) > most else ""
    return ", ".join(held[:most]) + more


def example(how: Method) -> str:
    """Return a mark as this way makes them."""
    return mark(how, _EXAMPLE, _NO_KEY)


def hits_head(since: float, now: float) -> str:
    """Name the column of hits: over 24 hours, or since when they are counted at all."""
    return "Hits, 24 h" if now - since >= figures.DAY_S else f"Hits since {figures.utc_time(since, now, seconds=False)}"


def adding(number: int, rule: Rule) -> str:
    """Return what the button does: Add rule 10, hash $.customer_id."""
    return f"Add rule {number}, {rule.how.text} {few(map(target_text, rule.what), 1)}"


def counted(fields: int | None, masked: int | None, took_ms: float) -> str:
    took = f"in {took_ms:.1f}{figures.NBSP}ms"
    if fields is None or masked is None:
        return f"hidden whole, {took}"
    return f"{masked:,} of {fields:,} {'field' if fields == 1 else 'fields'} masked, {took}"


def looked(line: AuditEntry) -> str:
    """billing-lead looked at orders.placed: partition 0, offset 17, on kafka-prod."""
    did = _LOOKED.get(line.outcome, "asked to look at")
    return f"{line.actor} {did} {line.target}, on {line.resource}"


def looked_why(line: AuditEntry) -> str:
    return ", ".join(one for one in (f"\u201c{line.reason}\u201d" if line.reason else "", line.detail) if one)
