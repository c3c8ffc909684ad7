"""The list of users: search, filters and paging by its query string. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.security.accounts.model import User
from signalbox.web.errors import BadRequest
from signalbox.web.lists import TEXT_LENGTH_MAX, Filter, StatusLabel
from signalbox.web.security import urls, words

PAGE_ROWS = 50

FILTERS: Mapping[str, tuple[str, Callable[[User, float], bool]]] = {  # `?show=`: label, and which users it shows
    "": ("All", lambda _, __: True),
    "admin": ("Admin", lambda user, _: user.is_admin),
    "payloads": ("Unmasked payloads", lambda user, _: words.can_unmask(user.rights) is not False),
    "locked": ("Locked", lambda user, _: user.locked_until is not None),
    "invited": ("Invited", words.is_invited),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersQuery:
    text: str = ""
    show: str = ""
    after: str = ""  # the name above the first row
    before: str = ""  # the name below the last row

    def parameters(self) -> dict[str, str]:
        return {"q": self.text, "show": self.show, "after": self.after, "before": self.before}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    name: str
    href: str
    created_by: str
    selected: bool
    status: StatusLabel
    role: str
    scope: str
    sign_in_method: str
    payloads: str
    can_unmask: bool
    sessions: int
    seen_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersList:
    """What `security/users/_list.html` shows."""

    address: str  # the list's own URL, for the browser's history
    action: str
    placeholder: str
    query: UsersQuery
    filters: tuple[Filter, ...]
    dropdowns: tuple[()]
    hidden_fields: tuple[tuple[str, str], ...]
    rows: tuple[UserRow, ...]
    words: str
    before: str
    after: str
    clear: str  # the URL without filters


def parse_query(parameters: Mapping[str, str]) -> UsersQuery:
    """Parse the query string of the list.

    Raises:
        BadRequest: a parameter is not valid.
    """
    text, show = parameters.get("q", "").strip(), parameters.get("show", "")
    if show not in FILTERS:
        raise BadRequest(f"show: expected one of {', '.join(key for key in FILTERS if key)}, got {show[:80]!r}.")
    if len(text) > TEXT_LENGTH_MAX:
        raise BadRequest(f"q: expected at most {TEXT_LENGTH_MAX} characters.")
    return UsersQuery(
        text=text, show=show, after=parameters.get("after", "")[:100], before=parameters.get("before", "")[:100]
    )


def users_list(users: Sequence[User], query: UsersQuery, now: float, *, selected: str | None) -> UsersList:
    """Return the page of rows that a query asks for. `users` are sorted by name."""

    def address(**changed: str) -> str:
        parameters = {"q": query.text, "show": query.show, **changed}
        return urls.users(*([selected] if selected else []), **parameters)

    matching = _matching(users, query, now)
    first, page = _page(matching, query)
    last = first + len(page)
    filters = tuple(
        Filter(address(show=key), label, sum(matches(user, now) for user in users), query.show == key)
        for key, (label, matches) in FILTERS.items()
    )
    return UsersList(
        address=address(after=query.after, before=query.before),
        action=urls.users(*([selected] if selected else [])),
        placeholder="User name",
        query=query,
        filters=filters,
        dropdowns=(),
        hidden_fields=(("show", query.show),) if query.show else (),
        rows=tuple(_row(user, query, now, selected) for user in page),
        words=f"{first + 1:,} to {last:,} of {figures.number(len(matching))}" if len(matching) > PAGE_ROWS else "",
        before=address(before=page[0].name) if first and page else "",
        after=address(after=page[-1].name) if last < len(matching) and page else "",
        clear=address(q="", show=""),
    )


def _matching(users: Sequence[User], query: UsersQuery, now: float) -> list[User]:
    text, (_, matches) = query.text.casefold(), FILTERS[query.show]
    return [user for user in users if text in user.name and matches(user, now)]


def _page(matching: Sequence[User], query: UsersQuery) -> tuple[int, Sequence[User]]:
    """Return how many users precede the page, and the page."""
    first = 0
    if query.after:
        first = sum(user.name <= query.after for user in matching)
    elif query.before:
        first = max(0, sum(user.name < query.before for user in matching) - PAGE_ROWS)
    return first, matching[first : first + PAGE_ROWS]


def _row(user: User, query: UsersQuery, now: float, selected: str | None) -> UserRow:
    role, scope = words.role_and_scope(user.rights)
    return UserRow(
        name=user.name,
        href=urls.users(user.name, **query.parameters()),
        created_by=user.created_by,
        selected=user.name == selected,
        status=words.user_status(user, now),
        role=role,
        scope=scope,
        sign_in_method=user.sign_in_method.value,
        payloads=words.payloads_text(user.rights),
        can_unmask=words.can_unmask(user.rights) is not False,
        sessions=user.sessions,
        seen_at=user.last_seen_at,
    )
