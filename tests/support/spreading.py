"""Spread the tests over workers (pytest-xdist): tests that share a server or a module's fixtures run in one worker.

Each test also bears a mark for every server that it uses and every folder that it lies in: `pytest -m "kafka and not web"`.
"""

import traceback
from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest.nodeid import coerce_node_id

ROOT = Path(__file__).parents[1]
SERVERS = {  # session fixture that starts a server -> mark. The first that a test uses is its group; the longest groups first
    "kafka": "kafka",
    "rabbitmq_4": "rabbitmq",
    "rabbitmq_3": "rabbitmq",
    "browser": "browser",
    "postgres": "postgres",
    "nats_broker": "nats",
    "provider": "oidc",
    "keycloak": "oidc",
    "elasticmq": "sqs",
    "moto": "sqs",
    "kafka_pair": "kafka",
}
PARAMETERS = {"postgresql": "postgres"}  # value of a fixture's parameter -> the server fixture that it asks for


def _servers(item: pytest.Item) -> list[str]:
    """Return the server fixtures that a test uses, in the order of SERVERS."""
    names = set(getattr(item, "fixturenames", ()))
    if callspec := getattr(item, "callspec", None):
        values = {value for value in callspec.params.values() if isinstance(value, str)}
        names |= {PARAMETERS.get(value, value) for value in values}
    return [server for server in SERVERS if server in names]


def _folders(item: pytest.Item) -> list[str]:
    return list(item.path.relative_to(ROOT).parent.parts)


def _group(item: pytest.Item, servers: list[str]) -> tuple[int, str]:
    """Return the rank and the name of a test's group. The stories of each folder have a Chromium of their own."""
    if not servers:
        return len(SERVERS), item.path.relative_to(ROOT).with_suffix("").as_posix()
    rank = list(SERVERS).index(servers[0])
    return rank, servers[0] if servers[0] != "browser" else "/".join(_folders(item))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long repetitions only, which are left out otherwise")


def pytest_configure(config: pytest.Config) -> None:
    folders = {folder.name for folder in ROOT.rglob("*") if (folder / "__init__.py").exists()}
    for mark in sorted({*SERVERS.values(), *folders}):
        config.addinivalue_line("markers", f"{mark}: tests of this folder, or that use this server")
    config.addinivalue_line("markers", "soak: a long repetition, for `make soak`")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, object, object]:
    """Mark and sort the tests; a wrapper, because xdist's own hook reads the groups and is registered later."""
    groups: dict[pytest.Item, tuple[int, str]] = {}
    for item in items:
        servers = _servers(item)
        for mark in {*_folders(item), *(SERVERS[server] for server in servers)}:
            item.add_marker(mark)
        groups[item] = _group(item, servers)
        item.add_marker(pytest.mark.xdist_group(groups[item][1]))
    _leave_out(config, items)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: groups[item][0])
    result = yield
    if getattr(config.option, "loadgroup", False):
        for item in items:  # xdist 3.8 writes the group into a field that pytest 9.2 no longer reads
            item._id = coerce_node_id(f"{item.nodeid}@{groups[item][1]}")
    return result


def _leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what soaks, or all else with --soak."""
    soak = bool(config.getoption("--soak"))
    left_out = [item for item in items if bool(item.get_closest_marker("soak")) is not soak]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if bool(item.get_closest_marker("soak")) is soak]


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, object, object]:
    """Report a failure that pytest cannot draw, such as a frame without a line: it would end the worker and the run."""
    try:
        return (yield)
    except TypeError:
        assert call.excinfo is not None
        text = "".join(traceback.format_exception(call.excinfo.value))
        with pytest.raises(pytest.fail.Exception) as call.excinfo:
            pytest.fail(text, pytrace=False)
        return pytest.TestReport.from_item_and_call(item, call)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """Spell lone surrogates out: a worker cannot send them, and log lines of some tests have them."""
    return _sendable((yield))


def _sendable(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {key: _sendable(inner) for key, inner in value.items()}
        case list():
            return [_sendable(inner) for inner in value]
        case tuple():  # stays one: pytest asserts it of the reason of a skip
            return tuple(_sendable(inner) for inner in value)
        case _:
            return value
