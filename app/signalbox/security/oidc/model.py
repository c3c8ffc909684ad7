"""Single sign-on: their state, the provider's answer, and the rights from claims. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hmac import compare_digest
from secrets import token_urlsafe
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from signalbox.security.accounts.model import NAME_RULE, normalized_user_name
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Grant, Rights
from signalbox.security.oidc.errors import (
    AnswerNotTrusted,
    ClaimMissing,
    ClientRejected,
    NoRole,
    ProviderError,
    SignInCanceled,
    SignInNotPending,
    SsoError,
    UnusableName,
)
from signalbox.security.oidc.settings import OidcSettings, RoleSettings

SIGN_IN_TIMEOUT_S: Final = 600  # how long a user may take at the provider
NEXT_LENGTH_MAX: Final = 1000  # the encrypted cookie must stay below 4 KiB
CODE_LENGTH_MAX: Final = 4096

ERRORS_BY_CODE: Final = MappingProxyType({"access_denied": SignInCanceled, "unauthorized_client": ClientRejected})

Claims = Mapping[str, Any]
"""Verified claims of a user; their values are not validated."""


class PendingSignIn(Struct, frozen=True, kw_only=True):
    """The state of a sign-in from start to finish. No one else may guess or choose it."""

    state: str
    nonce: str
    verifier: str  # of PKCE
    next: str  # the page to show after sign-in


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedSignIn:
    """A started sign-in: send the browser to `url` and set `cookie` for SIGN_IN_TIMEOUT_S.

    The cookie is HttpOnly and SameSite=Lax: the browser must send it when the provider redirects back.
    """

    url: str
    cookie: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedSignIn:
    """A finished sign-in."""

    secret: str  # of the new session, for its cookie
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SsoUser:
    """A user authenticated by the provider."""

    subject: str
    name: str
    rights: Rights
    rejection: SsoError | None  # set if these rights do not permit to sign in


def new_pending_sign_in(next_: str) -> PendingSignIn:
    """Return the state of a new sign-in. A `next_` that is too long is replaced by the first page."""
    path = next_ if len(next_.encode("utf-8", "replace")) <= NEXT_LENGTH_MAX else "/"
    return PendingSignIn(state=token_urlsafe(32), nonce=token_urlsafe(32), verifier=token_urlsafe(32), next=path)


def authorization_code(answer: Mapping[str, str], pending: PendingSignIn, *, issuer: str, names_issuer: bool) -> str:
    """Return the authorization code from the query of the redirect.

    Raises:
        SignInNotPending: this browser has no such pending sign-in.
        AnswerNotTrusted: another provider sent it (RFC 9207); `names_issuer`: ours always sends its issuer.
        SignInCanceled, ClientRejected, ProviderError: the provider sent an error.
    """
    if not compare_digest(answer.get("state", "").encode("utf-8", "replace"), pending.state.encode()):
        raise SignInNotPending
    if answer.get("iss", None if names_issuer else issuer) != issuer:
        raise AnswerNotTrusted("the answer came from another identity provider")
    if error := answer.get("error"):
        raise (
            ERRORS_BY_CODE[error]
            if error in ERRORS_BY_CODE
            else ProviderError("the identity provider rejected the sign-in request")
        )
    code = answer.get("code", "")
    if not code or len(code) > CODE_LENGTH_MAX:
        raise ProviderError("the answer contains no authorization code")
    return code


def sso_user(claims: Claims, settings: OidcSettings) -> SsoUser:
    """Return the user of these claims.

    Raises:
        AnswerNotTrusted: the subject is missing or malformed.
        UnusableName: the name is missing or malformed.
    """
    subject, name = _subject(claims, settings.issuer), _name(claims, settings.name_claim)
    values = claim_values(claims.get(settings.claim))
    rights = rights_from_claim(values or (), settings.roles)
    refused = None if rights.allows_anything else (NoRole if values is not None else ClaimMissing)(name, settings.claim)
    return SsoUser(subject=subject, name=name, rights=rights, rejection=refused)


def claim_values(claim: object) -> frozenset[str] | None:
    """Return the values of a claim that is a string or a list of strings; otherwise None."""
    if isinstance(claim, str):
        return frozenset({claim})
    return frozenset(value for value in claim if isinstance(value, str)) if isinstance(claim, list) else None


def rights_from_claim(values: Iterable[str], roles: Iterable[RoleSettings]) -> Rights:
    """Return the union of the rights of all matching values."""
    values = tuple(values)
    everywhere, on = Grant(), dict[str, Grant]()
    for table in roles:
        if not any(fnmatchcase(value, table.value) for value in values):
            continue
        if not table.on:
            everywhere = _union(everywhere, table.grant)
        for name in table.on:
            on[name] = _union(on.get(name, Grant()), table.grant)
    united = {name: _union(grant, everywhere) for name, grant in on.items()}
    return Rights(everywhere, {name: grant for name, grant in united.items() if grant != everywhere})


def _union(left: Grant, right: Grant) -> Grant:
    return Grant(max(left.role, right.role), left.payloads or right.payloads)


def _subject(claims: Claims, issuer: str) -> str:
    """Return the subject with its issuer, because another provider may use the same subject for another user."""
    subject = claims.get("sub")
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= 255
        or not subject.isascii()
        or not subject.isprintable()
    ):
        raise AnswerNotTrusted("the ID token does not name the user")
    return f"{issuer} {subject}"


def _name(claims: Claims, claim: str) -> str:
    try:
        return normalized_user_name(str(claims.get(claim, "")))
    except RequestRejected:
        raise UnusableName(claim, NAME_RULE) from None
