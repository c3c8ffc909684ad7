"""The actor of the command line comes from the system, not from the environment."""

import pwd

import pytest

from signalbox.commands.acting import cli_actor
from signalbox.security.model import Via


def test_actor_is_the_system_user_and_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.setattr("os.getuid", lambda: 0)
    actor = cli_actor()
    assert (actor.name, actor.via, actor.is_admin, actor.user) == ("cli:root", Via.CLI, True, None)
    assert actor.address


def test_system_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr("os.getuid", lambda: 10_001)
    assert cli_actor().name == "cli:10001"
