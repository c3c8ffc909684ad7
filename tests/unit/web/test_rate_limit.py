"""The limit of requests per address, with a clock set by hand."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from signalbox.web import rate_limit
from signalbox.web.rate_limit import ADDRESSES_MAX, BURST, PER_SECOND, RateLimiter

Wait = Callable[[float], None]


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Wait:
    now = 1000.0

    def pass_seconds(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(rate_limit, "time", SimpleNamespace(monotonic=lambda: now))
    return pass_seconds


def allowed(limiter: RateLimiter, address: str = "10.0.0.1") -> int:
    """Send requests until one is refused; return how many were allowed."""
    count = 0
    while not limiter.wait_s(address):
        count += 1
    return count


def test_a_burst_is_allowed_then_refused_with_the_time_to_wait(pass_time: Wait) -> None:
    limiter = RateLimiter()
    assert allowed(limiter) == BURST
    assert limiter.wait_s("10.0.0.1") == pytest.approx(1 / PER_SECOND)


def test_an_address_may_send_again_as_time_passes_but_never_more_than_a_burst(pass_time: Wait) -> None:
    limiter = RateLimiter()
    allowed(limiter)
    pass_time(1.01)
    assert allowed(limiter) == PER_SECOND
    pass_time(1.01 / PER_SECOND)
    assert allowed(limiter) == 1
    pass_time(3600)
    assert allowed(limiter) == BURST


def test_refused_requests_do_not_extend_the_wait(pass_time: Wait) -> None:
    limiter = RateLimiter()
    allowed(limiter)
    for _ in range(100):
        assert 0 < limiter.wait_s("10.0.0.1") <= 1 / PER_SECOND


def test_each_address_has_its_own_limit_and_their_number_is_bounded(pass_time: Wait) -> None:
    limiter = RateLimiter()
    allowed(limiter, "10.0.0.1")
    assert limiter.wait_s("10.0.0.2") == 0
    for number in range(ADDRESSES_MAX + 100):
        limiter.wait_s(f"host-{number}")
    assert len(limiter._buckets) <= ADDRESSES_MAX
