"""The OpenID Connect provider: its endpoints, its keys, and the claims of a user."""

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
    ProviderError,
    SignInNotPending,
    SsoError,
)
from signalbox.security.oidc.model import Claims, PendingSignIn
from signalbox.security.oidc.settings import OidcSettings, is_safe_url
from signalbox.security.oidc.tokens import ExpectedClaims, UnknownKey, usable_keys, verified_claims

log = logging.getLogger(__name__)

INFO_LIFETIME_S: Final = 3600.0
ADDRESS_LENGTH_MAX: Final = 2048


class Discovery(Struct, frozen=True):
    """The fields of the discovery document that we use."""

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
    """The tokens that a code was exchanged for."""

    id_token: str
    access_token: str | None = None


class TokenError(Struct, frozen=True):
    """The error that an exchange answered."""

    error: str = ""


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """The provider's metadata and keys, and when they were fetched."""

    discovery: Discovery
    keys: KeySet
    at: float


class Provider:
    """One per process. Fetches metadata and keys at the first sign-in, and again each hour."""

    def __init__(self, settings: OidcSettings, redirect: str, clock: Clock) -> None:
        self._settings = settings
        self._redirect = redirect
        self._clock = clock
        self._http = ProviderClient(settings)
        self._fetching = asyncio.Lock()
        self._cached: ProviderInfo | None = None
        self._failed: tuple[float, SsoError] | None = None

    async def authorization_url(self, pending: PendingSignIn) -> str:
        """Return the URL to send the browser to. Raises ProviderUnreachable, ProviderError."""
        info = await self._info()
        url: str = prepare_grant_uri(
            info.discovery.authorization_endpoint,
            self._settings.client_id,
            "code",
            self._redirect,
            self._settings.scopes,
            pending.state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        )
        return url

    async def names_issuer(self) -> bool:
        """Return whether redirects always name the issuer (RFC 9207). Raises ProviderUnreachable, ProviderError."""
        return (await self._info()).discovery.authorization_response_iss_parameter_supported

    async def claims(self, code: str, pending: PendingSignIn) -> Claims:
        """Exchange the code and return the claims of the ID token, completed from userinfo if some are missing.

        Raises:
            SsoError: the provider does not answer, refuses, or cannot be trusted.
        """
        info = await self._info()
        tokens = await self._exchange(info.discovery, code, pending)
        claims = await self._verify(info, tokens, pending.nonce)
        needed = {self._settings.claim, self._settings.name_claim}
        if needed <= claims.keys() or not info.discovery.userinfo_endpoint or not tokens.access_token:
            return claims
        return {**await self._userinfo(info.discovery.userinfo_endpoint, tokens.access_token, claims), **claims}

    async def _exchange(self, discovery: Discovery, code: str, pending: PendingSignIn) -> TokenResponse:
        form = prepare_token_request(
            "authorization_code", redirect_uri=self._redirect, code=code, code_verifier=pending.verifier
        )
        url, headers, body = self._client_auth(discovery).prepare("POST", discovery.token_endpoint, {}, form)
        response = await self._http.post(url, headers, body)
        if response.status != 200:
            raise _exchange_error(response)
        return response.parse(TokenResponse, "the token response")

    def _client_auth(self, discovery: Discovery) -> ClientAuth:
        """Return the client authentication: in the header if supported, encoded as in RFC 6749 2.3.1."""
        client, secret = self._settings.client_id, self._settings.client_secret
        if secret is None:
            return ClientAuth(client, None, "none")
        if "client_secret_basic" in discovery.token_endpoint_auth_methods_supported:
            return ClientAuth(quote_plus(client), quote_plus(secret.get_secret_value()), "client_secret_basic")
        return ClientAuth(client, secret.get_secret_value(), "client_secret_post")

    async def _verify(self, info: ProviderInfo, tokens: TokenResponse, nonce: str) -> Claims:
        expected = ExpectedClaims(
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            nonce=nonce,
            access_token=tokens.access_token,
        )
        try:
            return verified_claims(tokens.id_token, info.keys, expected, self._clock())
        except UnknownKey:
            refreshed = await self._info(stale=info)
            return verified_claims(tokens.id_token, refreshed.keys, expected, self._clock())

    async def _userinfo(self, url: str, access_token: str, claims: Claims) -> Mapping[str, Any]:
        response = await self._http.get(url, {"authorization": f"Bearer {access_token}"})
        if response.status != 200:
            raise ProviderError(f"userinfo returned status {response.status}")
        userinfo = response.parse(dict[str, Any], "userinfo")
        if userinfo.get("sub") != claims.get("sub"):
            raise AnswerNotTrusted("ID token and userinfo name two different users")
        return userinfo

    async def _info(self, stale: ProviderInfo | None = None) -> ProviderInfo:
        """Return metadata and keys, other than `stale`. One task fetches, the others wait for it.

        A failure is cached for one timeout: otherwise waiting tasks would fail one after the other.
        """
        async with self._fetching:
            now = self._clock()
            if self._cached is not None and self._cached is not stale and now - self._cached.at < INFO_LIFETIME_S:
                return self._cached
            if self._failed is not None and 0 <= now - self._failed[0] < self._settings.timeout_s:
                raise self._failed[1]
            try:
                self._cached = await self._fetch_info(now)
            except SsoError as error:
                self._failed = (self._clock(), error.with_traceback(None))
                raise
            return self._cached

    async def _fetch_info(self, now: float) -> ProviderInfo:
        url = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        discovery = _require_ok(await self._http.get(url), "the discovery document").parse(
            Discovery, "the discovery document"
        )
        if discovery.issuer != self._settings.issuer:
            raise ProviderError("the issuer differs from [oidc] issuer")
        if not is_safe_url(discovery.authorization_endpoint) or (
            len(discovery.authorization_endpoint) > ADDRESS_LENGTH_MAX
        ):
            raise ProviderError("the discovery document contains a URL without TLS")
        published = _require_ok(await self._http.get(discovery.jwks_uri), "the list of keys").parse(
            PublishedKeys, "the list of keys"
        )
        return ProviderInfo(discovery, usable_keys(published.keys), now)


def _require_ok(response: ProviderResponse, what: str) -> ProviderResponse:
    if response.status != 200:
        raise ProviderError(f"{what} returned status {response.status}")
    return response


def _exchange_error(response: ProviderResponse) -> SsoError:
    """Return why a code was not exchanged. A response without an OAuth error may come from a gateway."""
    try:
        error = response.parse(TokenError, "the token error").error
    except ProviderError:
        error = ""
    log.warning("identity provider rejected the code: status %d, %r", response.status, error[:60])
    if error in {"invalid_client", "unauthorized_client"} or response.status == 401:
        return ClientRejected()
    if error == "invalid_grant":
        return SignInNotPending()
    return ProviderError(f"the token endpoint returned status {response.status}")
