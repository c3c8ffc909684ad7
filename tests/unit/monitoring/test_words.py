"""Marks, tones and spans of the sentences: broker names are spans of their own, and no figure is invented."""

from dataclasses import replace

import pytest

from signalbox.brokers.model import Cluster, Node
from signalbox.monitoring import words
from signalbox.monitoring.model import Change, Flow, LinkState, Reason, Status
from tests.unit.monitoring.readings import T0
from tests.unit.monitoring.views import connection_view, group_view, text, verdict

HOSTILE = '<b onclick="x">\u202egnp.exe</b>'


@pytest.mark.parametrize("status", [*Status, *LinkState])
def test_every_status_and_link_has_a_mark_and_a_tone(status: Status | LinkState) -> None:
    assert words.mark(status).startswith("m-")
    assert words.tone(status) in {"clear", "caution", "danger", "motion", "quiet"}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("reason", [None, *Reason])
def test_a_sentence_without_figures_invents_none(status: Status, reason: Reason | None) -> None:
    blank = group_view(verdict(status, since=T0, reason=reason), flow=Flow(lag=None), rows=1)
    sentence = text(words.group_sentence(blank, T0))
    assert sentence.endswith(".")
    assert "None" not in sentence
    assert " 0 messages" not in sentence
    assert "None" not in text(words.group_reason(blank, T0))


@pytest.mark.parametrize("status", Status)
def test_broker_names_and_texts_are_spans_of_their_own(status: Status) -> None:
    judged = verdict(status, partition=1, destination=HOSTILE, detail=HOSTILE, partitions_affected=3, lost=9)
    view = group_view(judged, topics=(HOSTILE, "other"))
    for sentence in (words.group_sentence(view, T0), words.group_reason(view, T0)):
        assert all(span.text == HOSTILE for span in sentence if "<b" in span.text)


def test_cluster_problems_have_the_tone_of_their_severity() -> None:
    node = Node(id="1", address="a", running=False)
    cluster = Cluster(read_at=T0, product="RabbitMQ", version="4.2", nodes=(node,), offline=1, alarms=("disk alarm",))
    sentence = words.connection_sentence(connection_view("k", LinkState.CONNECTED, cluster=cluster), T0)
    assert {span.tone for span in sentence if span.strong} == {"danger", "caution"}


@pytest.mark.parametrize("after", [*Status, *LinkState])
def test_a_change_begins_with_the_name(after: Status | LinkState) -> None:
    name = HOSTILE if isinstance(after, Status) else None
    change = Change(at=T0, connection="kafka-prod", group=name, before="ok", after=after, detail="partition 7")
    first = words.change_text(change)[0]
    assert (first.text, first.mono) == (name or "kafka-prod", True)


def test_numbers_of_a_row_do_not_break() -> None:
    stalled = replace(verdict(Status.STALLED), since=T0 - 38)
    assert words.status_text(stalled, T0) == "stalled, 38\u00a0s"
