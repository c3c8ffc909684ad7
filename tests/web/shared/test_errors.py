"""Every error has a status and a sentence; an unexpected one has an id that the log has too."""

import re
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tests.web.application import application


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(application(), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(("address", "status"), [("/nowhere", 404), ("/probe/c", 404), ("/fault", 500)])
def test_browsers_get_a_page(client: TestClient[Litestar], address: str, status: int) -> None:
    answer = client.get(address)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'class="brand"' in answer.text
    assert "Go to the overview" in answer.text


@pytest.mark.parametrize("address", ["/fault", "/api/v1/fault"])
def test_an_unexpected_error_shows_its_id_and_nothing_else(
    client: TestClient[Litestar], caplog: pytest.LogCaptureFixture, address: str
) -> None:
    answer = client.get(address)
    match = re.search(
        r"\b([0-9a-f]{6})\b", answer.json()["fault"] if "api" in address else answer.text.split("error <b>")[1]
    )
    assert match
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    records = [record for record in caplog.records if match.group(1) in record.getMessage()]
    assert records
    assert records[0].exc_info


def test_programs_get_a_problem_document(client: TestClient[Litestar]) -> None:
    answer = client.get("/api/v1/gone/a%2Fb")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no group a/b on kafka-prod. It may have been deleted.",
    }


def test_an_invalid_parameter_is_named(client: TestClient[Litestar]) -> None:
    answer = client.get("/api/v1/counted?limit=many")
    assert answer.status_code == 400
    assert "limit" in answer.json()["detail"]


def test_without_a_database_it_is_not_ready() -> None:
    with TestClient(application(), base_url="http://127.0.0.1") as client:
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/live").status_code == 200
