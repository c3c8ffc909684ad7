"""Keycloak, an identity provider, from its Maven artefact; and somebody who signs in at its forms.

Asked for by SIGNALBOX_TEST_KEYCLOAK=1: it is 160 MB to fetch and takes half a minute to start.
"""

import asyncio
import json
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from typing_extensions import override

from signalbox.servers.maven import archive
from signalbox.servers.process import ServerProcess, free_port
from tests.support.oidc_provider import REDIRECT, SECRET, STEPS_MAX, describes_itself
from tests.support.servers import record_server

VERSION = "26.4.5"
ASKED = "SIGNALBOX_TEST_KEYCLOAK"
REALM = "shop"
ADMIN = "root"
PASSWORD = secrets.token_urlsafe(12)  # of everybody
PEOPLE: Mapping[str, Sequence[str]] = {
    "ada": ["platform", "everybody"],
    "grace": ["billing-leads", "support"],
    "mallory": ["everybody"],
    "joan": ["support", "everybody"],
}
MEMORY = "-Xms64m -Xmx512m -XX:MaxMetaspaceSize=256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"

asked_for = pytest.mark.skipif(
    os.environ.get(ASKED) != "1", reason=f"Keycloak is asked for by {ASKED}=1; CI runs the certified oidc-provider"
)


class Keycloak:
    """One Keycloak process on loopback with one realm."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.issuer = f"{self.address}/realms/{REALM}"
        self._home = folder / f"keycloak-{VERSION}"
        options = [f"--http-port={port}", "--http-host=127.0.0.1", "--db=dev-mem", "--cache=local", "--import-realm"]
        self.process = ServerProcess(
            name="keycloak",
            argv=["sh", str(self._home / "bin" / "kc.sh"), "start-dev", *options],
            folder=folder,
            ready=self._ready,
            env={
                "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
                "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
                "JAVA_OPTS": MEMORY,
            },
            start_timeout_s=110.0,
        )

    async def start(self) -> None:
        """Unpack Keycloak, which writes to its own folder, add the realm, and start."""
        packed = await archive("Keycloak", f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip")
        await asyncio.to_thread(shutil.unpack_archive, packed, self._folder)
        realms = self._home / "data" / "import"
        realms.mkdir(parents=True)
        (realms / f"{REALM}.json").write_text(json.dumps(_realm()), encoding="utf-8")
        await self.process.start()

    async def stop(self) -> None:
        """Stop it and remove its 200 MB folder, but not its log."""
        await self.process.stop()
        await asyncio.to_thread(shutil.rmtree, self._home, ignore_errors=True)

    async def remove_from_group(self, group: str, name: str) -> None:
        """Remove a user from a group, as an administrator."""
        async with httpx.AsyncClient(base_url=self.address, timeout=30.0, trust_env=False) as client:
            form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": PASSWORD}
            said = await client.post("/realms/master/protocol/openid-connect/token", data=form)
            client.headers["authorization"] = f"Bearer {said.json()['access_token']}"
            realm = f"/admin/realms/{REALM}"
            [user] = (await client.get(f"{realm}/users", params={"username": name, "exact": "true"})).json()
            held = (await client.get(f"{realm}/users/{user['id']}/groups")).json()
            [left] = [one["id"] for one in held if one["name"] == group]
            (await client.delete(f"{realm}/users/{user['id']}/groups/{left}")).raise_for_status()

    async def _ready(self) -> bool:
        return await describes_itself(self.issuer)


def _realm() -> dict[str, Any]:
    return {
        "realm": REALM,
        "enabled": True,
        "groups": [{"name": name} for name in sorted({group for groups in PEOPLE.values() for group in groups})],
        "users": [_user(name, groups) for name, groups in PEOPLE.items()],
        "clients": [
            _client("signalbox"),
            _client("by-userinfo", in_id_token=False),
            _client("public", publicClient=True),
            _client("asks", consentRequired=True),
        ],
    }


def _user(name: str, groups: Sequence[str]) -> dict[str, Any]:
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@shop.example",
        "emailVerified": True,
        "firstName": name,
        "lastName": "of the shop",
        "credentials": [{"type": "password", "value": PASSWORD}],
        "groups": groups,
    }


def _client(name: str, *, in_id_token: bool = True, **keys: object) -> dict[str, Any]:
    """Return a client with PKCE, and with groups in the ID token or only in userinfo."""
    config = {
        "claim.name": "groups",
        "full.path": "false",
        "id.token.claim": str(in_id_token).lower(),
        "access.token.claim": "false",
        "userinfo.token.claim": "true",
    }
    mapper = {"name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper"}
    return {
        "clientId": name,
        "secret": SECRET,
        "redirectUris": [REDIRECT],
        "attributes": {"pkce.code.challenge.method": "S256"},
        "protocolMappers": [{**mapper, "config": config}],
        **keys,
    }


class Form(HTMLParser):
    """The form of a page: its action and hidden fields."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden_fields: dict[str, str] = {}
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = found["action"]
        elif tag == "input" and found.get("type") == "hidden":
            self.hidden_fields[found["name"]] = found.get("value", "")


async def visit(address: str, *forms: Mapping[str, str]) -> dict[str, str] | None:
    """Open the URL and submit one form after the other.

    Returns the query of the redirect back; None if Keycloak shows another form.
    """
    async with httpx.AsyncClient(timeout=30.0, trust_env=False) as browser:
        answer = await _page(browser, await browser.get(address))
        for filled in forms:
            form = Form(answer.text)
            assert form.action, f"no form to fill in: {answer.status_code} {answer.text[:500]}"
            action = answer.url.join(form.action)
            answer = await _page(browser, await browser.post(action, data={**form.hidden_fields, **filled}))
    if answer.next_request is not None:
        return dict(parse_qsl(answer.next_request.url.query.decode()))
    assert Form(answer.text).action, f"neither a form nor the way back: {answer.status_code} {answer.text[:500]}"
    return None


async def _page(browser: httpx.AsyncClient, answer: httpx.Response) -> httpx.Response:
    """Follow redirects to a page, or to the redirect back to Signalbox."""
    for _ in range(STEPS_MAX):
        for cookie in browser.cookies.jar:
            cookie.secure = False  # a browser sends them to this machine itself without TLS too, httpx does not
        following = answer.next_request
        if following is None or str(following.url).startswith(REDIRECT):
            return answer
        answer = await browser.send(following)
    raise AssertionError(f"redirected without end, at last to {answer.headers['location']}")


async def sign_in(address: str, name: str) -> dict[str, str]:
    """Open the URL and sign in; return the query of the redirect back."""
    back = await visit(address, {"username": name, "password": PASSWORD})
    assert back is not None
    return back


@pytest.fixture(scope="session")
async def keycloak(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Keycloak]:
    """The Keycloak of this run. Tests that remove a user from a group have that user to themselves."""
    server = Keycloak(tmp_path_factory.mktemp("keycloak"))
    try:
        await server.start()
        record_server("Keycloak", VERSION, "from Maven")
        yield server
    finally:
        await server.stop()
