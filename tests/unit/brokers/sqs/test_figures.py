"""Conversion of a queue's attributes, the price of reading, settings, and throttling."""

import asyncio

import pytest
from pydantic import ValidationError

from signalbox.brokers.errors import LoginRefused
from signalbox.brokers.model import Why
from signalbox.brokers.sqs.conversion import parse_static_attributes, to_destination, to_group
from signalbox.brokers.sqs.pricing import cost_note, price_per_month
from signalbox.brokers.sqs.settings import SqsSettings
from signalbox.brokers.sqs.throttling import CONCURRENCY_MAX, INTERVAL_FACTOR_MAX, Throttle

COUNTS = {"ApproximateNumberOfMessages": "70"}
COUNTS |= {"ApproximateNumberOfMessagesNotVisible": "8", "ApproximateNumberOfMessagesDelayed": "5"}


def test_lag_is_visible_and_in_flight_and_delayed() -> None:
    group = to_group("orders", COUNTS)
    assert (group.waiting, group.in_flight, group.delayed, group.lag, group.lag_partial) == (70, 8, 5, 83, False)
    assert list(group.positions.lag) == [83]
    assert group.approximate


@pytest.mark.parametrize("invalid", ["", "-1", "1.5", "many", "9" * 40, "٣"])
def test_an_invalid_count_is_unknown_and_not_zero(invalid: str) -> None:
    group = to_group("orders", COUNTS | {"ApproximateNumberOfMessagesNotVisible": invalid})
    assert (group.in_flight, group.lag, group.lag_partial) == (None, 75, True)
    unknown = to_group("orders", {})
    assert (unknown.lag, unknown.why, unknown.positions.row_why(0)) == (None, Why.NOT_REPORTED, Why.NOT_REPORTED)
    assert to_destination("orders", {}, parse_static_attributes("orders", {})).messages is None


@pytest.mark.parametrize("receives", ["3", '"3"'])
def test_the_redrive_policy_names_the_dead_letter_queue(receives: str) -> None:
    policy = f'{{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123:orders-dead", "maxReceiveCount": {receives}}}'
    attributes = {"RedrivePolicy": policy, "VisibilityTimeout": "45", "CreatedTimestamp": "17"}
    static = parse_static_attributes("orders", attributes)
    queue = to_destination("orders", COUNTS, static)
    assert queue.dead_letters_to == "orders-dead"
    assert queue.settings == {"dead letter after": "3 receives", "visibility timeout": "45 s"}
    assert (queue.identity, queue.messages) == ("17", 83)


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"maxReceiveCount": 1}', "x" * 5000])
def test_an_invalid_redrive_policy_is_shown_unchanged_and_bounded(text: str) -> None:
    static = parse_static_attributes("orders", {"RedrivePolicy": text})
    assert static.dead_letters_to is None
    assert static.settings == {"redrive policy": text[:200]}


def test_the_price_matches_the_price_list() -> None:
    assert price_per_month(100, 10) == pytest.approx(10.5, rel=0.01)
    assert price_per_month(1000, 60) == pytest.approx(17.5, rel=0.01)
    assert "100 queues every 30 s costs about $3.50 per month" in cost_note(100, 30, 10)


def test_many_queues_are_read_less_often_unless_interval_s_is_set() -> None:
    default = SqsSettings(name="a")
    assert [default.interval_for(200), default.interval_for(201)] == [30.0, 60.0]
    assert SqsSettings(name="a", interval_s=20).interval_for(500) == 20.0


@pytest.mark.parametrize(
    "fields",
    [
        {"access_key_id": "a"},
        {"session_token": "t"},
        {"profile": "p", "access_key_id": "a", "secret_access_key": "s"},
        {"prefix": "a", "queues": ("b",)},
        {"queues": ("a b",)},
        {"endpoint_url": "https://user:word@host"},
        {"endpoint_url": "ftp://host"},
        {"insecure_skip_verify": True, "ca_file": __file__},
        {"region": "eu-central-1", "endpoint_url": "https://sqs.us-east-1.amazonaws.com"},
        {"region": "eu-central-1", "endpoint_url": "https://vpce-1.sqs.us-gov-west-1.vpce.amazonaws.com"},
        {"interval_s": 1},
    ],
)
def test_contradictory_settings_are_rejected(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SqsSettings.model_validate({"name": "a", "kind": "sqs", **fields})


@pytest.mark.parametrize(
    "endpoint", ["https://sqs.eu-central-1.amazonaws.com", "https://sqs.eu-central-1.api.aws", "http://localhost:9324"]
)
def test_an_endpoint_of_the_region_is_accepted(endpoint: str) -> None:
    assert SqsSettings(name="a", region="eu-central-1", endpoint_url=endpoint).endpoint_url == endpoint


def test_throttle_slows_down_within_bounds_and_recovers() -> None:
    throttle = Throttle()
    for _ in range(9):
        throttle.slow_down()
    assert (throttle.concurrency, throttle.interval_factor) == (1, INTERVAL_FACTOR_MAX)
    for _ in range(9):
        throttle.speed_up()
    assert (throttle.concurrency, throttle.interval_factor) == (CONCURRENCY_MAX, 1)


async def test_for_each_reads_all_names_with_bounded_concurrency() -> None:
    throttle, running, most = Throttle(), 0, 0
    names_read: list[str] = []

    async def read(name: str) -> None:
        nonlocal running, most
        running += 1
        if len(names_read) > 50:
            most = max(most, running)
        names_read.append(name)
        await asyncio.sleep(0)
        running -= 1
        if len(names_read) == 20:
            throttle.slow_down()

    names = [str(number) for number in range(200)]
    await throttle.for_each(names, read)
    assert sorted(names_read) == sorted(names)
    assert most == CONCURRENCY_MAX // 2


async def test_the_first_error_cancels_the_others_and_is_raised() -> None:
    names_read = []

    async def read(name: str) -> None:
        names_read.append(name)
        await asyncio.sleep(0)
        raise LoginRefused("sqs", "no")

    with pytest.raises(LoginRefused):
        await Throttle().for_each(map(str, range(1000)), read)
    assert len(names_read) <= CONCURRENCY_MAX
