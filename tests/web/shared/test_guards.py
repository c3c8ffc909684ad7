"""Host and Origin rules, and the headers on every answer."""

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from signalbox.web.settings import ServerSettings
from tests.web.application import application

EVERY_ANSWER = {
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
    with TestClient(application(), base_url="http://127.0.0.1:8080", raise_server_exceptions=False) as made:
        yield made


@pytest.mark.parametrize(("address", "status"), ADDRESSES)
def test_every_answer_has_the_headers(client: TestClient[Litestar], address: str, status: int) -> None:
    answer = client.get(address)
    assert answer.status_code == status
    assert set(answer.headers) >= EVERY_ANSWER
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_refused_answers_have_the_headers_too(client: TestClient[Litestar]) -> None:
    answer = client.get("/probe/c/orders", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert set(answer.headers) >= EVERY_ANSWER


def test_each_page_has_a_nonce_of_its_own(client: TestClient[Litestar]) -> None:
    policies = {client.get("/probe/c/orders").headers["content-security-policy"] for _ in range(3)}
    assert len(policies) == 3


def test_methods_that_change_are_refused(client: TestClient[Litestar]) -> None:
    answer = client.post("/probe/c/orders", headers={"origin": "http://127.0.0.1:8080"})
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert set(answer.headers) >= EVERY_ANSWER


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:9", "[::1]:8080", "LOCALHOST"])
def test_loopback_names_are_ours(client: TestClient[Litestar], host: str) -> None:
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


def test_the_configured_name_is_ours() -> None:
    settings = ServerSettings(base_url="https://signalbox.example.org", trusted_proxies=("127.0.0.1",))
    with TestClient(application(settings=settings), base_url="http://signalbox.example.org") as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/live", headers={"host": "other.example.org"}).status_code == 421


def test_beyond_loopback_addresses_are_ours_but_foreign_names_are_not() -> None:
    settings = ServerSettings(host="0.0.0.0", allow_unauthenticated=True, insecure_http=True)  # noqa: S104 - the case of the test
    with TestClient(application(settings=settings), base_url="http://192.168.7.9:8080") as client:
        page = client.get("/probe/c/orders")
        assert page.status_code == 200
        assert "Signalbox is served over plain HTTP" in page.text
        assert "Sign-in is off" in page.text
        assert client.get("/health/live", headers={"host": "rebound.example"}).status_code == 421
