"""The sentences, for every status and link; names stay spans of their own; nothing is said that is not known."""

from dataclasses import replace

import pytest

from signalbox.brokers.model import BrokerKind, Cluster, Node, Retention, Why
from signalbox.kernel.figures import NBSP
from signalbox.monitoring import words
from signalbox.monitoring.model import (
    Change,
    ConnectionView,
    DestinationView,
    Flow,
    GroupView,
    Link,
    Method,
    PartitionView,
    Reason,
    Status,
    TimeLag,
    Verdict,
)
from tests.unit.monitoring.readings import T0, group, positions, topic

HOSTILE = '<b onclick="x">\u202egnp.exe</b>'


def view(verdict: Verdict, *, flow: Flow | None = None, connection: str = "kafka-prod", rows: int = 2) -> GroupView:
    told = group(positions([0] * rows, [600] * rows, name=HOSTILE))
    full = Flow(
        lag=1200,
        time_lag=TimeLag(seconds=195.0, method=Method.MEASURED),
        rate_in=118.0,
        rate_out=104.0,
    )
    return GroupView(
        connection=connection,
        kind=BrokerKind.KAFKA,
        group=told,
        read_at=T0,
        interval_s=5.0,
        verdict=verdict,
        flow=flow or full,
    )


def verdict(status: Status, **facts: object) -> Verdict:
    return replace(Verdict(status=status, since=T0 - 2492), **facts)  # type: ignore[arg-type]  # any fact by its name


def connection(name: str, link: Link, **facts: object) -> ConnectionView:
    base = ConnectionView(name=name, kind=BrokerKind.KAFKA, link=link, since=T0 - 60, answered_at=T0 - 1)
    return replace(base, **facts)  # type: ignore[arg-type]  # any fact by its name


def text(spans: tuple[words.Span, ...]) -> str:
    return words.plain(spans).replace(NBSP, " ")


SENTENCES = [
    (verdict(Status.OK), "Keeps up; at most 3 min 15 s behind.", "ok"),
    (verdict(Status.CATCHING_UP, until=T0 + 29), "Catching up: 29 s left at this rate.", "catching up, 29 s left"),
    (verdict(Status.BEHIND), "It is behind by 3 min 15 s, and falls back 14/s.", "behind"),
    (
        verdict(Status.STALLED, partition=7),
        "Partition 7 has not moved for 41 min 32 s, since 02:31:08.",
        "stalled, 41 min 32 s",
    ),
    (
        verdict(Status.STALLED, since_exact=False),
        "It has not moved for over 41 min 32 s.",
        "stalled, over 41 min 32 s",
    ),
    (verdict(Status.STOPPED), "Nobody reads, and 1,200 messages wait, since 02:31:08.", "stopped, 41 min 32 s"),
    (
        verdict(Status.STOPPED, reason=Reason.PAUSED),
        "It is paused, and 1,200 messages wait, since 02:31:08.",
        "stopped, 41 min 32 s",
    ),
    (
        verdict(Status.WILL_LOSE_DATA, until=T0 + 12_000, partition=3),
        "Partition 3 will lose data in 3 h 20 min, at 06:32.",
        "will lose data, 3 h 20 min",
    ),
    (verdict(Status.WILL_LOSE_DATA, lost=50), "It loses data now: 50 messages went unread.", "will lose data, now"),
    (verdict(Status.NO_MEMBERS), "Nobody reads just now; 1,200 messages wait.", "no members"),
    (verdict(Status.REWOUND), "It went back at 02:31:08.", "rewound"),
    (verdict(Status.NEVER_COMMITTED, partition=1), "Partition 1 has never committed a position.", "never committed"),
    (verdict(Status.BEYOND_END), "It stands beyond the end. Its lag is unknown.", "beyond end"),
    (
        verdict(Status.HELD_BACK, hidden_since=T0 - 120),
        "It is held back by an open transaction since 03:10:40.",
        "held back, 2 min",
    ),
    (
        verdict(Status.REBALANCING, since=T0 - 38),
        "Partitions change hands for 38 s, since 03:12:02.",
        "rebalancing, 38 s",
    ),
    (verdict(Status.NOT_PERMITTED), "This user may not see it.", "not permitted"),
    (
        verdict(Status.UNKNOWN, why=Why.NO_LEADER),
        "How it flows is unknown: nobody leads it at the broker.",
        "unknown",
    ),
    (
        verdict(Status.UNKNOWN, reason=Reason.SEEN_TOO_SHORTLY),
        "How it flows is unknown: it was watched too shortly to tell.",
        "unknown",
    ),
]


@pytest.mark.parametrize(("said", "sentence", "row"), SENTENCES)
def test_every_status_has_its_sentence_and_its_row(said: Verdict, sentence: str, row: str) -> None:
    assert text(words.group_sentence(view(said), T0)).startswith(sentence)
    assert words.status_text(said, T0).replace(NBSP, " ") == row


def test_no_status_is_left_out() -> None:
    assert {said.status for said, _, _ in SENTENCES} == set(Status)


@pytest.mark.parametrize("status", [*Status, *Link])
def test_every_status_and_link_has_a_mark_and_a_tone(status: Status | Link) -> None:
    assert words.mark(status).startswith("m-")
    assert words.tone(status) in {"clear", "caution", "danger", "motion", "quiet"}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("reason", [None, *Reason])
def test_nothing_known_is_said_without_a_number(status: Status, reason: Reason | None) -> None:
    """Every status with every reason, and no figure: it is still a sentence, and no figure is made up."""
    blank = view(Verdict(status=status, since=T0, reason=reason), flow=Flow(lag=None), rows=1)
    sentence = text(words.group_sentence(blank, T0))
    assert sentence.endswith(".")
    assert "None" not in sentence
    assert " 0 messages" not in sentence
    assert "None" not in text(words.group_reason(blank, T0))


@pytest.mark.parametrize("status", Status)
def test_names_and_texts_of_the_broker_are_spans_of_their_own(status: Status) -> None:
    told = verdict(status, partition=1, destination=HOSTILE, detail=HOSTILE, partitions_affected=3, lost=9)
    several = replace(view(told).group.positions, names=(HOSTILE, "other"))
    shown = replace(view(told), group=replace(view(told).group, positions=several))
    for spans in (words.group_sentence(shown, T0), words.group_reason(shown, T0)):
        assert all(span.text == HOSTILE for span in spans if "<b" in span.text)


def test_the_reason_says_what_the_figures_are() -> None:
    behind = view(verdict(Status.BEHIND, partition=1, partitions_affected=3))
    assert text(words.group_reason(behind, T0)) == ("118/s in, 104/s out. The same is so on 2 more partitions.")
    unknown = view(verdict(Status.BEHIND), flow=Flow(lag=5, lag_partial=True))
    assert "How fast it reads is not known." in text(words.group_reason(unknown, T0))
    assert "at least this" in text(words.group_reason(unknown, T0))


def test_a_partition_that_is_ok_needs_no_reason() -> None:
    row = PartitionView(
        destination="orders",
        partition=3,
        verdict=verdict(Status.OK),
        flow=Flow(lag=3),
        settled=1,
        end=4,
        start=0,
        moved_at=T0,
        member=None,
    )
    assert words.partition_reason(row, T0) == ()
    late = replace(row, verdict=verdict(Status.STALLED))
    assert text(words.partition_reason(late, T0)) == ("Members are there; the position has not moved since 02:31:08.")


class TestConnections:
    def test_what_answers_and_is_well(self) -> None:
        assert text(words.connection_sentence(connection("k", Link.CONNECTED), T0)) == "Answers, and is well."

    def test_down_says_what_was_found_and_when_it_is_tried_again(self) -> None:
        down = connection(
            "rabbit-legacy",
            Link.DOWN,
            error="Connection refused by rabbit-legacy-1:5672.",
            do="Start it.",
            attempts=304,
            next_attempt_at=T0 + 4,
            groups=8,
        )
        assert text(words.connection_sentence(down, T0)) == (
            "Down for 1 min: Connection refused by rabbit-legacy-1:5672."
        )
        assert text(words.connection_reason(down, T0)) == (
            "304 attempts so far. The next is in 4 s. Start it. How its 8 groups do is unknown."
        )
        assert words.link_text(down, T0).replace(NBSP, " ") == "down, 1 min"

    def test_stale_says_how_old_it_is(self) -> None:
        stale = connection("nats-edge", Link.STALE, answered_at=T0 - 252)
        assert text(words.connection_sentence(stale, T0)) == "What you see is from 03:08:28, 4 min 12 s ago."

    def test_a_cluster_that_is_not_well_says_what_and_how_bad(self) -> None:
        cluster = Cluster(
            read_at=T0,
            product="RabbitMQ",
            version="4.2",
            nodes=(Node(id="1", address="a", running=False),),
            under_replicated=3,
            offline=1,
            alarms=("memory alarm on rabbit@a",),
        )
        spans = words.connection_sentence(connection("k", Link.CONNECTED, cluster=cluster), T0)
        assert text(spans) == (
            "Memory alarm on rabbit@a. 1 partition is without a leader. 1 node does not run. 3 partitions lack a copy."
        )
        assert {span.tone for span in spans if span.strong} == {"danger", "caution"}


class TestOverview:
    def groups(self, *statuses: Verdict, on: str = "kafka-prod") -> list[GroupView]:
        return [view(status, connection=on) for status in statuses]

    def sentence(self, connections: list[ConnectionView], groups: list[GroupView]) -> str:
        return text(words.overview_sentence(connections, groups, T0))

    def test_it_counts_and_names_the_dearest_first(self) -> None:
        ok = [verdict(Status.OK)] * 124
        losing = [verdict(Status.WILL_LOSE_DATA, until=T0 + 12_000), verdict(Status.WILL_LOSE_DATA, until=T0 + 40_000)]
        up = connection("kafka-prod", Link.CONNECTED)
        assert self.sentence([up], self.groups(*ok, *losing)) == (
            "124 of 126 groups are ok. Two will lose data, the first in 3 h 20 min."
        )
        stalled = [verdict(Status.STALLED)]
        assert self.sentence([up], self.groups(*ok, *losing, *stalled)) == (
            "124 of 127 groups are ok. Two will lose data, the first in 3 h 20 min, and 1 more is not ok."
        )

    def test_all_ok_none_at_all_and_nothing_connected(self) -> None:
        up = connection("kafka-prod", Link.CONNECTED)
        assert self.sentence([up], self.groups(*[verdict(Status.OK)] * 3)) == "All 3 groups are ok."
        assert self.sentence([], []) == "Nothing is connected yet."
        assert self.sentence([replace(up, answered_at=None)], []) == "No group is known yet."
        assert self.sentence([up], []) == "No group reads anything here."

    def test_groups_of_a_connection_that_is_down_are_not_counted_as_ok(self) -> None:
        links = [connection("kafka-prod", Link.CONNECTED), connection("rabbit", Link.DOWN)]
        groups = self.groups(verdict(Status.OK)) + self.groups(verdict(Status.OK), on="rabbit")
        assert self.sentence(links, groups) == "1 of 2 groups are ok. One is unknown."
        assert text(words.overview_reason(links, groups, T0)) == "rabbit is down. 1 of the 2 answers is old or missing."


class TestDestinations:
    def shown(self, told: Verdict, **facts: object) -> DestinationView:
        base = DestinationView(
            connection="kafka-prod",
            kind=BrokerKind.KAFKA,
            destination=topic([5] * 12, name="payments.events", retention=Retention(age_s=43_200.0, policy="delete")),
            read_at=T0,
            interval_s=5.0,
            verdict=told,
            rate_in=854.0,
            readers=("a", "b", "c"),
        )
        return replace(base, **facts)  # type: ignore[arg-type]  # any fact by its name

    @pytest.mark.parametrize(
        ("told", "sentence"),
        [
            (verdict(Status.OK), "Keeps 12 h. It is well."),
            (verdict(Status.NOT_PERMITTED), "This user may not see it."),
            (verdict(Status.UNKNOWN, why=Why.NO_ANSWER), "How it is is unknown: the broker gave no answer for it."),
            (
                verdict(Status.BEHIND, reason=Reason.LACKS_COPY, partitions_affected=1),
                "Keeps 12 h. 1 partition lacks a copy.",
            ),
            (
                verdict(Status.BEHIND, reason=Reason.NO_LEADER, partitions_affected=2),
                "Keeps 12 h. 2 partitions have no leader: nothing can be read or written there.",
            ),
            (
                verdict(Status.BEHIND, reason=Reason.HOT, partition=7),
                "Keeps 12 h. Partition 7 is hot: its keys are uneven.",
            ),
            (verdict(Status.BEHIND, reason=Reason.NEARLY_FULL), "Keeps 12 h. It is nearly full."),
            (
                verdict(Status.BEHIND, reason=Reason.NOT_RUNNING, detail="minority"),
                "Keeps 12 h. The broker calls it minority.",
            ),
        ],
    )
    def test_what_is_said_of_it(self, told: Verdict, sentence: str) -> None:
        assert text(words.destination_sentence(self.shown(told), T0)) == sentence

    def test_who_loses_and_when(self) -> None:
        told = self.shown(verdict(Status.WILL_LOSE_DATA, until=T0 + 12_000), loses_at=T0 + 12_000)
        assert text(words.destination_sentence(told, T0)) == "Keeps 12 h. One of 3 readers loses messages from 06:32."
        assert "3 groups read it. 854/s come in." in text(words.destination_reason(told, T0))


@pytest.mark.parametrize("after", [*Status, *Link])
def test_every_change_is_a_line(after: Status | Link) -> None:
    name = HOSTILE if isinstance(after, Status) else None
    change = Change(at=T0, connection="kafka-prod", group=name, before="ok", after=after, detail="partition 7")
    spans = words.change_text(change)
    assert spans[0].text == (name or "kafka-prod")
    assert spans[0].mono
    assert text(spans).endswith(": partition 7")
