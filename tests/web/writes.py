"""A valid call of every write route, and who may make it. The features declare the routes and their actions.

A test fails for a write route without a sample.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import httpx

from signalbox.security.model import ADMIN_EVERYWHERE, VIEWER_EVERYWHERE
from signalbox.web import urls
from tests.web.multi_user_site import HIDDEN, PASSWORD, VISIBLE, MultiUserSite
from tests.web.walk import PARAMETER, Route

OTHER_PASSWORD = "another horse, another battery"
ROLES = {f"role/{connection}": "viewer" for connection in (VISIBLE, HIDDEN, "*")}
TOKEN = {"name": "deploy", "days": 7, "role": "viewer"}


class Who(Enum):
    """The users who may use a route."""

    ADMINS = "admins everywhere"
    SELF = "every signed-in user, for their own sessions and tokens"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Call:
    """The path parameters, the body and the query of a request."""

    path: Mapping[str, object] = field(default_factory=dict)
    body: Mapping[str, object] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


Make = Callable[[MultiUserSite, str], Awaitable[Call]]
"""Creates the entity that the call needs, owned by this user where it has an owner. Changes nothing else."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A valid call of one route."""

    make: Make
    who: Who = Who.ADMINS


async def send(client: httpx.AsyncClient, route: Route, call: Call) -> httpx.Response:
    """Send the call: JSON to the API, a form to a page."""
    path = PARAMETER.sub(lambda match: urls.encode_segment(str(call.path[match[1]])), route.path)
    if not call.body:
        return await client.request(route.method, path, params=call.query)
    if path.startswith(urls.API):
        return await client.request(route.method, path, json=call.body)
    return await client.request(route.method, path, data=call.body)


def on_user(**body: object) -> Make:
    """Create another user, who is signed in."""

    async def make(site: MultiUserSite, _: str) -> Call:
        return Call({"name": await site.add_user(VIEWER_EVERYWHERE)}, body)

    return make


def only(**body: object) -> Make:
    async def make(_site: MultiUserSite, _: str) -> Call:
        return Call({}, body)

    return make


def invited(**body: object) -> Make:
    async def make(site: MultiUserSite, _: str) -> Call:
        site.serial += 1
        return Call({}, {"name": f"invited-{site.serial}", "role": "viewer", **body})

    return make


async def linked_user(site: MultiUserSite, _: str) -> Call:
    name = await site.add_user(VIEWER_EVERYWHERE)
    await site.create_link(name)
    return Call({"name": name})


async def by_link(site: MultiUserSite, _: str) -> Call:
    link = await site.create_link(await site.add_user(VIEWER_EVERYWHERE))
    return Call({"secret": link}, {"password": OTHER_PASSWORD, "again": OTHER_PASSWORD})


async def by_password(site: MultiUserSite, _: str) -> Call:
    return Call({}, {"name": await site.add_user(ADMIN_EVERYWHERE), "password": PASSWORD})


async def own_session(site: MultiUserSite, who: str) -> Call:
    await site.sign_in(who)
    [session, *_] = await site.core.accounts.sessions.list_for(site.users[who].id)
    return Call({"session": session.id})


async def own_token(site: MultiUserSite, who: str) -> Call:
    [token] = await site.core.accounts.tokens.list_all(site.users[who].id)
    return Call({"token": token.id})


async def token_of_another(site: MultiUserSite, who: str) -> Call:
    name = await site.add_user(VIEWER_EVERYWHERE)
    token = await own_token(site, name)
    return Call({"name": name, **token.path})


def masking_rule(number: int, **more: object) -> dict[str, object]:
    return {"name": f"rule-{number}", "what": "$.email", "how": "hide", "reason": "it is personal", **more}


async def new_rule(site: MultiUserSite, _: str) -> Call:
    site.serial += 1
    return Call({}, masking_rule(site.serial, source="kafka-open/orders"))


async def new_rule_of_api(site: MultiUserSite, _: str) -> Call:
    site.serial += 1
    return Call({}, masking_rule(site.serial, what=["$.email"]))


def on_rule(**body: object) -> Make:
    """Create a masking rule."""

    async def make(site: MultiUserSite, _: str) -> Call:
        site.serial += 1
        async with site.client("admin") as client:
            response = await client.post(f"{urls.API}/masking-rules", json=masking_rule(site.serial, what=["$.email"]))
            assert response.status_code == 201, response.text
        return Call({"name": f"rule-{site.serial}"}, body, {} if body else {"reason": "not needed"})

    return make


async def new_password(_: MultiUserSite, __: str) -> Call:
    return Call({}, {"old": PASSWORD, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD})


SAMPLES: Mapping[Route, Sample] = {
    Route("POST", "/sign-in"): Sample(by_password, Who.ANYONE),
    Route("POST", "/join/{secret:str}"): Sample(by_link, Who.ANYONE),
    Route("POST", "/sign-out"): Sample(only(), Who.SELF),
    Route("POST", "/profile/sessions"): Sample(only(), Who.SELF),
    Route("POST", "/profile/sessions/{session:int}/end"): Sample(own_session, Who.SELF),
    Route("POST", "/profile/password"): Sample(new_password, Who.SELF),
    Route("POST", "/profile/tokens"): Sample(only(**TOKEN), Who.SELF),
    Route("POST", "/profile/tokens/{token:int}/revoke"): Sample(own_token, Who.SELF),
    Route("DELETE", "/api/v1/sessions/{session:int}"): Sample(own_session, Who.SELF),
    Route("POST", "/api/v1/tokens"): Sample(only(**TOKEN), Who.SELF),
    Route("DELETE", "/api/v1/tokens/{token:int}"): Sample(own_token, Who.SELF),
    Route("POST", "/users"): Sample(invited()),
    Route("POST", "/users/{name:str}/link"): Sample(on_user()),
    Route("POST", "/users/{name:str}/remove"): Sample(on_user(reason="left")),
    Route("POST", "/users/{name:str}/roles"): Sample(on_user(**ROLES)),
    Route("POST", "/users/{name:str}/sessions"): Sample(on_user()),
    Route("POST", "/users/{name:str}/unlock"): Sample(on_user()),
    Route("POST", "/users/{name:str}/withdraw"): Sample(linked_user),
    Route("POST", "/users/{name:str}/tokens/{token:int}/revoke"): Sample(token_of_another),
    Route("POST", "/audit/verify"): Sample(only()),
    Route("POST", "/audit/export"): Sample(only(q="invite")),
    Route("POST", "/masking/rules"): Sample(new_rule),
    Route("POST", "/masking/rules/{name:str}/move"): Sample(on_rule(number=1, reason="first")),
    Route("POST", "/masking/rules/{name:str}/remove"): Sample(on_rule(reason="not needed")),
    Route("POST", "/api/v1/masking-rules"): Sample(new_rule_of_api),
    Route("PATCH", "/api/v1/masking-rules/{name:str}"): Sample(on_rule(number=1, reason="first")),
    Route("DELETE", "/api/v1/masking-rules/{name:str}"): Sample(on_rule()),
    Route("POST", "/api/v1/users"): Sample(invited()),
    Route("PATCH", "/api/v1/users/{name:str}"): Sample(on_user(everywhere={"role": "operator"})),
    Route("DELETE", "/api/v1/users/{name:str}"): Sample(on_user()),
}

TRIALS: Mapping[Route, Call] = {  # writes without an action: a POST only because of its size
    Route("POST", "/masking/trial"): Call(
        {}, {"source": "kafka-open/orders", "sample": "{}", "what": "$.a", "how": "hide"}
    ),
    Route("POST", "/api/v1/masking-rules/try"): Call({}, {"source": "kafka-open/orders", "sample": "{}"}),
}
ALIASES: Mapping[Route, Route] = {  # the same handler, for a rule named "try" like the route beside it
    Route(method, "/api/v1/masking-rules/try"): Route(method, "/api/v1/masking-rules/{name:str}")
    for method in ("PATCH", "DELETE")
}


async def assert_goes_through_the_door(site: MultiUserSite, route: Route, sample: Sample) -> None:
    """Call the route as an admin: it succeeds, and the audit log has the intent with the declared action."""
    who = await site.add_user(ADMIN_EVERYWHERE)
    call = await sample.make(site, who)
    before = len(await site.intents())
    async with site.client(who) as client:
        response = await send(client, route, call)
    assert response.status_code < 400, response.text
    assert site.writes[route] in [action for action, _ in (await site.intents())[before:]], f"{route} bypasses the door"


async def assert_changes_nothing(site: MultiUserSite, response: httpx.Response, before: Mapping[str, object]) -> None:
    refused = response.status_code in {401, 403, 404, 409} or _redirects_to_sign_in(response)
    assert refused, f"{response.status_code} {response.text[:200]}"
    assert await site.all_rows() == before


def _redirects_to_sign_in(response: httpx.Response) -> bool:
    return response.status_code == 303 and response.headers["location"].startswith(urls.sign_in())
