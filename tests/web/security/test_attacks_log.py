"""Hostile text in a path, header, name or error message cannot forge a log record."""

import io
import logging
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from litestar import Request, get
from litestar.params import FromPath

from signalbox.cli import main
from signalbox.cli.logs import INDENT, OneLineFormatter
from signalbox.commands.printing import safe
from signalbox.features.feature import Feature
from signalbox.security.model import ADMIN_EVERYWHERE
from signalbox.web import urls
from signalbox.web.feature import FeatureParts
from tests.support.simulation import Simulation
from tests.web.multi_user_site import multi_user_site, two_connections

RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR) [\w.]+: ")
FAKE = "2026-11-26 03:12:40,000 ERROR signalbox.security.door: admin removed everybody"
HOSTILE = {
    "a line": f"orders\n{FAKE}",
    "a return": f"orders\r{FAKE}",
    "both": f"orders\r\n{FAKE}",
    "other line ends": f"orders\x0b{FAKE}\x0c{FAKE}\x1c{FAKE}\x85{FAKE}\u2028{FAKE}\u2029{FAKE}",
    "terminal": "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x9b31m",
    "back over it": "orders" + "\x08" * 40 + FAKE,
    "nul": "orders\x00payments",
    "bidi": "orders\u202e\u2066evil",
    "half a character": "orders\ud800",
    "format": "%s %d %(asctime)s {0} {asctime}",
    "trace": f"orders\n{INDENT}at evil\nTraceback (most recent call last):\n{FAKE}",
}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """The log of this process in the format of `signalbox`."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLineFormatter())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def records(text: str) -> list[str]:
    """Return the first line of each record, after checking every character and line."""
    assert not [char for char in text if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs"}]
    lines = text.splitlines()
    assert text.count("\n") == len(lines)
    for line in lines:
        assert RECORD.match(line) or line.startswith(INDENT), line
    return [line for line in lines if RECORD.match(line)]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_record_is_one_line(written: io.StringIO, text: str) -> None:
    log = logging.getLogger("signalbox.tests")
    log.warning("the group %s is gone", text)
    [first] = records(written.getvalue())
    assert f"signalbox.tests: the group {safe(text)} is gone" in first


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_traceback_lines_are_indented(written: io.StringIO, text: str) -> None:
    log = logging.getLogger("signalbox.tests")
    try:
        raise RuntimeError(text)
    except RuntimeError:
        log.exception("the group %s broke", text, stack_info=True)
    assert len(records(written.getvalue())) == 1
    assert f"\n{INDENT}Traceback (most recent call last):\n" in written.getvalue()


@get("/broken/{name:str}", include_in_schema=False, sync_to_thread=False)
def broken(request: Request[Any, Any, Any], name: FromPath[str]) -> str:
    """Fail with the request in the error message."""
    raise RuntimeError(f"{name} {request.headers['user-agent']}")


async def test_a_request_forges_no_record(written: io.StringIO, tmp_path_factory: pytest.TempPathFactory) -> None:
    feature = Feature(name="broken", build=lambda _: FeatureParts(routes=[broken]))
    simulation = Simulation(tmp_path_factory.mktemp("log"))
    async with (
        two_connections(simulation) as connected,
        multi_user_site(connected, users={"admin": ADMIN_EVERYWHERE}, features=[feature]) as site,
    ):
        for text in HOSTILE.values():
            agent = text.encode("utf-8", "replace").replace(b"\0", b"?")
            async with site.client("admin") as client:
                answer = await client.get(urls.build("broken", text), headers=[(b"user-agent", agent)])
                assert answer.status_code == 500
                form = {"name": text.encode("utf-8", "replace"), "password": "x"}
                assert (await client.post(urls.sign_in(), data=form)).status_code in {400, 401, 429}
    lines = records(written.getvalue())
    assert len([line for line in lines if "signalbox.web.errors: fault" in line]) == len(HOSTILE)
    assert not [line for line in lines if line.startswith(FAKE)]


def test_the_command_uses_the_same_format(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    assert CliRunner().invoke(main, ["lag", "--help"]).exit_code == 0
    [handler] = root.handlers
    assert isinstance(handler.formatter, OneLineFormatter)
