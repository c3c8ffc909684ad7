"""Static files are cached under a hash, nothing else is served, and missing files are named."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from signalbox.resources import STATIC
from signalbox.web import urls
from signalbox.web.assets import VENDORED, Asset, Assets, AssetsMissing, build, load
from tests.support.assets import whole_assets
from tests.web.application import application


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(application(), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def test_a_file_under_its_hash_is_cached_forever(client: TestClient[Litestar]) -> None:
    address = urls.static(load().hashed("css/base.css"))
    answer = client.get(address, headers={"accept-encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.content == (STATIC / "css/base.css").read_bytes()


def test_a_file_under_another_hash_is_served_but_not_cached(client: TestClient[Litestar]) -> None:
    answer = client.get("/static/000000000000/css/base.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "../app/signalbox/main.py",
        "..%2f..%2fapp/main.py",
        "%2e%2e/%2e%2e/pyproject.toml",
        "/etc/passwd",
        "css/../../pyproject.toml",
        "css%5c..%5c..%5cpyproject.toml",
        "css/base.css%00.txt",
        "",
        "vendor/manifest.json",
    ],
)
def test_nothing_else_is_served(client: TestClient[Litestar], path: str) -> None:
    assert client.get(f"/static/{load().build}/{path}").status_code == 404


def test_the_hash_changes_when_a_file_changes(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a {}")
    first = load(tmp_path)
    (tmp_path / "a.css").write_text("b {}")
    second = load(tmp_path)
    assert first.build != second.build
    zipped = second.files["a.css"].gzipped
    assert zipped is not None
    assert gzip.decompress(zipped) == b"b {}"


def test_without_vendored_files_the_page_names_the_build_command() -> None:
    own = {path: asset for path, asset in load().files.items() if not path.startswith("vendor/")}
    bare = Assets(files=own, build="0", missing=tuple(VENDORED))
    with TestClient(application(assets=bare), base_url="http://127.0.0.1") as client:
        text = client.get("/probe/c/orders").text
    assert "npm ci --ignore-scripts &amp;&amp; python -m signalbox.web.assets build" in text


def test_with_vendored_files_the_page_shows_no_build_command() -> None:
    with TestClient(application(assets=whole_assets()), base_url="http://127.0.0.1") as client:
        assert "npm ci" not in client.get("/probe/c/orders").text


def test_build_names_missing_files_and_copies_nothing(tmp_path: Path) -> None:
    with pytest.raises(AssetsMissing, match=r"uplot/dist/uPlot\.min\.css.*npm ci"):
        build(tmp_path / "node_modules", tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()


def test_build_copies_each_file(tmp_path: Path) -> None:
    for source in VENDORED.values():
        file = tmp_path / "node_modules" / source
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    manifest = build(tmp_path / "node_modules", tmp_path / "static" / "vendor")
    assert set(manifest) == set(VENDORED)
    assert not load(tmp_path / "static").missing


def test_a_template_cannot_use_a_missing_file() -> None:
    assets = Assets(files={"css/a.css": Asset(content=b"", gzipped=None, type="text/css")}, build="0", missing=())
    with pytest.raises(AssetsMissing, match=r"css/b\.css"):
        assets.hashed("css/b.css")
