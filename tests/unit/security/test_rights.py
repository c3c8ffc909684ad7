"""Rights: a token is capped by its owner, rows round-trip, and a refusal names what is missing."""

from hypothesis import given
from hypothesis import strategies as st

from signalbox.security.accounts.model import EVERYWHERE, grant_rows, rights_from_grants
from signalbox.security.model import Action, Grant, Rights, Role, missing_permission, parse_role

NAMES = st.sampled_from(["kafka-prod", "rabbit", "store/orders", EVERYWHERE])
RESOURCES = st.none() | NAMES | st.just("one of which nobody spoke")
GRANTS = st.builds(Grant, st.sampled_from(Role), st.booleans())
RIGHTS = st.builds(Rights, GRANTS, st.dictionaries(NAMES, GRANTS))
ACTIONS = st.builds(
    Action, name=st.just("purge"), required_role=st.sampled_from(Role), resource=RESOURCES, payloads=st.booleans()
)


@given(RIGHTS, RIGHTS, RESOURCES)
def test_capped_rights_are_the_intersection(owner: Rights, most: Rights, resource: str | None) -> None:
    capped, mine, cap = owner.capped(most).grant(resource), owner.grant(resource), most.grant(resource)
    assert capped.role == min(mine.role, cap.role)
    assert capped.payloads == (mine.payloads and cap.payloads)


@given(RIGHTS, RIGHTS, ACTIONS)
def test_token_has_the_rights_of_both_its_owner_and_its_limit(owner: Rights, most: Rights, action: Action) -> None:
    both = missing_permission(owner, action) is None and missing_permission(most, action) is None
    assert (missing_permission(owner.capped(most), action) is None) == both


@given(RIGHTS, RIGHTS)
def test_capped_rights_view_nothing_beyond_the_owner(owner: Rights, most: Rights) -> None:
    capped = owner.capped(most)
    assert capped.visible(["kafka-prod", "rabbit", "x"]) == (
        owner.visible(["kafka-prod", "rabbit", "x"]) & most.visible(["kafka-prod", "rabbit", "x"])
    )
    assert owner.allows_anything or not capped.allows_anything


@given(RIGHTS, RESOURCES.filter(lambda resource: resource != EVERYWHERE))
def test_rights_round_trip_through_rows(rights: Rights, resource: str | None) -> None:
    assert rights_from_grants(grant_rows(rights)).grant(resource) == rights.grant(resource)


@given(RIGHTS)
def test_resource_named_like_everywhere_gives_no_rights_everywhere(rights: Rights) -> None:
    assert rights_from_grants(grant_rows(rights)).everywhere == rights.everywhere


@given(RIGHTS, ACTIONS)
def test_refusal_names_the_role_or_the_payloads_permission(rights: Rights, action: Action) -> None:
    grant, missing = rights.grant(action.resource), missing_permission(rights, action)
    where = "everywhere" if action.resource is None else f"on {action.resource}"
    if grant.role < action.required_role:
        assert missing == f"the {action.required_role.label} role {where}"
    elif action.payloads and not grant.payloads:
        assert missing == f"the payloads permission {where}"
    else:
        assert missing is None


def test_an_admin_of_one_connection_is_no_admin() -> None:
    rights = Rights(Grant(Role.VIEWER), {"kafka-prod": Grant(Role.ADMIN)})
    assert missing_permission(rights, Action(name="invite user")) == "the admin role everywhere"
    assert missing_permission(rights, Action(name="seek", resource="kafka-prod")) is None
    assert missing_permission(rights, Action(name="seek", resource="rabbit")) == "the admin role on rabbit"


def test_rights_description() -> None:
    assert Rights(Grant(Role.OPERATOR)).describe() == "operator everywhere"
    on = {"b": Grant(Role.ADMIN), "a": Grant(Role.ADMIN), "c": Grant()}
    assert Rights(Grant(Role.VIEWER), on).describe() == "admin on a, b; none on c; viewer elsewhere"
    assert [parse_role(role.label) for role in Role] == list(Role)
    assert parse_role("root") is None
