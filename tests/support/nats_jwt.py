"""JWTs as nats-server's operator mode wants them: an operator signs accounts, an account signs users (JWT version 2)."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import nkeys

_UNLIMITED = {
    "subs": -1,
    "data": -1,
    "payload": -1,
    "imports": -1,
    "exports": -1,
    "wildcards": True,
    "conn": -1,
    "leaf": -1,
}
_JETSTREAM = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}


@dataclass(frozen=True, slots=True)
class Key:
    """An nkey: its seed and what it is known by."""

    seed: bytes
    public: str

    @classmethod
    def make(cls, prefix: int) -> "Key":
        seed = nkeys.encode_seed(secrets.token_bytes(32), prefix)
        return cls(seed, nkeys.from_seed(bytearray(seed)).public_key.decode().rstrip("="))

    def sign(self, subject: str, claims: dict[str, object], *, expires_at: float | None = None) -> str:
        """Return a JWT of this issuer about `subject`."""
        body: dict[str, object] = {
            "iat": int(time.time()),
            "iss": self.public,
            "name": "test",
            "sub": subject,
            "nats": claims,
        }
        if expires_at is not None:
            body["exp"] = int(expires_at)
        body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode().rstrip("=")
        signed = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(body)}"
        return f"{signed}.{_url64(nkeys.from_seed(bytearray(self.seed)).sign(signed.encode()))}"


class Operator:
    """An operator with a system account and one account that has JetStream; gives out users of the latter."""

    def __init__(self) -> None:
        self._key = Key.make(nkeys.PREFIX_BYTE_OPERATOR)
        self._system, self._account = (Key.make(nkeys.PREFIX_BYTE_ACCOUNT) for _ in range(2))

    def configuration(self) -> str:
        """Return the lines for nats-server's configuration."""
        operator = self._key.sign(
            self._key.public, {"type": "operator", "version": 2, "system_account": self._system.public}
        )
        accounts = "\n".join(f"{key.public}: {self._of_account(key)}" for key in (self._system, self._account))
        return f"operator: {operator}\nsystem_account: {self._system.public}\nresolver: MEMORY\nresolver_preload {{\n{accounts}\n}}"

    def credentials(self, file: Path, *, expires_at: float | None = None, foreign: bool = False) -> Path:
        """Write a user's credentials; a foreign user is signed by an account that the server does not know."""
        user = Key.make(nkeys.PREFIX_BYTE_USER)
        issuer = Key.make(nkeys.PREFIX_BYTE_ACCOUNT) if foreign else self._account
        claims: dict[str, object] = {
            "pub": {},
            "sub": {},
            "subs": -1,
            "data": -1,
            "payload": -1,
            "type": "user",
            "version": 2,
        }
        jwt = issuer.sign(user.public, claims, expires_at=expires_at)
        file.write_text(
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
        )
        return file

    def _of_account(self, key: Key) -> str:
        jetstream = {} if key is self._system else _JETSTREAM
        claims = {
            "limits": _UNLIMITED | jetstream,
            "default_permissions": {"pub": {}, "sub": {}},
            "type": "account",
            "version": 2,
        }
        return self._key.sign(key.public, claims)


def _part(value: object) -> str:
    return _url64(json.dumps(value, separators=(",", ":")).encode())


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
