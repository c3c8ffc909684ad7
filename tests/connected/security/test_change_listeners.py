"""A listener of account changes that fails costs its own effect only: what was committed is answered as done."""

import logging

import pytest

from signalbox.security.accounts import actions
from signalbox.security.errors import RequestRejected
from signalbox.security.masking.errors import RulesNotLoaded
from signalbox.security.model import VIEWER_EVERYWHERE
from signalbox.storage.errors import DatabaseUnreachable
from tests.support.accounts import ROOT, Process, password


class Listener:
    """Raises its error when told, and counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.told = 0

    async def __call__(self) -> None:
        self.told += 1
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [RulesNotLoaded("Cannot read the rule."), RequestRejected("No."), RuntimeError("x")])
async def test_a_failing_listener_changes_no_answer(process: Process, error: Exception) -> None:
    failing, later = Listener(error), Listener()
    process.accounts.changes.subscribe(failing)
    process.accounts.changes.subscribe(later)
    link = await process.door.act(
        ROOT,
        actions.invite_user("ann", VIEWER_EVERYWHERE),
        lambda permit: process.accounts.users.invite(permit, "ann", VIEWER_EVERYWHERE),
    )
    assert (await process.accounts.users.find_link(link)).user_name == "ann"
    assert [outcome for _, _, outcome, _ in await process.audit_rows() if outcome] == ["done"]
    assert (failing.told, later.told) == (1, 1)
    await process.accounts.changes.refresh()
    assert (failing.told, later.told) == (2, 1)  # only the failed one is told again


async def test_users_sign_in_while_a_listener_fails(process: Process) -> None:
    process.accounts.changes.subscribe(Listener(RuntimeError("x")))
    right = password()
    await process.user("ann", password=right)
    secret = await process.sign_in("ann", right)
    assert await process.accounts.identities.by_session(secret) is not None


async def test_the_failure_is_told_until_the_listener_succeeds(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Listener(RuntimeError("a secret of the listener"))
    process.accounts.changes.subscribe(failing)
    with caplog.at_level(logging.ERROR):
        await process.user("ann")
        await process.accounts.changes.refresh()
    [sentence] = process.accounts.changes.faults
    assert "secret" not in sentence
    fault = sentence.split("Error ")[1].split()[0]
    assert [record.message for record in caplog.records] == [f"fault {fault}: a listener of account changes failed"]
    failing.error = RulesNotLoaded("Cannot read the rule.")
    await process.accounts.changes.refresh()
    assert list(process.accounts.changes.faults) == ["Cannot read the rule."]
    failing.error = None
    await process.accounts.changes.refresh()
    assert list(process.accounts.changes.faults) == []
    told = failing.told
    await process.accounts.changes.refresh()
    assert failing.told == told


async def test_a_sign_in_stands_when_its_attempt_cannot_be_forgotten(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = password()
    await process.user("ann", password=right)

    async def away(*_: object) -> None:
        raise DatabaseUnreachable("the database", "cannot be reached", "Wait.")

    monkeypatch.setattr("signalbox.security.accounts.store.attempts.remove", away)
    secret = await process.sign_in("ann", right)
    assert await process.accounts.identities.by_session(secret) is not None


async def test_an_action_stands_whatever_happens_to_its_outcome(
    process: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise KeyError("row")

    monkeypatch.setattr("signalbox.security.audit.service.AuditLog.record_outcome", fails)
    assert (await process.user("ann")).name == "ann"
    assert "cannot write outcome 'done' of audit row 1" in caplog.text
