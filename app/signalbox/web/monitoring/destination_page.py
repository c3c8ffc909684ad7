"""The page of one destination: how long is it kept, who reads it, where is it uneven?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalbox.brokers.model import UNKNOWN, Partitions, Retention, Why
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import DestinationView, Status
from signalbox.monitoring.words import Span
from signalbox.web import urls
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.monitoring.destination_rows import destination_status, kept, kept_more, place
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.parts import Fact, Notice, Pair, link_notices, rate_fact, size_fact
from signalbox.web.monitoring.rows import GroupRow, Sign, group_row, plural, sign

ROWS_MAX = 100
READERS_MAX = 50
SETTINGS_MAX = 60
SKEW_SAID_FROM = 2.0  # times the mean: below, keys are as even as keys are


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationHead:
    """Name, verdict, reason and facts: one live fragment."""

    key: str
    name: str
    kind: str
    place: str
    sign: Sign
    connection: str
    connection_href: str
    read_at: float
    interval_s: float
    sentence: Sequence[Span]
    why: Sequence[Span]
    facts: tuple[Fact, ...]
    stale: bool
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    partition: int
    sign: Sign
    leader: str
    replicas: str
    in_sync: str
    lacks: bool
    start: str
    end: str
    size: str
    rate_in: str
    skew: float | None  # times the mean
    skew_share: str  # of the widest bar, in per cent
    hot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTable:
    """The partitions: one live fragment. Empty for queues without positions."""

    key: str
    total: int
    rows: tuple[PartRow, ...]
    more: int
    copied: bool  # the broker tells leaders and copies
    sized: bool
    skewed: bool
    all_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    rows: tuple[GroupRow, ...]
    total: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationPage:
    head: DestinationHead
    partitions: PartTable
    readers: Readers
    retention: tuple[Pair, ...]
    settings: tuple[Pair, ...]
    dead_letters_to: str
    dead_letters_href: str


def destination_page(glance: Glance, view: DestinationView) -> DestinationPage:
    found = view.destination
    listed = list(found.settings.items())[:SETTINGS_MAX]
    return DestinationPage(
        head=destination_head(glance, view),
        partitions=part_table(glance, view),
        readers=_readers(glance, view),
        retention=_retention(glance, view),
        settings=tuple(Pair(label=label, text=text, mono=True) for label, text in listed),
        dead_letters_to=found.dead_letters_to or "",
        dead_letters_href=monitoring_urls.destination(view.connection, found.dead_letters_to)
        if found.dead_letters_to
        else "",
    )


def destination_head(glance: Glance, view: DestinationView) -> DestinationHead:
    unseen = glance.unseen(view.connection)
    sentence = words.destination_sentence(view, glance.now)
    stale = unseen or glance.stale(view.connection, view.read_at, view.interval_s)
    status = glance.status_of(view)
    told = status.value if unseen else destination_status(view, glance.now)
    return DestinationHead(
        key=keys.destination(view.connection, view.name),
        name=view.name,
        kind=view.destination.kind,
        place=place(view.destination),
        sign=sign(status, f"{told}, then" if stale and not unseen else told),
        connection=view.connection,
        connection_href=monitoring_urls.connection(view.connection),
        read_at=view.read_at,
        interval_s=view.interval_s,
        sentence=words.as_of(sentence, view.read_at, glance.now, unknown=unseen) if stale else sentence,
        why=words.destination_reason(view, glance.now),
        facts=_facts(glance, view),
        stale=stale,
        notices=link_notices(glance, glance.links.get(view.connection), view.read_at),
    )


def _facts(glance: Glance, view: DestinationView) -> tuple[Fact, ...]:
    found = view.destination
    rows = found.partitions
    queue = rows is None
    facts = [
        rate_fact("In", view.rate_in, "1 min mean"),
        Fact(
            label="Messages",
            figure=figures.count(found.messages, approximate=found.approximate),
            note="waiting in all" if queue else "kept: end minus start",
        ),
        size_fact("Size", found.size_bytes, "one copy"),
        Fact(label="Kept", figure=kept(found), note=_kept_note(found.retention)),
    ]
    if (skew := _skew(glance.monitor.partition_rates(view.connection, view.name))) is not None:
        partition, times, mean = skew
        tone = "caution" if times >= SKEW_SAID_FROM else ""
        note = f"partition {partition} over the mean of {figures.rate(mean)}"
        facts.append(Fact(label="Skew", figure=f"{times:.1f}", unit="times", note=note, tone=tone))
    if rows is not None and any(rows.replicas):
        copies, synced = sum(map(len, rows.replicas)), sum(map(len, rows.in_sync))
        lacking = copies - synced
        note = "copies" if not lacking else f"copies; {plural(lacking, 'copy' if lacking == 1 else 'copie')} missing"
        facts.append(
            Fact(
                label="In sync",
                figure=f"{synced:,}",
                unit=f"of {copies:,}",
                note=note,
                tone="caution" if lacking else "",
            )
        )
    return tuple(facts)


def _kept_note(retention: Retention | None) -> str:
    if retention is None:
        return "the broker tells no limit"
    return kept_more(retention) or ("by time, no limit by size" if retention.age_s is not None else "no limit")


def _skew(rates: Mapping[int, float | None]) -> tuple[int, float, float] | None:
    """Return the fastest partition, how many times the mean it takes, and the mean."""
    known = {partition: rate for partition, rate in rates.items() if rate is not None}
    mean = sum(known.values()) / len(known) if known else 0.0
    if len(known) < 2 or mean <= 0:
        return None
    hottest = max(known, key=lambda p: known[p])
    return hottest, known[hottest] / mean, mean


def part_table(glance: Glance, view: DestinationView) -> PartTable:
    rows = view.destination.partitions
    rates = glance.monitor.partition_rates(view.connection, view.name)
    count = 0 if rows is None else len(rows)
    drawn = [] if rows is None else sorted(range(count), key=lambda i: (_well(rows, i), rows.index[i]))[:ROWS_MAX]
    known = [rate for rate in rates.values() if rate is not None]
    mean = sum(known) / len(known) if len(known) > 1 else 0.0
    return PartTable(
        key=keys.destination(view.connection, view.name),
        total=count,
        rows=() if rows is None else tuple(_part_row(rows, i, rates, mean) for i in drawn),
        more=count - len(drawn),
        copied=rows is not None and any(rows.replicas),
        sized=rows is not None and rows.size_bytes is not None,
        skewed=mean > 0,
        all_href=urls.api("destinations", view.connection, view.name, "partitions"),
    )


def _well(rows: Partitions, row: int) -> bool:
    return rows.why[row] is Why.KNOWN and not _lacking(rows, row)


def _lacking(rows: Partitions, row: int) -> int:
    return len(rows.replicas[row]) - len(rows.in_sync[row]) if rows.replicas else 0


def _part_row(rows: Partitions, row: int, rates: Mapping[int, float | None], mean: float) -> PartRow:
    lacking = _lacking(rows, row)
    rate = rates.get(rows.index[row])
    skew = rate / mean if rate is not None and mean > 0 else None
    return PartRow(
        partition=rows.index[row],
        sign=_part_sign(rows, row, lacking, skew),
        leader="none" if rows.why[row] is Why.NO_LEADER else _known(rows.leader[row]),
        replicas=", ".join(map(str, rows.replicas[row])) if rows.replicas else figures.UNKNOWN_WORD,
        in_sync=", ".join(map(str, rows.in_sync[row])) if rows.in_sync else figures.UNKNOWN_WORD,
        lacks=lacking > 0,
        start=_known(rows.start[row]),
        end=_known(rows.end[row]),
        size=figures.size(_number(rows.size_bytes[row])) if rows.size_bytes is not None else figures.UNKNOWN_WORD,
        rate_in=figures.rate_number(rate, decimal=True),
        skew=skew,
        skew_share="0%" if skew is None else f"{min(100.0, skew / 3 * 100):.1f}%",
        hot=skew is not None and skew >= SKEW_SAID_FROM,
    )


def _part_sign(rows: Partitions, row: int, lacking: int, skew: float | None) -> Sign:
    why = rows.why[row]
    if why is Why.NO_LEADER:
        return Sign(words.mark(Status.STOPPED), words.tone(Status.STOPPED), "no leader")
    if why is Why.NOT_PERMITTED:
        return sign(Status.NOT_PERMITTED)
    if why is not Why.KNOWN:
        return sign(Status.UNKNOWN, f"unknown, {why}")
    if lacking:
        return sign(Status.BEHIND, "lacks a copy" if lacking == 1 else f"lacks {lacking} copies")
    if skew is not None and skew >= SKEW_SAID_FROM:
        return sign(Status.BEHIND, f"hot, {skew:.1f} times the mean")
    return sign(Status.OK)


def _number(value: int) -> int | None:
    return None if value == UNKNOWN else value


def _known(value: int) -> str:
    return figures.count(_number(value))


def _readers(glance: Glance, view: DestinationView) -> Readers:
    found = [glance.monitor.group(view.connection, name) for name in view.consumer_groups[:READERS_MAX]]
    rows = tuple(group_row(glance, group) for group in found if group is not None)
    told = "" if rows else "No group that Signalbox may see reads it. Readers without a group are not seen."
    return Readers(rows=rows, total=len(view.consumer_groups), words=told)


def _retention(glance: Glance, view: DestinationView) -> tuple[Pair, ...]:
    found = view.destination
    retention = found.retention
    if retention is None:
        return ()
    pairs = [
        Pair(label="By time", text="no limit" if retention.age_s is None else figures.duration(retention.age_s)),
        Pair(label="By size", text="no limit" if retention.size_bytes is None else figures.size(retention.size_bytes)),
    ]
    if retention.messages is not None:
        pairs.append(Pair(label="By count", text=f"{figures.count(retention.messages)} messages"))
    if retention.policy:
        pairs.append(Pair(label="Policy", text=retention.policy, mono=True))
    if view.loses_at is not None:
        pairs.append(
            Pair(label="Unread ones go", text=f"from {figures.utc_time(view.loses_at, glance.now)}", note="UTC")
        )
    return tuple(pairs)
