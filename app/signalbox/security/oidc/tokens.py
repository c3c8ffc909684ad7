"""Verifies ID tokens: signature, issuer, audience, time and nonce. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from authlib.oidc.core import CodeIDToken
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import CompactSignature, JWSRegistry, deserialize_compact

from signalbox.security.oidc.errors import AnswerNotTrusted, ClocksDiffer
from signalbox.security.oidc.model import Claims

ALGORITHMS: Final = [f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)]
"""Asymmetric signatures only: with HS256 anyone who knows the public key or our secret could sign."""

KEY_TYPES: Final = frozenset({"RSA", "EC"})
KEYS_MAX: Final = 100
LEEWAY_S: Final = 60

_REGISTRY: Final = JWSRegistry(
    algorithms=ALGORITHMS, strict_check_header=False
)  # RFC 7515: unknown headers are ignored

CLAIM_ERRORS: Final = {
    "iss": "another identity provider issued the ID token",
    "aud": "the ID token is for another application",
    "azp": "the ID token is for another application",
    "nonce": "the ID token belongs to another sign-in",
    "at_hash": "ID token and access token do not match",
}


class UnknownKey(AnswerNotTrusted):
    """The token is signed with an unknown key: the provider may have new ones."""

    def __init__(self) -> None:
        super().__init__("the ID token is signed with an unpublished key")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedClaims:
    """The values an ID token must have."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None


def usable_keys(published: Iterable[Mapping[str, Any]]) -> KeySet:
    """Return the usable public keys; others are skipped: a provider may publish keys of unknown types."""
    keys = []
    for key in list(published)[:KEYS_MAX]:
        if key.get("kty") not in KEY_TYPES or key.get("use", "sig") != "sig":
            continue
        try:
            keys.append(JWKRegistry.import_key(dict(key)))
        except Exception:  # noqa: BLE001, S112 - the library raises many classes on malformed keys
            continue
    return KeySet(keys)


def verified_claims(token: str, keys: KeySet, expected: ExpectedClaims, now: float) -> Claims:
    """Verify an ID token and return its claims.

    Raises:
        UnknownKey: it is signed with an unknown key.
        ClocksDiffer: validly signed, but expired or in the future by more than 60 s.
        AnswerNotTrusted: anything else is wrong.
    """
    signed = _verify_signature(token, keys)
    try:
        claims = msgspec.json.decode(signed.payload or b"", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise AnswerNotTrusted("the ID token is malformed") from None
    id_token = CodeIDToken(
        claims,
        signed.headers(),
        {"iss": {"essential": True, "value": expected.issuer}, "aud": {"essential": True, "value": expected.client_id}},
        {"nonce": expected.nonce, "client_id": expected.client_id, "access_token": expected.access_token},
    )
    try:
        id_token.validate(now=int(now), leeway=LEEWAY_S)
    except ClaimError as error:
        raise _claim_error(error, claims, now) from None
    except (JoseError, TypeError, ValueError):
        raise AnswerNotTrusted("the ID token is malformed") from None
    return claims


def _verify_signature(token: str, keys: KeySet) -> CompactSignature:
    try:
        return deserialize_compact(token, keys, registry=_REGISTRY)
    except InvalidKeyIdError:
        raise UnknownKey from None
    except BadSignatureError:
        raise AnswerNotTrusted("the signature of the ID token is invalid") from None
    except (JoseError, TypeError, ValueError):
        raise AnswerNotTrusted("the signature of the ID token cannot be verified") from None


def _claim_error(error: ClaimError, claims: Claims, now: float) -> ClocksDiffer | AnswerNotTrusted:
    time = claims.get(error.claim)
    if isinstance(time, int | float):
        if isinstance(error, ExpiredTokenError):
            return ClocksDiffer(int(now) - time)
        if error.claim in {"iat", "nbf"}:
            return ClocksDiffer(time - int(now))
    return AnswerNotTrusted(CLAIM_ERRORS.get(error.claim, "a required claim is missing"))
