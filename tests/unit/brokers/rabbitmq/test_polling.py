"""A repeated request that fails has its error, also when the failure is ours, and runs again when it is due."""

import pytest

from signalbox.brokers.rabbitmq.polling import PolledRequest
from signalbox.kernel.clock import system_clock


async def test_an_unexpected_exception_is_an_error_with_its_id(caplog: pytest.LogCaptureFixture) -> None:
    failures = [KeyError("messages")]

    async def send() -> int:
        if failures:
            raise failures.pop()
        return 7

    request = PolledRequest(system_clock, "GET /api/queues", send, lambda _: 0.0)
    await request.run_now()
    problem = _problem(request)
    assert f"fault {problem.split()[4]}: GET /api/queues failed" in caplog.text
    assert request.has_run
    await request.run_now()
    assert (_problem(request), request.has_answered) == ("", True)
    await request.stop()


def _problem(request: PolledRequest) -> str:
    return "" if request.error is None else request.error.problem
