"""Sentences about people, made from facts."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from signalbox.monitoring.words.spans import plain
from signalbox.security.accounts.model import EVERYWHERE, SignInMethod, User
from signalbox.security.errors import RequestRejected
from signalbox.security.model import ADMIN_EVERYWHERE, OPERATOR_EVERYWHERE, VIEWER_EVERYWHERE, Grant, Rights, Role
from signalbox.web.security import words
from signalbox.web.security.grants import resources_of, rights_from, rows_of

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


def rights(everywhere: Grant, **on: Grant) -> Rights:
    return Rights(everywhere, on)


VIEWER, OPERATOR, NONE = Grant(Role.VIEWER), Grant(Role.OPERATOR), Grant()


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (OPERATOR_EVERYWHERE, ("operator", "everywhere")),
        (rights(VIEWER, kafka=OPERATOR), ("operator", "on kafka; viewer elsewhere")),
        (rights(NONE, b=OPERATOR, a=OPERATOR, c=VIEWER), ("operator", "on a, b; viewer on c; none elsewhere")),
        (rights(OPERATOR, kafka=NONE, nats=VIEWER), ("operator", "everywhere; viewer on nats; none on kafka")),
        (rights(VIEWER, kafka=Grant(Role.VIEWER, payloads=True)), ("viewer", "everywhere")),
    ],
)
def test_the_highest_role_comes_first_and_the_others_after(held: Rights, told: tuple[str, str]) -> None:
    assert words.role_and_where(held) == told


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (VIEWER_EVERYWHERE, "masked only"),
        (ADMIN_EVERYWHERE, "sees them"),
        (rights(VIEWER, kafka=Grant(Role.VIEWER, payloads=True)), "sees them on kafka"),
        (rights(Grant(Role.VIEWER, payloads=True), kafka=OPERATOR), "sees them on all others"),
        (rights(NONE, kafka=Grant(Role.NONE, payloads=True)), "masked only"),
    ],
)
def test_payloads_are_seen_where_the_right_is_and_a_role_too(held: Rights, told: str) -> None:
    assert words.payloads_text(held) == told


@pytest.mark.parametrize(
    ("users", "told"),
    [
        ([ADA], "One user. One admin, who stays until there is another."),
        ([ADA, EVE, BOB], "Three users. Two admins, so either may go, but not both."),
        ([ADA, INVITED], "Two users. One admin, who stays until there is another."),
        ([ADA, EVE, replace(EVE, id=9)], "Three users. Three admins."),
    ],
)
def test_admins_are_counted_who_could_sign_in(users: list[User], told: str) -> None:
    assert plain(words.users_sentence(users)) == told


def test_the_reason_counts_payloads_locks_and_invitations() -> None:
    told = words.users_reason([ADA, INVITED, replace(BOB, locked_until=NOW + 60)], NOW)
    assert told.startswith(
        "Two may see payloads. One more is admin, but has no password yet. One is locked after 10 wrong"
    )
    assert told.endswith("One invitation is open.")
    assert words.users_reason([BOB], NOW) == "Nobody may see payloads."


def test_rows_of_roles_come_back_as_they_went() -> None:
    held = rights(VIEWER, gone=OPERATOR, kafka=Grant(Role.ADMIN, payloads=True), nats=VIEWER)
    resources = resources_of(("kafka", "nats"), held)
    assert resources == ("kafka", "nats", "gone")
    rows = rows_of(held, resources, last_admin=False)
    assert [(row.label, row.role, row.payloads) for row in rows][-1] == ("everywhere else", "viewer", False)
    form: Mapping[str, str] = {row.role_field: row.role for row in rows} | {
        row.payloads_field: "true" for row in rows if row.payloads
    }
    back = rights_from(form, resources)
    assert {name: back.grant(name) for name in resources} == {name: held.grant(name) for name in resources}
    assert set(back.on) == {"kafka", "gone"}, "what is as everywhere else is not kept"


@pytest.mark.parametrize("role", [None, "emperor", ""])
def test_a_form_without_a_role_in_each_row_is_refused(role: str | None) -> None:
    form: dict[str, str] = {f"role/{EVERYWHERE}": "viewer"}
    if role is not None:
        form["role/kafka"] = role
    with pytest.raises(RequestRejected, match="Load it again"):
        rights_from(form, ("kafka",))
