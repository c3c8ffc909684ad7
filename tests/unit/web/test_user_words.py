"""Sentences about users, and the role table."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from signalbox.monitoring.words.spans import plain
from signalbox.security.accounts.model import EVERYWHERE, Session, SignInMethod, User
from signalbox.security.errors import RequestRejected
from signalbox.security.model import ADMIN_EVERYWHERE, OPERATOR_EVERYWHERE, VIEWER_EVERYWHERE, Grant, Rights, Role
from signalbox.web.security import words
from signalbox.web.security.role_table import resource_names, rights_from_form, role_rows

NOW = 1_794_885_160.0
ADA = User(
    id=1,
    name="ada",
    rights=ADMIN_EVERYWHERE,
    sign_in_method=SignInMethod.PASSWORD,
    password_set_at=NOW - 41 * 86400,
    created_at=NOW,
    created_by="set-up",
    last_seen_at=NOW,
)
EVE = replace(ADA, id=2, name="eve")
BOB = replace(ADA, id=3, name="bob", rights=VIEWER_EVERYWHERE)
INVITED = replace(EVE, sign_in_method=SignInMethod.LINK, link_expires_at=NOW + 60, password_set_at=None)
LAPTOP = Session(
    id=1, user=1, created_at=NOW, last_used_at=NOW, expires_at=NOW + 60, address="10.20.4.17", agent="curl/8.5.0"
)
PHONE = replace(LAPTOP, id=2, agent="Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)")


def rights(everywhere: Grant, **on: Grant) -> Rights:
    return Rights(everywhere, on)


VIEWER, OPERATOR, NONE = Grant(Role.VIEWER), Grant(Role.OPERATOR), Grant()
VIEWER_WITH_PAYLOADS = Grant(Role.VIEWER, payloads=True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (OPERATOR_EVERYWHERE, ("operator", "everywhere")),
        (rights(VIEWER, kafka=OPERATOR), ("operator", "on kafka; viewer elsewhere")),
        (rights(NONE, b=OPERATOR, a=OPERATOR, c=VIEWER), ("operator", "on a, b; viewer on c; none elsewhere")),
        (rights(OPERATOR, kafka=NONE, nats=VIEWER), ("operator", "everywhere; viewer on nats; none on kafka")),
        (rights(VIEWER, kafka=VIEWER_WITH_PAYLOADS), ("viewer", "everywhere")),
    ],
)
def test_highest_role_comes_first(given: Rights, expected: tuple[str, str]) -> None:
    assert words.role_and_scope(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (VIEWER_EVERYWHERE, "cannot unmask"),
        (ADMIN_EVERYWHERE, "can unmask"),
        (rights(VIEWER, kafka=VIEWER_WITH_PAYLOADS), "can unmask on kafka"),
        (rights(VIEWER_WITH_PAYLOADS, kafka=OPERATOR), "can unmask everywhere else"),
        (rights(VIEWER_WITH_PAYLOADS, a=OPERATOR, b=VIEWER_WITH_PAYLOADS), "can unmask on b and everywhere else"),
        (rights(NONE, kafka=Grant(Role.NONE, payloads=True)), "cannot unmask"),
    ],
)
def test_unmasked_payloads_require_the_permission_and_a_role(given: Rights, expected: str) -> None:
    assert words.payloads_text(given) == expected


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ([LAPTOP], "Signed in as ada, admin everywhere. 1 active session."),
        ([PHONE], "Signed in as ada, admin everywhere. 1 active session, on a phone."),
        ([LAPTOP, PHONE], "Signed in as ada, admin everywhere. 2 active sessions, one of them on a phone."),
        ([LAPTOP, PHONE, PHONE], "Signed in as ada, admin everywhere. 3 active sessions, 2 of them on a phone."),
    ],
)
def test_profile_sentence(sessions: list[Session], expected: str) -> None:
    assert plain(words.profile_sentence("ada", ADMIN_EVERYWHERE, sessions)) == expected


@pytest.mark.parametrize(
    ("users", "expected"),
    [
        ([ADA], "1 user, 1 admin: the last admin cannot be removed."),
        ([ADA, EVE, BOB], "3 users, 2 admins."),
        ([ADA, INVITED], "2 users, 1 admin: the last admin cannot be removed."),
        ([ADA, EVE, replace(EVE, id=9)], "3 users, 3 admins."),
    ],
)
def test_only_admins_who_can_sign_in_are_counted(users: list[User], expected: str) -> None:
    assert plain(words.users_sentence(users)) == expected


def test_users_reason_counts_permissions_locks_and_invitations() -> None:
    reason = words.users_reason([ADA, INVITED, replace(BOB, locked_until=NOW + 60)], NOW)
    assert reason == (
        "2 can view unmasked payloads. 1 more admin has no password yet. 1 account is locked for one IP address after 10 "
        "wrong passwords; sign-in from other IP addresses still works. 1 one-time link is open."
    )
    assert words.users_reason([BOB], NOW) == "No user can view unmasked payloads."


def test_role_rows_round_trip_through_the_form() -> None:
    given = rights(VIEWER, gone=OPERATOR, kafka=Grant(Role.ADMIN, payloads=True), nats=VIEWER)
    resources = resource_names(("kafka", "nats"), given)
    assert resources == ("kafka", "nats", "gone")
    rows = role_rows(given, resources, last_admin=False)
    assert [(row.label, row.role, row.payloads) for row in rows][-1] == ("everywhere else", "viewer", False)
    form: Mapping[str, str] = {row.role_field: row.role for row in rows} | {
        row.payloads_field: "true" for row in rows if row.payloads
    }
    parsed = rights_from_form(form, resources)
    assert {name: parsed.grant(name) for name in resources} == {name: given.grant(name) for name in resources}
    assert set(parsed.on) == {"kafka", "gone"}, "a grant equal to the one for everywhere is not stored"


@pytest.mark.parametrize("role", [None, "emperor", ""])
def test_a_form_with_a_missing_role_is_refused(role: str | None) -> None:
    form: dict[str, str] = {f"role/{EVERYWHERE}": "viewer"}
    if role is not None:
        form["role/kafka"] = role
    with pytest.raises(RequestRejected, match="Reload the page"):
        rights_from_form(form, ("kafka",))
