"""Users and tokens as lists for a terminal, and as data in the shape in which /api/v1 has them."""

from collections.abc import Sequence

import msgspec

from signalbox.commands.printing import safe, table
from signalbox.kernel import figures
from signalbox.security.accounts.model import EVERYWHERE, SignInMethod, Token, User
from signalbox.security.model import Grant, Rights, Role

USER_HEAD = ("Name", "May", "Signs in by", "Sessions", "Tokens", "Seen", "Locked")
USER_FIGURES = frozenset({3, 4})
TOKEN_HEAD = ("ID", "Name", "User", "Token", "May at most", "Ends (UTC)", "Used")
TOKEN_FIGURES = frozenset({0})


class GrantOut(msgspec.Struct, kw_only=True):
    role: str
    payloads: bool


class RightsOut(msgspec.Struct, kw_only=True):
    """What holds everywhere, and by connection where it differs."""

    everywhere: GrantOut
    on: dict[str, GrantOut]


class UserOut(msgspec.Struct, kw_only=True):
    """One user. Times are seconds since the epoch, UTC; `null` is never, or none."""

    name: str
    signs_in_by: str
    rights: RightsOut
    sessions: int
    tokens: int
    made_at: float
    made_by: str
    seen_at: float | None
    password_at: float | None
    link_ends_at: float | None
    locked_until: float | None


class TokenOut(msgspec.Struct, kw_only=True):
    """One token, with what it may at most: never more than its user. `on` is a connection; `null` is everywhere."""

    id: int
    user: str
    name: str
    hint: str
    on: str | None
    role: str
    payloads: bool
    made_at: float
    ends_at: float
    used_at: float | None


def user_data(user: User) -> UserOut:
    on = {name: _grant(grant) for name, grant in sorted(user.rights.on.items())}
    return UserOut(
        name=user.name,
        signs_in_by=user.sign_in_method,
        rights=RightsOut(everywhere=_grant(user.rights.everywhere), on=on),
        sessions=user.sessions,
        tokens=user.tokens,
        made_at=user.created_at,
        made_by=user.created_by,
        seen_at=user.last_seen_at,
        password_at=user.password_set_at,
        link_ends_at=user.link_expires_at,
        locked_until=user.locked_until,
    )


def token_data(token: Token) -> TokenOut:
    on = None if token.resource == EVERYWHERE else token.resource
    most = token.max_rights.grant(on)
    return TokenOut(
        id=token.id,
        user=token.user_name,
        name=token.name,
        hint=token.hint,
        on=on,
        role=most.role.label,
        payloads=most.payloads,
        made_at=token.created_at,
        ends_at=token.expires_at,
        used_at=token.last_used_at,
    )


def user_table(users: Sequence[User], now: float) -> str:
    return table(USER_HEAD, [_user_cells(user, now) for user in users], right=USER_FIGURES)


def token_table(tokens: Sequence[Token], now: float) -> str:
    return table(TOKEN_HEAD, [_token_cells(token, now) for token in tokens], right=TOKEN_FIGURES)


def may(rights: Rights) -> str:
    """Return rights in a line: operator on kafka-prod; viewer elsewhere; payloads on kafka-prod."""
    held = {name: grant for name, grant in sorted(rights.on.items()) if grant.role > Role.NONE}
    places = [name for name, grant in held.items() if grant.payloads]
    others = rights.everywhere.role > Role.NONE
    if others and rights.everywhere.payloads:
        places.append("all others")
    if not places:
        return rights.describe()
    where = "" if len(places) == len(held) + others else f" on {', '.join(places)}"
    return f"{rights.describe()}; payloads{where}"


def _user_cells(user: User, now: float) -> tuple[str, ...]:
    return (
        safe(user.name),
        safe(may(user.rights)),
        _way_in(user, now),
        figures.count(user.sessions),
        figures.count(user.tokens),
        _seen(user.last_seen_at, now),
        "" if user.locked_until is None else f"{figures.short_duration(user.locked_until - now)} left",
    )


def _token_cells(token: Token, now: float) -> tuple[str, ...]:
    return (
        str(token.id),
        safe(token.name),
        safe(token.user_name),
        safe(token.hint),
        safe(may(token.max_rights)),
        figures.utc_time(token.expires_at, now, seconds=False),
        _seen(token.last_used_at, now),
    )


def _way_in(user: User, now: float) -> str:
    """Return how a user comes in, and how long a link is good: "one-time link, 23 h left", "password, link ended"."""
    if user.link_expires_at is None:
        return user.sign_in_method
    left_s = user.link_expires_at - now
    link = "" if user.sign_in_method is SignInMethod.LINK else "link "
    return f"{user.sign_in_method}, {link}{f'{figures.short_duration(left_s)} left' if left_s > 0 else 'ended'}"


def _seen(at: float | None, now: float) -> str:
    return "never" if at is None else figures.age(now - at)


def _grant(grant: Grant) -> GrantOut:
    return GrantOut(role=grant.role.label, payloads=grant.payloads)
