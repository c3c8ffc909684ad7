"""Every route that may change something, with a call that is good, written by hand: the walk fails on a route that is not here.

Whoever adds such a route adds its sample, and with it says under which action the audit log has it, and who may.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import httpx

from signalbox.security.model import ADMIN_EVERYWHERE, VIEWER_EVERYWHERE
from signalbox.web import urls
from tests.web.house import HIDDEN, OPEN, PASSWORD, House
from tests.web.walk import PARAMETER, Route

OTHER_PASSWORD = "another horse, another battery"
ROLES = {f"role/{place}": "viewer" for place in (OPEN, HIDDEN, "*")}
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

    action: str  # as the audit log names it
    make: Make
    who: Who = Who.ADMINS


async def send(client: httpx.AsyncClient, route: Route, call: Call) -> httpx.Response:
    """Call a route: the API in JSON, pages with forms."""
    path = PARAMETER.sub(lambda found: urls.encode_segment(str(call.path[found[1]])), route.path)
    if not call.body:
        return await client.request(route.method, path, params=call.query)
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
    [session, *_] = await house.core.accounts.sessions.list_for(house.people[who].id)
    return Call({"session": session.id})


async def own_token(house: House, who: str) -> Call:
    [token] = await house.core.accounts.tokens.list_all(house.people[who].id)
    return Call({"token": token.id})


async def token_of_another(house: House, who: str) -> Call:
    name = await house.another(VIEWER_EVERYWHERE)
    found = await own_token(house, name)
    return Call({"name": name, **found.path})


def masking_rule(number: int, **more: object) -> dict[str, object]:
    return {"name": f"rule-{number}", "what": "$.email", "how": "hide", "reason": "it is personal", **more}


async def new_rule(house: House, _: str) -> Call:
    house.added += 1
    return Call({}, masking_rule(house.added, source="kafka-open/orders"))


async def new_rule_of_api(house: House, _: str) -> Call:
    house.added += 1
    return Call({}, masking_rule(house.added, what=["$.email"]))


def on_rule(**body: object) -> Make:
    """About a masking rule that is there."""

    async def make(house: House, _: str) -> Call:
        house.added += 1
        async with house.client("admin") as client:
            made = await client.post(f"{urls.API}/masking-rules", json=masking_rule(house.added, what=["$.email"]))
            assert made.status_code == 201, made.text
        return Call({"name": f"rule-{house.added}"}, body, {} if body else {"reason": "not needed"})

    return make


async def new_password(_: House, __: str) -> Call:
    return Call({}, {"old": PASSWORD, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD})


SAMPLES: Mapping[Route, Sample] = {
    Route("POST", "/sign-in"): Sample("sign in", by_password, Who.ANYBODY),
    Route("POST", "/join/{secret:str}"): Sample("use one-time link", by_link, Who.ANYBODY),
    Route("POST", "/sign-out"): Sample("sign out", only(), Who.SELF),
    Route("POST", "/profile/sessions"): Sample("revoke session", only(), Who.SELF),
    Route("POST", "/profile/sessions/{session:int}/end"): Sample("revoke session", own_session, Who.SELF),
    Route("POST", "/profile/password"): Sample("change password", new_password, Who.SELF),
    Route("POST", "/profile/tokens"): Sample("create token", only(**TOKEN), Who.SELF),
    Route("POST", "/profile/tokens/{token:int}/revoke"): Sample("revoke token", own_token, Who.SELF),
    Route("DELETE", "/api/v1/sessions/{session:int}"): Sample("revoke session", own_session, Who.SELF),
    Route("POST", "/api/v1/tokens"): Sample("create token", only(**TOKEN), Who.SELF),
    Route("DELETE", "/api/v1/tokens/{token:int}"): Sample("revoke token", own_token, Who.SELF),
    Route("POST", "/users"): Sample("invite user", invited()),
    Route("POST", "/users/{name:str}/link"): Sample("create one-time link", on_user()),
    Route("POST", "/users/{name:str}/remove"): Sample("remove user", on_user(reason="left")),
    Route("POST", "/users/{name:str}/roles"): Sample("change role", on_user(**ROLES)),
    Route("POST", "/users/{name:str}/sessions"): Sample("end sessions", on_user()),
    Route("POST", "/users/{name:str}/unlock"): Sample("unlock user", on_user()),
    Route("POST", "/users/{name:str}/withdraw"): Sample("revoke one-time link", linked_user),
    Route("POST", "/users/{name:str}/tokens/{token:int}/revoke"): Sample("revoke token", token_of_another),
    Route("POST", "/audit/verify"): Sample("verify audit log", only()),
    Route("POST", "/audit/export"): Sample("export audit log", only(q="invite")),
    Route("POST", "/masking/rules"): Sample("add masking rule", new_rule),
    Route("POST", "/masking/rules/{name:str}/move"): Sample("move masking rule", on_rule(number=1, reason="first")),
    Route("POST", "/masking/rules/{name:str}/remove"): Sample("remove masking rule", on_rule(reason="not needed")),
    Route("POST", "/api/v1/masking-rules"): Sample("add masking rule", new_rule_of_api),
    Route("PATCH", "/api/v1/masking-rules/{name:str}"): Sample("move masking rule", on_rule(number=1, reason="first")),
    Route("DELETE", "/api/v1/masking-rules/{name:str}"): Sample("remove masking rule", on_rule()),
    Route("POST", "/api/v1/users"): Sample("invite user", invited()),
    Route("PATCH", "/api/v1/users/{name:str}"): Sample("change role", on_user(everywhere={"role": "operator"})),
    Route("DELETE", "/api/v1/users/{name:str}"): Sample("remove user", on_user()),
}

TRIALS: Mapping[Route, Call] = {  # sent as a POST for its size; they change nothing and leave nothing
    Route("POST", "/masking/trial"): Call(
        {}, {"source": "kafka-open/orders", "sample": "{}", "what": "$.a", "how": "hide"}
    ),
    Route("POST", "/api/v1/masking-rules/try"): Call({}, {"source": "kafka-open/orders", "sample": "{}"}),
}
ALIASES: Mapping[Route, Route] = {  # the same handler, for a rule that is called as the route beside it
    Route(method, "/api/v1/masking-rules/try"): Route(method, "/api/v1/masking-rules/{name:str}")
    for method in ("PATCH", "DELETE")
}


async def goes_by_the_door(house: House, route: Route, sample: Sample) -> None:
    """Call it as an admin: it works, and the audit log has the intent."""
    who = await house.another(ADMIN_EVERYWHERE)
    call = await sample.make(house, who)
    before = len(await house.intents())
    async with house.client(who) as client:
        answer = await send(client, route, call)
    assert answer.status_code < 400, answer.text
    assert sample.action in [action for action, _ in (await house.intents())[before:]], f"{route} bypasses the door"


async def changes_nothing(house: House, answer: httpx.Response, before: Mapping[str, object]) -> None:
    refused = answer.status_code in {401, 403, 404, 409} or _leads_to_sign_in(answer)
    assert refused, f"{answer.status_code} {answer.text[:200]}"
    assert await house.held() == before


def _leads_to_sign_in(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith(urls.sign_in())
