"""Users and tokens as tables for a terminal."""

from collections.abc import Sequence

from signalbox.commands.printing import safe, table
from signalbox.kernel import figures
from signalbox.security.accounts.model import SignInMethod, Token, User
from signalbox.security.model import Rights, Role

USER_HEADER = ("Name", "Roles", "Sign-in", "Sessions", "Tokens", "Last seen", "Locked")
USER_NUMBERS = frozenset({3, 4})
TOKEN_HEADER = ("ID", "Name", "User", "Token", "Max roles", "Expires (UTC)", "Last used")
TOKEN_NUMBERS = frozenset({0})


def user_table(users: Sequence[User], now: float) -> str:
    return table(USER_HEADER, [_user_cells(user, now) for user in users], right=USER_NUMBERS)


def token_table(tokens: Sequence[Token], now: float) -> str:
    return table(TOKEN_HEADER, [_token_cells(token, now) for token in tokens], right=TOKEN_NUMBERS)


def describe_rights(rights: Rights) -> str:
    """Return rights in one line: operator on kafka-prod; viewer elsewhere; payloads on kafka-prod."""
    visible = {name: grant for name, grant in sorted(rights.on.items()) if grant.role > Role.NONE}
    with_payloads = [name for name, grant in visible.items() if grant.payloads]
    elsewhere = rights.everywhere.role > Role.NONE
    if elsewhere and rights.everywhere.payloads:
        with_payloads.append("all others")
    if not with_payloads:
        return rights.describe()
    where = "" if len(with_payloads) == len(visible) + elsewhere else f" on {', '.join(with_payloads)}"
    return f"{rights.describe()}; payloads{where}"


def _user_cells(user: User, now: float) -> tuple[str, ...]:
    return (
        safe(user.name),
        safe(describe_rights(user.rights)),
        _sign_in(user, now),
        figures.number(user.sessions),
        figures.number(user.tokens),
        _age(user.last_seen_at, now),
        "" if user.locked_until is None else f"{figures.short_duration(user.locked_until - now)} left",
    )


def _token_cells(token: Token, now: float) -> tuple[str, ...]:
    return (
        str(token.id),
        safe(token.name),
        safe(token.user_name),
        safe(token.hint),
        safe(describe_rights(token.max_rights)),
        figures.utc_time(token.expires_at, now, seconds=False),
        _age(token.last_used_at, now),
    )


def _sign_in(user: User, now: float) -> str:
    """Return the sign-in method and the open link: "one-time link, 23 h left", "password, link expired"."""
    if user.link_expires_at is None:
        return user.sign_in_method
    left_s = user.link_expires_at - now
    link = "" if user.sign_in_method is SignInMethod.LINK else "link "
    return f"{user.sign_in_method}, {link}{f'{figures.short_duration(left_s)} left' if left_s > 0 else 'expired'}"


def _age(at: float | None, now: float) -> str:
    return "never" if at is None else figures.age(now - at)
