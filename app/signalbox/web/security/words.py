"""The sentences of the pages about people: who may what, and where they are signed in. Pure; times are epoch seconds."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring.words.spans import Spans, number_word, quantity, spans, strong
from signalbox.security.accounts.limits import PER_NAME_AND_ADDRESS
from signalbox.security.accounts.model import EVERYWHERE, Session, SignInMethod, Token, User
from signalbox.security.model import Grant, Rights, Role
from signalbox.web.security.agents import is_phone

IN_USE_S = 120.0  # when a session was last used is written once a minute
SOON_S = 7 * figures.DAY_S


@dataclass(frozen=True, slots=True)
class Sign:
    """A status in a row."""

    tone: str
    mark: str
    words: str


def profile_sentence(name: str, rights: Rights, sessions: Sequence[Session]) -> Spans:
    """You are ada, operator everywhere. Three sessions are open, one of them on a phone."""
    role, where = role_and_where(rights)
    phones = sum(is_phone(one.agent) for one in sessions)
    open_ = "One session is open" if len(sessions) == 1 else f"{number_word(len(sessions))} sessions are open"
    on_phone = ""
    if phones and len(sessions) == 1:
        on_phone = ", on a phone"
    elif phones:
        on_phone = f", {number_word(phones).lower()} of them on a phone"
    return spans("You are ", strong(f"{name}, {role}"), f" {where}. {open_}{on_phone}.")


def profile_reason(user: User, now: float) -> str:
    payloads = {
        True: "You may see payloads.",
        False: "You may not see payloads; the right is called payloads, an admin gives it.",
        None: f"You may see payloads on {', '.join(_seen_on(user.rights))} only.",
    }[sees_payloads(user.rights)]
    if user.sign_in_method is SignInMethod.COMPANY_ACCOUNT:
        return f"{payloads} You sign in with the company account; your roles come from it at each sign-in."
    if user.password_set_at is None:
        return payloads
    return f"{payloads} You sign in with a password; the last change was {figures.age(now - user.password_set_at)}."


def users_sentence(users: Sequence[User]) -> Spans:
    """11 users. 2 admins, so either may go, but not both."""
    admins = len(admins_of(users))
    many = "One user." if len(users) == 1 else f"{number_word(len(users))} users."
    if admins == 1:
        return spans(f"{many} ", strong("One admin"), ", who stays until there is another.")
    rest = ", so either may go, but not both." if admins == 2 else "."
    return spans(f"{many} ", strong(f"{number_word(admins)} admins"), rest)


def users_reason(users: Sequence[User], now: float) -> str:
    payloads = sum(sees_payloads(user.rights) is not False for user in users)
    locked = sum(user.locked_until is not None for user in users)
    invited = sum(is_invited(user, now) for user in users)
    sentences = [f"{number_word(payloads) if payloads else 'Nobody'} may see payloads."]
    if no_sign_in := sum(user.is_admin for user in users) - len(admins_of(users)):
        more = "more is admin, but has" if no_sign_in == 1 else "more are admins, but have"
        sentences.append(f"{number_word(no_sign_in)} {more} no password yet.")
    if locked:
        sentences.append(
            f"{number_word(locked)} {'is' if locked == 1 else 'are'} locked after {PER_NAME_AND_ADDRESS} wrong passwords from "
            "one address; others can still sign in as that name from elsewhere."
        )
    if invited:
        sentences.append("One invitation is open." if invited == 1 else f"{number_word(invited)} invitations are open.")
    return " ".join(sentences)


def state_of(user: User, now: float) -> Sign:
    """Return whether somebody can come in, and until when that holds where it ends."""
    if user.locked_until is not None:
        return Sign("caution", "m-paused", f"locked, {figures.short_duration(user.locked_until - now)} left")
    if user.sign_in_method is not SignInMethod.LINK:
        return Sign("clear", "m-done", "active")
    if is_invited(user, now) and user.link_expires_at is not None:
        return Sign("quiet", "m-waiting", f"invited, {figures.short_duration(user.link_expires_at - now)} left")
    return Sign("caution", "m-paused", "the link has ended")


def session_state(session: Session, now: float, *, here: bool) -> Sign:
    if here:
        return Sign("motion", "m-running", "here")
    idle_s = now - session.last_used_at
    if idle_s < IN_USE_S:
        return Sign("motion", "m-running", "in use")
    return Sign("quiet", "m-waiting", f"idle, {figures.duration(idle_s)}")


def role_and_where(rights: Rights) -> tuple[str, str]:
    """Return the highest role, and where it holds with what holds in other places: on kafka-prod; viewer elsewhere."""
    by_role: dict[Role, list[str]] = {}
    for resource, grant in sorted(rights.on.items()):
        if grant.role is not rights.role():
            by_role.setdefault(grant.role, []).append(resource)
    others = sorted(by_role, reverse=True)
    if not others or rights.role() > others[0]:
        rest = [f"{role.label} on {', '.join(by_role[role])}" for role in others]
        return rights.role().label, "; ".join(["everywhere", *rest])
    rest = [f"{role.label} on {', '.join(by_role[role])}" for role in others[1:]]
    return others[0].label, "; ".join(
        [f"on {', '.join(by_role[others[0]])}", *rest, f"{rights.role().label} elsewhere"]
    )


def sees_payloads(rights: Rights) -> bool | None:
    """Return whether payloads may be seen: everywhere, nowhere, or (None) in some places only."""
    held = {grant.payloads for grant in (rights.everywhere, *rights.on.values()) if grant.role > Role.NONE}
    return held.pop() if len(held) == 1 else None if held else False


def payloads_text(rights: Rights) -> str:
    seen = sees_payloads(rights)
    if seen is None:
        return f"sees them on {', '.join(_seen_on(rights))}"
    return "sees them" if seen else "masked only"


def grant_payloads_text(grant: Grant) -> str:
    return "sees them" if grant.payloads else "masked only"


def token_may(token: Token) -> str:
    """Return what a token may at most: operator on kafka-prod, with payloads."""
    on = () if token.resource == EVERYWHERE else (token.resource,)
    return grant_text(token.max_rights.grant(*on), on)


def grant_text(grant: Grant, on: Sequence[str]) -> str:
    """Return what a grant on these connections lets one do; on none of them by name: everywhere."""
    place = f"on {', '.join(on)}" if on else "everywhere"
    return f"{grant.role.label} {place}{', with payloads' if grant.payloads else ''}"


def change_ends(name: str, sessions: int) -> tuple[str, str]:
    """Return what a change of roles ends: the strong words, then the others."""
    strong_words = f"A change ends {quantity(sessions, 'session', 'sessions')} of {name}."
    return (
        strong_words,
        "A page that is open says so within a second. Tokens stay, and may no more than their user may.",
    )


def admins_of(users: Sequence[User]) -> frozenset[int]:
    """Return the admins who could sign in: the last of them stays."""
    can_sign_in = {SignInMethod.PASSWORD, SignInMethod.COMPANY_ACCOUNT}
    return frozenset(user.id for user in users if user.is_admin and user.sign_in_method in can_sign_in)


def is_invited(user: User, now: float) -> bool:
    """Say whether somebody never came in and may still do so by a one-time link."""
    return user.sign_in_method is SignInMethod.LINK and user.link_expires_at is not None and user.link_expires_at > now


def _seen_on(rights: Rights) -> list[str]:
    seen = [name for name, grant in sorted(rights.on.items()) if grant.payloads and grant.role > Role.NONE]
    return [*seen, "all others"] if rights.everywhere.payloads and rights.everywhere.role > Role.NONE else seen
