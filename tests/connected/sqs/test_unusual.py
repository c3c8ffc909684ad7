"""Queues that change, lists that are old, endpoints and regions that are not what they seem."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from signalbox.brokers.errors import BrokerUnavailable, LoginRefused
from signalbox.brokers.sqs.adapter import SqsBroker
from signalbox.brokers.sqs.errors import translate
from signalbox.brokers.sqs.settings import SqsSettings
from signalbox.servers.sqs import SqsServer
from tests.connected.sqs.test_faults import connect_error, connected_to_stub, counts
from tests.connected.sqs.test_figures import connected, delete, read_attributes, unique
from tests.support.sqs import KEY_ID, SECRET, Answer, SqsStub, opened, plain_client, refusal


@pytest.fixture(autouse=True)
def no_aws_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


async def test_changed_and_recreated_queues_show_their_settings_at_once(moto: SqsServer) -> None:
    plain = await asyncio.to_thread(plain_client, moto.endpoint)
    changed, recreated, dead = unique("changed"), unique("recreated"), unique("dead")

    def create() -> str:
        arn = read_attributes(plain, plain.create_queue(QueueName=dead)["QueueUrl"].rpartition("/")[2])["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        plain.create_queue(QueueName=changed, Attributes={"VisibilityTimeout": "30", "MessageRetentionPeriod": "3600"})
        plain.create_queue(QueueName=recreated, Attributes={"VisibilityTimeout": "30", "RedrivePolicy": policy})
        return policy

    def change(policy: str) -> None:
        url = plain.get_queue_url(QueueName=changed)["QueueUrl"]
        attributes = {"VisibilityTimeout": "300", "MessageRetentionPeriod": "7200", "RedrivePolicy": policy}
        plain.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        delete(plain, recreated)
        plain.create_queue(QueueName=recreated, Attributes={"VisibilityTimeout": "120"})

    policy = await asyncio.to_thread(create)
    async with connected(moto, include=(changed, recreated)) as broker:
        before = (await broker.sweep()).destinations
        assert (before[changed].dead_letters_to, before[recreated].dead_letters_to) == (None, dead)
        await asyncio.to_thread(change, policy)
        after = (await broker.sweep()).destinations
    assert after[changed].settings["visibility timeout"] == "300 s"
    retention = after[changed].retention
    assert retention is not None
    assert (retention.age_s, after[changed].dead_letters_to) == (7200.0, dead)
    assert (after[recreated].settings["visibility timeout"], after[recreated].dead_letters_to) == ("120 s", None)


async def test_a_queue_that_only_the_list_still_knows_is_gone() -> None:
    names = ["kept", "ghost"]
    gone = {"ghost"}

    def answer(action: str, parameters: Mapping[str, Any]) -> Answer:
        if action == "ListQueues":
            return Answer(body={"QueueUrls": [f"http://sqs/1/{name}" for name in names]})
        missing = str(parameters.get("QueueUrl") or parameters["QueueName"]).rpartition("/")[2] in gone
        return refusal("QueueDoesNotExist", "no such queue") if missing else counts(3)

    async with connected_to_stub(answer) as (broker, _):
        gone.clear()
        assert set((await broker.sweep()).groups) == set(names)
        gone.add("ghost")
        snapshots = [await broker.sweep() for _ in range(4)]
        gone.clear()
        back = await broker.sweep()
    assert [snapshot.gone_groups for snapshot in snapshots] == [set(), set(), {"ghost"}, set()]
    assert set(back.groups) == set(names)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"])
async def test_an_endpoint_of_the_environment_costs_nothing(
    moto: SqsServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, moto.endpoint)
    keys = {"access_key_id": KEY_ID, "secret_access_key": SECRET, "region": "us-east-1"}
    broker = SqsBroker(SqsSettings.model_validate({"name": "q", "kind": "sqs", **keys}))
    assert broker.cost_note(100) is None
    await broker.connect()
    cluster = (await broker.sweep()).cluster
    await broker.close()
    assert cluster is not None
    assert (broker.cost_note(100), cluster.product) == (None, "SQS-compatible server")


async def test_an_endpoint_of_the_profile_costs_nothing(
    moto: SqsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profile = f"[profile local]\nregion = eu-north-1\nendpoint_url = {moto.endpoint}\n"
    keys = f"aws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
    await asyncio.to_thread((tmp_path / "config").write_text, profile + keys)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    broker = SqsBroker(SqsSettings.model_validate({"name": "q", "kind": "sqs", "profile": "local"}))
    await broker.connect()
    cluster = (await broker.sweep()).cluster
    await broker.close()
    assert cluster is not None
    assert broker.cost_note(100) is None
    assert cluster.notes[1] == "The account has no queues in eu-north-1. If that is a surprise, check region."


async def test_a_region_without_queues_is_named(moto: SqsServer) -> None:
    plain = await asyncio.to_thread(plain_client, moto.endpoint)
    await asyncio.to_thread(plain.create_queue, QueueName=unique("elsewhere"))
    for prefix, named in (("", ""), ("pay", " whose name begins with pay")):
        async with connected(moto, region="eu-central-1", prefix=prefix) as broker:
            cluster = (await broker.sweep()).cluster
        assert cluster is not None
        expected = f"The account has no queues{named} in eu-central-1. If that is a surprise, check region."
        assert cluster.notes[1] == expected


async def test_an_endpoint_of_another_region_is_told_exactly() -> None:
    text = "Credential should be scoped to a valid region, not 'eu-west-1'."
    for code in ("SignatureDoesNotMatch", "InvalidSignatureException"):
        async with SqsStub(lambda *_, code=code: refusal(code, text, status=403)).running() as stub:
            error = await connect_error(opened(stub.endpoint))
        assert isinstance(error, LoginRefused)
        assert error.problem.startswith("The endpoint belongs to another region than eu-west-1: ")
        assert error.hint == "Set region to the region of the endpoint."


async def test_the_clock_of_sqs_is_compared_with_ours() -> None:
    stamped = replace(counts(3), headers={"Date": "Tue, 01 Dec 2026 18:00:00 GMT"})

    def answer(action: str, _: Mapping[str, Any]) -> Answer:
        return Answer(body={"QueueUrls": ["http://sqs/1/orders"]}) if action == "ListQueues" else stamped

    at = datetime(2026, 12, 1, 18, 3, 0, tzinfo=UTC).timestamp()
    async with SqsStub(answer).running() as stub:
        settings = {"endpoint_url": stub.endpoint, "access_key_id": KEY_ID, "secret_access_key": SECRET}
        checked = SqsSettings.model_validate({"name": "q", "kind": "sqs", "region": "eu-west-1", **settings})
        broker = SqsBroker(checked, clock=lambda: at)
        await broker.connect()
        cluster = (await broker.sweep()).cluster
        await broker.close()
    assert cluster is not None
    assert cluster.notes[1].replace("\u00a0", " ") == "The broker's clock is 2 min 58 s behind the clock of Signalbox."


def test_a_region_that_does_not_exist_is_named() -> None:
    failed = EndpointConnectionError(endpoint_url="https://sqs.eu-nowhere-9.amazonaws.com/", error="unknown host")
    error = translate("q", failed, lambda text: text, "eu-nowhere-9")
    assert isinstance(error, BrokerUnavailable)
    assert error.problem.startswith("Cannot reach SQS in the region eu-nowhere-9: ")
    assert error.hint == "Check that the region eu-nowhere-9 exists, and the network."
