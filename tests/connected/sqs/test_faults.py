"""Errors of SQS and of the network: the right error, in time, and without secrets."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from signalbox.brokers import errors
from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable, LoginRefused, WrongProtocol
from signalbox.brokers.model import DestinationSpec, Message, Why
from signalbox.brokers.sqs.adapter import SqsBroker
from signalbox.brokers.sqs.throttling import Throttled
from signalbox.brokers.sqs.transport import MISSES_MAX
from signalbox.servers.sqs import SqsServer
from tests.support.certificates import Certificates, issue
from tests.support.proxy import Proxy, silent_port
from tests.support.sqs import Answer, Answering, SqsStub, opened, refusal
from tests.support.waiting import elapsed

SECRETS = {"secret_access_key": "canary-7e1d-key", "session_token": "canary-7e1d-token"}
NAMES = [f"orders-{number}" for number in range(40)]


@pytest.fixture(autouse=True)
def no_aws_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def with_queues(answer: Answering) -> Answering:
    """Answer ListQueues and GetQueueUrl for NAMES, and everything else with `answer`."""

    def answering(action: str, parameters: Mapping[str, Any]) -> Answer:
        if action == "ListQueues":
            return Answer(body={"QueueUrls": [f"http://sqs/1/{name}" for name in NAMES]})
        if action == "GetQueueUrl":
            return Answer(body={"QueueUrl": f"http://sqs/1/{parameters['QueueName']}"})
        return answer(action, parameters)

    return answering


def counts(visible: int) -> Answer:
    by_kind = {"": visible, "NotVisible": 1, "Delayed": 2}
    attributes = {f"ApproximateNumberOfMessages{kind}": str(count) for kind, count in by_kind.items()}
    return Answer(body={"Attributes": attributes})


@asynccontextmanager
async def connected_to_stub(answer: Answering, **overrides: object) -> AsyncIterator[tuple[SqsBroker, SqsStub]]:
    async with SqsStub(answer).running() as stub:
        broker = opened(stub.endpoint, **overrides)
        try:
            await broker.connect()
            yield broker, stub
        finally:
            await broker.close()


async def connect_error(broker: SqsBroker, *, timeout_s: float = 5.0) -> BrokerError:
    async with elapsed() as took:
        with pytest.raises(BrokerError) as caught:
            await broker.connect(timeout_s=timeout_s)
    assert took.seconds < timeout_s + 1.0
    await broker.close()
    return caught.value


@pytest.mark.parametrize(
    ("answer", "expected", "text"),
    [
        (refusal("UnrecognizedClientException", "token", query_code="InvalidClientTokenId"), LoginRefused, "token"),
        (refusal("UnrecognizedClientException", "token"), LoginRefused, "token"),
        (refusal("InvalidSignatureException", "sig", query_code="SignatureDoesNotMatch"), LoginRefused, "sig"),
        (refusal("SignatureDoesNotMatch", "sig", status=403), LoginRefused, "sig"),
        (refusal("ExpiredTokenException", "old", query_code="ExpiredToken"), LoginRefused, "old"),
        (refusal("AccessDeniedException", "no action"), errors.PermissionMissing, "no action"),
        (refusal("RequestThrottled", "slow"), Throttled, "slow"),
        (refusal("InternalFailure", "oops", status=500), BrokerUnavailable, "oops"),
        (Answer(status=502, body={}), BrokerUnavailable, "502"),
        (Answer(status=404, body={}), WrongProtocol, "404"),
        (refusal("Surprise", "what"), BrokerError, "Surprise: what"),
    ],
)
async def test_error_codes_are_translated(answer: Answer, expected: type[BrokerError], text: str) -> None:
    async with SqsStub(lambda *_: answer).running() as stub:
        error = await connect_error(opened(stub.endpoint))
    assert type(error) is expected
    assert text in str(error)
    assert len(stub.asked) <= 2


async def test_no_secret_appears_in_an_error_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    echo = refusal("SignatureDoesNotMatch", f"you sent {SECRETS['secret_access_key']} and {SECRETS['session_token']}")
    async with SqsStub(lambda *_: echo).running() as stub:
        broker = opened(stub.endpoint, **SECRETS)
        error = await connect_error(broker)
    texts = [str(error), repr(error), repr(error.__cause__), repr(error.__context__), repr(broker), caplog.text]
    assert "you sent ***" in str(error)
    assert not [text for text in texts if "canary-7e1d" in text]
    with pytest.raises(ValueError, match="together") as refused:
        opened("http://x", secret_access_key="canary-7e1d-key", access_key_id=None)
    assert "canary" not in str(refused.value)


async def test_a_message_of_the_broker_becomes_one_bounded_printable_line() -> None:
    nasty = "line\r\none\x1b[31m\u202e<b>" + "x" * 5000
    async with SqsStub(lambda *_: refusal("AccessDenied", nasty)).running() as stub:
        error = await connect_error(opened(stub.endpoint))
    assert str(error).isprintable()
    assert len(str(error)) < 700
    assert "line one" in str(error)
    assert "sqs:ListQueues" in error.hint


async def test_a_denied_queue_is_a_fault_and_the_others_are_read() -> None:
    def answer(action: str, parameters: Mapping[str, Any]) -> Answer:
        number = int(parameters["QueueUrl"].rpartition("-")[2])
        if number % 4 == 0:
            return refusal("AccessDenied", f"User: arn:aws:iam::1:user/x is not authorized on orders-{number}")
        return counts(number)

    async with connected_to_stub(with_queues(answer)) as (broker, _):
        snapshot = await broker.sweep()
    expected = {name: number for number, name in enumerate(NAMES) if number % 4}
    assert {name: group.waiting for name, group in snapshot.groups.items()} == expected
    assert {fault.group for fault in snapshot.faults} == set(NAMES) - expected.keys()
    assert {fault.why for fault in snapshot.faults} == {Why.NOT_PERMITTED}
    assert all("sqs:GetQueueAttributes" in f.detail and "arn:aws:iam" in f.detail for f in snapshot.faults)
    assert snapshot.cluster is not None
    assert snapshot.cluster.missing_permissions == ("sqs:GetQueueAttributes on 10 queues",)


async def test_throttling_lowers_the_request_rate_until_it_ends() -> None:
    state = {"throttled": True}

    def answer(action: str, parameters: Mapping[str, Any]) -> Answer:
        if state["throttled"] and parameters["QueueUrl"].endswith("7"):
            return refusal("ThrottlingException", "Rate exceeded", query_code="RequestThrottled")
        return counts(3)

    async with connected_to_stub(with_queues(answer)) as (broker, stub):
        normal = (broker.sweep_interval_s, broker.watch_interval_s)
        first = await broker.sweep()
        assert stub.at_once_most <= 16
        slower = (broker.sweep_interval_s, broker.watch_interval_s)
        assert {fault.group for fault in first.faults} == {name for name in NAMES if name.endswith("7")}
        stub.at_once_most = 0
        second = await broker.sweep()
        assert stub.at_once_most <= 8
        assert broker.sweep_interval_s == 4 * normal[0]
        state["throttled"] = False
        recovered = [await broker.sweep() for _ in range(3)][-1]
        assert (broker.sweep_interval_s, broker.watch_interval_s) == normal
    assert normal == (30.0, 10.0)
    assert slower == (60.0, 20.0)
    assert len(first.groups) == len(second.groups) == 36
    assert not recovered.faults


async def test_a_failing_endpoint_is_not_asked_about_every_queue() -> None:
    answer = with_queues(lambda *_: refusal("InternalFailure", "oops", status=500))
    async with connected_to_stub(answer) as (broker, stub):
        with pytest.raises(BrokerUnavailable, match="oops"):
            await broker.sweep()
        assert stub.asked.count("GetQueueAttributes") <= 2 * 31  # two attempts each, until 16 in a row got no answer


async def test_keys_that_expire_during_a_sweep_end_it_at_once() -> None:
    answered = {"count": 0}

    def answer(*_: object) -> Answer:
        answered["count"] += 1
        return counts(answered["count"]) if answered["count"] <= 20 else refusal("ExpiredTokenException", "old token")

    async with connected_to_stub(with_queues(answer)) as (broker, stub):
        snapshot = await broker.sweep()
        asked = stub.asked.count("GetQueueAttributes")
        assert len(snapshot.groups) == 20
        assert asked <= 20 + 16
        assert f"{len(NAMES) - asked} queues were not read" in [fault.resource for fault in snapshot.faults]
        with pytest.raises(LoginRefused, match="old token"):
            await broker.sweep()


@asynccontextmanager
async def connected_through_proxy(server: SqsServer, **overrides: object) -> AsyncIterator[tuple[SqsBroker, Proxy]]:
    async with Proxy(urlsplit(server.endpoint).port or 80) as proxy:
        broker = opened(f"http://127.0.0.1:{proxy.port}", **overrides)
        await broker.connect()
        yield broker, proxy
        await broker.close()


async def test_a_silent_endpoint_is_an_error_within_the_timeout(elasticmq: SqsServer) -> None:
    settings = {"include": ("silent-*",), "timeout_s": 1.0}
    async with connected_through_proxy(elasticmq, **settings) as (broker, proxy):
        await broker.ensure([DestinationSpec(name="silent-1")])
        await broker.sweep()
        proxy.hang()
        async with elapsed() as took:
            with pytest.raises(BrokerTimeout, match=r"did not answer within 1 s"):
                await broker.watch(["silent-1"])
        assert took.seconds < 1.5
        proxy.resume()
        assert set((await broker.watch(["silent-1"])).groups) == {"silent-1"}


async def test_https_to_a_plain_http_port(elasticmq: SqsServer) -> None:
    error = await connect_error(opened(elasticmq.endpoint.replace("http:", "https:")))
    assert isinstance(error, WrongProtocol)
    assert "http://" in error.hint


async def test_an_untrusted_certificate_is_refused_unless_ca_file_is_set(tmp_path: Path) -> None:
    certificates = issue(tmp_path)
    async with tls_stub(certificates) as port:
        error = await connect_error(opened(f"https://127.0.0.1:{port}"))
        assert isinstance(error, errors.CertificateRefused)
        assert "ca_file" in error.hint
        for tls_settings in ({"ca_file": str(certificates.ca_file)}, {"insecure_skip_verify": True}):
            broker = opened(f"https://127.0.0.1:{port}", **tls_settings)
            await broker.connect()
            await broker.close()


@asynccontextmanager
async def tls_stub(certificates: Certificates) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server.cert_file, certificates.server.key_file)
    stub = SqsStub(lambda *_: Answer(body={}))
    server = await asyncio.start_server(stub._serve, "127.0.0.1", 0, ssl=context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


# Credentials


SIGN_IN = """[profile gone]
sso_session = s
sso_account_id = 1
sso_role_name = r
[sso-session s]
sso_region = eu-west-1
sso_start_url = https://sso.example/start
"""
WITHOUT_KEYS: dict[str, object] = {"access_key_id": None, "secret_access_key": None}


@pytest.mark.parametrize(
    ("settings", "expected", "hint"),
    [(WITHOUT_KEYS, LoginRefused, "AWS_ACCESS_KEY_ID"), ({"region": None}, BrokerUnavailable, "region")],
    ids=["credentials", "region"],
)
async def test_missing_settings_are_named(settings: dict[str, object], expected: type[BrokerError], hint: str) -> None:
    error = await connect_error(opened("http://127.0.0.1:9", **settings))
    assert isinstance(error, expected)
    assert hint in error.hint


@pytest.mark.parametrize(
    ("config", "expected", "text"),
    [
        ("", LoginRefused, "gone"),
        ("[profile gone]\ncredential_process = false\n", LoginRefused, ""),
        ("[profile gone]\ncredential_process = sleep 4\n", BrokerTimeout, "Cannot get AWS credentials within 2 s"),
        (SIGN_IN, LoginRefused, ""),
    ],
)
async def test_a_profile_without_credentials_is_an_error_in_time(
    config: str, expected: type[BrokerError], text: str, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(config)
    error = await connect_error(opened("http://127.0.0.1:9", profile="gone", **WITHOUT_KEYS), timeout_s=2.0)
    assert type(error) is expected
    assert text in str(error)
    assert error.hint


async def test_a_silent_role_service_is_an_error_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with silent_port() as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{port}")
        (tmp_path / "credentials").write_text("[base]\naws_access_key_id = a\naws_secret_access_key = b\n")
        (tmp_path / "config").write_text("[profile r]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n")
        error = await connect_error(opened("http://127.0.0.1:9", profile="r", **WITHOUT_KEYS), timeout_s=1.5)
    assert type(error) is BrokerTimeout
    assert "STS" in str(error)


# Publishing


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal("InternalFailure", "oops", status=500), errors.OutcomeUnknown),
        (refusal("RequestThrottled", "slow"), errors.PublishRefused),
        (refusal("AccessDenied", "no"), errors.PublishRefused),
        (refusal("InvalidMessageContents", "bad"), errors.PublishRefused),
    ],
)
async def test_a_failed_publish_is_sent_once_with_its_outcome(answer: Answer, expected: type[BrokerError]) -> None:
    async with connected_to_stub(with_queues(lambda *_: answer)) as (broker, stub):
        with pytest.raises(expected) as caught:
            await broker.publish("orders-1", Message(body=b"x"))
        assert stub.asked.count("SendMessage") == 1
    assert type(caught.value) is expected


MISSING = refusal("QueueDoesNotExist", "none", query_code="AWS.SimpleQueueService.NonExistentQueue")
MISSING_TWICE = 2


def missing_at_first(action: str, found: Answer) -> Answering:
    """Answer this action twice as if the queue did not exist, as SQS does for a new queue."""
    answers = iter([MISSING] * MISSING_TWICE)
    return lambda asked, _: next(answers, found) if asked == action else found


async def test_a_publish_to_a_new_queue_is_sent_again_until_sqs_knows_the_queue() -> None:
    answer = missing_at_first("SendMessage", Answer(body={"MessageId": "m"}))
    async with connected_to_stub(with_queues(answer)) as (broker, stub):
        await broker.publish("orders-1", Message(body=b"x"))
        assert stub.asked.count("SendMessage") == MISSING_TWICE + 1


async def test_a_publish_to_a_missing_queue_is_unroutable_after_five_answers() -> None:
    async with connected_to_stub(with_queues(lambda *_: MISSING)) as (broker, stub):
        with pytest.raises(errors.Unroutable):
            await broker.publish("orders-1", Message(body=b"x"))
        assert stub.asked.count("SendMessage") == 1 + MISSES_MAX
        with pytest.raises(errors.Unroutable):
            await broker.publish("orders-1", Message(body=b"x"), timeout_s=0.3)


@pytest.mark.parametrize("action", ["GetQueueUrl", "ReceiveMessage"])
async def test_a_receiver_of_a_new_queue_asks_again_until_sqs_knows_the_queue(action: str) -> None:
    message = {"MessageId": "m", "ReceiptHandle": "h", "Body": "hello", "MD5OfBody": "5d41402abc4b2a76b9719d911017c592"}
    found = Answer(body={"Messages": [message], "QueueUrl": "http://sqs/1/new"})
    answer = missing_at_first(action, found)

    def answering(asked: str, parameters: Mapping[str, Any]) -> Answer:
        return Answer(body={}) if asked == "ListQueues" else answer(asked, parameters)

    async with connected_to_stub(answering) as (broker, stub), aclosing(broker.receive("new", "reader")) as deliveries:
        delivery = await asyncio.wait_for(anext(deliveries), 10)
        assert delivery.message.body == b"hello"
        assert stub.asked.count(action) >= MISSING_TWICE + 1


async def test_a_publish_without_an_answer_may_be_stored(elasticmq: SqsServer) -> None:
    async with connected_through_proxy(elasticmq) as (broker, proxy):
        await broker.ensure([DestinationSpec(name="unsure-1")])
        proxy.hang()
        with pytest.raises(errors.OutcomeUnknown, match="may be stored"):
            await broker.publish("unsure-1", Message(body=b"x"), timeout_s=0.5)
        proxy.resume()
        async with aclosing(broker.receive("unsure-1", "reader")) as deliveries:
            delivery = await asyncio.wait_for(anext(deliveries), 10)  # it was stored
            assert delivery.message.body == b"x"
            await delivery.ack()
