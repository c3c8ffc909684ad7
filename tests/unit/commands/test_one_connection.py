"""Whatever one connection raises in `check`, `lag` or `serve`, the others are read, and the error has an id in the log."""

import asyncio
import json
import logging
import re
from pathlib import Path

import pytest
from typing_extensions import override

from signalbox.brokers import registry
from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import BrokerKind, Snapshot
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.brokers.port import Broker
from signalbox.brokers.registry import open_broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.brokers.unavailable import UnavailableBroker
from signalbox.commands import broker_access
from tests.support.commands import Ran, run_here
from tests.support.tables import connection
from tests.unit.monitoring.readings import group, positions, snapshot

GOOD, BAD = "good", "bad"
STEPS = ("open", "connect", "sweep", "close")
ERRORS = (UnicodeError("label empty or too long"), ValueError("secret-hunter2"), OSError(22, "x"), KeyError("x"))
SENTENCE = re.compile(r"Signalbox itself failed\. Error ([0-9a-f]{6}) is in the log\.")


class Scripted(UnavailableBroker):
    """Has one group of this name; raises an error at one step."""

    group_name = "billing"

    def __init__(self, settings: ConnectionSettings, step: str = "", error: Exception | None = None) -> None:
        super().__init__(settings, BrokerError(settings.name, "not used"))
        self.step, self.error = step, error
        self.closed = False

    def at(self, step: str) -> None:
        if step == self.step and self.error is not None:
            raise self.error

    @override
    async def connect(self, *, timeout_s: float = 5.0) -> None:
        self.at("connect")

    @override
    async def sweep(self) -> Snapshot:
        self.at("sweep")
        return snapshot(1_790_000_000.0, [group(positions([1], [101]), name=self.group_name)])

    @override
    async def close(self) -> None:
        self.closed = True
        self.at("close")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tables = [connection(name, "nats", urls=["nats://127.0.0.1:1"]) for name in (BAD, GOOD)]
    (tmp_path / "signalbox.toml").write_text("\n".join(tables), encoding="utf-8")
    return tmp_path


def fail(monkeypatch: pytest.MonkeyPatch, step: str, error: Exception) -> list[Scripted]:
    """Let the connection BAD fail at a step; return the adapters as they are opened."""
    opened: list[Scripted] = []

    def adapter(settings: ConnectionSettings) -> Broker:
        if settings.name == BAD and step == "open":
            raise error
        opened.append(Scripted(settings, *(() if settings.name == GOOD else (step, error))))
        return opened[-1]

    monkeypatch.setattr(registry, "_load_class", lambda path: adapter if path.endswith("Broker") else NatsSettings)
    return opened


def assert_explained(problem: str, caplog: pytest.LogCaptureFixture) -> None:
    found = SENTENCE.search(problem)
    assert found, problem
    assert "hunter2" not in problem
    assert f"fault {found[1]}: reading {BAD} failed" in caplog.text


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", STEPS)
async def test_check_and_lag_read_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: str, error: Exception
) -> None:
    opened = fail(monkeypatch, step, error)
    with caplog.at_level(logging.INFO):
        checked, lagged = (
            await run_here("check", "--json", folder=folder),
            await run_here("lag", "--json", folder=folder),
        )
    checks = {check["connection"]: check for check in json.loads(checked.out)}
    report = json.loads(lagged.out)
    lags = {row["connection"]: row["lag"] for row in report["groups"]}
    assert (checks[GOOD]["ok"], lags[GOOD]) == (True, 100)
    assert all(broker.closed for broker in opened)
    if step == "close":  # both were read before
        assert (checks[BAD]["ok"], lags[BAD], report["problems"]) == (True, 100, [])
        return
    assert_explained(checks[BAD]["problem"], caplog)
    [problem] = report["problems"]
    assert_explained(problem, caplog)
    assert (checked.code, lagged.code) == (1, 1)


async def test_a_connection_that_never_answers_ends_with_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_access, "READ_MAX_S", 0.1)
    config = folder / "signalbox.toml"
    config.write_text(config.read_text().replace("urls", "timeout_s = 0.1\nurls"))
    opened = fail(monkeypatch, "", TimeoutError())

    async def hang(_: Scripted) -> Snapshot:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Scripted, "sweep", hang)
    ran = await run_here("lag", "--json", folder=folder)
    assert json.loads(ran.out)["problems"] == [
        f"{name}: The broker did not answer within the deadline." for name in (BAD, GOOD)
    ]
    assert all(broker.closed for broker in opened)


async def test_a_name_that_is_no_unicode_is_printed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, "", ValueError())
    monkeypatch.setattr(Scripted, "group_name", "caf\udce9")
    ran: Ran = await run_here("lag", "--json", folder=folder)
    assert {row["group"] for row in json.loads(ran.out)["groups"]} == {"caf?"}
    assert "caf\\udce9" in (await run_here("lag", folder=folder)).out


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_adapter_that_cannot_be_created_is_a_connection_that_cannot_connect(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """`serve` shows its error and reads the others."""
    fail(monkeypatch, "open", error)
    broker = open_broker(NatsSettings(name=BAD, kind=BrokerKind.NATS, urls=("nats://127.0.0.1:1",)))
    assert broker.name == BAD
    with pytest.raises(type(error)) as raised:
        await broker.connect()
    assert raised.value is error
    await broker.close()
