"""The door: a refused action leaves one audit row, a started one leaves two, and only the door makes permits."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

from signalbox.security.accounts import actions
from signalbox.security.audit.model import Outcome
from signalbox.security.door import Door, Permit
from signalbox.security.errors import NotPermitted, ReadOnly, RequestRejected
from signalbox.security.model import OPERATOR_EVERYWHERE, VIEWER_EVERYWHERE, Action, Actor, Via
from signalbox.storage.errors import DatabaseUnreachable, StorageError
from tests.support.accounts import ROOT, ManualClock, Process, open_process, password, visitor
from tests.support.waiting import eventually

VIEWER = Actor(name="ann", rights=VIEWER_EVERYWHERE, via=Via.API, user=1)
PURGE = Action(name="purge", resource="kafka-prod", target="payments")


async def nothing(_: Permit) -> None:
    pytest.fail("it was begun")


async def test_refused_action_is_one_row_and_not_run(process: Process) -> None:
    with pytest.raises(NotPermitted, match="ann cannot purge: that requires the admin role on kafka-prod") as refused:
        await process.door.act(VIEWER, PURGE, nothing)
    assert refused.value.missing == "the admin role on kafka-prod"
    assert await process.audit_rows() == [("refused", "purge", "refused", "requires the admin role on kafka-prod")]
    assert process.door.counts == {("purge", Outcome.REFUSED): 1}
    assert not process.door.seconds


async def test_action_is_audited_before_and_after(process: Process) -> None:
    async def run(permit: Permit) -> int:
        assert await process.audit_rows() == [("intent", "purge", "", "")]
        assert (permit.actor, permit.action) == (ROOT, PURGE)
        permit.detail = "29 gone"
        return 29

    assert await process.door.act(ROOT, PURGE, run) == 29
    assert await process.audit_rows() == [("intent", "purge", "", ""), ("outcome", "purge", "done", "29 gone")]
    assert await process.rows("SELECT about FROM audit ORDER BY row") == [(None,), (1,)]
    assert process.door.counts == {("purge", Outcome.DONE): 1}
    assert process.door.seconds["purge"] > 0


async def test_failure_detail_contains_only_our_own_messages(process: Process) -> None:
    for error, told in (
        (RequestRejected("The name is taken."), "The name is taken."),
        (ValueError("the password is hunter2"), "ValueError"),
    ):

        async def run(_: Permit, error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error)):
            await process.door.act(ROOT, PURGE, run)
        assert (await process.audit_rows())[-1] == ("outcome", "purge", "failed", told)
    assert process.door.counts == {("purge", Outcome.FAILED): 2}


async def test_interrupted_action_is_recorded(process: Process) -> None:
    begun = asyncio.Event()

    async def run(_: Permit) -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(process.door.act(ROOT, PURGE, run))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await process.audit_rows() == [
        ("intent", "purge", "", ""),
        ("outcome", "purge", "interrupted", "CancelledError"),
    ]
    assert process.door.counts == {("purge", Outcome.INTERRUPTED): 1}


async def test_outcome_is_recorded_when_the_request_is_canceled_meanwhile(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the door refers to the task that records the outcome."""
    record = process.door._log.record_outcome
    reached = asyncio.Event()
    waiting: weakref.WeakSet[asyncio.Future[None]] = weakref.WeakSet()

    async def wait_and_record(*arguments: Any, **fields: Any) -> None:  # noqa: ANN401 - those of the log
        future = asyncio.get_running_loop().create_future()
        waiting.add(future)
        reached.set()
        await future
        await record(*arguments, **fields)

    async def run(_: Permit) -> int:
        return 29

    monkeypatch.setattr(process.door._log, "record_outcome", wait_and_record)
    task = asyncio.create_task(process.door.act(ROOT, PURGE, run))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()
    for future in waiting:
        future.set_result(None)

    async def recorded() -> None:
        assert await process.audit_rows() == [("intent", "purge", "", ""), ("outcome", "purge", "done", "")]

    await eventually(recorded)


async def test_action_that_cannot_be_audited_is_not_run(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> int:
        raise DatabaseUnreachable("x", "cannot be reached", "Wait.")

    monkeypatch.setattr("signalbox.security.audit.store.AuditStore.append", away)
    for actor, action in ((ROOT, PURGE), (VIEWER, PURGE)):
        with pytest.raises(StorageError):
            await process.door.act(actor, action, nothing)


async def test_action_stands_when_its_outcome_cannot_be_written(
    process: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(*_: object) -> int:
        raise DatabaseUnreachable("x", "cannot be reached", "Wait.")

    async def run(_: Permit) -> int:
        monkeypatch.setattr("signalbox.security.audit.store.AuditStore.append", away)
        return 29

    assert await process.door.act(ROOT, PURGE, run) == 29
    assert "cannot write outcome 'done' of audit row 1" in caplog.text
    assert await process.audit_rows() == [("intent", "purge", "", "")]


async def test_read_only_mode_refuses_everything_but_own_sessions(process: Process, clock: ManualClock) -> None:
    right = password()
    ann = await process.user("ann", OPERATOR_EVERYWHERE, right)
    still = open_process(process.database, clock, read_only=True)
    before = await process.rows('SELECT version, (SELECT count(*) FROM "user") FROM security_state')
    for actor, action in (
        (ROOT, PURGE),
        (ROOT, actions.invite_user("bob", OPERATOR_EVERYWHERE)),
        (ROOT, actions.remove_user("ann", "")),
        (VIEWER, actions.change_password()),
        (VIEWER, actions.use_link("ann")),
    ):
        with pytest.raises(ReadOnly, match="Signalbox is in read-only mode"):
            await still.door.act(actor, action, nothing)
        assert (await process.audit_rows())[-1] == ("refused", action.name, "refused", "read-only mode")
    assert await process.rows('SELECT version, (SELECT count(*) FROM "user") FROM security_state') == before

    secret = await still.sign_in("ann", right)
    actor = await still.actor(secret)
    assert actor.session is not None
    session = actor.session
    other = await still.actor(await still.sign_in("ann", right))
    await still.door.act(
        other, actions.revoke_session("Firefox"), lambda permit: still.accounts.sessions.end(permit, session)
    )
    await still.door.act(other, actions.sign_out(), still.accounts.sessions.end_others)
    assert [one.id for one in await still.accounts.sessions.list_for(ann.id)] == [other.session]


def test_only_the_door_makes_permits() -> None:
    for seal in (None, object(), Door, Permit):
        with pytest.raises(TypeError, match=r"only the door makes permits: call door\.act"):
            Permit(seal, ROOT, PURGE, 1)


async def test_anonymous_actor_has_no_role(process: Process) -> None:
    for action in (
        actions.create_first_admin_link(),
        actions.invite_user("bob", OPERATOR_EVERYWHERE),
        actions.create_link("bob"),
        actions.revoke_link("bob"),
        actions.change_rights("bob", VIEWER_EVERYWHERE, OPERATOR_EVERYWHERE, ""),
        actions.remove_user("bob", ""),
        actions.end_sessions("bob"),
        actions.unlock_user("bob"),
        actions.reset_admin("bob"),
    ):
        for actor in (visitor("192.0.2.1"), VIEWER):
            with pytest.raises(NotPermitted, match="that requires the admin role everywhere"):
                await process.door.act(actor, action, nothing)
    assert {row[0] for row in await process.audit_rows()} == {"refused"}
