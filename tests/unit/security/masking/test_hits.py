"""Hits of the last 24 hours."""

from collections import Counter

from signalbox.security.masking.hits import HOUR_S, HitCounter

START = 1_800_000_000.0


def test_hits_expire_after_24_hours() -> None:
    now = START
    counts = HitCounter(lambda: now)
    assert counts.since == START
    for hour in range(30):
        now = START + hour * HOUR_S
        counts.add({"e-mail": 2, "cards": 1})
        assert counts.counts() == {"e-mail": 2 * min(hour + 1, 24), "cards": min(hour + 1, 24)}
    now += 23 * HOUR_S
    assert counts.counts() == {"e-mail": 2, "cards": 1}
    now += HOUR_S
    assert counts.counts() == Counter()
