"""Sentences of the profile and users pages. Pure; times are epoch seconds."""

from collections.abc import Mapping, Sequence

from signalbox.kernel import figures
from signalbox.monitoring.words.spans import Spans, quantity, spans, strong
from signalbox.security.accounts.limits import PER_NAME_AND_ADDRESS
from signalbox.security.accounts.model import EVERYWHERE, Session, SignInMethod, Token, User
from signalbox.security.model import Grant, Rights, Role
from signalbox.web.lists import StatusLabel
from signalbox.web.security.user_agents import is_phone

IN_USE_S = 120.0  # last use is stored once a minute
EXPIRES_SOON_S = 7 * figures.DAY_S

CONFIRMATIONS: Mapping[str, str] = {
    "session": "Session signed out. Its open pages close within a second.",
    "others": "All other sessions signed out. Their open pages close within a second.",
    "token": "Token revoked. It is refused from now on.",
    "password": "Password changed. All other sessions were signed out.",
    "roles": "Roles saved.",
    "removed": "User removed, with all sessions, tokens and links.",
    "withdrawn": "Link revoked. It no longer works.",
    "unlocked": "User unlocked. Sign-in works from every IP address again.",
    "sessions": "User signed out of all sessions. Their open pages close within a second.",
}


def confirmation(code: str) -> str:
    """Return the sentence for the code in `?done=`, or "" for an unknown code: text from a URL is never shown."""
    return CONFIRMATIONS.get(code, "")


def profile_sentence(name: str, rights: Rights, sessions: Sequence[Session]) -> Spans:
    """Return "Signed in as ada, operator everywhere. 3 active sessions, one of them on a phone."."""
    role, scope = role_and_scope(rights)
    phones = sum(is_phone(session.agent) for session in sessions)
    on_phone = ""
    if phones and len(sessions) == 1:
        on_phone = ", on a phone"
    elif phones:
        on_phone = f", {'one' if phones == 1 else phones} of them on a phone"
    active = quantity(len(sessions), "active session", "active sessions")
    return spans("Signed in as ", strong(f"{name}, {role}"), f" {scope}. {active}{on_phone}.")


def profile_reason(user: User, now: float) -> str:
    payloads = {
        True: "You can view unmasked payloads.",
        False: "You cannot view unmasked payloads. An admin can grant the payloads permission.",
        None: f"You can view unmasked payloads {_unmasked_scope(user.rights)} only.",
    }[can_unmask(user.rights)]
    if user.sign_in_method is SignInMethod.SSO:
        return f"{payloads} You sign in with SSO, which sets your roles at each sign-in."
    if user.password_set_at is None:
        return payloads
    return f"{payloads} Your password was last changed {figures.age(now - user.password_set_at)}."


def users_sentence(users: Sequence[User]) -> Spans:
    """Return "11 users, 2 admins."."""
    admins = len(admins_who_can_sign_in(users))
    last = ": the last admin cannot be removed" if admins == 1 else ""
    many = quantity(len(users), "user", "users")
    return spans(f"{many}, ", strong(quantity(admins, "admin", "admins")), f"{last}.")


def users_reason(users: Sequence[User], now: float) -> str:
    unmask = sum(can_unmask(user.rights) is not False for user in users)
    locked = sum(user.locked_until is not None for user in users)
    invited = sum(is_invited(user, now) for user in users)
    sentences = [f"{figures.number(unmask) if unmask else 'No user'} can view unmasked payloads."]
    if no_sign_in := sum(user.is_admin for user in users) - len(admins_who_can_sign_in(users)):
        sentences.append(f"{quantity(no_sign_in, 'more admin has', 'more admins have')} no password yet.")
    if locked:
        sentences.append(
            f"{quantity(locked, 'account is', 'accounts are')} locked for one IP address after {PER_NAME_AND_ADDRESS} "
            "wrong passwords; sign-in from other IP addresses still works."
        )
    if invited:
        sentences.append(f"{quantity(invited, 'one-time link is', 'one-time links are')} open.")
    return " ".join(sentences)


def user_status(user: User, now: float) -> StatusLabel:
    if user.locked_until is not None:
        return StatusLabel("caution", "m-paused", f"locked, {figures.duration(user.locked_until - now)} left")
    if user.sign_in_method is not SignInMethod.LINK:
        return StatusLabel("clear", "m-done", "active")
    if is_invited(user, now) and user.link_expires_at is not None:
        return StatusLabel("quiet", "m-waiting", f"invited, {figures.duration(user.link_expires_at - now)} left")
    return StatusLabel("caution", "m-paused", "link expired")


def session_status(session: Session, now: float, *, is_current: bool) -> StatusLabel:
    if is_current:
        return StatusLabel("motion", "m-running", "current")
    idle_s = now - session.last_used_at
    if idle_s < IN_USE_S:
        return StatusLabel("motion", "m-running", "active")
    return StatusLabel("quiet", "m-waiting", f"idle, {figures.duration(idle_s)}")


def role_and_scope(rights: Rights) -> tuple[str, str]:
    """Return the highest role and its scope, then the other roles: "operator", "on kafka-prod; viewer elsewhere"."""
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


def can_unmask(rights: Rights) -> bool | None:
    """Return whether unmasked payloads can be viewed: everywhere, nowhere, or (None) on some resources only."""
    answers = {grant.payloads for grant in (rights.everywhere, *rights.on.values()) if grant.role > Role.NONE}
    return answers.pop() if len(answers) == 1 else None if answers else False


def payloads_text(rights: Rights) -> str:
    unmasked = can_unmask(rights)
    if unmasked is None:
        return f"can unmask {_unmasked_scope(rights)}"
    return "can unmask" if unmasked else "cannot unmask"


def grant_payloads_text(grant: Grant) -> str:
    return "can unmask" if grant.payloads else "cannot unmask"


def token_permissions(token: Token) -> str:
    """Return the most that a token permits: "operator on kafka-prod, unmasked payloads"."""
    on = () if token.resource == EVERYWHERE else (token.resource,)
    return grant_text(token.max_rights.grant(*on), on)


def grant_text(grant: Grant, resources: Sequence[str]) -> str:
    """Return what a grant permits on these resources; without resources: everywhere."""
    scope = f"on {', '.join(resources)}" if resources else "everywhere"
    return f"{grant.role.label} {scope}{', unmasked payloads' if grant.payloads else ''}"


def role_change_effects(name: str, sessions: int) -> tuple[str, str]:
    """Return what a change of roles ends, first the emphasized sentence."""
    return (
        f"A change signs out {quantity(sessions, 'session', 'sessions')} of {name}.",
        "Open pages show the change within a second. Tokens are kept, and never have more permissions than the user.",
    )


def admins_who_can_sign_in(users: Sequence[User]) -> frozenset[int]:
    """Return the ids of the admins who can sign in: the last of them cannot be removed."""
    can_sign_in = {SignInMethod.PASSWORD, SignInMethod.SSO}
    return frozenset(user.id for user in users if user.is_admin and user.sign_in_method in can_sign_in)


def is_invited(user: User, now: float) -> bool:
    """Return whether a user has never signed in and has a valid one-time link."""
    return user.sign_in_method is SignInMethod.LINK and user.link_expires_at is not None and user.link_expires_at > now


def _unmasked_scope(rights: Rights) -> str:
    names = [name for name, grant in sorted(rights.on.items()) if grant.payloads and grant.role > Role.NONE]
    listed = [f"on {', '.join(names)}"] if names else []
    elsewhere = ["everywhere else"] if rights.everywhere.payloads and rights.everywhere.role > Role.NONE else []
    return " and ".join([*listed, *elsewhere])
