"""`signalbox lag` over a scripted broker: what could not be read is a problem on stderr and in the exit code."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.model import UNKNOWN, Cluster, Fault, Snapshot, Why
from signalbox.brokers.port import Broker
from signalbox.commands import lag
from signalbox.commands.lag import PolledBroker
from tests.support.commands import Ran, configured, run_here
from tests.support.snapshots import group, snapshot
from tests.unit.monitoring.test_collector import ScriptedBroker

T0 = 1_794_885_160.0
DENIED = Fault(
    resource="group payout", why=Why.NOT_PERMITTED, detail="DESCRIBE on the group is missing", group="payout"
)
CONNECTION = '[[connections]]\nname = "scripted"\nkind = "kafka"\nbootstrap = ["127.0.0.1:1"]\n'


class Answering(ScriptedBroker):
    """Answers each sweep with the next snapshot."""

    def __init__(self, *snapshots: Snapshot) -> None:
        super().__init__()
        self.snapshots = list(snapshots)

    @override
    async def sweep(self) -> Snapshot:
        if self.fails is not None:
            raise self.fails
        return self.snapshots.pop(0)


Run = Callable[..., Awaitable[Ran]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `signalbox lag` over a broker."""
    configured(tmp_path, CONNECTION)

    async def invoke(broker: Broker, *words: str) -> Ran:
        monkeypatch.setattr(lag, "open_broker", lambda _: broker)
        return await run_here("lag", *words, folder=tmp_path)

    return invoke


async def test_a_whole_answer_has_no_problem(run: Run) -> None:
    ran = await run(Answering(snapshot(T0, [group("billing")])))
    assert (ran.code, ran.err) == (0, "")
    assert "billing" in ran.out


@pytest.mark.parametrize("words", [(), ("--json",)])
async def test_notes_explain_why_there_are_no_groups(run: Run, words: Sequence[str]) -> None:
    note = "The account has no queues in eu-central-1."
    cluster = Cluster(read_at=T0, product="Amazon SQS", version=None, nodes=None, notes=(note,))
    ran = await run(Answering(replace(snapshot(T0), cluster=cluster)), *words)
    assert ran.code == 0
    assert note in (json.loads(ran.out)["notes"][0] if words else ran.err)
    ran = await run(Answering(replace(snapshot(T0, [group("billing")]), cluster=cluster)), *words)
    assert note not in ran.out + ran.err


@pytest.mark.parametrize("words", [(), ("--json",)])
async def test_a_group_that_was_not_read_is_named_and_the_exit_code_is_1(run: Run, words: Sequence[str]) -> None:
    ran = await run(Answering(snapshot(T0, [group("billing")], faults=[DENIED])), *words)
    assert ran.code == 1
    problems = json.loads(ran.out)["problems"] if words else [ran.err]
    assert "group payout" in problems[0]
    assert "DESCRIBE on the group is missing" in problems[0]
    assert "billing" in ran.out


async def test_a_broker_that_does_not_answer_is_a_problem(run: Run) -> None:
    broker = Answering()
    broker.fails = BrokerUnavailable("scripted", "Connection refused by 127.0.0.1:1.")
    ran = await run(broker)
    assert ran.code == 1
    assert "Connection refused by 127.0.0.1:1." in ran.err


@pytest.mark.parametrize("unknown_at", [0, 1])
async def test_a_rate_leaves_out_partitions_that_are_unknown_in_one_sweep(unknown_at: int) -> None:
    lags = [(10, UNKNOWN if sweep == unknown_at else 20) for sweep in (0, 1)]
    ends = [(1000 + 50 * sweep, UNKNOWN if sweep == unknown_at else 2000) for sweep in (0, 1)]
    sweeps = [snapshot(T0 + 5 * sweep, [group(lags=lags[sweep], ends=ends[sweep])]) for sweep in (0, 1)]
    polled = PolledBroker(Answering(*sweeps), 5.0)
    await lag._sweep([polled], "*")
    [row] = (await lag._sweep([polled], "*")).groups
    assert (row.lag, row.lag_partial) == ((30, False) if unknown_at == 0 else (10, True))
    for rate in (row.rate_in, row.rate_out):
        assert rate is None or rate == pytest.approx(10.0)


async def test_a_counter_that_fell_has_no_rate() -> None:
    fallen = replace(snapshot(T0 + 5, [group(lags=(10, 20), ends=(500, 2000))]))
    polled = PolledBroker(Answering(snapshot(T0, [group()]), fallen), 5.0)
    await lag._sweep([polled], "*")
    [row] = (await lag._sweep([polled], "*")).groups
    assert (row.rate_in, row.rate_out) == (None, None)
