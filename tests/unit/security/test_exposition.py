"""Prometheus metrics of the door."""

from collections.abc import Mapping
from typing import cast

from prometheus_client.parser import text_string_to_metric_families

from signalbox.security.audit.model import Outcome
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door
from signalbox.security.exposition import exposition


def told(door: Door) -> Mapping[tuple[str, ...], float]:
    families = text_string_to_metric_families(exposition(door).decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_actions_are_counted_by_outcome_and_timed() -> None:
    door = Door(cast("AuditLog", None))
    assert told(door) == {}
    door.counts["sign in", Outcome.DONE] = 3
    door.counts["sign in", Outcome.FAILED] = 2
    door.seconds["sign in"] = 0.75
    assert told(door) == {
        ("signalbox_actions_total", "sign in", "done"): 3,
        ("signalbox_actions_total", "sign in", "failed"): 2,
        ("signalbox_action_seconds_total", "sign in"): 0.75,
    }
