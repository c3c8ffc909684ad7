"""The answer to a Prometheus scrape, read by the parser of Prometheus."""

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.model import UNKNOWN, BrokerCall, BrokerKind
from signalbox.kernel.feed import Feed
from signalbox.monitoring import exposition as module
from signalbox.monitoring.connection_state import ConnectionFacts
from signalbox.monitoring.errors import ReadingFailed
from signalbox.monitoring.exposition import exposition
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.storage.engine import Database
from tests.support.database import settings
from tests.support.history import BUDGET, START, Time
from tests.support.snapshots import HOSTILE, group, snapshot, topic

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Exporter:
    """A monitor with two connections, and the metrics of a scrape."""

    def __init__(self, folder: Path) -> None:
        self.time = Time()
        self.series = Series(Database(settings(f"sqlite+aiosqlite:///{folder}/a.db")), self.time, BUDGET)
        self.monitor = Monitor(feed=Feed(epoch=1), clock=self.time, series=self.series)
        for name in ("prod", "edge"):
            self.monitor.add_connection(ConnectionFacts(name=name, kind=BrokerKind.KAFKA, interval_s=5.0))

    async def figures(self) -> Figures:
        text = b"".join([piece async for piece in exposition(self.monitor, self.series.usage())]).decode()
        found: Figures = {}
        for family in text_string_to_metric_families(text):
            assert family.documentation
            for sample in family.samples:
                place = sample.name, frozenset(sample.labels.items())
                assert place not in found, "Prometheus refuses a scrape with a duplicate line"
                found[place] = sample.value
        return found


@pytest.fixture
def exporter(tmp_path: Path) -> Exporter:
    return Exporter(tmp_path)


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_lag_has_an_age_and_rates_appear_once_known(exporter: Exporter) -> None:
    call = BrokerCall(request='Offset"Fetch', interval_s=5, duration_s=0.25, at=START, rows=2)
    for turn in range(14):
        ends = (1000 + 100 * turn, 2000 + 100 * turn)
        read = snapshot(exporter.time.now, [group(lags=(10 + turn, 20), ends=ends)], [topic(ends=ends)], calls=[call])
        await exporter.monitor.apply("prod", read, interval_s=5)
        exporter.time.now += 5
    found = await exporter.figures()
    here = {"connection": "prod", "group": "billing"}
    assert found[of("signalbox_group_lag_messages", **here)] == 43
    assert found[of("signalbox_group_age_seconds", **here)] == 5
    assert found[of("signalbox_group_lag_partial", **here)] == 0
    assert found[of("signalbox_group_members", **here)] == 1
    assert found[of("signalbox_group_in_messages_per_second", **here)] == pytest.approx(40, rel=0.01)
    assert found[of("signalbox_group_out_messages_per_second", **here)] == pytest.approx(39.8, rel=0.01)
    assert [dict(labels)["group"] for name, labels in found if name == "signalbox_group_status"] == ["billing"]
    broker = {"connection": "prod", "kind": "kafka"}
    assert found[of("signalbox_connection_up", **broker)] == 1
    assert found[of("signalbox_connection_age_seconds", **broker)] == 5
    assert found[of("signalbox_connection_call_seconds", **broker, call='Offset"Fetch')] == 0.25
    assert sum(value for (name, _), value in found.items() if name == "signalbox_groups") == 1
    assert found[of("signalbox_history_budget_bytes")] == BUDGET


async def test_unknown_has_no_line_and_is_never_zero(exporter: Exporter) -> None:
    unknown = group("dark", lags=(UNKNOWN, UNKNOWN))
    partly = replace(group("dim", lags=(7, UNKNOWN)), lag_at_most=True)
    untold = replace(group("mute"), members=None, member_count=None)
    await exporter.monitor.apply("prod", snapshot(START, [unknown, partly, untold], [topic()]), interval_s=5)
    found = await exporter.figures()
    assert of("signalbox_group_lag_messages", connection="prod", group="dark") not in found
    assert of("signalbox_group_lag_partial", connection="prod", group="dark") not in found
    assert of("signalbox_group_in_messages_per_second", connection="prod", group="dark") not in found
    assert of("signalbox_group_age_seconds", connection="prod", group="dark") in found
    assert found[of("signalbox_group_lag_messages", connection="prod", group="dim")] == 7
    assert found[of("signalbox_group_lag_partial", connection="prod", group="dim")] == 1
    assert found[of("signalbox_group_lag_at_most", connection="prod", group="dim")] == 1
    assert of("signalbox_group_members", connection="prod", group="mute") not in found
    assert of("signalbox_connection_up", connection="edge", kind="kafka") not in found  # never answered yet
    assert of("signalbox_history_bytes") not in found
    assert of("signalbox_history_save_age_seconds") not in found


async def test_a_connection_that_is_down_has_up_0_and_a_growing_age(exporter: Exporter) -> None:
    await exporter.monitor.apply("prod", snapshot(START, [group()], [topic()]), interval_s=5)
    exporter.time.now += 100
    exporter.monitor.record_failure("prod", BrokerUnavailable("prod", "kafka:9092 refused the connection"), down=True)
    found = await exporter.figures()
    assert found[of("signalbox_connection_up", connection="prod", kind="kafka")] == 0
    assert found[of("signalbox_group_age_seconds", connection="prod", group="billing")] == 100


async def test_an_error_of_signalbox_itself_has_failed_1_until_an_answer(exporter: Exporter) -> None:
    here = {"connection": "prod", "kind": "kafka"}
    exporter.monitor.record_failure("prod", ReadingFailed("prod", "3fa9c1"), down=True)
    found = await exporter.figures()
    assert (found[of("signalbox_connection_failed", **here)], found[of("signalbox_connection_up", **here)]) == (1, 0)
    await exporter.monitor.apply("prod", snapshot(START, [group()], [topic()]), interval_s=5)
    found = await exporter.figures()
    assert (found[of("signalbox_connection_failed", **here)], found[of("signalbox_connection_up", **here)]) == (0, 1)


async def test_hostile_names_are_escaped_and_add_no_line(exporter: Exporter) -> None:
    names = [
        *HOSTILE,
        "two\nlines",
        'x"} 1\nsignalbox_group_lag_messages{group="forged',
        "back\\slash\\",
        "tab\tcr\rnul\0",
    ]
    groups = [group(name, lags=(index + 1, 0)) for index, name in enumerate(names)]
    await exporter.monitor.apply("prod", snapshot(START, groups, [topic()]), interval_s=5)
    found = await exporter.figures()
    lags = {
        dict(labels)["group"]: value
        for (name, labels), value in found.items()
        if name == "signalbox_group_lag_messages"
    }
    assert lags == {name: index + 1 for index, name in enumerate(names)}


async def test_too_many_groups_and_too_long_names_are_left_out_and_counted(
    exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUPS_MAX", 5)
    monkeypatch.setattr(module, "LINES_PER_SLICE", 2)  # the groups come in several pieces
    groups = [group(f"group {index}") for index in range(8)] + [group("x" * 2000)]
    await exporter.monitor.apply("prod", snapshot(START, groups, [topic()]), interval_s=5)
    found = await exporter.figures()
    assert len([name for name, _ in found if name == "signalbox_group_lag_messages"]) == 5
    assert found[of("signalbox_groups_left_out")] == 4
