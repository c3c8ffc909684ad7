"""The list of users as its address asks for it: searched, narrowed, fifty at a time by name. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.security.accounts.model import User
from signalbox.web.errors import NotUnderstood
from signalbox.web.lists import TEXT_LENGTH_MAX, Filter
from signalbox.web.security import urls, words
from signalbox.web.security.words import Sign

PAGE_ROWS = 50

SHOWN: Mapping[str, tuple[str, Callable[[User, float], bool]]] = {
    "": ("All", lambda _, __: True),
    "admin": ("Admin", lambda user, _: user.is_admin),
    "payloads": ("May see payloads", lambda user, _: words.sees_payloads(user.rights) is not False),
    "locked": ("Locked", lambda user, _: user.locked_until is not None),
    "invited": ("Invited", words.is_invited),
}
"""What the list may be narrowed to: the word of the address, the label, and who is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersAsked:
    """The list as an address asks for it."""

    text: str = ""
    show: str = ""
    after: str = ""  # the name above the first row
    before: str = ""  # the name below the last row

    def query(self) -> dict[str, str]:
        return {"q": self.text, "show": self.show, "after": self.after, "before": self.before}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    name: str
    href: str
    made_by: str
    selected: bool
    sign: Sign
    role: str
    where: str
    signs_in_by: str
    payloads: str
    sees_payloads: bool
    sessions: int
    seen_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersList:
    """What `security/_users.html` shows."""

    address: str  # of what is shown, for the browser's own line
    action: str
    placeholder: str
    query: UsersAsked
    filters: tuple[Filter, ...]
    dropdowns: tuple[()]
    hidden_fields: tuple[tuple[str, str], ...]
    rows: tuple[UserRow, ...]
    words: str
    before: str
    after: str
    clear: str  # the address without filters


def users_asked(parameters: Mapping[str, str]) -> UsersAsked:
    """Read an address's parameters.

    Raises:
        NotUnderstood: the first that is not what was expected.
    """
    text, show = parameters.get("q", "").strip(), parameters.get("show", "")
    if show not in SHOWN:
        raise NotUnderstood(f"show: expected one of {', '.join(word for word in SHOWN if word)}, got {show[:80]!r}.")
    if len(text) > TEXT_LENGTH_MAX:
        raise NotUnderstood(f"q: expected at most {TEXT_LENGTH_MAX} characters.")
    return UsersAsked(
        text=text, show=show, after=parameters.get("after", "")[:100], before=parameters.get("before", "")[:100]
    )


def matching(users: Sequence[User], asked: UsersAsked, now: float) -> list[User]:
    text, (_, is_meant) = asked.text.casefold(), SHOWN[asked.show]
    return [user for user in users if text in user.name and is_meant(user, now)]


def users_list(users: Sequence[User], asked: UsersAsked, now: float, *, selected: str | None) -> UsersList:
    """Return the rows that are asked for; `users` come by name."""

    def address(**changed: str) -> str:
        query = {"q": asked.text, "show": asked.show, **changed}
        return urls.users(*([selected] if selected else []), **query)

    found = matching(users, asked, now)
    first, rows = _cut(found, asked)
    last = first + len(rows)
    filters = tuple(
        Filter(address(show=word), label, sum(is_meant(user, now) for user in users), asked.show == word)
        for word, (label, is_meant) in SHOWN.items()
    )
    return UsersList(
        address=address(after=asked.after, before=asked.before),
        action=urls.users(*([selected] if selected else [])),
        placeholder="Name of a user",
        query=asked,
        filters=filters,
        dropdowns=(),
        hidden_fields=(("show", asked.show),) if asked.show else (),
        rows=tuple(_row(user, asked, now, selected) for user in rows),
        words=f"{first + 1:,} to {last:,} of {figures.count(len(found))}" if len(found) > PAGE_ROWS else "",
        before=address(before=rows[0].name) if first and rows else "",
        after=address(after=rows[-1].name) if last < len(found) and rows else "",
        clear=address(q="", show=""),
    )


def _cut(found: Sequence[User], asked: UsersAsked) -> tuple[int, Sequence[User]]:
    """Return how many stand before the page, and the page."""
    first = 0
    if asked.after:
        first = sum(user.name <= asked.after for user in found)
    elif asked.before:
        first = max(0, sum(user.name < asked.before for user in found) - PAGE_ROWS)
    return first, found[first : first + PAGE_ROWS]


def _row(user: User, asked: UsersAsked, now: float, selected: str | None) -> UserRow:
    role, where = words.role_and_where(user.rights)
    return UserRow(
        name=user.name,
        href=urls.users(user.name, **asked.query()),
        made_by=user.created_by,
        selected=user.name == selected,
        sign=words.state_of(user, now),
        role=role,
        where=where,
        signs_in_by=user.sign_in_method,
        payloads=words.payloads_text(user.rights),
        sees_payloads=words.sees_payloads(user.rights) is not False,
        sessions=user.sessions,
        seen_at=user.last_seen_at,
    )
