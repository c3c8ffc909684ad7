"""The list of audit entries on both databases: search, filters, pages, counts, and rows for an export."""

import pytest

from signalbox.security.audit.model import AuditCursor, AuditFilter, EntryCount, Outcome
from signalbox.security.door import Permit
from signalbox.security.errors import NotPermitted, RequestRejected
from signalbox.security.model import NO_RIGHTS, Action, Actor, Via
from signalbox.storage.engine import Database
from tests.support.audit import AuditedDoor, actor

START_S = 1_795_000_000


class Ticking:
    """A clock that advances by a second at each reading."""

    def __init__(self) -> None:
        self.now = float(START_S)

    def __call__(self) -> float:
        self.now += 1
        return self.now


NOBODY = Actor(name="nobody", rights=NO_RIGHTS, via=Via.API, address="10.20.4.99")


@pytest.fixture
async def book(database: Database) -> AuditedDoor:
    """Six actions: three done, one failed, one refused, one without an outcome."""
    book = AuditedDoor(database, Ticking())
    await book.act("own", target="dead-letter group 2291")  # rows 1, 2
    await book.act(
        "retry", resource="kafka-prod", target="Letter 100%", reason="Deploy 52", parameters={"waves": [1, 5]}
    )
    with pytest.raises(RequestRejected):
        await book.act("retry", resource="kafka-prod", run=_fails, by=actor("billing-lead"))  # rows 5, 6
    with pytest.raises(NotPermitted):
        await book.act("purge", resource="rabbit_main", by=NOBODY)  # row 7
    await book.act("note", run=_told, by=actor("Billing-Lead"), reason="a\\b")  # rows 8, 9
    await book.log.record_intent(actor("ci-deploys"), Action(name="rebuild", target="order-summary"))  # row 10
    return book


async def _fails(_: Permit) -> None:
    raise RequestRejected("The queue is gone.")


async def _told(permit: Permit) -> None:
    permit.detail = "29 settled, 17 came back"


async def lines(book: AuditedDoor, **wanted: object) -> list[int]:
    page = await book.log.page(AuditFilter(**wanted))  # type: ignore[arg-type]
    count = await book.log.count(AuditFilter(**wanted))  # type: ignore[arg-type]
    assert count == EntryCount(len(page.entries))
    assert page.older is None
    return [line.row for line in page.entries]


async def test_one_entry_for_each_action_newest_first(book: AuditedDoor) -> None:
    page = await book.log.page(AuditFilter())
    told = [(line.row, line.outcome_row, line.action, line.outcome) for line in page.entries]
    assert told == [
        (10, None, "rebuild", ""),
        (8, 9, "note", Outcome.DONE),
        (7, None, "purge", Outcome.REFUSED),
        (5, 6, "retry", Outcome.FAILED),
        (3, 4, "retry", Outcome.DONE),
        (1, 2, "own", Outcome.DONE),
    ]
    by_row = {line.row: line for line in page.entries}
    assert by_row[5].detail == "The queue is gone."
    assert by_row[7].detail == "requires the admin role on rabbit_main"
    assert by_row[8].detail == "29 settled, 17 came back"
    refused, asked = by_row[7], by_row[3]
    assert (refused.actor, refused.address, refused.via, refused.took_us) == ("nobody", "10.20.4.99", "api", None)
    assert (asked.actor, asked.resource) == ("on-call", "kafka-prod")
    assert (asked.target, asked.reason) == ("Letter 100%", "Deploy 52")
    assert asked.parameters == '{"waves":[1,5]}'
    assert (asked.at_us, asked.ended_us) == ((START_S + 3) * 10**6, (START_S + 4) * 10**6)
    assert asked.took_us is not None
    assert asked.took_us >= 0
    assert by_row[5].previous != by_row[5].hash


async def test_filters(book: AuditedDoor) -> None:
    assert await lines(book, actor="on-call") == [3, 1]
    assert await lines(book, action="retry") == [5, 3]
    assert await lines(book, resource="kafka-prod") == [5, 3]
    assert await lines(book, resource="kafka-prod", actor="billing-lead") == [5]
    assert await lines(book, outcome=Outcome.DONE) == [8, 3, 1]
    assert await lines(book, outcome=Outcome.FAILED) == [5]
    assert await lines(book, outcome=Outcome.REFUSED) == [7]
    assert await lines(book, outcome=Outcome.REFUSED, actor="on-call") == []
    assert await lines(book, outcome=Outcome.INTERRUPTED) == []
    assert await lines(book, no_outcome=True) == [10]
    at = [(START_S + row) * 10**6 for row in range(11)]
    assert await lines(book, since_us=at[3], until_us=at[8]) == [7, 5, 3]
    assert await lines(book, since_us=at[3] + 1) == [10, 8, 7, 5]
    assert await lines(book, until_us=at[1]) == []
    assert await lines(book, actor="on-call", outcome=Outcome.DONE, since_us=at[2]) == [3]


async def test_search_in_actor_action_target_and_reason(book: AuditedDoor) -> None:
    assert await lines(book, search="billing") == [8, 5]
    assert await lines(book, search="RETRY") == [5, 3]
    assert await lines(book, search="letter group") == [1]
    assert await lines(book, search="deploy 52") == [3]
    assert await lines(book, search="10.20.4") == []
    assert await lines(book, search="billing", action="note") == [8]
    for meant_as_it_is, found in (("100%", [3]), ("1%0", []), ("%", [3]), ("_", []), ("a\\b", [8]), ("'", [])):
        assert await lines(book, search=meant_as_it_is) == found


async def test_paging_is_stable_while_rows_are_added(book: AuditedDoor) -> None:
    seen: list[int] = []
    older: AuditCursor | None = None
    while True:
        page = await book.log.page(AuditFilter(), older, 2)
        seen += [line.row for line in page.entries]
        await book.act("own")
        if page.older is None:
            break
        older = page.older
        assert page.entries[-1].cursor == older
    assert seen == [10, 8, 7, 5, 3, 1]


async def test_entries_with_equal_times_are_each_on_one_page(database: Database) -> None:
    book = AuditedDoor(database, lambda: START_S)
    await book.act_times(5)
    first = await book.log.page(AuditFilter(), None, 3)
    rest = await book.log.page(AuditFilter(), first.older, 3)
    assert [line.row for line in (*first.entries, *rest.entries)] == [9, 7, 5, 3, 1]


async def test_search_covers_one_window_at_a_time_and_says_how_far(
    book: AuditedDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signalbox.security.audit.entries.store.WINDOW", 2)
    seen: list[list[int]] = []
    older: AuditCursor | None = None
    wanted = AuditFilter(search="ret")
    while True:
        page = await book.log.page(wanted, older)
        seen.append([line.row for line in page.entries])
        older = page.older
        assert page.searched_to_us == (older and older.at_us)
        if older is None:
            break
    assert seen == [[], [5], [3], []]
    assert await book.log.count(wanted) == EntryCount(0, at_least=True)
    assert await book.log.count(AuditFilter(actor="on-call")) == EntryCount(2)  # an index answers: no window


async def test_long_list_is_counted_up_to_a_limit(book: AuditedDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.security.audit.entries.store.COUNTED_MAX", 5)
    assert await book.log.count(AuditFilter()) == EntryCount(5, at_least=True)


async def test_entry_of_intent_and_outcome_row(book: AuditedDoor) -> None:
    found = [await book.log.entry(row) for row in (3, 4, 7, 10, 11, 0)]
    assert [line and line.row for line in found] == [3, 3, 7, 10, None, None]


async def test_filter_choices(book: AuditedDoor) -> None:
    assert set(await book.log.actors()) == {"on-call", "billing-lead", "nobody", "Billing-Lead", "ci-deploys"}
    assert await book.log.actions() == ["note", "own", "purge", "rebuild", "retry"]
    assert await book.log.resources() == ["", "kafka-prod", "rabbit_main"]


async def rows(book: AuditedDoor, **wanted: object) -> list[int]:
    return [row.number async for some in book.log.rows(AuditFilter(**wanted)) for row in some]  # type: ignore[arg-type]


async def test_export_rows(book: AuditedDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.security.audit.service.ROWS_AT_ONCE", 3)
    at = [(START_S + row) * 10**6 for row in range(11)]
    assert await rows(book) == list(range(1, 11))
    assert await rows(book, since_us=at[3], until_us=at[8]) == [3, 4, 5, 6, 7]
    assert await rows(book, since_us=at[10] + 1) == []
    assert await rows(book, until_us=at[1]) == []
    assert await rows(book, action="retry") == [3, 4, 5, 6]
    assert await rows(book, outcome=Outcome.FAILED) == [5, 6]
    assert await rows(book, outcome=Outcome.REFUSED) == [7]
    assert await rows(book, no_outcome=True) == [10]
    assert await rows(book, search="billing", until_us=at[8]) == [5, 6]


async def test_hostile_names_round_trip_and_are_bounded(database: Database) -> None:
    book = AuditedDoor(database)
    hostile = "<script>\u202e\x1b[31m'; DROP TABLE audit; --\0\ud800"
    await book.act(
        hostile, target=hostile, by=actor(hostile * 50), reason="r" * 2_000, parameters={"body": "x" * 10_000}
    )
    [line] = (await book.log.page(AuditFilter(search="drop table"))).entries
    clean = hostile.replace("\0", "\ufffd").replace("\ud800", "?")
    assert (line.action, line.target) == (clean, clean)
    assert line.actor == (hostile * 50)[:200].replace("\0", "\ufffd").replace("\ud800", "?")
    assert len(line.reason) == 500
    assert line.parameters == '{"left_out":"10011 bytes, over 8192"}'
    assert await book.log.actors() == [line.actor]


async def test_longest_names_fit_into_every_index(database: Database) -> None:
    book = AuditedDoor(database)
    longest = "".join(chr(0x20000 + 37 * number) for number in range(400))
    await book.act(longest, by=actor(longest), resource=longest)
    [line] = (await book.log.page(AuditFilter())).entries
    assert line.actor == line.resource == longest[:200]
