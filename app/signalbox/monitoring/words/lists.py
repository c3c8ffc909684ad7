"""The sentences at the head of the lists of destinations and connections."""

from collections import Counter
from collections.abc import Sequence

from signalbox.kernel import figures
from signalbox.monitoring.model import SEVERITY, ConnectionView, DestinationView, LinkState, Status
from signalbox.monitoring.words.spans import Spans, number_word, paragraph, quantity, share, spans, strong


def destinations_sentence(views: Sequence[DestinationView], unknown: int, now: float) -> Spans:
    """Count the destinations and say what is wrong with them; `unknown` more belong to connections that are down."""
    total = len(views) + unknown
    if not total:
        return spans("No destinations known yet.")
    count = quantity(total, "destination", "destinations")
    losing = [view for view in views if view.verdict.status is Status.WILL_LOSE_DATA]
    not_ok: Counter[Status] = Counter(view.verdict.status for view in views if view.verdict.status is not Status.OK)
    if losing:
        return paragraph((spans(f"{count}."), _losing(losing, now)))
    if not_ok:
        worst = next(status for status in Status if not_ok[status])
        number = not_ok.total()
        return spans(f"{count}. ", strong(f"{number_word(number)} {'is' if number == 1 else 'are'} not ok", worst), ".")
    if unknown:
        ok = f"{len(views):,} {'is' if len(views) == 1 else 'are'} ok, "
        return spans(f"{count}. {ok}the status of {unknown:,} is ", strong("unknown", Status.UNKNOWN), ".")
    return spans(f"{count}, all ok." if total > 1 else f"{count}, ok.")


def connections_sentence(views: Sequence[ConnectionView]) -> Spans:
    """Count the connections, and those that do not respond."""
    count = quantity(len(views), "connection", "connections")
    links = Counter(view.link for view in views)
    if len(views) > 1 and links[LinkState.DOWN] == len(views):
        return spans(strong(f"All {count} are down", LinkState.DOWN), ".")
    problems = [
        spans(strong(f"{number_word(links[link])} {'is' if links[link] == 1 else 'are'} {word}", link), ".")
        for link, word in ((LinkState.DOWN, "down"), (LinkState.STALE, "stale"), (LinkState.CONNECTING, "connecting"))
        if links[link]
    ]
    if not problems:
        responding = spans(f"{count}, all responding." if len(views) > 1 else f"{count}, responding.")
        return paragraph((responding, _groups_attention(views)))
    return paragraph((spans(f"{count}."), *problems, _groups_attention(views)))


def _groups_attention(views: Sequence[ConnectionView]) -> Spans:
    reachable = [view for view in views if view.link is not LinkState.DOWN]
    number, total = sum(view.groups_attention for view in reachable), sum(view.groups for view in reachable)
    if not number:
        return ()
    worst = min((view.most_severe for view in reachable), key=SEVERITY.__getitem__)
    verb = "needs" if number == 1 else "need"
    return spans(strong(f"{share(number, total, 'group').capitalize()} {verb} attention", worst), ".")


def _losing(losing: Sequence[DestinationView], now: float) -> Spans:
    soonest = min((view.loses_at for view in losing if view.loses_at is not None), default=None)
    number = number_word(len(losing))
    if soonest is None or soonest <= now:
        return spans(strong(f"{number} may be losing unread messages", Status.WILL_LOSE_DATA), ".")
    at, first = figures.utc_time(soonest, now, seconds=False), "" if len(losing) == 1 else ", the first"
    return spans(strong(f"{number} will lose unread messages", Status.WILL_LOSE_DATA), f"{first} at about {at}.")
