"""The sentence at the head of each list."""

from signalbox.monitoring import keys, words
from signalbox.monitoring.model import LinkState
from signalbox.monitoring.words import Span
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.parts import Verdict
from signalbox.web.monitoring.rows import plural


def groups_head(glance: Glance) -> Verdict:
    views, groups = list(glance.links.values()), glance.monitor.groups()
    return Verdict(
        key=keys.OVERVIEW,
        fragment="groups/sentence",
        sentence=words.overview_sentence(views, groups, glance.now),
        why=words.overview_reason(views, groups),
    )


def destinations_head(glance: Glance) -> Verdict:
    unseen = [view for view in glance.links.values() if view.link is LinkState.DOWN and view.destinations]
    views = glance.monitor.destinations()
    seen = [view for view in views if not glance.unseen(view.connection)]
    excluded = sum(view.excluded for view in glance.links.values())
    told = [f"{view.name} has not been read yet." for view in glance.links.values() if view.never_read]
    told += [f"{plural(view.destinations, 'destination')} of {view.name} unknown while it is down." for view in unseen]
    if excluded:
        told.append(f"{plural(excluded, 'internal or excluded thing')} left out.")
    return Verdict(
        key=keys.OVERVIEW,
        fragment="destinations/sentence",
        sentence=words.destinations_sentence(seen, len(views) - len(seen), glance.now),
        why=(Span(" ".join(told)),) if told else (),
    )
