"""What a sentence says of the status until the last reading, while only that reading shows another."""

from signalbox.kernel import figures
from signalbox.monitoring.model import Before, Status, TimeLag, TimeLagMethod
from signalbox.monitoring.words.spans import Spans, spans
from signalbox.monitoring.words.terms import Terms

_BOUND = {TimeLagMethod.AT_LEAST: "at least ", TimeLagMethod.AT_MOST: "at most "}
_WAS = {
    Status.WILL_LOSE_DATA: "Data loss was expected",
    Status.STOPPED: "Was stopped",
    Status.STALLED: "Was stalled",
    Status.HELD_BACK: "Was held back by an open transaction",
    Status.REWOUND: "Was shown as rewound",
    Status.NOT_PERMITTED: "Signalbox was not permitted to read this",
    Status.UNKNOWN: "Status was unknown",
    Status.REBALANCING: "Was rebalancing",
    Status.CATCHING_UP: "Was catching up",
    Status.OK: "Was ok",
}


def until_now(before: Before, terms: Terms, now: float) -> Spans:
    """Return "Was 40 s behind until 02:55:10."."""
    return spans(f"{_was(before, terms)} until {figures.utc_time(before.at, now)}.")


def time_lag_text(lag: TimeLag) -> str:
    """Return "40 s", "at least 40 s", "between 20 s and 40 s"."""
    least, most = figures.duration(lag.at_least), figures.duration(lag.seconds)
    if lag.at_least:
        return most if least == most else f"between {least} and {most}"
    return f"{_BOUND.get(lag.method, '')}{most}"


def _was(before: Before, terms: Terms) -> str:
    match before.status:
        case Status.BEHIND if before.time_lag is not None:
            return f"Was {time_lag_text(before.time_lag)} behind"
        case Status.BEHIND:
            return "Was behind"
        case Status.NO_MEMBERS:
            return f"Had no {terms.clients}"
        case Status.PAST_END:
            return f"Had a {terms.position} past the end of the log"
        case Status.NEVER_COMMITTED:
            return f"Had no {terms.position}"
        case status:
            return _WAS[status]
