"""Single sign-on at a malicious provider fails with a reason."""

import asyncio
import base64
import gzip
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from signalbox.security.errors import RequestRejected
from signalbox.security.oidc.errors import (
    AnswerNotTrusted,
    CertificateNotTrusted,
    ClaimMissing,
    ClocksDiffer,
    ProviderError,
    ProviderUnreachable,
)
from signalbox.security.oidc.model import StartedSignIn
from signalbox.security.oidc.service import SingleSignOn
from tests.support.forged_provider import ForgedProvider, dripping, endless, query, rsa, signed
from tests.support.sso import SsoServices


@pytest.fixture
async def forged() -> AsyncIterator[ForgedProvider]:
    async with ForgedProvider().running() as provider:
        yield provider


def back(forged: ForgedProvider, begun: StartedSignIn) -> dict[str, str]:
    return {"code": "a-code", "state": query(begun.url)["state"], "iss": forged.issuer}


async def start(sso: SsoServices, forged: ForgedProvider, **claims: object) -> tuple[SingleSignOn, StartedSignIn]:
    """Start a sign-in. The provider will answer with an ID token that has these claims."""
    service = sso.service_for(forged.issuer)
    begun = await service.begin("/")
    forged.id_token = signed(forged.claims(begun.url, **claims), forged.key)
    return service, begun


async def came_in(sso: SsoServices, service: SingleSignOn, forged: ForgedProvider, begun: StartedSignIn) -> bool:
    finished = await sso.finish(service, back(forged, begun), begun)
    return await sso.identity_of(finished.secret) is not None


async def refused(sso: SsoServices, service: SingleSignOn, forged: ForgedProvider, begun: StartedSignIn) -> Exception:
    with pytest.raises(RequestRejected) as raised:
        await sso.finish(service, back(forged, begun), begun)
    assert await sso.users_by_name() == {}
    assert len(str(raised.value)) < 400
    return raised.value


async def test_valid_forged_provider_signs_in(sso: SsoServices, forged: ForgedProvider) -> None:
    service, begun = await start(sso, forged)
    assert await came_in(sso, service, forged, begun)
    asked = query(begun.url)
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == (
        "code",
        "S256",
        "openid profile",
    )
    assert asked["redirect_uri"] == "http://127.0.0.1:8080/sign-in/sso/back"


def unsigned(claims: dict[str, Any], _: RSAKey) -> str:
    return f"{packed({'alg': 'none'})}.{packed(claims)}."


def packed(part: dict[str, Any] | bytes) -> str:
    plain = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def by_public_key(claims: dict[str, Any], key: RSAKey) -> str:
    """Sign with HS256 and the public key, which a naive verifier accepts."""
    said = f"{packed({'alg': 'HS256', 'kid': key.kid})}.{packed(claims)}"
    return f"{said}.{packed(hmac.digest(key.as_pem(private=False), said.encode(), 'sha256'))}"


def by_client_secret(claims: dict[str, Any], key: RSAKey) -> str:
    secret = OctKey.import_key("the-secret-of-the-client-is-long-enough")
    return jws.serialize_compact({"alg": "HS256", "kid": key.kid}, json.dumps(claims), secret, algorithms=["HS256"])


def by_another_key(claims: dict[str, Any], key: RSAKey) -> str:
    return signed(claims, rsa(str(key.kid)))


def by_an_unknown_key(claims: dict[str, Any], _: RSAKey) -> str:
    return signed(claims, rsa("never-published"))


def by_its_own_key(claims: dict[str, Any], _: RSAKey) -> str:
    """Send the key in the token's header, which must be ignored."""
    other = rsa("brought")
    return signed(claims, other, {"kid": "first", "jwk": other.as_dict(private=False)})


def changed_afterwards(claims: dict[str, Any], key: RSAKey) -> str:
    head, _, signature = signed({**claims, "groups": []}, key).split(".")
    return ".".join((head, signed(claims, key).split(".")[1], signature))


def in_four_parts(claims: dict[str, Any], key: RSAKey) -> str:
    return signed(claims, key).replace(".", "..", 1)


FORGERIES: list[Callable[[dict[str, Any], RSAKey], str]] = [
    unsigned,
    by_public_key,
    by_client_secret,
    by_another_key,
    by_an_unknown_key,
    by_its_own_key,
    changed_afterwards,
    in_four_parts,
]


@pytest.mark.parametrize("forge", FORGERIES)
async def test_token_not_signed_by_the_provider_is_rejected(
    sso: SsoServices, forged: ForgedProvider, forge: Callable[[dict[str, Any], RSAKey], str]
) -> None:
    service = sso.service_for(forged.issuer, client_secret="the-secret-of-the-client-is-long-enough")
    begun = await service.begin("/")
    forged.id_token = forge(forged.claims(begun.url), forged.key)
    said = await refused(sso, service, forged, begun)
    assert isinstance(said, AnswerNotTrusted)
    assert "sign" in str(said)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"iss": "https://evil.example"}, "another identity provider"),
        ({"aud": "another-app"}, "another application"),
        ({"aud": ["another-app"]}, "another application"),
        ({"aud": "another-app", "azp": "signalbox"}, "another application"),
        ({"aud": ["signalbox", "another-app"]}, "another application"),  # without azp
        ({"azp": "another-app"}, "another application"),
        ({"nonce": "of-another-sign-in"}, "another sign-in"),
        ({"nonce": None}, "another sign-in"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "do not match"),
        ({"at_hash": [1]}, "trusted"),
        ({"iss": None}, "another identity provider"),
        ({"aud": None}, "another application"),
        ({"exp": None}, "missing"),
        ({"iat": None}, "missing"),
        ({"exp": "tomorrow"}, "missing"),
        ({"exp": True}, "trusted"),
        ({"sub": None}, "missing"),
        ({"sub": ""}, "name the user"),
        ({"sub": "a\x00b"}, "name the user"),
        ({"sub": "x" * 256}, "name the user"),
        ({"sub": 7}, "trusted"),
    ],
    ids=str,
)
async def test_signed_token_with_wrong_claims_is_rejected(
    sso: SsoServices, forged: ForgedProvider, changed: dict[str, Any], why: str
) -> None:
    service, begun = await start(sso, forged, **changed)
    said = await refused(sso, service, forged, begun)
    assert isinstance(said, AnswerNotTrusted)
    assert why in str(said)


@pytest.mark.parametrize("ahead_s", [-3600, 3600, 400], ids=str)
async def test_clock_skew_is_reported(sso: SsoServices, forged: ForgedProvider, ahead_s: int) -> None:
    sso.clock.ahead_s = ahead_s
    service, begun = await start(sso, forged)
    said = await refused(sso, service, forged, begun)
    assert isinstance(said, ClocksDiffer)
    assert "at least" in str(said)


@pytest.mark.parametrize("ahead_s", [-55, 345], ids=str)
async def test_one_minute_of_clock_skew_is_accepted(sso: SsoServices, forged: ForgedProvider, ahead_s: int) -> None:
    sso.clock.ahead_s = ahead_s
    service, begun = await start(sso, forged)
    assert await came_in(sso, service, forged, begun)


async def test_infinite_timestamp_is_rejected(sso: SsoServices, forged: ForgedProvider) -> None:
    service = sso.service_for(forged.issuer)
    begun = await service.begin("/")
    for text in (b"NaN", b"Infinity", b"1e999"):
        payload = json.dumps(forged.claims(begun.url, exp=1234567)).encode().replace(b"1234567", text)
        header = {"alg": "RS256", "kid": forged.key.kid}
        forged.id_token = jws.serialize_compact(header, payload, forged.key, algorithms=["RS256"])
        assert isinstance(await refused(sso, service, forged, begun), AnswerNotTrusted)
    forged.id_token = signed(forged.claims(begun.url, exp=-(10**400)), forged.key)
    assert isinstance(await refused(sso, service, forged, begun), ClocksDiffer | AnswerNotTrusted)


async def test_new_key_is_fetched_once_and_the_old_one_is_rejected(sso: SsoServices, forged: ForgedProvider) -> None:
    service = sso.service_for(forged.issuer)
    begun = await service.begin("/")
    old, forged.key = forged.key, rsa("second")
    forged.published = [forged.key.as_dict(private=False)]
    forged.id_token = signed(forged.claims(begun.url), forged.key)
    assert await came_in(sso, service, forged, begun)
    assert forged.requests.count("/jwks") == 2
    forged.id_token = signed(forged.claims(begun.url), old)
    with pytest.raises(AnswerNotTrusted):
        await sso.finish(service, back(forged, begun), begun)
    assert forged.requests.count("/jwks") == 3


async def test_malformed_keys_are_skipped(sso: SsoServices, forged: ForgedProvider) -> None:
    service = sso.service_for(forged.issuer)
    good = forged.published
    forged.published = [
        {},
        {"kty": "RSA"},
        {"kty": "RSA", "n": 7, "e": [], "kid": "first"},
        {"kty": "EC", "crv": "P-9", "x": "", "y": "", "kid": 5},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "first"},
        {"kty": "AKP", "pub": "x", "kid": "quantum"},
        *good,
    ]
    begun = await service.begin("/")
    forged.id_token = signed(forged.claims(begun.url), forged.key)
    assert await came_in(sso, service, forged, begun)


async def test_answer_of_another_provider_is_rejected(sso: SsoServices, forged: ForgedProvider) -> None:
    service, begun = await start(sso, forged)
    answer = back(forged, begun)
    for mixed in ({**answer, "iss": "https://evil.example"}, {key: answer[key] for key in ("code", "state")}):
        with pytest.raises(AnswerNotTrusted, match="another identity provider"):
            await sso.finish(service, mixed, begun)
    assert "/token" not in forged.requests


async def test_userinfo_of_another_user_is_rejected(sso: SsoServices, forged: ForgedProvider) -> None:
    service, begun = await start(sso, forged, groups=None)
    forged.overrides["/userinfo"] = {"sub": "the-boss", "groups": ["platform"]}
    assert "two different users" in str(await refused(sso, service, forged, begun))
    forged.overrides["/userinfo"] = {"sub": "somebody", "groups": ["platform"], "preferred_username": "the-boss"}
    assert await came_in(sso, service, forged, begun)
    assert list(await sso.users_by_name()) == ["ada"]  # the signed name goes before the other


@pytest.mark.parametrize("groups", [7, True, {"platform": True}, None], ids=str)
async def test_claim_of_another_type_gives_no_rights(sso: SsoServices, forged: ForgedProvider, groups: object) -> None:
    service, begun = await start(sso, forged, groups=groups)
    assert isinstance(await refused(sso, service, forged, begun), ClaimMissing)


PATHS = ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, b"<script>alert(1)</script>"), ProviderError),
        ((200, b"[" * 200_000), ProviderError),
        ((200, b"\xff\xfe"), ProviderError),
        ((200, gzip.compress(b"{}")), ProviderError),
        ((500, b"<script>alert(1)</script>"), ProviderError),
        ((302, b""), ProviderError),
        ([], ProviderError),
        (endless, ProviderError),
        (dripping, ProviderUnreachable),
    ],
    ids=["html", "deep", "bytes", "packed", "500", "redirect", "list", "endless", "dripping"],
)
async def test_large_slow_or_malformed_answers_are_rejected(
    sso: SsoServices, forged: ForgedProvider, path: str, answer: object, error: type[Exception]
) -> None:
    service = sso.service_for(forged.issuer, timeout_s=0.6 if answer is dripping else 30.0)
    if path in PATHS[:2]:
        forged.overrides[path] = answer
        with pytest.raises(error) as raised:
            await service.begin("/")
        said: Exception = raised.value
    else:
        begun = await service.begin("/")
        forged.id_token = signed(forged.claims(begun.url, groups=None), forged.key)
        forged.overrides[path] = answer
        said = await refused(sso, service, forged, begun)
    assert isinstance(said, error)
    assert "script" not in str(said)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/auth"},
        {"authorization_endpoint": "https://evil.example/" + "x" * 5000},
        {"authorization_endpoint": "https://[broken/auth"},
        {"authorization_endpoint": "https://evil.example/a\r\nset-cookie: x=1"},
        {"jwks_uri": "http://evil.example/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": 7},
    ],
    ids=str,
)
async def test_discovery_document_of_another_issuer_is_rejected(
    sso: SsoServices, forged: ForgedProvider, changed: dict[str, Any]
) -> None:
    forged.discovery(**changed)
    with pytest.raises(ProviderError):
        await sso.service_for(forged.issuer).begin("/")


async def test_code_and_token_are_never_sent_without_tls(sso: SsoServices, forged: ForgedProvider) -> None:
    for endpoint in ("token_endpoint", "userinfo_endpoint"):
        forged.discovery(**{endpoint: "http://192.0.2.1/x"})
        service = sso.service_for(forged.issuer)
        begun = await service.begin("/")
        forged.id_token = signed(forged.claims(begun.url, groups=None), forged.key)
        assert "URL without TLS" in str(await refused(sso, service, forged, begun))


async def test_provider_metadata_is_fetched_once_an_hour(sso: SsoServices, forged: ForgedProvider) -> None:
    service = sso.service_for(forged.issuer)
    await asyncio.gather(*(service.begin("/") for _ in range(20)))
    assert forged.requests == PATHS[:2]
    sso.clock.ahead_s = 3601
    await service.begin("/")
    assert forged.requests == PATHS[:2] * 2


async def test_concurrent_sign_ins_share_one_failure(sso: SsoServices, forged: ForgedProvider) -> None:
    forged.overrides[PATHS[0]] = dripping
    service = sso.service_for(forged.issuer, timeout_s=0.3)
    async with asyncio.timeout(3):
        found = await asyncio.gather(*(service.begin("/") for _ in range(50)), return_exceptions=True)
    assert {type(one) for one in found} == {ProviderUnreachable}
    assert len(forged.requests) == 1


async def test_tls_is_verified_against_the_configured_authority(sso: SsoServices, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    async with ForgedProvider(context).running() as forged:
        with pytest.raises(CertificateNotTrusted, match="ca_file"):
            await sso.service_for(forged.issuer).begin("/")
        service = sso.service_for(forged.issuer, ca_file=file)
        begun = await service.begin("/")
        forged.id_token = signed(forged.claims(begun.url), forged.key)
        assert await came_in(sso, service, forged, begun)
