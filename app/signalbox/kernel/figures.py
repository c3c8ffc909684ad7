"""Formats numbers, rates, durations and times for pages, API and CLI. Pure; `None` is "unknown", never 0.

A no-break space (NBSP) joins a number and its unit, so that no line breaks between them.
"""

import math
from datetime import UTC, datetime

NBSP = "\u00a0"
UNKNOWN_WORD = "unknown"
MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S
_SHORT = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def number(value: float | None, *, approximate: bool = False) -> str:
    """Format a whole number: 1,204,113; if the broker only approximates the number: ≈ 212."""
    if value is None or not math.isfinite(value):
        return UNKNOWN_WORD
    text = f"{round(value):,}".replace("-", "\u2212")
    return f"\u2248{NBSP}{text}" if approximate else text


def bound(*, at_least: bool, at_most: bool) -> str:
    """Return the words before a count that may be too low, too high, or both; "" for an exact one."""
    if at_least and at_most:
        return "about"
    return "at least" if at_least else "at most" if at_most else ""


def short_number(value: float | None) -> str:
    """Format a number for an axis or a tab: 1.2 M, 400 k. Do not use it in a row or a dialog."""
    if value is None or not math.isfinite(value):
        return UNKNOWN_WORD
    for divisor, unit in _SHORT:
        if abs(value) >= divisor * 0.9995:
            return f"{_three_digits(value / divisor)}{NBSP}{unit}"
    return _three_digits(value)


def rate_number(per_s: float | None, *, decimal: bool = False) -> str:
    """Format a rate without a unit, for a column with the unit in its head; `decimal` always keeps one decimal."""
    if per_s is None or not math.isfinite(per_s):
        return UNKNOWN_WORD
    if per_s == 0 and not decimal:
        return "0"
    return f"{per_s:,.1f}" if decimal or abs(per_s) < 9.95 else f"{per_s:,.0f}"


def rate(per_s: float | None, noun: str = "") -> str:
    """Format a rate with its unit: 854/s, 112,400 events/s, 1.0/s, 9/min, 3/h."""
    if per_s is None or not math.isfinite(per_s):
        return UNKNOWN_WORD
    unit = f"{NBSP}{noun}" if noun else ""
    if 0 < per_s < 1 / MINUTE_S:
        return f"{max(1, round(per_s * HOUR_S))}{unit}/h"
    if 0 < per_s < 0.95:
        return f"{round(per_s * MINUTE_S)}{unit}/min"
    return f"{rate_number(per_s)}{unit}/s"


def duration(seconds: float | None) -> str:
    """Format a duration in at most two units: 8 h 50 min, 41 min 32 s, 2 min 05 s, 7 s, 210 ms."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN_WORD
    seconds = max(0.0, seconds)
    if 0 < seconds < 0.9995:
        return f"{max(1, round(seconds * 1000))}{NBSP}ms"
    whole = round(seconds)
    if whole < MINUTE_S:
        return f"{whole}{NBSP}s"
    if whole < HOUR_S:
        return _two_units(whole // MINUTE_S, "min", whole % MINUTE_S, "s", padded=True)
    if whole < DAY_S:
        return _two_units(whole // HOUR_S, "h", whole % HOUR_S // MINUTE_S, "min")
    return _two_units(whole // DAY_S, "d", whole % DAY_S // HOUR_S, "h")


def short_duration(seconds: float | None) -> str:
    """Format a duration for an axis, in one unit: 8 h."""
    return NBSP.join(duration(seconds).split(NBSP)[:2])


def age(seconds: float | None) -> str:
    """Format an age in one unit: 4 s ago, 41 min ago; "now" under a second."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN_WORD
    if seconds < 1:
        return "now"
    for unit_s, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min"), (1, "s")):
        if seconds >= unit_s:
            return f"{int(seconds // unit_s)}{NBSP}{unit}{NBSP}ago"
    return "now"


def size(number: float | None) -> str:
    """Format a number of bytes: 612 bytes, 1.4 GiB."""
    if number is None or not math.isfinite(number):
        return UNKNOWN_WORD
    power = 0
    while abs(number) >= 1023.95 and power < len(_BYTES) - 1:
        number /= 1024
        power += 1
    if power == 0:
        return f"{round(number):,}{NBSP}{'byte' if round(number) == 1 else 'bytes'}"
    return f"{number:,.0f}{NBSP}{_BYTES[power]}" if number >= 99.95 else f"{number:,.1f}{NBSP}{_BYTES[power]}"


def utc_time(at: float | None, now: float, *, seconds: bool = True) -> str:
    """Format a time in UTC: 02:31:08 today, 16 Nov 23:58 this year, 16 Nov 2025 in another year."""
    if at is None:
        return UNKNOWN_WORD
    try:
        then, today = _utc(at), _utc(now)
    except (ValueError, OverflowError, OSError):
        return UNKNOWN_WORD
    if then.date() == today.date():
        return then.strftime("%H:%M:%S" if seconds else "%H:%M")
    day = f"{then.day}{NBSP}{then:%b}"
    return f"{day}{NBSP}{then:%H:%M}" if then.year == today.year else f"{day}{NBSP}{then.year}"


def utc_timestamp(at: float) -> str:
    """Format a date and time, for the top bar: Tue 17 Nov 03:12:40 UTC."""
    then = _utc(at)
    return f"{then:%a}{NBSP}{then.day}{NBSP}{then:%b}{NBSP}{then:%H:%M:%S}{NBSP}UTC"


def signed(number: float | None) -> str:
    """Format a difference with its sign: + 37, \u2212 2, 0."""
    if number is None or not math.isfinite(number):
        return UNKNOWN_WORD
    if round(number) == 0:
        return "0"
    return f"{'+' if number > 0 else chr(0x2212)}{NBSP}{abs(round(number)):,}"


def percent(part: float | None, whole: float | None) -> str:
    """Format a part of a whole: 26 %. Rounding never gives 0 % or 100 %: only exactly none or all does."""
    if part is None or whole is None or not whole or not math.isfinite(part / whole):
        return UNKNOWN_WORD
    rounded = round(100 * part / whole)
    if rounded == 0 and part > 0:
        return f"under{NBSP}1{NBSP}%"
    if rounded == 100 and part < whole:
        rounded = 99
    return f"{rounded}{NBSP}%"


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _two_units(large: int, unit: str, small: int, small_unit: str, *, padded: bool = False) -> str:
    if small == 0:
        return f"{large}{NBSP}{unit}"
    return (
        f"{large}{NBSP}{unit}{NBSP}{small:02d}{NBSP}{small_unit}"
        if padded
        else (f"{large}{NBSP}{unit}{NBSP}{small}{NBSP}{small_unit}")
    )


def _three_digits(number: float) -> str:
    text = f"{number:.1f}" if abs(number) < 99.95 else f"{number:.0f}"
    return text.removesuffix(".0").replace("-", "\u2212")
