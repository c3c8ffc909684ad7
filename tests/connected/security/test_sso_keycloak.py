"""Single sign-on at Keycloak, with its forms, groups and answers. Runs only on request."""

from typing import Any

import pytest

from signalbox.security.model import Grant, Rights, Role
from signalbox.security.oidc.errors import ClaimMissing, ClientRejected, NoRole, SignInCanceled, SignInNotPending
from signalbox.security.oidc.service import SingleSignOn
from tests.support.keycloak import PASSWORD, Keycloak, asked_for, sign_in, visit
from tests.support.oidc_provider import SECRET
from tests.support.sso import SsoServices, finish_refused

pytestmark = [asked_for, pytest.mark.timeout(300)]  # the first test waits for the download and the start

ADMIN = Rights(Grant(Role.ADMIN, payloads=True))
LEAD = Rights(Grant(Role.VIEWER), {"kafka-prod": Grant(Role.OPERATOR, payloads=True)})


def at(sso: SsoServices, keycloak: Keycloak, **keys: object) -> SingleSignOn:
    return sso.service_for(keycloak.issuer, **{"client_secret": SECRET, **keys})


async def entered(sso: SsoServices, service: SingleSignOn, name: str) -> str:
    begun = await service.begin("/groups?x=1")
    finished = await sso.finish(service, await sign_in(begun.url, name), begun)
    assert finished.next == "/groups?x=1"
    return finished.secret


@pytest.mark.parametrize(
    "keys", [{}, {"client_id": "by-userinfo"}, {"client_id": "public", "client_secret": None}], ids=str
)
@pytest.mark.parametrize(("name", "rights"), [("ada", ADMIN), ("grace", LEAD)], ids=["ada", "grace"])
async def test_sso_gives_the_roles_of_the_groups(
    sso: SsoServices, keycloak: Keycloak, keys: dict[str, Any], name: str, rights: Rights
) -> None:
    identity = await sso.identity_of(await entered(sso, at(sso, keycloak, **keys), name))
    assert identity is not None
    assert (identity.name, identity.rights) == (name, rights)
    assert await sso.audit() == [(f"as {name}", "done", "")]


async def test_groups_without_a_role_cannot_sign_in(sso: SsoServices, keycloak: Keycloak) -> None:
    service = at(sso, keycloak)
    begun = await service.begin("/")
    said = await finish_refused(sso, service, await sign_in(begun.url, "mallory"), begun)
    assert isinstance(said, NoRole)
    assert await sso.users_by_name() == {}
    assert await sso.audit() == [("as mallory", "failed", str(said))]


async def test_wrong_client_secret_is_reported(sso: SsoServices, keycloak: Keycloak) -> None:
    service = at(sso, keycloak, client_secret="wrong-one")
    begun = await service.begin("/")
    assert isinstance(await finish_refused(sso, service, await sign_in(begun.url, "ada"), begun), ClientRejected)
    assert await sso.users_by_name() == {}


async def test_wrong_password_at_the_provider_does_not_redirect(sso: SsoServices, keycloak: Keycloak) -> None:
    service = at(sso, keycloak)
    begun = await service.begin("/")
    wrong, right = ({"username": "ada", "password": password} for password in (PASSWORD[:-1], PASSWORD))
    assert await visit(begun.url, wrong) is None
    assert await sso.users_by_name() == {}
    assert await sso.audit() == []
    answer = await visit(begun.url, wrong, right)
    assert answer is not None
    await sso.finish(service, answer, begun)
    assert list(await sso.users_by_name()) == ["ada"]


async def test_canceled_sign_in_is_reported(sso: SsoServices, keycloak: Keycloak) -> None:
    service = at(sso, keycloak, client_id="asks")
    signed_in = {"username": "ada", "password": PASSWORD}
    begun = await service.begin("/")
    answer = await visit(begun.url, signed_in, {"cancel": "No"})
    assert answer is not None
    assert isinstance(await finish_refused(sso, service, answer, begun), SignInCanceled)
    assert await sso.users_by_name() == {}
    assert await sso.audit() == []
    begun = await service.begin("/")
    answer = await visit(begun.url, signed_in, {"accept": "Yes"})
    assert answer is not None
    await sso.finish(service, answer, begun)
    assert list(await sso.users_by_name()) == ["ada"]


async def test_code_works_once_and_only_with_its_verifier(sso: SsoServices, keycloak: Keycloak) -> None:
    service = at(sso, keycloak)
    mine, theirs = await service.begin("/"), await service.begin("/")
    own, stolen = await sign_in(mine.url, "ada"), await sign_in(theirs.url, "grace")
    assert isinstance(await finish_refused(sso, service, {**own, "code": stolen["code"]}, mine), SignInNotPending)
    await sso.finish(service, own, mine)
    assert isinstance(await finish_refused(sso, service, own, mine), SignInNotPending)
    assert list(await sso.users_by_name()) == ["ada"]


async def test_removed_groups_lock_out_and_end_sessions(sso: SsoServices, keycloak: Keycloak) -> None:
    service = at(sso, keycloak)
    before = await entered(sso, service, "joan")
    assert await sso.identity_of(before) is not None
    for group, error in (("support", NoRole), ("everybody", ClaimMissing)):  # the last one takes the claim with it
        await keycloak.remove_from_group(group, "joan")
        begun = await service.begin("/")
        said = await finish_refused(sso, service, await sign_in(begun.url, "joan"), begun)
        assert isinstance(said, error)
        assert await sso.identity_of(before) is None
        assert (await sso.users_by_name())["joan"].rights == Rights()
