"""What a queue's attributes mean, what asking for them costs, and how the pace follows what SQS says."""

import asyncio

import pytest
from pydantic import ValidationError

from signalbox.brokers.errors import LoginRefused
from signalbox.brokers.model import Why
from signalbox.brokers.sqs.figures import destination_of, group_of, static_of
from signalbox.brokers.sqs.pricing import cost_note, price_per_month
from signalbox.brokers.sqs.settings import SqsSettings
from signalbox.brokers.sqs.throttling import AT_ONCE_MOST, SLOWEST, Pace

COUNTS = {
    "ApproximateNumberOfMessages": "70",
    "ApproximateNumberOfMessagesNotVisible": "8",
    "ApproximateNumberOfMessagesDelayed": "5",
}


def test_lag_is_visible_and_in_flight_and_delayed() -> None:
    group = group_of("orders", COUNTS)
    assert (group.waiting, group.in_flight, group.delayed, group.lag, group.lag_partial) == (70, 8, 5, 83, False)
    assert list(group.positions.lag) == [83]
    assert group.approximate


@pytest.mark.parametrize("broken", ["", "-1", "1.5", "many", "9" * 40, "٣"])
def test_a_count_that_is_none_is_unknown_and_not_zero(broken: str) -> None:
    group = group_of("orders", COUNTS | {"ApproximateNumberOfMessagesNotVisible": broken})
    assert (group.in_flight, group.lag, group.lag_partial) == (None, 75, True)
    unknown = group_of("orders", {})
    assert (unknown.lag, unknown.why, unknown.positions.row_why(0)) == (None, Why.NOT_REPORTED, Why.NOT_REPORTED)
    assert destination_of("orders", {}, static_of("orders", {}, 0.0)).messages is None


@pytest.mark.parametrize("most", ["3", '"3"'])
def test_the_redrive_policy_names_the_dead_letter_queue(most: str) -> None:
    policy = f'{{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123:orders-dead", "maxReceiveCount": {most}}}'
    static = static_of("orders", {"RedrivePolicy": policy, "VisibilityTimeout": "45", "CreatedTimestamp": "17"}, 0.0)
    queue = destination_of("orders", COUNTS, static)
    assert queue.dead_letters_to == "orders-dead"
    assert queue.settings == {"dead letter after": "3 receives", "visibility timeout": "45 s"}
    assert (queue.identity, queue.messages) == ("17", 83)


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"maxReceiveCount": 1}', "x" * 5000])
def test_a_redrive_policy_that_cannot_be_read_is_shown_as_it_is_bounded(text: str) -> None:
    static = static_of("orders", {"RedrivePolicy": text}, 0.0)
    assert static.dead_letters_to is None
    assert static.settings == {"redrive policy": text[:200]}


def test_the_price_is_the_published_one() -> None:
    assert price_per_month(100, 10) == pytest.approx(10.5, rel=0.01)
    assert price_per_month(1000, 60) == pytest.approx(17.5, rel=0.01)
    assert "100 queues each 30 s costs about $3.50 a month" in cost_note(100, 30, 10)


def test_many_queues_are_read_more_rarely_unless_it_is_said_how_often() -> None:
    usual = SqsSettings(name="a")
    assert [usual.every_s(200), usual.every_s(201)] == [30.0, 60.0]
    assert SqsSettings(name="a", interval_s=20).every_s(500) == 20.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"access_key_id": "a"},
        {"session_token": "t"},
        {"profile": "p", "access_key_id": "a", "secret_access_key": "s"},
        {"prefix": "a", "queues": ("b",)},
        {"queues": ("a b",)},
        {"endpoint_url": "https://user:word@host"},
        {"endpoint_url": "ftp://host"},
        {"insecure_skip_verify": True, "ca_file": __file__},
        {"interval_s": 1},
    ],
)
def test_settings_that_contradict_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SqsSettings.model_validate({"name": "a", "kind": "sqs", **wrong})


def test_the_pace_slows_down_within_bounds_and_recovers() -> None:
    pace = Pace()
    for _ in range(9):
        pace.slow_down()
    assert (pace.at_once, pace.factor) == (1, SLOWEST)
    for _ in range(9):
        pace.speed_up()
    assert (pace.at_once, pace.factor) == (AT_ONCE_MOST, 1)


async def test_each_asks_for_all_with_so_many_at_once_and_fewer_when_slowed() -> None:
    pace, now, most = Pace(), 0, 0
    asked: list[str] = []

    async def ask(name: str) -> None:
        nonlocal now, most
        now += 1
        if len(asked) > 50:
            most = max(most, now)
        asked.append(name)
        await asyncio.sleep(0)
        now -= 1
        if len(asked) == 20:
            pace.slow_down()

    names = [str(number) for number in range(200)]
    await pace.each(names, ask)
    assert sorted(asked) == sorted(names)
    assert most == AT_ONCE_MOST // 2


async def test_the_first_error_ends_all_and_is_itself_raised() -> None:
    asked = []

    async def ask(name: str) -> None:
        asked.append(name)
        await asyncio.sleep(0)
        raise LoginRefused("sqs", "no")

    with pytest.raises(LoginRefused):
        await Pace().each(map(str, range(1000)), ask)
    assert len(asked) <= AT_ONCE_MOST
