"""`signalbox user` and `signalbox token` on both databases, and seen by a running `signalbox serve`."""

import asyncio
import json
import os
import pwd
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from websockets.asyncio.client import connect

from signalbox.commands.user_output import describe_rights
from signalbox.kernel.clock import system_clock
from signalbox.kernel.figures import NBSP
from signalbox.security.audit.model import AuditFilter
from signalbox.security.audit.service import AuditLog
from signalbox.security.model import ADMIN_EVERYWHERE, OPERATOR_EVERYWHERE, VIEWER_EVERYWHERE, Grant, Rights, Role
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from tests.support.accounts import TEST_ACTION, Process, open_process, password
from tests.support.commands import Ran, configured, run_here
from tests.support.serving import serving
from tests.support.waiting import eventually

on_sqlite = pytest.mark.parametrize("database_settings", ["sqlite"], indirect=True)

SEEN_WITHIN_S = 5.0  # a second on a machine that has nothing else to do
OURSELVES = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
CONNECTIONS = "".join(
    f'[[connections]]\nname = "{name}"\nkind = "nats"\nurls = ["nats://127.0.0.1:1"]\n' for name in ("prod", "test")
)

Signalbox = Callable[..., Awaitable[Ran]]


@pytest.fixture
async def process(database: Database, cheap_passwords: PasswordHasher) -> Process:
    """Accounts with the system clock, as the command uses."""
    return open_process(database, system_clock)


@pytest.fixture
def signalbox(database: Database, database_settings: DatabaseSettings, tmp_path: Path) -> Signalbox:
    """The command configured for this database."""
    url = database_settings.url.get_secret_value()
    config = configured(tmp_path, f'[server]\nport = 8123\n[database]\nurl = "{url}"\n{CONNECTIONS}')

    async def run(*words: str, code: int = 0) -> Ran:
        ran = await run_here(*words, folder=config.parent)
        assert ran.code == code, ran.all
        return ran

    return run


def secret_of(ran: Ran) -> str:
    """Return the secret of the link on stdout."""
    found = re.fullmatch(r"http://127\.0\.0\.1:8123/join/([\w-]{43})\n", ran.out)
    assert found, ran.all
    return found[1]


async def sign_in_by(process: Process, ran: Ran, name: str) -> None:
    """Set a password with the printed link, and sign in."""
    right = password()
    await process.act(lambda permit: process.accounts.users.use_link(permit, secret_of(ran), "", right))
    await process.sign_in(name, right)


async def rights(process: Process, name: str) -> Rights:
    return (await process.accounts.users.get_by_name(name)).rights


async def test_user_from_invitation_to_removal(process: Process, signalbox: Signalbox) -> None:
    assert (await signalbox("user", "list")).out == "No users.\n"
    invited = await signalbox("user", "invite", " Ann ", "--role", "operator", "--on", "prod", "--payloads")
    assert "ann was invited: operator on prod; none elsewhere; payloads.\n" in invited.err
    assert await rights(process, "ann") == Rights(Grant(), {"prod": Grant(Role.OPERATOR, payloads=True)})
    listed = (await signalbox("user", "list")).out.replace(NBSP, " ")
    assert re.search(r"^ann .* one-time link, (1 d|23 h) left .* never$", listed, re.MULTILINE)
    await sign_in_by(process, invited, "ann")

    words = ("--role", "viewer", "--on", "test=none", "--on", "prod=admin", "--reason", "on call")
    changed = await signalbox("user", "role", "ann", *words)
    assert (
        changed.out
        == "ann is now admin on prod; none on test; viewer elsewhere. Sessions of this user were signed out.\n"
    )
    assert await rights(process, "ann") == Rights(
        Grant(Role.VIEWER), {"prod": Grant(Role.ADMIN), "test": Grant(Role.NONE)}
    )

    older, newer = await signalbox("user", "link", "ann"), await signalbox("user", "link", "ann")
    assert secret_of(older) != secret_of(newer)
    await sign_in_by(process, newer, "ann")
    [one] = json.loads((await signalbox("user", "list", "--json")).out)
    assert (one["name"], one["sign_in_method"], one["sessions"], one["created_by"]) == ("ann", "password", 1, OURSELVES)
    assert one["rights"]["resources"]["prod"] == {"role": "admin", "payloads": False}
    assert (await signalbox("user", "end-sessions", "ann")).out == "ann was signed out. Sessions ended: 1.\n"
    assert (await signalbox("user", "remove", "ann", "--reason", "left")).out == "ann was removed.\n"
    assert await process.accounts.users.list_all() == []

    page = await AuditLog(process.database, system_clock).page(AuditFilter(actor=OURSELVES))
    lines = [line for line in reversed(page.entries) if line.action != TEST_ACTION.name]
    assert [(line.action, line.target, line.outcome, line.reason) for line in lines] == [
        ("invite user", "ann", "done", ""),
        ("change role", "ann", "done", "on call"),
        ("create one-time link", "ann", "done", ""),
        ("create one-time link", "ann", "done", ""),
        ("end sessions", "ann", "done", ""),
        ("remove user", "ann", "done", "left"),
    ]
    kept = str(await process.rows("SELECT * FROM audit"))
    assert not [ran for ran in (invited, older, newer) if secret_of(ran) in kept]


async def test_token_from_creation_to_revocation(process: Process, signalbox: Signalbox) -> None:
    assert (await signalbox("token", "list")).out == "No tokens.\n"
    added = await signalbox("user", "add", "robot", "--role", "viewer")
    assert added.out == "robot was added: viewer everywhere. Create a token: signalbox token create.\n"
    words = ("--user", "robot", "--role", "operator", "--on", "prod", "--payloads", "--days", "7")
    made = await signalbox("token", "create", "deploy", *words)
    assert re.fullmatch(r"sbx_[\w-]{43}\n", made.out)
    assert "expires in 7 days. With the current roles of robot it is viewer on prod; none elsewhere.\n" in made.err
    known = await process.accounts.identities.by_token(made.out.strip())
    assert known is not None
    assert (known.name, known.rights.role("prod"), known.rights.role("test")) == ("robot", Role.VIEWER, Role.NONE)

    assert "operator on prod; none elsewhere; payloads" in (await signalbox("token", "list")).out
    [one] = json.loads((await signalbox("token", "list", "--user", "robot", "--json")).out)
    assert (one["user"], one["name"], one["resource"]) == ("robot", "deploy", "prod")
    assert (one["role"], one["payloads"]) == ("operator", True)
    assert round((one["expires_at"] - one["created_at"]) / 86_400) == 7
    revoked = await signalbox("token", "revoke", str(one["id"]))
    assert revoked.out == f"deploy of robot ({one['hint']}) was revoked.\n"
    assert await open_process(process.database, system_clock).accounts.identities.by_token(made.out.strip()) is None
    assert (await signalbox("token", "revoke", str(one["id"]), code=1)).err.startswith("No valid token has the ID ")


async def test_reset_admin_restores_access(process: Process, signalbox: Signalbox) -> None:
    first = await signalbox("user", "reset-admin", "root")  # nobody is there yet
    await sign_in_by(process, first, "root")
    assert await rights(process, "root") == ADMIN_EVERYWHERE
    last = await signalbox("user", "role", "root", "--role", "viewer", "--reason", "tidy", code=1)
    assert last.err.startswith("root is the last admin and cannot be removed or demoted.")
    assert (await signalbox("user", "remove", "root", "--reason", "tidy", code=1)).err == last.err
    await sign_in_by(process, await signalbox("user", "reset-admin", "root"), "root")
    assert (await process.accounts.users.get_by_name("root")).sessions == 1


@on_sqlite
async def test_locked_name_is_unlocked(process: Process, signalbox: Signalbox) -> None:
    await process.user("ann", OPERATOR_EVERYWHERE)
    while not await process.accounts.limits.locked_names():
        await process.accounts.limits.count_sign_in("ann", "192.0.2.9")
    assert "15 min left" in (await signalbox("user", "list")).out.replace(NBSP, " ")
    assert (await signalbox("user", "unlock", "ann")).out == "ann is unlocked for every IP address.\n"
    assert not await process.accounts.limits.locked_names()


@on_sqlite
async def test_rejected_request_exits_with_1_and_a_message(process: Process, signalbox: Signalbox) -> None:
    await process.user("ann", VIEWER_EVERYWHERE)
    cases: Mapping[tuple[str, ...], str] = {
        ("user", "invite", "ann", "--role", "viewer"): "A user named ann already exists.\n",
        ("user", "link", "bob"): "No user is named bob.\n",
        ("user", "link", "\x1b[2J"): "This is not a user name. Expected 1 to 63",
        ("user", "role", "ann", "--role", "none", "--reason", "gone"): "ann would have no access",
        ("token", "create", "ci", "--user", "bob", "--role", "viewer"): "No user is named bob.\n",
        ("token", "create", "\x1b[2J", "--user", "ann", "--role", "viewer"): "A token name needs 1 to 63 printable",
    }
    for words, sentence in cases.items():
        ran = await signalbox(*words, code=1)
        assert ran.err.startswith(sentence)
        assert ran.out == ""
        assert "\x1b" not in ran.err


@on_sqlite
async def test_usage_error_exits_with_2_and_changes_nothing(process: Process, signalbox: Signalbox) -> None:
    await process.user("ann", VIEWER_EVERYWHERE)
    before = await process.rows("SELECT * FROM audit")
    cases: Mapping[tuple[str, ...], str] = {
        ("user", "invite", "bob", "--role", "viewer", "--on", "prd"): "did you mean prod?). Configured: prod, test",
        ("token", "create", "ci", "--user", "ann", "--role", "viewer", "--on", "x"): "Configured: prod, test",
        ("token", "create", "ci", "--user", "ann", "--role", "viewer", "--days", "91"): "1<=x<=90",
        ("lag", "--connection", "tst"): "did you mean test?). Configured: prod, test",
        ("user", "invite", "bob"): "--role",
        ("user", "role", "ann", "--role", "viewer", "--on", "prod", "--reason", "r"): "Expected CONNECTION=ROLE",
        ("user", "role", "ann", "--role", "viewer", "--on", "tst=viewer", "--reason", "r"): "did you mean test?",
        ("user", "role", "ann", "--role", "none", *(2 * ("--on", "prod=viewer")), "--reason", "r"): "given twice",
        ("user", "remove", "ann"): "--reason",
        ("user", "remove", "ann", "--reason", " "): "Expected 1 to 500 characters, got 0",
    }
    for words, sentence in cases.items():
        assert sentence in (await signalbox(*words, code=2)).err
    assert await process.rows("SELECT * FROM audit") == before


def test_payloads_permission_is_described() -> None:
    viewer, sees, none = Grant(Role.VIEWER), Grant(Role.VIEWER, payloads=True), Grant()
    assert describe_rights(Rights(viewer, {"prod": sees})) == "viewer on prod; viewer elsewhere; payloads on prod"
    assert describe_rights(Rights(sees, {"prod": viewer})) == "viewer on prod; viewer elsewhere; payloads on all others"
    assert describe_rights(Rights(sees, {"prod": none})) == "none on prod; viewer elsewhere; payloads"
    assert describe_rights(Rights(none, {"prod": Grant(Role.NONE, payloads=True)})) == "none on prod; none elsewhere"


async def test_running_server_picks_up_each_change(tmp_path: Path) -> None:
    async with serving(tmp_path, "") as served, httpx.AsyncClient(base_url=served.url) as client:

        async def signalbox(*words: str) -> str:
            ran = await run_here(*words, folder=tmp_path)
            assert ran.code == 0, ran.all
            return ran.out.strip()

        async def answers(token: str, status: int) -> None:
            api = await client.get("/api/v1/connections", headers={"Authorization": f"Bearer {token}"})
            assert api.status_code == status

        await signalbox("user", "add", "robot", "--role", "viewer")
        token = await signalbox("token", "create", "ci", "--user", "robot", "--role", "viewer")
        await eventually(lambda: answers(token, 200), within_s=SEEN_WITHIN_S)
        [listed] = json.loads(await signalbox("token", "list", "--json"))
        await signalbox("token", "revoke", str(listed["id"]))
        await eventually(lambda: answers(token, 401), within_s=SEEN_WITHIN_S)

        link = await signalbox("user", "invite", "ann", "--role", "viewer")
        assert link.startswith(f"{served.url}/join/")
        right = password()
        joined = await client.post(link, data={"password": right, "again": right}, headers={"Origin": served.url})
        assert joined.status_code == 303, joined.text
        cookie = "; ".join(f"{name}={value}" for name, value in joined.cookies.items())
        async with connect(served.url.replace("http", "ws") + "/live", additional_headers={"Cookie": cookie}) as page:
            assert "build" in json.loads(await page.recv())
            await signalbox("user", "remove", "ann", "--reason", "left")
            await asyncio.wait_for(page.wait_closed(), SEEN_WITHIN_S)
            assert page.close_code == 4401
