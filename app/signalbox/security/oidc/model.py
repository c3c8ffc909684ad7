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
    Cancelled,
    ClaimMissing,
    ClientRefused,
    CompanyAccountError,
    NameUnusable,
    NoRole,
    NotBegunHere,
    NotTrusted,
    ProviderFault,
)
from signalbox.security.oidc.settings import OidcSettings, RoleSettings

BEGUN_LASTS_S: Final = 600  # how long somebody may take at the provider
NEXT_LENGTH_MAX: Final = 1000  # with the rest of `Kept` a cookie holds 4 KB
CODE_LENGTH_MAX: Final = 4096

REFUSALS: Final = MappingProxyType({"access_denied": Cancelled, "unauthorized_client": ClientRefused})

Claims = Mapping[str, Any]
"""What the provider says of somebody: checked to be from it and for us, its values not looked at."""


class Kept(Struct, frozen=True, kw_only=True):
    """What is remembered of a sign-in from its beginning to its end; nothing of it may be guessed or chosen by others."""

    state: str
    nonce: str
    verifier: str  # of PKCE
    next: str  # the page to show when signed in


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A sign-in that was begun: send the browser to `address`, and have it keep `kept` as a cookie for BEGUN_LASTS_S.

    The cookie is HttpOnly and SameSite=Lax: it has to come along when the provider sends the browser back.
    """

    address: str
    kept: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A sign-in that was finished."""

    secret: str  # of the new session, for its cookie
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom the provider vouches for."""

    subject: str
    name: str
    rights: Rights
    refused: CompanyAccountError | None  # why these rights are no way in


def new_kept(next_: str) -> Kept:
    """Return what to keep of a sign-in that begins now; where `next_` is too long to keep, the first page follows."""
    kept = next_ if len(next_.encode("utf-8", "replace")) <= NEXT_LENGTH_MAX else "/"
    return Kept(state=token_urlsafe(32), nonce=token_urlsafe(32), verifier=token_urlsafe(32), next=kept)


def code_of(answer: Mapping[str, str], kept: Kept, *, issuer: str, names_issuer: bool) -> str:
    """Return the code that the browser brought back in the query.

    Raises:
        NotBegunHere: it belongs to no sign-in that this browser began.
        NotTrusted: it came from another provider (RFC 9207); `names_issuer` says that ours never leaves its name out.
        Cancelled, ClientRefused, ProviderFault: the provider says why there is none.
    """
    if not compare_digest(answer.get("state", "").encode("utf-8", "replace"), kept.state.encode()):
        raise NotBegunHere
    if answer.get("iss", None if names_issuer else issuer) != issuer:
        raise NotTrusted("it was sent by another server than the one that was asked")
    if error := answer.get("error"):
        raise REFUSALS[error] if error in REFUSALS else ProviderFault("it refused to begin the sign-in")
    code = answer.get("code", "")
    if not code or len(code) > CODE_LENGTH_MAX:
        raise ProviderFault("it sent back no code")
    return code


def person(claims: Claims, settings: OidcSettings) -> Person:
    """Return whom the claims are of.

    Raises:
        NotTrusted: they say no usable subject.
        NameUnusable: the name is missing or cannot be one here.
    """
    subject, name = _subject(claims, settings.issuer), _name(claims, settings.name_claim)
    values = values_of(claims.get(settings.claim))
    rights = rights_of(values or (), settings.roles)
    refused = None if rights.allows_anything else (NoRole if values is not None else ClaimMissing)(name, settings.claim)
    return Person(subject=subject, name=name, rights=rights, refused=refused)


def values_of(claim: object) -> frozenset[str] | None:
    """Return the values of a claim that is a text or a list of them; None when it is neither."""
    if isinstance(claim, str):
        return frozenset({claim})
    return frozenset(one for one in claim if isinstance(one, str)) if isinstance(claim, list) else None


def rights_of(values: Iterable[str], roles: Iterable[RoleSettings]) -> Rights:
    """Return what the values give together: of several that fit, the greater of each part."""
    held = tuple(values)
    everywhere, on = Grant(), dict[str, Grant]()
    for table in roles:
        if not any(fnmatchcase(value, table.value) for value in held):
            continue
        if not table.on:
            everywhere = _united(everywhere, table.grant)
        for name in table.on:
            on[name] = _united(on.get(name, Grant()), table.grant)
    united = {name: _united(grant, everywhere) for name, grant in on.items()}
    return Rights(everywhere, {name: grant for name, grant in united.items() if grant != everywhere})


def _united(one: Grant, other: Grant) -> Grant:
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
        raise NotTrusted("it does not say who signed in")
    return f"{issuer} {subject}"


def _name(claims: Claims, claim: str) -> str:
    try:
        return normalized_user_name(str(claims.get(claim, "")))
    except RequestRejected:
        raise NameUnusable(claim, NAME_RULE) from None
