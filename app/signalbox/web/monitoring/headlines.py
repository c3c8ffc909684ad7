"""The headline of each list."""

from signalbox.monitoring import keys, words
from signalbox.monitoring.model import LinkState, Status
from signalbox.monitoring.words import Span
from signalbox.web.monitoring.components import Headline, plural
from signalbox.web.monitoring.context import MonitoringContext


def groups_headline(context: MonitoringContext) -> Headline:
    connections, groups = list(context.connections.values()), context.monitor.groups()
    return Headline(
        keys.OVERVIEW,
        "groups/headline",
        words.overview_sentence(connections, groups, context.now),
        words.overview_reason(connections, groups),
    )


def destinations_headline(context: MonitoringContext) -> Headline:
    connections = list(context.connections.values())
    views = context.monitor.destinations()
    reachable = [view for view in views if not context.is_unreachable(view.connection)]
    excluded = sum(view.excluded for view in connections)
    groups = [view for view in context.monitor.groups() if not context.is_unreachable(view.connection)]
    not_ok = sum(view.verdict.status is not Status.OK for view in groups)
    notes = []
    if not_ok:
        verb = "is" if not_ok == 1 else "are"
        notes.append(f"{not_ok:,} of {plural(len(groups), 'consumer group')} {verb} not ok.")
    notes += [f"No data from {view.name} yet." for view in connections if view.never_read]
    notes += [
        f"{plural(view.destinations, 'destination')} on {view.name} unknown: the connection is down."
        for view in connections
        if view.link is LinkState.DOWN and view.destinations
    ]
    if excluded:
        notes.append(f"Not listed: {plural(excluded, 'internal or excluded name')}.")
    return Headline(
        keys.OVERVIEW,
        "destinations/headline",
        words.destinations_sentence(reachable, len(views) - len(reachable), context.now),
        reason=(Span(" ".join(notes)),) if notes else (),
    )


def connections_headline(context: MonitoringContext) -> Headline:
    connections = list(context.connections.values())
    return Headline(
        keys.OVERVIEW,
        "connections/headline",
        words.connections_sentence(connections),
        words.overview_reason(connections, context.monitor.groups()),
    )
