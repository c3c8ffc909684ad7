"""Every route that may change something, with a call that is good, written by hand: the walk fails on a route that is not here.

Whoever adds such a route adds its sample, and with it says under which action the audit log has it, and who may.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import httpx

from app.security.masking.actions import add_rule
from app.security.model import ADMIN_EVERYWHERE, VIEWER_EVERYWHERE
from app.web import urls
from tests.web.house import HIDDEN, OPEN, PASSWORD, ROOT, House
from tests.web.masked import rule
from tests.web.walk import PARAMETER, Route

OTHER_PASSWORD = "another horse, another battery"
ROLES = {f"role/{place}": "viewer" for place in (OPEN, HIDDEN, "*")}
LOOKS = ""
WHY = {"reason": "old"}
SOURCE = f"{OPEN}/orders.placed"
RULE = {"what": "$.customer_id", "how": "hide", "source": SOURCE, "sample": "{}"}
API_RULE = {"what": ["$.customer_id"], "how": "hide"}
TOKEN = {"name": "deploy", "days": 7, "role": "viewer"}


class Who(Enum):
    """Who may use a route."""

    ADMINS = "admins everywhere"
    SELF = "whoever is signed in, for what is their own"
    ANYBODY = "anybody"


@dataclass(frozen=True, slots=True)
class Call:
    """What is put into a route's path, and what is sent."""

    path: Mapping[str, object] = field(default_factory=dict)
    body: Mapping[str, object] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


Make = Callable[[House, str], Awaitable[Call]]
"""Makes what the call is about: something of this person's own, or another user. Changes nothing else."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A good call of one route."""

    action: str  # as the audit log names it; LOOKS for what only answers
    make: Make
    who: Who = Who.ADMINS


async def send(client: httpx.AsyncClient, route: Route, call: Call) -> httpx.Response:
    """Call a route: the API in JSON, pages with forms."""
    path = PARAMETER.sub(lambda found: urls.segment(str(call.path[found[1]])), route.path)
    if call.query:
        path = urls.with_query(path, call.query)
    if not call.body:
        return await client.request(route.method, path)
    if path.startswith(urls.API):
        return await client.request(route.method, path, json=call.body)
    return await client.request(route.method, path, data=call.body)


def on_user(**body: object) -> Make:
    """About another user, who is there and has signed in."""

    async def make(house: House, _: str) -> Call:
        return Call({"name": await house.another(VIEWER_EVERYWHERE)}, body)

    return make


def only(**body: object) -> Make:
    async def make(_house: House, _: str) -> Call:
        return Call({}, body)

    return make


def invited(**body: object) -> Make:
    async def make(house: House, _: str) -> Call:
        house.added += 1
        return Call({}, {"name": f"invited-{house.added}", "role": "viewer", **body})

    return make


async def linked_user(house: House, _: str) -> Call:
    name = await house.another(VIEWER_EVERYWHERE)
    await house.link(name)
    return Call({"name": name})


async def by_link(house: House, _: str) -> Call:
    link = await house.link(await house.another(VIEWER_EVERYWHERE))
    return Call({"secret": link}, {"password": OTHER_PASSWORD, "again": OTHER_PASSWORD})


async def by_password(house: House, _: str) -> Call:
    return Call({}, {"name": await house.another(ADMIN_EVERYWHERE), "password": PASSWORD})


async def own_session(house: House, who: str) -> Call:
    await house.sign_in(who)
    [session, *_] = await house.security.accounts.sessions.of(house.people[who].id)
    return Call({"session": session.id})


async def own_token(house: House, who: str) -> Call:
    [token] = await house.security.accounts.tokens.every(house.people[who].id)
    return Call({"token": token.id})


async def token_of_another(house: House, who: str) -> Call:
    name = await house.another(VIEWER_EVERYWHERE)
    found = await own_token(house, name)
    return Call({"name": name, **found.path})


async def new_password(_: House, __: str) -> Call:
    return Call({}, {"old": PASSWORD, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD})


def on_rule(*, called: str = "", query: Mapping[str, str] | None = None, **body: object) -> Make:
    """About a masking rule that stands behind another."""

    async def make(house: House, _: str) -> Call:
        name = called or await _added_rule(house)
        if called not in {one.rule.name for one in house.security.masking.rules()}:
            await _added_rule(house, called)
        return Call({"name": name}, body, query or {})

    return make


async def _added_rule(house: House, name: str = "") -> str:
    house.added += 1
    made = rule(name or f"rule-{house.added}", "$.customer_id")
    action = add_rule(made, "for a test")
    await house.security.door.act(ROOT, action, lambda permit: house.security.masking.add(permit, made))
    return made.name


def new_rule(**body: object) -> Make:
    async def make(house: House, _: str) -> Call:
        house.added += 1
        return Call({}, {**body, "name": f"new-{house.added}", "reason": "asked for"})

    return make


SAMPLES: Mapping[Route, Sample] = {
    Route("POST", "/sign-in"): Sample("sign in", by_password, Who.ANYBODY),
    Route("POST", "/join/{secret:str}"): Sample("use one-time link", by_link, Who.ANYBODY),
    Route("POST", "/sign-out"): Sample("sign out", only(), Who.SELF),
    Route("POST", "/profile/sessions"): Sample("revoke session", only(), Who.SELF),
    Route("POST", "/profile/sessions/{session:int}/end"): Sample("revoke session", own_session, Who.SELF),
    Route("POST", "/profile/password"): Sample("change password", new_password, Who.SELF),
    Route("POST", "/profile/tokens"): Sample("make token", only(**TOKEN), Who.SELF),
    Route("POST", "/profile/tokens/{token:int}/revoke"): Sample("revoke token", own_token, Who.SELF),
    Route("DELETE", "/api/v1/sessions/{session:int}"): Sample("revoke session", own_session, Who.SELF),
    Route("POST", "/api/v1/tokens"): Sample("make token", only(**TOKEN), Who.SELF),
    Route("DELETE", "/api/v1/tokens/{token:int}"): Sample("revoke token", own_token, Who.SELF),
    Route("POST", "/users"): Sample("invite user", invited()),
    Route("POST", "/users/{name:str}/link"): Sample("make one-time link", on_user()),
    Route("POST", "/users/{name:str}/remove"): Sample("remove user", on_user(reason="left")),
    Route("POST", "/users/{name:str}/roles"): Sample("change role", on_user(**ROLES)),
    Route("POST", "/users/{name:str}/sessions"): Sample("end sessions", on_user()),
    Route("POST", "/users/{name:str}/unlock"): Sample("unlock user", on_user()),
    Route("POST", "/users/{name:str}/withdraw"): Sample("withdraw one-time link", linked_user),
    Route("POST", "/users/{name:str}/tokens/{token:int}/revoke"): Sample("revoke token", token_of_another),
    Route("POST", "/audit/verify"): Sample("verify audit log", only()),
    Route("POST", "/audit/export"): Sample("export audit log", only(q="invite")),
    Route("POST", "/masking/trial"): Sample(LOOKS, only(**RULE)),
    Route("POST", "/masking/rules"): Sample("add masking rule", new_rule(**RULE)),
    Route("POST", "/masking/rules/{name:str}/move"): Sample("move masking rule", on_rule(number=1, reason="first")),
    Route("POST", "/masking/rules/{name:str}/remove"): Sample("remove masking rule", on_rule(reason="old")),
    Route("POST", "/api/v1/masking-rules"): Sample("add masking rule", new_rule(**API_RULE)),
    Route("POST", "/api/v1/masking-rules/try"): Sample(LOOKS, only(sample="{}", source=SOURCE, rule=API_RULE)),
    Route("PATCH", "/api/v1/masking-rules/{name:str}"): Sample("move masking rule", on_rule(number=1, reason="first")),
    Route("PATCH", "/api/v1/masking-rules/try"): Sample(
        "move masking rule", on_rule(called="try", number=1, reason="first")
    ),
    Route("DELETE", "/api/v1/masking-rules/{name:str}"): Sample("remove masking rule", on_rule(query=WHY)),
    Route("DELETE", "/api/v1/masking-rules/try"): Sample("remove masking rule", on_rule(called="try", query=WHY)),
    Route("POST", "/api/v1/users"): Sample("invite user", invited()),
    Route("PATCH", "/api/v1/users/{name:str}"): Sample("change role", on_user(everywhere={"role": "operator"})),
    Route("DELETE", "/api/v1/users/{name:str}"): Sample("remove user", on_user()),
}
