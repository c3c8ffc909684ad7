"""Masking rules in the database: changed with permits, audited, and applied at once here and soon elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import pytest
from sqlalchemy import text

from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door, Permit
from signalbox.security.errors import NotPermitted, RequestRejected
from signalbox.security.masking import actions
from signalbox.security.masking.engine import JsonBody
from signalbox.security.masking.errors import RulesNotLoaded
from signalbox.security.masking.model import ClearMessage, Rule, parse_rule
from signalbox.security.masking.service import Masking
from signalbox.security.masking.store import MaskingStore
from signalbox.security.model import ADMIN_EVERYWHERE, VIEWER_EVERYWHERE, Action, Actor, Grant, Rights, Role, Via
from signalbox.storage.engine import Database
from signalbox.storage.errors import StorageError

T = TypeVar("T")

NOW = 1_800_000_000.0
KEY = b"k" * 32
ADMIN = Actor(name="platform-admin", rights=ADMIN_EVERYWHERE, via=Via.PAGE)
VIEWER = Actor(name="viewer", rights=VIEWER_EVERYWHERE, via=Via.API)
SEES_PROD = Actor(
    name="crm-lead",
    rights=Rights(Grant(Role.VIEWER), {"prod": Grant(Role.VIEWER, payloads=True)}),
    via=Via.PAGE,
)


def rule(name: str, *what: str, how: str = "hide") -> Rule:
    return parse_rule(name=name, destinations=["*"], types=["*"], what=what or ["$.a"], how=how)


FIXED = rule("fixed", "card numbers")
LETTER = ClearMessage(
    connection="prod",
    destination="orders.placed",
    name="partition 0, offset 17",
    body=b'{"email":"someone@mail.example"}',
)


def masking(database: Database) -> Masking:
    return Masking([FIXED], database, KEY, lambda: NOW)


def door(database: Database) -> Door:
    return Door(AuditLog(database, lambda: NOW))


async def do(database: Database, action: Action, run: Callable[[Permit], Awaitable[T]], actor: Actor = ADMIN) -> T:
    return await door(database).act(actor, action, run)


async def add(database: Database, service: Masking, one: Rule) -> None:
    await do(database, actions.add_rule(one, "asked for"), lambda permit: service.add(permit, one))


async def move(database: Database, service: Masking, name: str, number: int) -> None:
    await do(database, actions.move_rule(name, number, ""), lambda permit: service.move(permit, name, number))


async def remove(database: Database, service: Masking, name: str) -> None:
    await do(database, actions.remove_rule(name, ""), lambda permit: service.remove(permit, name))


async def state(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(text("SELECT version FROM security_state"))).scalar_one())


def names(service: Masking) -> list[str]:
    return [listed.rule.name for listed in service.rules()]


async def test_rules_are_added_moved_and_removed_and_each_change_raises_the_state(database: Database) -> None:
    service = masking(database)
    await service.load()
    assert names(service) == ["fixed"]
    for count, name in enumerate(["one", "two", "three"], start=1):
        await add(database, service, rule(name))
        assert await state(database) == count
    assert names(service) == ["fixed", "one", "two", "three"]
    await move(database, service, "three", 2)
    assert names(service) == ["fixed", "three", "one", "two"]
    await move(database, service, "three", 4)
    assert names(service) == ["fixed", "one", "two", "three"]
    await remove(database, service, "two")
    assert names(service) == ["fixed", "one", "three"]
    await add(database, service, rule("last"))
    assert await state(database) == 7

    afresh = masking(database)
    await afresh.load()
    assert afresh.rules() == service.rules()
    assert [(one.number, one.created_by, one.created_at, one.is_configured) for one in afresh.rules()] == [
        (1, "configuration", None, True),
        (2, "platform-admin", NOW, False),
        (3, "platform-admin", NOW, False),
        (4, "platform-admin", NOW, False),
    ]


async def test_rule_round_trips(database: Database) -> None:
    service = masking(database)
    odd = parse_rule(
        name="naïve “name”",
        destinations=["*/orders.*", "prod/[ab]"],
        types=["Order*"],
        what=[r"$['it\'s \\ so']..é".replace("..é", "..['é']"), "header Reply-To", "key", "card numbers"],
        how="keep last 3",
    )
    await add(database, service, odd)
    assert service.rules()[1].rule == odd


async def test_other_process_loads_rules_with_the_new_version(database: Database) -> None:
    here, there = masking(database), masking(database)
    await here.load()
    await there.load()
    before = there.version
    await add(database, here, rule("e-mail", "$.email"))
    assert here.version != before
    assert b"someone" in encoded(there)
    await there.refresh(await state(database))
    assert there.version == here.version
    assert encoded(there) == encoded(here) == b'{"email":"masked"}'

    async with database.begin() as connection:  # somebody was given a right: the rules are the same
        await connection.execute(text("UPDATE security_state SET version = version + 1"))
    await there.refresh(await state(database))
    assert there.version == here.version


def encoded(service: Masking) -> bytes:
    body = service.mask(LETTER).body
    assert isinstance(body, JsonBody)
    return body.encoded()


async def test_invalid_rule_changes_are_rejected_with_a_reason(database: Database) -> None:
    service = masking(database)
    await service.load()
    await add(database, service, rule("one"))
    before, held = await state(database), service.rules()
    for attempt, says in (
        (add(database, service, rule("one")), "named “one” already exists"),
        (add(database, service, rule("fixed")), r"in signalbox\.toml"),
        (move(database, service, "fixed", 2), r"is defined in signalbox\.toml"),
        (remove(database, service, "fixed"), r"is defined in signalbox\.toml"),
        (move(database, service, "gone", 2), "No masking rule is named “gone”"),
        (remove(database, service, "gone"), "No masking rule is named “gone”"),
        (move(database, service, "one", 1), "cannot move to position 1: choose 2 to 2"),
        (move(database, service, "one", 3), "cannot move to position 3"),
    ):
        with pytest.raises(RequestRejected, match=says):
            await attempt
    assert await state(database) == before
    assert service.rules() == held


async def test_number_of_rules_is_limited(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.security.masking.store.ROWS_MAX", 2)
    service = masking(database)
    await add(database, service, rule("one"))
    await add(database, service, rule("two"))
    with pytest.raises(RequestRejected, match="limit of 2 masking rules"):
        await add(database, service, rule("three"))


async def test_concurrent_changes_wait_for_each_other(database: Database) -> None:
    services = [masking(database) for _ in range(4)]
    await asyncio.gather(*(add(database, one, rule(f"rule {at}")) for at, one in enumerate(services)))
    async with database.read() as connection:
        places = (await connection.execute(text("SELECT place FROM masking_rule ORDER BY place"))).scalars().all()
    assert list(places) == [1, 2, 3, 4]
    assert await state(database) == 4


async def test_change_is_kept_when_the_reload_fails(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    service = masking(database)
    await service.load()

    async def fails(_: MaskingStore) -> NoReturn:
        raise StorageError("the database", "went away", "Wait.")

    with monkeypatch.context() as patched:
        patched.setattr(MaskingStore, "read", fails)
        await add(database, service, rule("one"))
        with pytest.raises(StorageError):
            await service.refresh(await state(database))
    assert names(service) == ["fixed"]
    await service.refresh(await state(database))
    assert names(service) == ["fixed", "one"]


async def test_permit_is_for_one_action_only(database: Database) -> None:
    service = masking(database)
    await service.load()
    other = rule("other")
    with pytest.raises(NotPermitted, match="did not run 'add masking rule' for other"):
        await do(database, actions.add_rule(rule("one"), ""), lambda permit: service.add(permit, other))
    with pytest.raises(NotPermitted, match="did not run 'remove masking rule'"):
        await do(database, actions.move_rule("one", 2, ""), lambda permit: service.remove(permit, "one"))
    with pytest.raises(NotPermitted, match="requires the admin role"):
        await do(database, actions.add_rule(other, ""), lambda permit: service.add(permit, other), VIEWER)
    assert names(service) == ["fixed"]


async def look(
    database: Database, service: Masking, actor: Actor, asked: ClearMessage, given: ClearMessage
) -> ClearMessage:
    async def run(permit: Permit) -> ClearMessage:
        return service.unmask(permit, given)

    return await do(database, actions.view_payload(asked, "customer asked"), run, actor)


async def test_unmasked_view_needs_the_permission_and_is_audited(database: Database) -> None:
    service = masking(database)
    await add(database, service, rule("e-mail", "$.email"))
    assert await look(database, service, SEES_PROD, LETTER, LETTER) is LETTER
    with pytest.raises(NotPermitted, match="requires the payloads permission on prod"):
        await look(database, service, VIEWER, LETTER, LETTER)
    elsewhere = ClearMessage(connection="test", destination=LETTER.destination, name=LETTER.name, body=b"x")
    with pytest.raises(NotPermitted, match="requires the payloads permission on test"):
        await look(database, service, SEES_PROD, elsewhere, elsewhere)
    with pytest.raises(NotPermitted, match="names another connection"):
        await look(database, service, SEES_PROD, LETTER, elsewhere)
    next_one = ClearMessage(connection="prod", destination=LETTER.destination, name="partition 0, offset 18", body=b"x")
    with pytest.raises(NotPermitted, match=r"did not run 'view payload' for orders\.placed: partition 0, offset 18"):
        await look(database, service, SEES_PROD, LETTER, next_one)
    with pytest.raises(RequestRejected, match="Give a reason to view"):
        actions.view_payload(LETTER, " ")
    async with database.read() as connection:
        rows = (
            await connection.execute(
                text("SELECT kind, actor, target, reason, outcome, detail FROM audit WHERE action = 'view payload'")
            )
        ).all()
    assert [tuple(row) for row in rows[:2]] == [
        ("intent", "crm-lead", "orders.placed: partition 0, offset 17", "customer asked", "", ""),
        ("outcome", *rows[0][1:4], "done", "1 masked value was shown (rules: e-mail)"),
    ]
    assert "someone" not in str(rows)


async def test_hits_are_counted_by_rule_and_trials_are_not(database: Database) -> None:
    service = masking(database)
    await add(database, service, rule("e-mail", "$.email"))
    service.mask(LETTER)
    service.mask(LETTER)
    found = service.try_rule('{"email":"x","b":1}', "prod/orders", rule("new", "$.b"))
    assert (found.masked, found.fields, found.candidate) == (2, 2, 3)
    alone = service.try_rule('{"email":"x","b":1}', "prod/orders", rule("new", "$.b"), only_candidate=True)
    assert (alone.masked, alone.candidate) == (1, 1)
    assert [(one.rule.name, one.hits) for one in service.rules()] == [("fixed", 0), ("e-mail", 2)]
    assert service.counting_since == NOW


async def test_nothing_is_shown_until_rules_are_loaded(database: Database) -> None:
    service = masking(database)
    with pytest.raises(RulesNotLoaded, match="not loaded yet"):
        service.mask(LETTER)
    with pytest.raises(RulesNotLoaded, match="not loaded yet"):
        service.rules()
    with pytest.raises(RulesNotLoaded, match="not loaded yet"):
        service.try_rule("{}", "a/b", None)
    await add(database, service, rule("e-mail", "$.email"))
    async with database.begin() as connection:
        await connection.execute(text("UPDATE masking_rule SET how = 'blur'"))
        await connection.execute(text("UPDATE security_state SET version = version + 1"))
    with pytest.raises(RulesNotLoaded, match="Cannot read the masking rule 'e-mail'"):
        await service.refresh(await state(database))
    assert encoded(service) == b'{"email":"masked"}'  # what was known stays in force
    with pytest.raises(RulesNotLoaded):
        await masking(database).load()
