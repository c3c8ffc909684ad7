"""What the suites ran against, and what the machine was told to leave out."""

import os

import pytest

WITHOUT = frozenset(filter(None, os.environ.get("SIGNALBOX_TEST_WITHOUT", "").replace(" ", "").split(",")))
RECORDED: set[str] = set()  # lines for the end of the run


def require_server(server: str) -> None:
    """Call first in a server's fixture: skips only when SIGNALBOX_TEST_WITHOUT names the server, and says so.

    A server that is merely missing raises `ServerNotInstalled` from its own module: the tests then fail, with the line that installs it.
    """
    if server in WITHOUT:
        pytest.skip(f"SIGNALBOX_TEST_WITHOUT names {server}")


def record_server(server: str, version: str, origin: str) -> None:
    """Note a real server for the end of the run: "nats-server 2.15.1, from its wheel"."""
    RECORDED.add(f"{server} {version}, {origin}")
