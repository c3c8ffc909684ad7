"""Whether an ID token may be believed: who signed it, for whom, when, and in answer to which sign-in. Pure."""

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
"""Signatures of a private key only: with HS256 whoever reads the public key, or our secret, could sign."""

KEY_TYPES: Final = frozenset({"RSA", "EC"})
KEYS_MAX: Final = 100
LEEWAY_S: Final = 60

_REGISTRY: Final = JWSRegistry(
    algorithms=ALGORITHMS, strict_check_header=False
)  # RFC 7515: unknown headers are ignored

CLAIM_ERRORS: Final = {
    "iss": "it is of another server",
    "aud": "it is meant for another application",
    "azp": "it is meant for another application",
    "nonce": "it answers another sign-in",
    "at_hash": "its two tokens do not belong together",
}


class UnknownKey(AnswerNotTrusted):
    """Signed with a key that is not among these: the provider may have new ones."""

    def __init__(self) -> None:
        super().__init__("it is signed with a key that the server does not publish")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedClaims:
    """What an ID token has to say."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None


def usable_keys(published: Iterable[Mapping[str, Any]]) -> KeySet:
    """Return the public keys that can be used; others are passed over: a provider may publish what we do not know."""
    found = []
    for key in list(published)[:KEYS_MAX]:
        if key.get("kty") not in KEY_TYPES or key.get("use", "sig") != "sig":
            continue
        try:
            found.append(JWKRegistry.import_key(dict(key)))
        except Exception:  # noqa: BLE001, S112 - the library raises many kinds on broken keys; what it cannot read is no key
            continue
    return KeySet(found)


def verified_claims(token: str, keys: KeySet, expected: ExpectedClaims, now: float) -> Claims:
    """Return the claims of an ID token that may be believed.

    Raises:
        UnknownKey: it is signed with a key that is not among these.
        ClocksDiffer: it is signed rightly, but over already or of the future by more than 60 s.
        AnswerNotTrusted: anything else is wrong with it.
    """
    signed = _verify_signature(token, keys)
    try:
        claims = msgspec.json.decode(signed.payload or b"", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise AnswerNotTrusted("it cannot be read") from None
    believed = CodeIDToken(
        claims,
        signed.headers(),
        {"iss": {"essential": True, "value": expected.issuer}, "aud": {"essential": True, "value": expected.client_id}},
        {"nonce": expected.nonce, "client_id": expected.client_id, "access_token": expected.access_token},
    )
    try:
        believed.validate(now=int(now), leeway=LEEWAY_S)
    except ClaimError as error:
        raise _claim_error(error, claims, now) from None
    except (JoseError, TypeError, ValueError):
        raise AnswerNotTrusted("it cannot be read") from None
    return claims


def _verify_signature(token: str, keys: KeySet) -> CompactSignature:
    try:
        return deserialize_compact(token, keys, registry=_REGISTRY)
    except InvalidKeyIdError:
        raise UnknownKey from None
    except BadSignatureError:
        raise AnswerNotTrusted("its signature is wrong") from None
    except (JoseError, TypeError, ValueError):
        raise AnswerNotTrusted("it is not signed in a way that can be checked") from None


def _claim_error(error: ClaimError, claims: Claims, now: float) -> ClocksDiffer | AnswerNotTrusted:
    time = claims.get(error.claim)
    if isinstance(time, int | float):
        if isinstance(error, ExpiredTokenError):
            return ClocksDiffer(int(now) - time)
        if error.claim in {"iat", "nbf"}:
            return ClocksDiffer(time - int(now))
    return AnswerNotTrusted(CLAIM_ERRORS.get(error.claim, "something is missing in it"))
