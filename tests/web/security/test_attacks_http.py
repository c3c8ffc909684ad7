"""Hostile HTTP on a real server: hosts, header injection, paths, bodies; https, cookies, proxies."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from signalbox.security.model import ADMIN_EVERYWHERE
from signalbox.web import urls
from signalbox.web.app import REQUEST_BYTES_MAX
from signalbox.web.security import urls as security_urls
from signalbox.web.settings import ServerSettings
from tests.support.simulation import Simulation
from tests.web.multi_user_site import (
    ANONYMOUS,
    ORIGIN,
    PASSWORD,
    MultiUserSite,
    cookie_of,
    multi_user_site,
    two_connections,
)
from tests.web.server import RunningServer, run_server

SECURE = ServerSettings(
    host="0.0.0.0",  # noqa: S104 - the case of the test
    base_url="https://signalbox.example.org",
    trusted_proxies=("10.0.0.7",),
)
OUTSIDE = "https://signalbox.example.org"
INJECTED = "%0d%0aX-Injected:%20yes%0d%0a%0d%0a<script>"
TRAVERSALS = [
    "/static/x/../../../../etc/passwd",
    "/static/x/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/static/x/..%2f..%2f..%2fetc%2fpasswd",
    "/static/x/..%5c..%5c..%5cetc%5cpasswd",
    "/static/x/%252e%252e%252fetc%252fpasswd",
    "/static/x//etc/passwd",
    "/static/x/css/../../../signalbox.toml",
    "/static/x/css/base.css%00.png",
    "/static/../pyproject.toml",
    "/static/x/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "/../../etc/passwd",
    "//etc/passwd",
]


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[MultiUserSite, RunningServer]]:
    async with (
        two_connections(Simulation(tmp_path_factory.mktemp("http"))) as simulation,
        multi_user_site(simulation) as site,
        run_server(site.app) as server,
    ):
        yield site, server


async def request(server: RunningServer, *lines: str, body: bytes = b"", host: str | None = "localhost") -> str:
    """Send a raw request; return the whole response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = [lines[0], *([f"Host: {host}"] if host is not None else []), *lines[1:], "Connection: close", "", ""]
    writer.write("\r\n".join(head).encode("latin-1") + body)
    answer = b""
    with contextlib.suppress(ConnectionError):  # the server may close before it read everything
        async with asyncio.timeout(10):
            while read := await reader.read(2**16):
                answer += read
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer.decode("latin-1")


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


def cookie_header(site: MultiUserSite, server: RunningServer, who: str = "viewer") -> str:
    """Return the Cookie header of a user. Its name has no port, as the Host header has none."""
    return f"Cookie: {site.users[who].cookie}"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:80",
        "10.0.0.1",
        "localhost@evil.example",
        "localhost, evil",
        "",
        None,
    ],
)
async def test_a_wrong_host_is_refused(served: tuple[MultiUserSite, RunningServer], host: str | None) -> None:
    site, server = served
    for path in ("/", urls.api("groups"), urls.METRICS, urls.HEALTH_LIVE, urls.STATIC + "/x/css/base.css"):
        answer = await request(server, f"GET {path} HTTP/1.1", cookie_header(site, server), host=host)
        assert status(answer) in {400, 421}, answer[:200]
        assert "kafka" not in answer


async def test_two_hosts_or_an_absolute_path_are_refused(served: tuple[MultiUserSite, RunningServer]) -> None:
    site, server = served
    cookie = cookie_header(site, server)
    assert status(await request(server, "GET / HTTP/1.1", "Host: evil.example", cookie)) == 400
    answer = await request(server, "GET http://evil.example/groups HTTP/1.1", cookie, host="evil.example")
    assert status(answer) in {400, 404, 421}
    answer = await request(server, "GET http://evil.example/groups HTTP/1.1", cookie)
    assert "evil.example" not in answer.partition("\r\n\r\n")[0]


@pytest.mark.parametrize(
    "path",
    [
        f"/groups?q={INJECTED}",
        f"/groups?sort={INJECTED}",
        f"/destinations?connection={INJECTED}",
        f"/groups/kafka-open/{INJECTED}",
        f"/search?q={INJECTED}",
        f"/sign-in?to=/{INJECTED}",
        f"/{INJECTED}",
        f"/users?q={INJECTED}&show={INJECTED}",
        f"/api/v1/groups?q={INJECTED}",
        f"/api/v1/groups/kafka-open/{INJECTED}",
    ],
)
@pytest.mark.parametrize("who", ["admin", ANONYMOUS])
async def test_a_request_cannot_inject_a_response_header(
    served: tuple[MultiUserSite, RunningServer], path: str, who: str | None
) -> None:
    site, server = served
    headers = [cookie_header(site, server, who)] if who else []
    for more in ([], ["HX-Request: true", "HX-Request-Type: partial"]):
        answer = await request(server, f"GET {path} HTTP/1.1", *headers, *more)
        head, _, body = answer.partition("\r\n\r\n")
        assert status(answer) < 500
        assert not [line for line in head.split("\r\n") if line.lower().startswith("x-injected")]
        if "text/html" in head:
            assert "<script>" not in body


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_no_path_escapes_static(served: tuple[MultiUserSite, RunningServer], path: str) -> None:
    site, server = served
    answer = await request(server, f"GET {path} HTTP/1.1", cookie_header(site, server))
    assert status(answer) in {400, 404}
    assert "root:" not in answer
    assert "[project]" not in answer


@pytest.mark.parametrize(
    "path", ["/sign-in", "/users", "/profile/tokens", "/api/v1/users", "/api/v1/tokens", "/nowhere"]
)
async def test_a_body_over_the_limit_is_refused(served: tuple[MultiUserSite, RunningServer], path: str) -> None:
    site, server = served
    before = await site.all_rows()
    large = REQUEST_BYTES_MAX + 1
    kind = "application/json" if path.startswith(urls.API) else "application/x-www-form-urlencoded"
    head = [f"POST {path} HTTP/1.1", f"Origin: {ORIGIN}", f"Content-Type: {kind}", cookie_header(site, server, "admin")]
    whole = await request(server, *head, f"Content-Length: {large}", body=b"x" * large)
    chunk = b"%x\r\n%s\r\n" % (large, b"x" * large)
    pieces = await request(server, *head, "Transfer-Encoding: chunked", body=chunk + b"0\r\n\r\n")
    for answer in (whole, pieces):
        assert not answer or status(answer) in ({404, 405} if path == "/nowhere" else {413}), answer[:300]
    assert whole
    assert await site.all_rows() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"name": 1}',
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"name": "' + b"\\ud800" + b'"}',
        b"name=%ff",
    ],
)
async def test_a_malformed_body_is_refused(served: tuple[MultiUserSite, RunningServer], body: bytes) -> None:
    site, server = served
    before = await site.all_rows()
    for path in ("/sign-in", "/users", "/api/v1/users", "/api/v1/tokens", "/profile/password"):
        kind = "application/json" if path.startswith(urls.API) else "application/x-www-form-urlencoded"
        head = [
            f"POST {path} HTTP/1.1",
            f"Origin: {ORIGIN}",
            f"Content-Type: {kind}",
            cookie_header(site, server, "admin"),
        ]
        answer = await request(server, *head, f"Content-Length: {len(body)}", body=body)
        assert 400 <= status(answer) < 500, (path, answer[:300])
        assert "Traceback" not in answer
    assert await site.all_rows() == before


@pytest.mark.parametrize(
    "line",
    [
        "X-Long: " + "x" * 200_000,
        "Cookie: " + "a=b; " * 4000,
        "Authorization: Bearer " + "x" * 30_000,
        "X: \x00",
        "Bad Name: x",
    ],
)
async def test_hostile_headers_break_nothing(served: tuple[MultiUserSite, RunningServer], line: str) -> None:
    _, server = served
    answer = await request(server, "GET /groups HTTP/1.1", line)
    assert not answer or status(answer) in {303, 400, 401, 413, 431}
    assert status(await request(server, "GET /health/live HTTP/1.1")) == 200


@pytest.fixture(scope="module")
async def secure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MultiUserSite]:
    async with (
        two_connections(Simulation(tmp_path_factory.mktemp("https"))) as simulation,
        multi_user_site(simulation, users={}) as first,
    ):
        await first.add("admin", ADMIN_EVERYWHERE)
        async with multi_user_site(simulation, tables=[SECURE], users={}) as site:
            site.users.update(first.users)
            yield site


async def test_plain_http_from_another_machine_is_refused_with_a_reason(secure: MultiUserSite) -> None:
    async with secure.client(address="203.0.113.9", base="http://signalbox.example.org") as client:
        for path in ("/", urls.sign_in(), urls.api("groups"), urls.METRICS):
            answer = await client.get(path)
            assert answer.status_code == 403
            assert "https" in answer.text
            assert "insecure_http" in answer.text


async def test_only_a_trusted_proxy_sets_scheme_and_address(secure: MultiUserSite) -> None:
    says = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.4"}
    for address, status_code in (("10.0.0.7", 200), ("10.0.0.8", 403), ("203.0.113.9", 403)):
        async with secure.client(address=address, base="http://signalbox.example.org", **says) as client:
            assert (await client.get(urls.sign_in())).status_code == status_code


async def test_over_https_only_the_host_cookie_signs_in(secure: MultiUserSite) -> None:
    says = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.4", "Origin": OUTSIDE}
    async with secure.client(address="10.0.0.7", base="http://signalbox.example.org", **says) as client:
        answer = await client.post(urls.sign_in(), data={"name": "admin", "password": PASSWORD})
    kept = answer.headers["set-cookie"].lower()
    assert kept.startswith("__host-signalbox=")
    for attribute in ("secure", "httponly", "path=/", "samesite=lax"):
        assert attribute in kept
    assert "domain" not in kept
    secret = cookie_of(answer).partition("=")[2]
    for name, led in (("__Host-signalbox", None), ("signalbox", urls.sign_in()), ("signalbox-443", urls.sign_in())):
        async with secure.client(
            address="10.0.0.7", base="http://signalbox.example.org", **says, Cookie=f"{name}={secret}"
        ) as client:
            assert (await client.get("/")).headers.get("location") == led, name
    [session, *_] = await secure.rows("SELECT address FROM session ORDER BY id DESC")
    assert session == ("198.51.100.4",)


async def test_over_plain_http_the_cookie_name_has_the_port(served: tuple[MultiUserSite, RunningServer]) -> None:
    _, server = served
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        form = {"name": "viewer", "password": PASSWORD}
        answer = await client.post(urls.sign_in(), data=form, headers={"Origin": f"http://127.0.0.1:{server.port}"})
        assert (await client.get("/")).status_code == 200
    kept = answer.headers["set-cookie"].lower()
    assert kept.startswith(f"signalbox-{server.port}=")
    assert "httponly" in kept
    assert "secure" not in kept


async def test_sign_out_deletes_the_cookie(served: tuple[MultiUserSite, RunningServer]) -> None:
    site, _ = served
    async with site.client(Cookie=await site.sign_in("viewer")) as client:
        kept = (await client.post(security_urls.sign_out())).headers["set-cookie"].lower()
    assert "max-age=0" in kept
