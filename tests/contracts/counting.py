"""Compares the number of executed contract cases with the table in executed.py, for every file that ran completely.

A plugin of tests/conftest.py: with several workers, only the process that gathers their reports counts.
"""

from collections import Counter
from pathlib import Path

import pytest
from xdist import is_xdist_worker

from tests.contracts.executed import EXECUTED
from tests.support.servers import WITHOUT

HERE = Path(__file__).parent
_executed: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    adapter = dict(report.user_properties).get("adapter")
    if report.when == "call" and not report.skipped and isinstance(adapter, str):
        _executed[adapter] += 1


def pytest_runtest_setup(item: pytest.Item) -> None:
    if (adapter := getattr(getattr(item, "cls", None), "adapter", None)) is not None:
        item.user_properties.append(("adapter", adapter))


def _ran_completely(config: pytest.Config, adapter: str) -> bool:
    """Return whether the run includes all tests of this adapter's file."""
    options = config.option
    selections = (options.keyword, options.markexpr, options.collectonly, options.soak, getattr(options, "lf", False))
    if any(selections) or any("::" in argument for argument in config.args):
        return False
    file = HERE / f"test_{adapter.partition('-')[0]}.py"
    return any(file.is_relative_to(Path(config.invocation_params.dir, argument).resolve()) for argument in config.args)


def _mismatches(config: pytest.Config) -> list[str]:
    mismatches = []
    for adapter in sorted({*EXECUTED, *_executed}):
        expected, executed = EXECUTED.get(adapter, 0), _executed[adapter]
        skipped = {adapter, adapter.partition("-")[0]} & WITHOUT
        if executed != expected and not skipped and _ran_completely(config, adapter):
            problem = f"{adapter} executed {executed} cases of the contract"
            mismatches.append(f"{problem}; tests/contracts/executed.py says {expected}")
    return mismatches


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not is_xdist_worker(session) and _mismatches(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _executed:
        terminalreporter.section("broker contract")
    for adapter, count in sorted(_executed.items()):
        terminalreporter.write_line(f"{adapter}: {count} cases executed")
    for line in _mismatches(config):
        terminalreporter.write_line(line, red=True)
