"""Single sign-on at a real provider, from the first redirect to the session."""

from pathlib import Path
from typing import Any

import pytest

from signalbox.security.model import Grant, Rights, Role
from signalbox.security.oidc.errors import (
    ClaimMissing,
    ClientRejected,
    NoRole,
    ProviderError,
    ProviderUnreachable,
    SignInCanceled,
    SignInNotPending,
    UnusableName,
)
from signalbox.security.oidc.model import SIGN_IN_TIMEOUT_S, StartedSignIn
from signalbox.security.oidc.service import SingleSignOn
from tests.support.oidc_provider import SECRET, OidcProvider, cancel, oidc_provider, sign_in
from tests.support.sso import SsoServices, finish_refused

ADMIN = Rights(Grant(Role.ADMIN, payloads=True))
SCOPES = ("openid", "profile", "groups")


def known(groups: list[str] | None, name: str = "ada") -> dict[str, Any]:
    claims: dict[str, Any] = {"preferred_username": name}
    return claims if groups is None else {**claims, "groups": groups}


def at(sso: SsoServices, provider: OidcProvider, **keys: object) -> SingleSignOn:
    return sso.service_for(provider.issuer, **{"client_secret": SECRET, "scopes": SCOPES, **keys})


async def entered(sso: SsoServices, service: SingleSignOn, subject: str) -> str:
    begun = await service.begin("/groups?x=1")
    finished = await sso.finish(service, await sign_in(begun.url, subject), begun)
    assert finished.next == "/groups?x=1"
    return finished.secret


async def denied(sso: SsoServices, service: SingleSignOn, subject: str = "s") -> Exception:
    begun = await service.begin("/")
    return await finish_refused(sso, service, await sign_in(begun.url, subject), begun)


async def rights_of(sso: SsoServices, secret: str) -> Rights:
    identity = await sso.identity_of(secret)
    assert identity is not None
    return identity.rights


@pytest.mark.parametrize(
    "keys", [{}, {"client_id": "by-form"}, {"client_id": "public", "client_secret": None}], ids=str
)
async def test_sso_opens_a_session(sso: SsoServices, provider: OidcProvider, keys: dict[str, Any]) -> None:
    provider.knows({"subject-1": known(["platform", "all"], "Ada.L@shop.example")})
    secret = await entered(sso, at(sso, provider, **keys), "subject-1")
    identity = await sso.identity_of(secret)
    assert identity is not None
    assert (identity.name, identity.rights) == ("ada.l@shop.example", ADMIN)
    assert await sso.audit() == [("as ada.l@shop.example", "done", "")]


async def test_claims_of_the_id_token_come_first(sso: SsoServices, tmp_path: Path) -> None:
    async with oidc_provider(tmp_path / "p", claims_from_userinfo=False) as provider:
        provider.knows({"s": known(["support"])})
        secret = await entered(sso, at(sso, provider), "s")
        assert await rights_of(sso, secret) == Rights(Grant(Role.VIEWER))


async def test_matching_values_are_united(sso: SsoServices, provider: OidcProvider) -> None:
    provider.knows({"s": known(["support", "billing-leads", "nothing"])})
    secret = await entered(sso, at(sso, provider), "s")
    on = {"kafka-prod": Grant(Role.OPERATOR, payloads=True)}
    assert await rights_of(sso, secret) == Rights(Grant(Role.VIEWER), on)


async def test_second_sign_in_with_the_same_groups_keeps_the_first_session(
    sso: SsoServices, provider: OidcProvider
) -> None:
    provider.knows({"s": known(["support", "billing-leads"])})
    service = at(sso, provider)
    first, second = await entered(sso, service, "s"), await entered(sso, service, "s")
    assert first != second
    assert await sso.identity_of(first) is not None
    assert await sso.identity_of(second) is not None
    assert len(await sso.users_by_name()) == 1


async def test_changed_groups_change_the_role_and_end_sessions(sso: SsoServices, provider: OidcProvider) -> None:
    provider.knows({"boss": known(["platform"], "boss"), "s": known(["platform"])})
    service = at(sso, provider)
    await entered(sso, service, "boss")
    before = await entered(sso, service, "s")
    provider.knows({"s": known(["support"], "another-name")})
    after = await entered(sso, service, "s")
    assert await sso.identity_of(before) is None
    identity = await sso.identity_of(after)
    assert identity is not None
    assert (identity.name, identity.rights) == ("ada", Rights(Grant(Role.VIEWER)))


@pytest.mark.parametrize(("groups", "error"), [(["other"], NoRole), ([], NoRole), (None, ClaimMissing)], ids=str)
async def test_removed_groups_deny_sign_in_and_end_sessions(
    sso: SsoServices, provider: OidcProvider, groups: list[str] | None, error: type[Exception]
) -> None:
    provider.knows({"s": known(["support"])})
    service = at(sso, provider)
    before = await entered(sso, service, "s")
    provider.knows({"s": known(groups)})
    said = await denied(sso, service)
    assert isinstance(said, error)
    assert "groups" in str(said)
    assert await sso.identity_of(before) is None
    assert (await sso.users_by_name())["ada"].rights == Rights()
    assert [outcome for _, outcome, _ in await sso.audit()] == ["done", "failed"]
    provider.knows({"s": known(["support"])})
    assert await sso.identity_of(await entered(sso, service, "s")) is not None


async def test_user_without_a_role_leaves_only_an_audit_row(sso: SsoServices, provider: OidcProvider) -> None:
    provider.knows({"s": known(["other"])})
    service = at(sso, provider)
    said = await denied(sso, service)
    assert isinstance(said, NoRole)
    assert await sso.users_by_name() == {}
    assert await sso.audit() == [("as ada", "failed", str(said))]


async def test_last_admin_cannot_be_removed_or_demoted(sso: SsoServices, provider: OidcProvider) -> None:
    provider.knows({"s": known(["platform"])})
    service = at(sso, provider)
    before = await entered(sso, service, "s")
    for groups in (["support"], []):
        provider.knows({"s": known(groups)})
        assert "last admin" in str(await denied(sso, service))
    assert await rights_of(sso, before) == ADMIN


async def test_same_subject_of_another_provider_is_another_user(
    sso: SsoServices, provider: OidcProvider, tmp_path: Path
) -> None:
    provider.knows({"s": known(["platform"])})
    await entered(sso, at(sso, provider), "s")
    async with oidc_provider(tmp_path / "p") as other:
        other.knows({"s": known(["platform"], "eve")})
        await entered(sso, at(sso, other), "s")
        other.knows({"s2": known(["platform"], "ada")})
        said = await denied(sso, at(sso, other), "s2")
    assert "The user name ada is taken" in str(said)
    assert sorted(await sso.users_by_name()) == ["ada", "eve"]


@pytest.mark.parametrize("name", ["", "two words", "<b>ada</b>", "a" * 64, "../ada", "a\x00b"])
async def test_unusable_name_cannot_sign_in(sso: SsoServices, provider: OidcProvider, name: str) -> None:
    provider.knows({"s": known(["platform"], name)})
    service = at(sso, provider)
    said = await denied(sso, service)
    assert isinstance(said, UnusableName)
    assert not name or name not in str(said)
    assert await sso.users_by_name() == {}


@pytest.mark.parametrize("keys", [{"client_secret": "wrong-one"}, {"client_secret": None}], ids=str)
async def test_wrong_client_secret_is_reported_and_not_shown(
    sso: SsoServices, provider: OidcProvider, keys: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    provider.knows({"s": known(["platform"])})
    service = at(sso, provider, **keys)
    said = await denied(sso, service)
    assert isinstance(said, ClientRejected)
    assert "client_secret" in str(said)
    assert "wrong-one" not in str(said) + caplog.text
    assert SECRET not in str(said) + caplog.text


async def test_canceled_sign_in_is_reported(sso: SsoServices, provider: OidcProvider) -> None:
    service = at(sso, provider)
    begun = await service.begin("/")
    assert isinstance(await finish_refused(sso, service, await cancel(begun.url), begun), SignInCanceled)
    assert await sso.audit() == []


async def test_code_works_once(sso: SsoServices, provider: OidcProvider) -> None:
    provider.knows({"s": known(["platform"])})
    service = at(sso, provider)
    begun = await service.begin("/")
    answer = await sign_in(begun.url, "s")
    await sso.finish(service, answer, begun)
    assert isinstance(await finish_refused(sso, service, answer, begun), SignInNotPending)


async def test_sign_in_finishes_only_in_the_browser_that_started_it(sso: SsoServices, provider: OidcProvider) -> None:
    provider.knows({"s": known(["platform"])})
    service = at(sso, provider)
    mine, theirs = await service.begin("/"), await service.begin("/")
    answer = await sign_in(mine.url, "s")
    other = StartedSignIn(url=mine.url, cookie=theirs.cookie)
    changed = StartedSignIn(
        url=mine.url, cookie=mine.cookie[:-10] + ("A" if mine.cookie[-10] != "A" else "B") + mine.cookie[-9:]
    )
    for begun, back in (
        (mine, {**answer, "state": answer["state"][:-1] + "~"}),
        (mine, {name: value for name, value in answer.items() if name != "state"}),
        (other, answer),  # another's answer put into this browser
        (changed, answer),
        (StartedSignIn(url="", cookie=""), answer),
        (StartedSignIn(url="", cookie="x" * 10_000), answer),
    ):
        assert isinstance(await finish_refused(sso, service, back, begun), SignInNotPending)
    assert await sso.users_by_name() == {}
    await sso.finish(service, answer, mine)  # none of these used it up


async def test_code_of_another_browser_is_rejected(sso: SsoServices, provider: OidcProvider) -> None:
    provider.knows({"s": known(["platform"])})
    service = at(sso, provider)
    mine, theirs = await service.begin("/"), await service.begin("/")
    stolen, own = await sign_in(theirs.url, "s"), await sign_in(mine.url, "s")
    mixed = {**own, "code": stolen["code"]}
    assert isinstance(await finish_refused(sso, service, mixed, mine), SignInNotPending)
    assert await sso.users_by_name() == {}


async def test_sign_in_at_the_provider_times_out(sso: SsoServices, provider: OidcProvider) -> None:
    provider.knows({"s": known(["platform"])})
    service = at(sso, provider)
    begun = await service.begin("/")
    answer = await sign_in(begun.url, "s")
    sso.clock.ahead_s = SIGN_IN_TIMEOUT_S + 5
    assert isinstance(await finish_refused(sso, service, answer, begun), SignInNotPending)


async def test_new_provider_keys_are_fetched(sso: SsoServices, tmp_path: Path) -> None:
    async with oidc_provider(tmp_path / "p") as provider:
        provider.knows({"s": known(["platform"])})
        service = at(sso, provider)
        await entered(sso, service, "s")
        await provider.process.stop()
        await provider.start()
        assert await sso.identity_of(await entered(sso, service, "s")) is not None


async def test_unreachable_provider_is_reported_until_it_is_back(sso: SsoServices, tmp_path: Path) -> None:
    async with oidc_provider(tmp_path / "p") as provider:
        provider.knows({"s": known(["platform"])})
        service = at(sso, provider)
        begun = await service.begin("/")
        answer = await sign_in(begun.url, "s")
        await provider.process.stop()
        assert isinstance(await finish_refused(sso, service, answer, begun), ProviderUnreachable)
        fresh = at(sso, provider)
        with pytest.raises(ProviderUnreachable, match="does not respond"):
            await fresh.begin("/")
        await provider.start()
        sso.clock.ahead_s = 31  # a failure is believed for as long as an answer may take
        assert await sso.identity_of(await entered(sso, fresh, "s")) is not None


async def test_hanging_provider_times_out(sso: SsoServices, tmp_path: Path) -> None:
    async with oidc_provider(tmp_path / "p") as provider:
        provider.process.pause()
        try:
            with pytest.raises(ProviderUnreachable):
                await at(sso, provider, timeout_s=0.3).begin("/")
        finally:
            provider.process.resume()


async def test_any_other_error_is_a_fault_that_echoes_nothing(sso: SsoServices, provider: OidcProvider) -> None:
    service = at(sso, provider)
    begun = await service.begin("/")
    state = dict(part.split("=") for part in begun.url.partition("?")[2].split("&"))["state"]
    back = {"state": state, "iss": provider.issuer, "error": "<script>", "error_description": "<img src=x>" * 999}
    said = await finish_refused(sso, service, back, begun)
    assert isinstance(said, ProviderError)
    assert "<" not in str(said)
    assert len(str(said)) < 300
