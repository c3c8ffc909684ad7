"""Rules for all readings: worse figures never improve a status, unknown is never ok, no end lies in the past."""

from hypothesis import given
from hypothesis import strategies as st

from signalbox.brokers.model import UNKNOWN, GroupState, RetentionLimits, Why
from signalbox.monitoring.confirmation import VerdictState, choose_time_lag, confirm
from signalbox.monitoring.judge import (
    GroupFacts,
    PartitionFacts,
    Thresholds,
    has_consumers,
    judge_group,
    judge_partition,
)
from signalbox.monitoring.judge_count import judge_count
from signalbox.monitoring.model import SEVERITY, Reason, Status, TimeLag, TimeLagMethod, Verdict
from tests.unit.monitoring.readings import T0

LIMITS = Thresholds()
seconds = st.floats(0, 1e6)
rates = st.one_of(st.none(), st.floats(0, 1e6))
time_lags = st.one_of(st.none(), st.builds(TimeLag, seconds=seconds, method=st.sampled_from(TimeLagMethod)))
groups = st.builds(
    GroupFacts,
    has_consumers=st.sampled_from((True, False, None)),
    batch=st.booleans(),
    interval_s=st.floats(1, 60),
    first_read_at=st.just(T0 - 3600),
    paused=st.booleans(),
    rebalancing_since=st.one_of(st.none(), st.floats(T0 - 3600, T0)),
)


@st.composite
def rows(draw: st.DrawFn, *, why: Why | None = None) -> PartitionFacts:
    lag = draw(st.integers(0, 10**9))
    settled = draw(st.integers(0, 10**12))
    return PartitionFacts(
        destination=draw(st.sampled_from(("orders", "payments"))),
        partition=draw(st.integers(0, 50)),
        why=draw(st.sampled_from(Why)) if why is None else why,
        lag=lag,
        settled=settled,
        arrived=settled + lag,
        start=draw(st.one_of(st.just(UNKNOWN), st.integers(0, settled + lag))),
        stable=draw(st.one_of(st.just(UNKNOWN), st.integers(0, settled + lag))),
        time_lag=draw(time_lags),
        rate_in=draw(rates),
        rate_out=draw(rates),
        start_rate=draw(rates),
        moved_at=draw(st.one_of(st.none(), st.floats(T0 - 3600, T0))),
        still_since=draw(st.one_of(st.none(), st.floats(T0 - 3600, T0))),
        rewound_at=draw(st.one_of(st.none(), st.floats(T0 - 3600, T0))),
        behind_open_transaction_since=draw(st.one_of(st.none(), st.floats(T0 - 3600, T0))),
        retention=draw(
            st.one_of(st.none(), st.builds(RetentionLimits, age_s=st.floats(60, 1e7), policy=st.just("delete")))
        ),
    )


@given(rows(), groups)
def test_every_partition_gets_a_verdict_without_an_end_in_the_past(row: PartitionFacts, facts: GroupFacts) -> None:
    verdict = judge_partition(row, facts, LIMITS, T0)
    assert verdict.until is None or verdict.until >= T0
    assert verdict.since <= T0
    assert (verdict.destination, verdict.partition) == (row.destination, row.partition)
    assert verdict.lost is None or verdict.lost > 0


@given(rows(), groups)
def test_an_unknown_partition_is_never_ok(row: PartitionFacts, facts: GroupFacts) -> None:
    verdict = judge_partition(row, facts, LIMITS, T0)
    if row.why is not Why.KNOWN:
        assert verdict.status in (Status.UNKNOWN, Status.NOT_PERMITTED, Status.NEVER_COMMITTED, Status.PAST_END)
    unknown = judge_partition(row._replace(lag=UNKNOWN, why=Why.KNOWN), facts, LIMITS, T0)
    assert unknown.status is Status.UNKNOWN


@given(rows(why=Why.KNOWN), groups)
def test_only_a_partition_without_lag_or_with_young_messages_is_ok(row: PartitionFacts, facts: GroupFacts) -> None:
    if judge_partition(row, facts, LIMITS, T0).status is Status.OK and row.lag > 0:
        assert row.time_lag is not None
        assert row.time_lag.seconds < LIMITS.ok_below_s
        assert row.time_lag.method is not TimeLagMethod.AT_LEAST


@given(rows(why=Why.KNOWN), groups, st.floats(30, 1e6))
def test_an_older_message_never_improves_the_status(row: PartitionFacts, facts: GroupFacts, older: float) -> None:
    row = row._replace(rewound_at=None, lag=max(row.lag, 1))
    old = row._replace(time_lag=TimeLag(seconds=older, method=TimeLagMethod.MEASURED))
    assert judge_partition(old, facts, LIMITS, T0).status is not Status.OK
    young = row._replace(time_lag=TimeLag(seconds=1.0, method=TimeLagMethod.MEASURED))
    better = judge_partition(young, facts, LIMITS, T0).status
    worse = judge_partition(old, facts, LIMITS, T0).status
    if not facts.batch:
        assert SEVERITY[worse] <= SEVERITY[better]


@given(rows(why=Why.KNOWN), groups, st.integers(1, 10**9))
def test_more_lag_never_improves_the_status(row: PartitionFacts, facts: GroupFacts, more: int) -> None:
    row = row._replace(
        time_lag=TimeLag(seconds=600.0, method=TimeLagMethod.MEASURED),
        lag=max(1, row.lag),
        rewound_at=None,
        retention=None,
    )
    grown = row._replace(lag=row.lag + more, arrived=row.arrived + more)
    before = judge_partition(row, facts, LIMITS, T0)
    after = judge_partition(grown, facts, LIMITS, T0)
    assert SEVERITY[after.status] <= SEVERITY[before.status]
    if before.until is not None and after.until is not None and before.status is after.status is Status.CATCHING_UP:
        assert after.until >= before.until


@given(st.lists(rows(), max_size=5).flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))), groups)
def test_the_order_of_partitions_changes_nothing(
    both: tuple[list[PartitionFacts], list[PartitionFacts]], facts: GroupFacts
) -> None:
    one, other = (judge_group(order, facts, LIMITS, T0) for order in both)
    assert (one.status, one.since, one.partitions_affected, one.lost) == (
        other.status,
        other.since,
        other.partitions_affected,
        other.lost,
    )
    assert one.until == other.until


@given(st.lists(rows(), min_size=1, max_size=5), rows(), groups)
def test_one_more_partition_never_improves_the_status_of_a_group(
    partitions: list[PartitionFacts], added: PartitionFacts, facts: GroupFacts
) -> None:
    few = judge_group(partitions, facts, LIMITS, T0)
    more = judge_group([*partitions, added], facts, LIMITS, T0)
    assert SEVERITY[more.status] <= SEVERITY[few.status] or few.status in (Status.OK, Status.NO_MEMBERS)


statuses = st.builds(
    Verdict,
    status=st.sampled_from(Status),
    since=st.just(T0),
    until=st.one_of(st.none(), st.floats(T0 - 100, T0 + 1e5)),
)


@given(st.lists(statuses, min_size=1, max_size=30))
def test_a_status_is_shown_only_after_two_readings(raws: list[Verdict]) -> None:
    state: VerdictState | None = None
    shown = raws[0].status
    for number, raw in enumerate(raws):
        now = T0 + 5 * number
        state = confirm(state, raw, now)
        verdict = state.verdict
        assert verdict.until is None or verdict.until > now
        if verdict.status is not shown:
            assert raws[number - 1].status is raw.status is verdict.status
            shown = verdict.status


@given(statuses)
def test_a_status_keeps_its_beginning(raw: Verdict) -> None:
    state = confirm(None, raw, T0)
    for step in range(1, 5):
        later = Verdict(status=raw.status, since=raw.since, until=raw.until)
        state = confirm(state, later, T0 + 5 * step)
    assert state.verdict.since == T0


@given(time_lags, time_lags, st.one_of(st.none(), st.tuples(seconds, seconds)))
def test_a_measured_time_lag_is_used_only_within_the_bounds_of_our_readings(
    own: TimeLag | None, measured: TimeLag | None, bounds: tuple[float, float] | None
) -> None:
    chosen = choose_time_lag(own, measured, bounds)
    assert chosen in (own, measured)
    if chosen is measured and measured is not own and bounds is not None and measured is not None:
        assert bounds[0] <= measured.seconds <= bounds[1]


@given(st.lists(st.integers(0, 10**9), max_size=10), st.booleans(), st.one_of(st.none(), st.integers(0, 100)), groups)
def test_a_bare_count_never_predicts_an_end(
    lags: list[int], approximate: bool, in_flight: int | None, facts: GroupFacts
) -> None:
    verdict = judge_count(lags, facts, T0, approximate=approximate, in_flight=in_flight)
    assert verdict.until is None
    assert verdict.status not in (Status.CATCHING_UP, Status.WILL_LOSE_DATA, Status.STALLED)
    if verdict.status is Status.OK:
        assert verdict.reason is Reason.COUNT_ONLY


def test_consumers_are_known_by_members_by_state_or_by_recent_commits() -> None:
    assert has_consumers(GroupState.EMPTY, 0, None, T0, 60) is False
    assert has_consumers(GroupState.EMPTY, 0, T0 - 5, T0, 60) is True
    assert has_consumers(GroupState.EMPTY, 0, T0 - 61, T0, 60) is False
    assert has_consumers(GroupState.ACTIVE, None, None, T0, 60) is True
    assert has_consumers(GroupState.UNKNOWN, None, None, T0, 60) is None
    assert has_consumers(GroupState.UNKNOWN, 2, None, T0, 60) is True
    assert has_consumers(GroupState.PAUSED, 2, T0 - 5, T0, 60) is False
