"""What a sign-in by a company account keeps, is told and gives. Pure."""

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
    CompanyAccountError,
    NoRole,
    ProviderError,
    SignInCanceled,
    SignInNotPending,
    UnusableName,
)
from signalbox.security.oidc.settings import OidcSettings, RoleSettings

SIGN_IN_TIMEOUT_S: Final = 600  # how long somebody may take at the provider
NEXT_LENGTH_MAX: Final = 1000  # with the rest of `Kept` a cookie holds 4 KB
CODE_LENGTH_MAX: Final = 4096

ERRORS_BY_CODE: Final = MappingProxyType({"access_denied": SignInCanceled, "unauthorized_client": ClientRejected})

Claims = Mapping[str, Any]
"""What the provider says of somebody: checked to be from it and for us, its values not looked at."""


class PendingSignIn(Struct, frozen=True, kw_only=True):
    """What is remembered of a sign-in from its beginning to its end; nothing of it may be guessed or chosen by others."""

    state: str
    nonce: str
    verifier: str  # of PKCE
    next: str  # the page to show when signed in


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedSignIn:
    """A sign-in that was begun: send the browser to `address`, and have it keep `kept` as a cookie for BEGUN_LASTS_S.

    The cookie is HttpOnly and SameSite=Lax: it has to come along when the provider sends the browser back.
    """

    url: str
    cookie: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedSignIn:
    """A sign-in that was finished."""

    secret: str  # of the new session, for its cookie
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyUser:
    """Whom the provider vouches for."""

    subject: str
    name: str
    rights: Rights
    rejection: CompanyAccountError | None  # why these rights are no way in


def new_pending_sign_in(next_: str) -> PendingSignIn:
    """Return what to keep of a sign-in that begins now; where `next_` is too long to keep, the first page follows."""
    kept = next_ if len(next_.encode("utf-8", "replace")) <= NEXT_LENGTH_MAX else "/"
    return PendingSignIn(state=token_urlsafe(32), nonce=token_urlsafe(32), verifier=token_urlsafe(32), next=kept)


def authorization_code(answer: Mapping[str, str], kept: PendingSignIn, *, issuer: str, names_issuer: bool) -> str:
    """Return the code that the browser brought back in the query.

    Raises:
        SignInNotPending: it belongs to no sign-in that this browser began.
        AnswerNotTrusted: it came from another provider (RFC 9207); `names_issuer` says that ours never leaves its name out.
        SignInCanceled, ClientRejected, ProviderError: the provider says why there is none.
    """
    if not compare_digest(answer.get("state", "").encode("utf-8", "replace"), kept.state.encode()):
        raise SignInNotPending
    if answer.get("iss", None if names_issuer else issuer) != issuer:
        raise AnswerNotTrusted("it was sent by another server than the one that was asked")
    if error := answer.get("error"):
        raise ERRORS_BY_CODE[error] if error in ERRORS_BY_CODE else ProviderError("it refused to begin the sign-in")
    code = answer.get("code", "")
    if not code or len(code) > CODE_LENGTH_MAX:
        raise ProviderError("it sent back no code")
    return code


def company_user(claims: Claims, settings: OidcSettings) -> CompanyUser:
    """Return whom the claims are of.

    Raises:
        AnswerNotTrusted: they say no usable subject.
        UnusableName: the name is missing or cannot be one here.
    """
    subject, name = _subject(claims, settings.issuer), _name(claims, settings.name_claim)
    values = claim_values(claims.get(settings.claim))
    rights = rights_from_claim(values or (), settings.roles)
    refused = None if rights.allows_anything else (NoRole if values is not None else ClaimMissing)(name, settings.claim)
    return CompanyUser(subject=subject, name=name, rights=rights, rejection=refused)


def claim_values(claim: object) -> frozenset[str] | None:
    """Return the values of a claim that is a text or a list of them; None when it is neither."""
    if isinstance(claim, str):
        return frozenset({claim})
    return frozenset(one for one in claim if isinstance(one, str)) if isinstance(claim, list) else None


def rights_from_claim(values: Iterable[str], roles: Iterable[RoleSettings]) -> Rights:
    """Return what the values give together: of several that fit, the greater of each part."""
    held = tuple(values)
    everywhere, on = Grant(), dict[str, Grant]()
    for table in roles:
        if not any(fnmatchcase(value, table.value) for value in held):
            continue
        if not table.on:
            everywhere = _union(everywhere, table.grant)
        for name in table.on:
            on[name] = _union(on.get(name, Grant()), table.grant)
    united = {name: _union(grant, everywhere) for name, grant in on.items()}
    return Rights(everywhere, {name: grant for name, grant in united.items() if grant != everywhere})


def _union(one: Grant, other: Grant) -> Grant:
    return Grant(max(one.role, other.role), one.payloads or other.payloads)


def _subject(claims: Claims, issuer: str) -> str:
    """Return the subject as it is kept: with its issuer, since another provider may call somebody else the same."""
    subject = claims.get("sub")
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= 255
        or not subject.isascii()
        or not subject.isprintable()
    ):
        raise AnswerNotTrusted("it does not say who signed in")
    return f"{issuer} {subject}"


def _name(claims: Claims, claim: str) -> str:
    try:
        return normalized_user_name(str(claims.get(claim, "")))
    except RequestRejected:
        raise UnusableName(claim, NAME_RULE) from None
