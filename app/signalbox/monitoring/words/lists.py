"""What is said at the head of a list of destinations or connections."""

from collections import Counter
from collections.abc import Sequence

from signalbox.kernel import figures
from signalbox.monitoring.model import ConnectionView, DestinationView, Link, Status
from signalbox.monitoring.words.spans import Spans, listed, number_word, of_things, said, strong


def destinations_sentence(views: Sequence[DestinationView], unseen: int, now: float) -> Spans:
    """Count the destinations, and say when the first one deletes what is not yet read. `unseen` more are not known now."""
    total = len(views) + unseen
    if not total:
        return said("No destination is known yet.")
    count = said(f"{of_things(total, 'destination', 'destinations')}.")
    losing = [view for view in views if view.verdict.status is Status.WILL_LOSE_DATA]
    if losing:
        return listed((count, _losing(losing, now)))
    wrong: Counter[Status] = Counter(view.verdict.status for view in views if view.verdict.status is not Status.OK)
    if not wrong and unseen:
        are = f"{len(views):,} {'is' if len(views) == 1 else 'are'} ok, "
        return listed(
            (count, said(are, strong(f"{unseen:,} {'is' if unseen == 1 else 'are'} unknown", Status.UNKNOWN), "."))
        )
    if not wrong:
        return listed((count, said("All are ok." if total > 1 else "It is ok.")))
    dearest = next(status for status in Status if wrong[status])
    bad = sum(wrong.values())
    return listed((count, said(strong(f"{number_word(bad)} {'is' if bad == 1 else 'are'} not ok", dearest), ".")))


def connections_sentence(views: Sequence[ConnectionView]) -> Spans:
    """Count the connections, and those that do not answer."""
    count = said(f"{of_things(len(views), 'connection', 'connections')}.")
    links = Counter(view.link for view in views)
    told = [
        said(strong(f"{number_word(links[link])} {'is' if links[link] == 1 else 'are'} {word}", link), ".")
        for link, word in ((Link.DOWN, "down"), (Link.STALE, "stale"), (Link.CONNECTING, "connecting"))
        if links[link]
    ]
    if not told:
        told = [said("All answer." if len(views) > 1 else "It answers.")]
    return listed((count, *told))


def _losing(losing: Sequence[DestinationView], now: float) -> Spans:
    verb = "deletes" if len(losing) == 1 else "delete"
    soonest = min((view.loses_at for view in losing if view.loses_at is not None), default=None)
    when = ""
    if soonest is not None:
        lead = "" if len(losing) == 1 else "the first "
        when = f", {lead}{'now' if soonest <= now else f'from {figures.utc_time(soonest, now, seconds=False)}'}"
    return said(
        strong(f"{number_word(len(losing))} {verb} what is not yet read", Status.WILL_LOSE_DATA),
        f"{when}.",
    )
