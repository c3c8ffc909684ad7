"""The wheel in an environment of its own, outside the clone, as an operator without Node installs it."""

import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from signalbox.servers.process import ServerProcess, free_port
from signalbox.web import urls
from tests.connected.packaging.programs import run

ROOT = Path(__file__).parents[3]
UV = str(Path(sys.executable).with_name("uv"))
PASSWORD = "a sentence to sign in"
LINK = re.compile(r"^http://\S+(/join/\S+)$", re.MULTILINE)
ASSET = re.compile(r'(?:href|src)="(/static/[^"#]+)')
IN_CSS = re.compile(r"url\(\"?([^)\"]+)")


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment with the wheel in it."""

    bin: Path

    async def python(self, code: str, folder: Path) -> str:
        return await run([str(self.bin / "python"), "-c", code], folder)

    def process(self, folder: Path, port: int, *words: str) -> ServerProcess:
        """`signalbox` with these words, in a folder without anything of ours; ready when it answers on the port."""

        async def ready() -> bool:
            try:
                async with httpx.AsyncClient(timeout=2.0) as client:
                    return (await client.get(f"http://127.0.0.1:{port}{urls.HEALTH_READY}")).is_success
            except httpx.HTTPError:
                return False

        return ServerProcess(
            name=words[0],
            argv=[str(self.bin / "signalbox"), *words],
            folder=folder,
            ready=ready,
            env={"PYTHONPATH": ""},
            start_timeout_s=60.0,
        )


@pytest.fixture(scope="module")
async def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build the wheel and install it with its locked dependencies, in seconds once uv has them in its cache."""
    folder = tmp_path_factory.mktemp("wheel")
    await run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    [wheel] = folder.glob("signalbox_events-*.whl")
    environment = folder / "environment"
    await run([UV, "venv", "-q", "--python", sys.executable, str(environment)], folder)
    install = [UV, "pip", "install", "-q", "--python", str(environment / "bin" / "python")]
    await run([*install, "--require-hashes", "-r", str(ROOT / "requirements-demo.txt")], folder)
    await run([*install, "--no-deps", str(wheel)], folder)
    return Installed(environment / "bin")


@pytest.fixture
async def served(installed: Installed, tmp_path: Path) -> AsyncIterator[tuple[ServerProcess, httpx.AsyncClient]]:
    """`signalbox serve` in an empty folder, and a browser."""
    port = free_port()
    config = tmp_path / "signalbox.toml"
    config.write_text(f"[server]\nport = {port}\n", encoding="utf-8")
    config.chmod(0o600)
    process = installed.process(tmp_path, port, "serve")
    try:
        await process.start()
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address, headers={"Origin": address}, timeout=10.0) as client:
            yield process, client
    finally:
        await process.stop()


async def test_the_first_admin_signs_in_and_every_asset_of_a_page_is_there(
    served: tuple[ServerProcess, httpx.AsyncClient],
) -> None:
    process, browser = served
    link = LINK.search(process.log.read_text())
    assert link, process.log_tail()
    joined = await browser.post(link[1], data={"name": "ada", "password": PASSWORD, "again": PASSWORD})
    assert joined.status_code == 303, joined.text
    browser.cookies.clear()
    signed_in = await browser.post(urls.sign_in(), data={"name": "ada", "password": PASSWORD})
    assert signed_in.status_code == 303, signed_in.text
    page = await browser.get("/connections")
    assert page.status_code == 200
    assert "ada" in page.text
    assets = set(ASSET.findall(page.text))
    assert len(assets) > 5
    for asset in assets:
        answer = await browser.get(asset)
        assert answer.status_code == 200, asset
        if asset.endswith(".css"):
            for address in IN_CSS.findall(answer.text):
                if not address.startswith("data:"):
                    assert (await browser.get(urljoin(asset, address))).status_code == 200, f"{asset}: {address}"


async def test_the_demo_runs(installed: Installed, tmp_path: Path) -> None:
    port = free_port()
    demo = installed.process(tmp_path, port, "demo", "--port", str(port))
    try:
        await demo.start()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as browser:
            assert "nats" in (await browser.get("/connections")).text
    finally:
        await demo.stop()


async def test_a_package_of_the_user_called_app_is_imported_beside_it(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("SHOP = 'bicycles'\n")
    printed = await installed.python(
        "import app, signalbox.web.app, signalbox; print(app.SHOP, signalbox.__file__)", tmp_path
    )
    shop, file = printed.split()
    assert shop == "bicycles"
    assert "site-packages" in file
    assert not Path(file).is_relative_to(ROOT)


async def test_the_environment_holds_no_file_of_the_clone(installed: Installed, tmp_path: Path) -> None:
    printed = await installed.python(
        "from signalbox.resources import MIGRATIONS, STATIC, TEMPLATES;"
        "print(*(path for path in (MIGRATIONS, STATIC / 'vendor', TEMPLATES) if path.is_dir()))",
        tmp_path,
    )
    paths = [Path(path) for path in printed.split()]
    assert len(paths) == 3
    assert not any(path.is_relative_to(ROOT) for path in paths)


@pytest.mark.parametrize("interpreter", ["wheel", "clone"])
async def test_to_import_signalbox_is_cheap(installed: Installed, tmp_path: Path, interpreter: str) -> None:
    code = (
        "import sys; before = set(sys.modules); import signalbox; new = set(sys.modules) - before;"
        "print(*sorted({name.partition('.')[0] for name in new} - set(sys.stdlib_module_names)))"
    )
    python = Installed(Path(sys.executable).parent) if interpreter == "clone" else installed
    assert (await python.python(code, tmp_path)).split() == ["signalbox"]
