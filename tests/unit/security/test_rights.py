"""What rights add up to: a token never may more than its owner, rows give back what was written, and a refusal names what is missing."""

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
def test_what_is_capped_is_never_more_than_either_and_never_less_than_both(
    owner: Rights, most: Rights, resource: str | None
) -> None:
    capped, mine, cap = owner.capped(most).grant(resource), owner.grant(resource), most.grant(resource)
    assert capped.role == min(mine.role, cap.role)
    assert capped.payloads == (mine.payloads and cap.payloads)


@given(RIGHTS, RIGHTS, ACTIONS)
def test_a_token_may_do_exactly_what_its_owner_and_its_cap_both_may(
    owner: Rights, most: Rights, action: Action
) -> None:
    both = missing_permission(owner, action) is None and missing_permission(most, action) is None
    assert (missing_permission(owner.capped(most), action) is None) == both


@given(RIGHTS, RIGHTS)
def test_what_is_capped_sees_nothing_that_its_owner_does_not(owner: Rights, most: Rights) -> None:
    capped = owner.capped(most)
    assert capped.visible(["kafka-prod", "rabbit", "x"]) == (
        owner.visible(["kafka-prod", "rabbit", "x"]) & most.visible(["kafka-prod", "rabbit", "x"])
    )
    assert owner.allows_anything or not capped.allows_anything


@given(RIGHTS, RESOURCES.filter(lambda resource: resource != EVERYWHERE))
def test_rows_give_back_the_rights_that_were_written(rights: Rights, resource: str | None) -> None:
    assert rights_from_grants(grant_rows(rights)).grant(resource) == rights.grant(resource)


@given(RIGHTS)
def test_a_resource_that_is_called_like_everywhere_gives_nothing_everywhere(rights: Rights) -> None:
    assert rights_from_grants(grant_rows(rights)).everywhere == rights.everywhere


@given(RIGHTS, ACTIONS)
def test_a_refusal_is_for_the_role_or_for_payloads_and_for_nothing_else(rights: Rights, action: Action) -> None:
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


def test_rights_in_words() -> None:
    assert Rights(Grant(Role.OPERATOR)).describe() == "operator everywhere"
    on = {"b": Grant(Role.ADMIN), "a": Grant(Role.ADMIN), "c": Grant()}
    assert Rights(Grant(Role.VIEWER), on).describe() == "admin on a, b; none on c; viewer elsewhere"
    assert [parse_role(role.label) for role in Role] == list(Role)
    assert parse_role("root") is None
