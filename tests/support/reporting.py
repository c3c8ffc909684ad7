"""What a run prints at its end: the real servers, and the time of each folder. A plugin of tests/conftest.py."""

from collections import Counter, defaultdict

import pytest
from xdist import is_xdist_worker
from xdist.workermanage import WorkerController

from tests.support.servers import RECORDED, WITHOUT

_seconds: defaultdict[str, float] = defaultdict(float)
_tests: Counter[str] = Counter()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's servers over to the process that reports."""
    if is_xdist_worker(session):
        session.config.workeroutput["ran_against"] = sorted(RECORDED)  # type: ignore[attr-defined] # pytest-xdist's


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    RECORDED.update(getattr(node, "workeroutput", {}).get("ran_against", ()))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    folder = report.nodeid.partition("::")[0].rpartition("/")[0]
    _seconds[folder] += report.duration
    _tests[folder] += report.when == "setup"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [*sorted(RECORDED), *(f"LEFT OUT by SIGNALBOX_TEST_WITHOUT: {server}" for server in sorted(WITHOUT))]
    if lines:
        terminalreporter.section("real servers")
    for line in lines:
        terminalreporter.write_line(line)
    terminalreporter.section("time by folder")
    for folder in sorted(_seconds, key=_seconds.__getitem__, reverse=True):
        terminalreporter.write_line(f"{_seconds[folder]:7.1f} s {_tests[folder]:5} tests  {folder}")
