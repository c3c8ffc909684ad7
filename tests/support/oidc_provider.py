"""A real OpenID Connect provider (npm's certified oidc-provider) and somebody who signs in there, without a browser."""

import contextlib
import json
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from signalbox.servers.process import ServerNotInstalled, ServerProcess, find_program, free_port
from tests.support.servers import record_server, require_server

HERE = Path(__file__).with_name("oidc")
MODULES = HERE / "node_modules"
STEPS_MAX = 12
CLIENT = "signalbox"
SECRET = "s3cret+with/every:kind%of&sign=" + secrets.token_hex(4)
REDIRECT = "http://127.0.0.1:8080/sign-in/sso/back"


def node() -> str:
    """Return where node is: the system's, or that of the wheel which the Makefile falls back to."""
    beside = Path(sys.executable).with_name("node")
    return (
        str(beside)
        if beside.exists()
        else find_program("node", server="oidc-provider", install="apt-get install nodejs")
    )


class OidcProvider:
    """One process on loopback. May be stopped and started again: the same address; what it had signed in is forgotten."""

    def __init__(self, folder: Path, *, claims_from_userinfo: bool = True) -> None:
        port = free_port()
        self.issuer = f"http://127.0.0.1:{port}"
        self._people = folder / "people.json"
        self._config = folder / "provider.json"
        self._settings: dict[str, Any] = {
            "issuer": self.issuer,
            "port": port,
            "people": str(self._people),
            "claims_from_userinfo": claims_from_userinfo,
            "cookie_keys": [secrets.token_hex(16)],
            "clients": [
                {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": [REDIRECT]},
                {
                    "client_id": "by-form",
                    "client_secret": SECRET,
                    "redirect_uris": [REDIRECT],
                    "token_endpoint_auth_method": "client_secret_post",
                },
                {"client_id": "public", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"},
            ],
        }
        self.knows({})
        self.process = ServerProcess(
            name="oidc-provider",
            argv=[node(), str(HERE / "provider.mjs"), str(self._config)],
            folder=folder,
            ready=self._ready,
            start_timeout_s=30.0,
        )

    def sends_back_to(self, address: str) -> None:
        """Register another address to which browsers may be sent back; to be said before the start."""
        for client in self._settings["clients"]:
            client["redirect_uris"].append(address)

    async def start(self) -> None:
        """Start it with a new key to sign with."""
        if not MODULES.exists():
            raise ServerNotInstalled(
                "oidc-provider", "its package is not installed", "make tests/support/oidc/node_modules/.made"
            )
        key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(8), "use": "sig", "alg": "RS256"})
        settings = {**self._settings, "jwks": {"keys": [key.as_dict(private=True)]}}
        self._config.write_text(json.dumps(settings), encoding="utf-8")
        await self.process.start()

    def knows(self, people: Mapping[str, Mapping[str, Any]]) -> None:
        """Say who has an account, by subject, with which claims; holds from the next answer on."""
        self._people.parent.mkdir(parents=True, exist_ok=True)
        self._people.write_text(json.dumps(people), encoding="utf-8")

    async def _ready(self) -> bool:
        return await describes_itself(self.issuer)


async def describes_itself(issuer: str) -> bool:
    """Say whether a provider answers as one."""
    try:
        async with httpx.AsyncClient(timeout=1.0, trust_env=False) as client:
            return (await client.get(f"{issuer}/.well-known/openid-configuration")).is_success
    except httpx.HTTPError:
        return False


async def sign_in(address: str, subject: str) -> dict[str, str]:
    """Open the address, sign in as this subject, agree; return the query with which the browser is sent back."""
    return await _walk(address, [{"prompt": "login", "login": subject, "password": "any"}, {"prompt": "consent"}])


async def cancel(address: str) -> dict[str, str]:
    """Open the address and cancel; return the query with which the browser is sent back."""
    return await _walk(address, [])


async def _walk(address: str, forms: Sequence[Mapping[str, str]]) -> dict[str, str]:
    left = list(forms)
    async with httpx.AsyncClient(timeout=30.0, trust_env=False) as browser:
        answer = await browser.get(address)
        for _ in range(STEPS_MAX):
            if answer.is_redirect:
                where = urljoin(str(answer.url), answer.headers["location"])
                if where.startswith(REDIRECT):
                    return dict(parse_qsl(urlsplit(where).query))
                answer = await browser.get(where)
            elif answer.is_success and left:
                answer = await browser.post(str(answer.url), data=left.pop(0))
            elif answer.is_success:
                answer = await browser.get(f"{answer.url}/abort")
            else:
                break
    raise AssertionError(f"the provider did not send the browser back: {answer.status_code} {answer.text[:500]}")


@contextlib.asynccontextmanager
async def oidc_provider(folder: Path, *, claims_from_userinfo: bool = True) -> AsyncIterator[OidcProvider]:
    """Run a provider until the block ends."""
    require_server("oidc-provider")
    provider = OidcProvider(folder, claims_from_userinfo=claims_from_userinfo)
    try:
        await provider.start()
        version = json.loads((MODULES / "oidc-provider" / "package.json").read_text(encoding="utf-8"))["version"]
        record_server("oidc-provider", version, "from npm")
        yield provider
    finally:
        await provider.process.stop()


@pytest.fixture(scope="session")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OidcProvider]:
    """The provider of this run. A test that stops or restarts one starts its own."""
    async with oidc_provider(tmp_path_factory.mktemp("oidc")) as started:
        yield started
