"""The provider of company accounts: where it is asked, which keys it signs with, and what it says of who signed in."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jwk import KeySet
from msgspec import Struct

from signalbox.kernel.clock import Clock
from signalbox.security.oidc.client import ProviderClient, ProviderResponse
from signalbox.security.oidc.errors import (
    AnswerNotTrusted,
    ClientRejected,
    CompanyAccountError,
    ProviderError,
    SignInNotPending,
)
from signalbox.security.oidc.model import Claims, PendingSignIn
from signalbox.security.oidc.settings import OidcSettings, is_safe_url
from signalbox.security.oidc.tokens import ExpectedClaims, UnknownKey, usable_keys, verified_claims

log = logging.getLogger(__name__)

INFO_LIFETIME_S: Final = 3600.0
ADDRESS_LENGTH_MAX: Final = 2048


class Discovery(Struct, frozen=True):
    """What of the discovery document matters here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class PublishedKeys(Struct, frozen=True):
    """The provider's public keys."""

    keys: list[dict[str, Any]]


class TokenResponse(Struct, frozen=True):
    """What a code was exchanged for."""

    id_token: str
    access_token: str | None = None


class TokenError(Struct, frozen=True):
    """Why a code was not exchanged."""

    error: str = ""


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """What is remembered of the provider."""

    discovery: Discovery
    keys: KeySet
    at: float


class Provider:
    """One per process. What it publishes is asked for at the first sign-in, and again each hour."""

    def __init__(self, settings: OidcSettings, redirect: str, clock: Clock) -> None:
        self._settings = settings
        self._redirect = redirect
        self._clock = clock
        self._http = ProviderClient(settings)
        self._fetching = asyncio.Lock()
        self._cached: ProviderInfo | None = None
        self._failed: tuple[float, CompanyAccountError] | None = None

    async def authorization_url(self, kept: PendingSignIn) -> str:
        """Return where to send the browser. Raises ProviderUnreachable, ProviderError."""
        known = await self._info()
        address: str = prepare_grant_uri(
            known.discovery.authorization_endpoint,
            self._settings.client_id,
            "code",
            self._redirect,
            self._settings.scopes,
            kept.state,
            nonce=kept.nonce,
            code_challenge=create_s256_code_challenge(kept.verifier),
            code_challenge_method="S256",
        )
        return address

    async def names_issuer(self) -> bool:
        """Say whether it always tells who sends the browser back (RFC 9207). Raises ProviderUnreachable, ProviderError."""
        return (await self._info()).discovery.authorization_response_iss_parameter_supported

    async def claims(self, code: str, kept: PendingSignIn) -> Claims:
        """Return what it says of who brought this code: of the ID token, and of userinfo what is missing there.

        Raises:
            CompanyAccountError: it does not answer, refuses, or what it says may not be believed.
        """
        known = await self._info()
        given = await self._exchange(known.discovery, code, kept)
        claims = await self._verify(known, given, kept.nonce)
        wanted = {self._settings.claim, self._settings.name_claim}
        if wanted <= claims.keys() or not known.discovery.userinfo_endpoint or not given.access_token:
            return claims
        return {**await self._userinfo(known.discovery.userinfo_endpoint, given.access_token, claims), **claims}

    async def _exchange(self, discovery: Discovery, code: str, kept: PendingSignIn) -> TokenResponse:
        form = prepare_token_request(
            "authorization_code", redirect_uri=self._redirect, code=code, code_verifier=kept.verifier
        )
        address, headers, body = self._client_auth(discovery).prepare("POST", discovery.token_endpoint, {}, form)
        answer = await self._http.post(address, headers, body)
        if answer.status != 200:
            raise _exchange_error(answer)
        return answer.parse(TokenResponse, "its answer to the code")

    def _client_auth(self, discovery: Discovery) -> ClientAuth:
        """Return how we say who we are: in the header if that is known there, its parts encoded as RFC 6749 2.3.1 asks."""
        client, secret = self._settings.client_id, self._settings.client_secret
        if secret is None:
            return ClientAuth(client, None, "none")
        if "client_secret_basic" in discovery.token_endpoint_auth_methods_supported:
            return ClientAuth(quote_plus(client), quote_plus(secret.get_secret_value()), "client_secret_basic")
        return ClientAuth(client, secret.get_secret_value(), "client_secret_post")

    async def _verify(self, known: ProviderInfo, given: TokenResponse, nonce: str) -> Claims:
        expected = ExpectedClaims(
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            nonce=nonce,
            access_token=given.access_token,
        )
        try:
            return verified_claims(given.id_token, known.keys, expected, self._clock())
        except UnknownKey:
            fresh = await self._info(but=known)
            return verified_claims(given.id_token, fresh.keys, expected, self._clock())

    async def _userinfo(self, address: str, access_token: str, claims: Claims) -> Mapping[str, Any]:
        answer = await self._http.get(address, {"authorization": f"Bearer {access_token}"})
        if answer.status != 200:
            raise ProviderError(f"userinfo was answered with status {answer.status}")
        said = answer.parse(dict[str, Any], "userinfo")
        if said.get("sub") != claims.get("sub"):
            raise AnswerNotTrusted("its two answers are of two people")
        return said

    async def _info(self, but: ProviderInfo | None = None) -> ProviderInfo:
        """Return what it publishes; `but` this, which was seen to be old. One asks, the others wait for what it hears.

        A failure is believed for as long as one answer may take: else those who wait would fail one after the other.
        """
        async with self._fetching:
            now = self._clock()
            if self._cached is not None and self._cached is not but and now - self._cached.at < INFO_LIFETIME_S:
                return self._cached
            if self._failed is not None and 0 <= now - self._failed[0] < self._settings.timeout_s:
                raise self._failed[1]
            try:
                self._cached = await self._fetch_info(now)
            except CompanyAccountError as error:
                self._failed = (self._clock(), error.with_traceback(None))
                raise
            return self._cached

    async def _fetch_info(self, now: float) -> ProviderInfo:
        place = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        discovery = _require_ok(await self._http.get(place), "its discovery document").parse(
            Discovery, "its discovery document"
        )
        if discovery.issuer != self._settings.issuer:
            raise ProviderError("it calls itself otherwise than [oidc] issuer")
        if not is_safe_url(discovery.authorization_endpoint) or (
            len(discovery.authorization_endpoint) > ADDRESS_LENGTH_MAX
        ):
            raise ProviderError("it names an address of itself without TLS")
        published = _require_ok(await self._http.get(discovery.jwks_uri), "its list of keys").parse(
            PublishedKeys, "its list of keys"
        )
        return ProviderInfo(discovery, usable_keys(published.keys), now)


def _require_ok(answer: ProviderResponse, what: str) -> ProviderResponse:
    if answer.status != 200:
        raise ProviderError(f"{what} was answered with status {answer.status}")
    return answer


def _exchange_error(answer: ProviderResponse) -> CompanyAccountError:
    """Return why a code was not exchanged. What is no refusal of OAuth may come from a gateway in between."""
    try:
        error = answer.parse(TokenError, "its refusal of the code").error
    except ProviderError:
        error = ""
    log.warning("the company account's server did not take the code: status %d, %r", answer.status, error[:60])
    if error in {"invalid_client", "unauthorized_client"} or answer.status == 401:
        return ClientRejected()
    if error == "invalid_grant":
        return SignInNotPending()
    return ProviderError(f"it answered the code with status {answer.status}")
