"""Host and Origin checks, and the security headers of every response."""

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from signalbox.web.settings import ServerSettings
from tests.web.application import application

SECURITY_HEADERS = {
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "cache-control",
}
ADDRESSES = [
    ("/probe/c/orders", 200),
    ("/nowhere", 404),
    ("/fault", 500),
    ("/api/v1/fault", 500),
    ("/api/v1/nowhere", 404),
    ("/api/v1/openapi.json", 200),
    ("/health/live", 200),
    ("/health/ready", 503),
    ("/static/x/css/base.css", 200),
    ("/static/x/css/none.css", 404),
]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(application(), base_url="http://127.0.0.1:8080", raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(("address", "status"), ADDRESSES)
def test_every_response_has_the_security_headers(client: TestClient[Litestar], address: str, status: int) -> None:
    answer = client.get(address)
    assert answer.status_code == status
    assert set(answer.headers) >= SECURITY_HEADERS
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_refused_requests_get_the_security_headers(client: TestClient[Litestar]) -> None:
    answer = client.get("/probe/c/orders", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert set(answer.headers) >= SECURITY_HEADERS


def test_each_page_has_its_own_nonce(client: TestClient[Litestar]) -> None:
    policies = {client.get("/probe/c/orders").headers["content-security-policy"] for _ in range(3)}
    assert len(policies) == 3


def test_a_method_that_the_route_does_not_support_is_refused(client: TestClient[Litestar]) -> None:
    answer = client.post("/probe/c/orders", headers={"origin": "http://127.0.0.1:8080"})
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert set(answer.headers) >= SECURITY_HEADERS


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:9", "[::1]:8080", "LOCALHOST"])
def test_loopback_hosts_are_allowed(client: TestClient[Litestar], host: str) -> None:
    assert client.get("/health/live", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.5",
        "localhost@evil.example",
        "evil.example/localhost",
        " localhost",
        "[::1",
        "",
    ],
)
def test_other_hosts_are_refused_with_a_reason(client: TestClient[Litestar], host: str) -> None:
    answer = client.get("/health/live", headers={"host": host})
    assert answer.status_code == 421
    assert "base_url" in answer.text


def test_the_configured_host_is_allowed() -> None:
    settings = ServerSettings(base_url="https://signalbox.example.org", trusted_proxies=("127.0.0.1",))
    with TestClient(application(settings=settings), base_url="http://signalbox.example.org") as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/live", headers={"host": "other.example.org"}).status_code == 421


def test_beyond_loopback_ip_addresses_are_allowed_but_other_names_are_not() -> None:
    settings = ServerSettings(host="0.0.0.0", allow_unauthenticated=True, insecure_http=True)  # noqa: S104 - under test
    with TestClient(application(settings=settings), base_url="http://192.168.7.9:8080") as client:
        page = client.get("/probe/c/orders")
        assert page.status_code == 200
        assert "Signalbox is served over plain HTTP" in page.text
        assert "Sign-in is off" in page.text
        assert client.get("/health/live", headers={"host": "rebound.example"}).status_code == 421
