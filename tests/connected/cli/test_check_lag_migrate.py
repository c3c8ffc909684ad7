"""`signalbox check`, `lag`, `migrate` and `serve` on a real NATS server: each as a process once, then in this process."""

import json
from pathlib import Path

import pytest

from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.model import BrokerKind, DestinationSpec, Message
from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.brokers.registry import KINDS
from signalbox.servers.nats import NatsServer
from signalbox.servers.process import free_port
from tests.support.commands import configured, run_here, signalbox
from tests.support.nats import nats_settings, opened

CANARY = "canary-5d2e77"


def table(server: NatsServer, *, password: str | None = None) -> str:
    return f"""
        [[connections]]
        name = "shop"
        kind = "nats"
        urls = ["{server.url}"]
        user = "{server.user}"
        password = "{password or server.password}"
    """


async def backlog(broker: NatsBroker, stream: str, *, published: int, acked: int) -> None:
    await broker.ensure([DestinationSpec(name=stream, groups=("reader",))])
    for number in range(published):
        await broker.publish(stream, Message(body=str(number).encode()))
    deliveries = broker.receive(stream, "reader")
    for _ in range(acked):
        delivery = await anext(deliveries)
        await delivery.ack()
    await deliveries.aclose()


async def test_lag_matches_published_and_acknowledged_messages(tmp_path: Path, nats_broker: NatsServer) -> None:
    async with opened(nats_settings(nats_broker)) as broker:
        await backlog(broker, "cli-orders", published=11, acked=4)
        await backlog(broker, "cli-emails", published=5, acked=3)
        configured(tmp_path, table(nats_broker))
        ran = await signalbox("lag", "--json", "--group", "cli-*", folder=tmp_path)
    assert ran.code == 0, ran.err
    swept = json.loads(ran.out)
    assert [(row["group"], row["lag"]) for row in swept["groups"]] == [
        ("cli-orders/reader", 7),
        ("cli-emails/reader", 2),
    ]
    assert swept["problems"] == []


async def test_lag_prints_a_table(tmp_path: Path, nats_broker: NatsServer) -> None:
    async with opened(nats_settings(nats_broker)) as broker:
        await backlog(broker, "cli-table", published=9, acked=1)
        configured(tmp_path, table(nats_broker))
        ran = await signalbox("lag", "--group", "cli-table/*", folder=tmp_path)
    line = next(line for line in ran.out.splitlines() if "cli-table/reader" in line)
    assert line.split()[0] == "shop"
    assert " 8 " in line


async def test_check_reports_reachable_connections(tmp_path: Path, nats_broker: NatsServer) -> None:
    configured(tmp_path, table(nats_broker))
    ran = await signalbox("check", folder=tmp_path)
    assert ran.code == 0, ran.all
    assert "Configuration is valid" in ran.out
    assert "shop (NATS" in ran.out
    as_json = json.loads((await run_here("check", "--json", folder=tmp_path)).out)
    assert as_json[0]["ok"] is True
    assert as_json[0]["destinations"] > 0


async def test_check_names_the_fault_and_never_the_secret(tmp_path: Path, nats_broker: NatsServer) -> None:
    nobody = f'[[connections]]\nname = "gone"\nkind = "nats"\nurls = ["nats://127.0.0.1:{free_port()}"]\n'
    configured(tmp_path, table(nats_broker, password=CANARY) + nobody)
    for verb in ("check", "lag"):
        for words in ((verb,), (verb, "--json"), ("-v", verb)):
            verbose = words[0] == "-v"  # its log goes to the stderr of a process
            ran = await (signalbox(*words, folder=tmp_path) if verbose else run_here(*words, folder=tmp_path))
            assert ran.code == 1
            assert "shop" in ran.all
            assert "gone" in ran.all
            assert CANARY not in ran.all
            assert "Traceback" not in ran.all


async def test_one_connection_that_fails_takes_no_other_along(
    tmp_path: Path, nats_broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_broker: KafkaBroker, *, timeout_s: float = 5.0) -> None:
        raise UnicodeError(f"a fault of our own after {timeout_s} s")

    monkeypatch.setattr(KafkaBroker, "connect", fail)
    monkeypatch.setitem(KINDS, BrokerKind.SQS, ("sqs.settings:SqsSettings", "sqs.not_installed:SqsBroker"))
    others = '[[connections]]\nname = "odd"\nkind = "kafka"\nbootstrap = ["kafka-1:9092"]\n'
    others += '[[connections]]\nname = "cloud"\nkind = "sqs"\nregion = "eu-north-1"\n'
    async with opened(nats_settings(nats_broker)) as broker:
        await backlog(broker, "cli-others", published=6, acked=1)
    configured(tmp_path, others + table(nats_broker))
    checked = await run_here("check", folder=tmp_path)
    swept = await run_here("lag", "--json", "--group", "cli-others/*", folder=tmp_path)
    assert (checked.code, swept.code) == (1, 1)
    assert "shop (NATS" in checked.out
    assert [row["lag"] for row in json.loads(swept.out)["groups"]] == [5]
    for problems in (checked.out, " ".join(json.loads(swept.out)["problems"])):
        assert "Signalbox itself failed" in problems
        assert "for sqs connections is not installed" in problems
    assert "No consumer group was read." in (await run_here("lag", "--connection", "odd", folder=tmp_path)).out


async def test_configuration_faults_are_all_listed_with_exit_code_2(tmp_path: Path) -> None:
    configured(tmp_path, '[server]\nprot = 1\n[[connections]]\nname = "x"\nkind = "kafak"\n')
    for verb in ("serve", "check", "lag", "migrate"):
        ran = await run_here(verb, folder=tmp_path)
        assert ran.code == 2
        assert "did you mean port?" in ran.err
        assert "did you mean kafka?" in ran.err
        assert "Traceback" not in ran.all


async def test_migrate_creates_the_tables_once(tmp_path: Path) -> None:
    first = await signalbox("migrate", folder=tmp_path)
    again = await signalbox("migrate", folder=tmp_path)
    assert (first.code, again.code) == (0, 0), first.all + again.all
    assert "is now at this version's schema" in first.out
    assert "was already" in again.out


async def test_on_postgresql_serve_refuses_an_old_schema_and_names_the_command(
    tmp_path: Path, postgres_url: str
) -> None:
    configured(tmp_path, f'[server]\nport = {free_port()}\n[database]\nurl = "{postgres_url}"\n')
    refused = await signalbox("serve", folder=tmp_path)
    assert refused.code != 0
    assert "signalbox migrate" in refused.all
    assert "Traceback" not in refused.all
    assert (await run_here("migrate", folder=tmp_path)).code == 0


async def test_serve_names_a_port_that_is_taken(tmp_path: Path, nats_broker: NatsServer) -> None:
    configured(tmp_path, f"[server]\nport = {nats_broker.port}\n")
    ran = await signalbox("serve", folder=tmp_path)
    assert ran.code == 2
    assert f"127.0.0.1:{nats_broker.port}" in ran.err
    assert "Address already in use" in ran.err
