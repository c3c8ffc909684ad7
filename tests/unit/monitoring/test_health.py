"""A connection or destination is not shown as healthy while what is on it needs attention."""

from dataclasses import replace

from signalbox.brokers.model import Destination, Fault, Group, GroupState, RetentionLimits, Scope, Why
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import ConnectionView, DestinationView, LinkState, Reason, Status
from signalbox.web.monitoring.attention import attention
from signalbox.web.monitoring.context import monitoring_context
from tests.unit.monitoring.readings import group, positions, snapshot, topic
from tests.unit.monitoring.test_monitor import NAME, Bench, existing, idle, published_keys
from tests.unit.monitoring.views import text


def unread(name: str) -> Group:
    return group(positions([10] * 2, [60] * 2), name=name, state=GroupState.EMPTY, members=0)


def shown(bench: Bench) -> tuple[ConnectionView, str]:
    view = existing(bench.monitor.connection(NAME))
    return view, text(words.connection_sentence(view, bench.now))


def orders(bench: Bench) -> tuple[DestinationView, str]:
    view = existing(bench.monitor.destination(NAME, "orders"))
    return view, text(words.destination_sentence(view, bench.now))


async def test_a_connection_whose_groups_need_attention_says_how_many_and_is_not_green() -> None:
    bench = Bench()
    groups = [unread(f"job-{number}") for number in range(122)]
    for _ in range(2):
        await bench.sweep(idle(), *groups, ends=100)
    view, sentence = shown(bench)
    assert sentence == "Responding; 122 of 123 groups need attention."
    assert (words.link_text(view, bench.now), words.link_status(view)) == (
        "connected, 122 need attention",
        Status.STOPPED,
    )
    await bench.sweep(idle(), gone_groups=[group.name for group in groups])
    view, sentence = shown(bench)
    assert sentence == "Responding; the only consumer group is healthy."
    assert words.link_status(view) is LinkState.CONNECTED


async def test_a_connection_with_a_broken_destination_is_not_green() -> None:
    bench = Bench()
    broken = replace(topic([100]), name="mirror", healthy=False, state="mirror is broken")
    for _ in range(2):
        bench.now += 5
        await bench.monitor.apply(NAME, snapshot(bench.now, [idle()], [topic([100] * 2), broken]), interval_s=5.0)
    view, sentence = shown(bench)
    assert sentence == "Responding; 1 of 2 destinations needs attention."
    assert words.tone(words.link_status(view)) == "caution"
    context = monitoring_context(bench.monitor)
    overview = text(words.overview_sentence(bench.monitor.connections(), bench.monitor.groups(), bench.now))
    assert overview == "The only consumer group is healthy. 1 destination needs attention."
    (row,) = attention(context).rows
    assert (row.name, row.status.text) == ("mirror", "not running")


async def test_skewed_keys_hide_no_trouble_of_a_group_and_need_no_attention() -> None:
    bench = Bench()
    for step in range(6):
        bench.now += 5
        ends = [10 * step, 10 * step, 2000 * step]
        groups = [group(positions([0] * 3, ends), name="mail", state=GroupState.EMPTY, members=0)] if step > 3 else []
        await bench.monitor.apply(NAME, snapshot(bench.now, groups, [topic(ends)]), interval_s=5.0)
        if step == 3:
            assert orders(bench)[0].verdict.reason is Reason.HOT
            assert shown(bench)[1] == "Responding."
    assert (orders(bench)[0].verdict.status, orders(bench)[0].verdict.reason) == (Status.STOPPED, Reason.CONSUMERS)


async def test_a_connection_with_something_that_could_not_be_read_is_not_green() -> None:
    bench = Bench()
    fault = Fault(resource="vhost /shop", why=Why.NO_ANSWER, detail="Not found")
    bench.now += 5
    await bench.monitor.apply(NAME, replace(snapshot(bench.now, [idle()]), faults=(fault,)), interval_s=5.0)
    view, sentence = shown(bench)
    assert sentence.endswith("1 resource could not be read.")
    assert words.link_status(view) is Status.UNKNOWN


async def test_more_faults_than_are_kept_are_all_counted() -> None:
    bench = Bench()
    names = [f"job-{number}" for number in range(1500)]
    faults = tuple(Fault(resource=f"group {name}", why=Why.NO_ANSWER, detail="late", group=name) for name in names)
    broker = Fault(resource="broker 1", why=Why.NO_ANSWER, detail="late")
    bench.now += 5
    answer = replace(snapshot(bench.now, [idle()]), faults=(broker, *faults))
    await bench.monitor.apply(NAME, answer, interval_s=5.0)
    view, sentence = shown(bench)
    assert sentence.endswith("1,501 resources could not be read.")
    assert (view.fault_count, view.groups_unread, len(view.faults)) == (1501, 1500, 1000)


async def test_a_destination_has_the_status_of_its_most_urgent_group() -> None:
    bench = Bench()
    for _ in range(2):
        await bench.sweep(idle(), unread("mail"), ends=100)
    view, sentence = orders(bench)
    assert (view.verdict.status, view.verdict.reason) == (Status.STOPPED, Reason.CONSUMERS)
    assert sentence == "1 of 2 consumer groups needs attention: mail is stopped."
    assert view.verdict.since == existing(bench.monitor.group(NAME, "mail")).verdict.since


async def test_a_destination_follows_a_group_that_is_read_without_it() -> None:
    bench = Bench()
    for _ in range(2):
        await bench.sweep(idle(), unread("mail"), ends=100)
    lists = bench.watch(keys.destination(NAME, "orders"), keys.DESTINATIONS)
    await bench.sweep(group(positions([60] * 2, [60] * 2), name="mail"), scope=Scope.WATCHED)
    assert orders(bench)[0].verdict.status is Status.OK
    assert await published_keys(lists) == {keys.destination(NAME, "orders"), keys.DESTINATIONS}


async def test_a_destination_tells_what_its_groups_have_lost() -> None:
    bench = Bench()
    lost = replace(group(positions([10, 10], [60, 60], start=[20, 30]), name="mail"), members=None)
    for _ in range(2):
        await bench.sweep(lost, ends=60)
    view, sentence = orders(bench)
    assert view.verdict.lost == existing(bench.monitor.group(NAME, "mail")).verdict.lost == 30
    assert sentence == "The consumer group mail is losing data: 30 unread messages have been deleted."


async def test_a_problem_that_has_ended_is_not_told_for_another_reading() -> None:
    bench = Bench()

    async def read(messages: int) -> DestinationView:
        bench.now += 5
        full = Destination(
            name="orders",
            kind="classic queue",
            identity="orders",
            partitions=None,
            messages=messages,
            retention=RetentionLimits(messages=1000),
        )
        await bench.monitor.apply(NAME, snapshot(bench.now, [], [full]), interval_s=5.0)
        return orders(bench)[0]

    await read(950)
    assert (await read(950)).verdict.reason is Reason.NEARLY_FULL
    for _ in range(2):
        assert (await read(10)).verdict.status is Status.OK
    assert (await read(950)).verdict.status is Status.OK
    assert orders(bench)[1].startswith("Was healthy until ")
    assert orders(bench)[1].endswith("Now: Nearly full: 950 of 1,000 messages.")
