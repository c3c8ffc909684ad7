"""Company sign-in at Keycloak, with its forms, groups and answers. Runs only on request."""

from typing import Any

import pytest

from signalbox.security.model import Grant, Rights, Role
from signalbox.security.oidc.errors import ClaimMissing, ClientRejected, NoRole, SignInCanceled, SignInNotPending
from signalbox.security.oidc.service import CompanyAccounts
from tests.support.company import Company, finish_refused
from tests.support.keycloak import PASSWORD, Keycloak, asked_for, sign_in, visit
from tests.support.oidc_provider import SECRET

pytestmark = [asked_for, pytest.mark.timeout(300)]  # the first test waits for the download and the start

ADMIN = Rights(Grant(Role.ADMIN, payloads=True))
LEAD = Rights(Grant(Role.VIEWER), {"kafka-prod": Grant(Role.OPERATOR, payloads=True)})


def at(company: Company, keycloak: Keycloak, **keys: object) -> CompanyAccounts:
    return company.service_for(keycloak.issuer, **{"client_secret": SECRET, **keys})


async def entered(company: Company, service: CompanyAccounts, name: str) -> str:
    begun = await service.begin("/groups?x=1")
    finished = await company.finish(service, await sign_in(begun.url, name), begun)
    assert finished.next == "/groups?x=1"
    return finished.secret


@pytest.mark.parametrize(
    "keys", [{}, {"client_id": "by-userinfo"}, {"client_id": "public", "client_secret": None}], ids=str
)
@pytest.mark.parametrize(("name", "rights"), [("ada", ADMIN), ("grace", LEAD)], ids=["ada", "grace"])
async def test_company_sign_in_gives_the_roles_of_the_groups(
    company: Company, keycloak: Keycloak, keys: dict[str, Any], name: str, rights: Rights
) -> None:
    identity = await company.identity_of(await entered(company, at(company, keycloak, **keys), name))
    assert identity is not None
    assert (identity.name, identity.rights) == (name, rights)
    assert await company.audit() == [(f"as {name}", "done", "")]


async def test_groups_without_a_role_cannot_sign_in(company: Company, keycloak: Keycloak) -> None:
    service = at(company, keycloak)
    begun = await service.begin("/")
    said = await finish_refused(company, service, await sign_in(begun.url, "mallory"), begun)
    assert isinstance(said, NoRole)
    assert await company.users_by_name() == {}
    assert await company.audit() == [("as mallory", "failed", str(said))]


async def test_wrong_client_secret_is_reported(company: Company, keycloak: Keycloak) -> None:
    service = at(company, keycloak, client_secret="wrong-one")
    begun = await service.begin("/")
    assert isinstance(await finish_refused(company, service, await sign_in(begun.url, "ada"), begun), ClientRejected)
    assert await company.users_by_name() == {}


async def test_wrong_password_at_the_provider_does_not_redirect(company: Company, keycloak: Keycloak) -> None:
    service = at(company, keycloak)
    begun = await service.begin("/")
    wrong, right = ({"username": "ada", "password": password} for password in (PASSWORD[:-1], PASSWORD))
    assert await visit(begun.url, wrong) is None
    assert await company.users_by_name() == {}
    assert await company.audit() == []
    answer = await visit(begun.url, wrong, right)
    assert answer is not None
    await company.finish(service, answer, begun)
    assert list(await company.users_by_name()) == ["ada"]


async def test_canceled_sign_in_is_reported(company: Company, keycloak: Keycloak) -> None:
    service = at(company, keycloak, client_id="asks")
    signed_in = {"username": "ada", "password": PASSWORD}
    begun = await service.begin("/")
    answer = await visit(begun.url, signed_in, {"cancel": "No"})
    assert answer is not None
    assert isinstance(await finish_refused(company, service, answer, begun), SignInCanceled)
    assert await company.users_by_name() == {}
    assert await company.audit() == []
    begun = await service.begin("/")
    answer = await visit(begun.url, signed_in, {"accept": "Yes"})
    assert answer is not None
    await company.finish(service, answer, begun)
    assert list(await company.users_by_name()) == ["ada"]


async def test_code_works_once_and_only_with_its_verifier(company: Company, keycloak: Keycloak) -> None:
    service = at(company, keycloak)
    mine, theirs = await service.begin("/"), await service.begin("/")
    own, stolen = await sign_in(mine.url, "ada"), await sign_in(theirs.url, "grace")
    assert isinstance(await finish_refused(company, service, {**own, "code": stolen["code"]}, mine), SignInNotPending)
    await company.finish(service, own, mine)
    assert isinstance(await finish_refused(company, service, own, mine), SignInNotPending)
    assert list(await company.users_by_name()) == ["ada"]


async def test_removed_groups_lock_out_and_end_sessions(company: Company, keycloak: Keycloak) -> None:
    service = at(company, keycloak)
    before = await entered(company, service, "joan")
    assert await company.identity_of(before) is not None
    for group, error in (("support", NoRole), ("everybody", ClaimMissing)):  # the last one takes the claim with it
        await keycloak.remove_from_group(group, "joan")
        begun = await service.begin("/")
        said = await finish_refused(company, service, await sign_in(begun.url, "joan"), begun)
        assert isinstance(said, error)
        assert await company.identity_of(before) is None
        assert (await company.users_by_name())["joan"].rights == Rights()
