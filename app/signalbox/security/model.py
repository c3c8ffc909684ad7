"""Roles, rights, actors and actions: the words in which the door judges. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

REASON_LENGTH_MAX: Final = 500
PARAMETERS_BYTES_MAX: Final = 8 * 1024  # of one row of the audit log; what is longer is cut, and says so

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
"""What a parameter in the audit log may be. Never a payload, never a secret."""


class Role(IntEnum):
    """What one may do on a connection or an event store; each may what those before it may."""

    NONE = 0
    VIEWER = 1  # reads
    OPERATOR = 2  # also retries, purges, rebuilds, seeks
    ADMIN = 3  # everywhere: also users, masking rules, the audit log

    @property
    def label(self) -> str:
        return self.name.lower()


def parse_role(word: str) -> Role | None:
    """Return the role of this word, or None."""
    return next((role for role in Role if role.label == word), None)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, and whether payloads may be seen: a right of its own, whatever the role."""

    role: Role = Role.NONE
    payloads: bool = False

    def capped(self, most: "Grant") -> "Grant":
        return Grant(min(self.role, most.role), self.payloads and most.payloads)


@dataclass(frozen=True, slots=True)
class Rights:
    """What one may everywhere, and on which connections or event stores it differs.

    A connection goes by its name; an event store will by "store/NAME": names hold no slash.
    """

    everywhere: Grant = Grant()
    on: Mapping[str, Grant] = field(default_factory=lambda: MappingProxyType({}))

    def grant(self, resource: str | None = None) -> Grant:
        """Return what holds on one resource; without one, what holds for Signalbox as a whole."""
        return self.everywhere if resource is None else self.on.get(resource, self.everywhere)

    def role(self, resource: str | None = None) -> Role:
        return self.grant(resource).role

    def can_view(self, resource: str) -> bool:
        return self.role(resource) >= Role.VIEWER

    @property
    def allows_anything(self) -> bool:
        """Whether there is anything at all that may be seen."""
        return self.everywhere.role > Role.NONE or any(grant.role > Role.NONE for grant in self.on.values())

    def visible(self, resources: Iterable[str]) -> frozenset[str]:
        return frozenset(resource for resource in resources if self.can_view(resource))

    def capped(self, most: "Rights") -> "Rights":
        """Return what both allow: a token may never more than its owner."""
        on = {name: self.grant(name).capped(most.grant(name)) for name in {*self.on, *most.on}}
        return Rights(self.everywhere.capped(most.everywhere), on)

    def describe(self) -> str:
        """Return them in a line: "operator everywhere", "operator on kafka-prod; viewer elsewhere"."""
        by_role: dict[str, list[str]] = {}
        for resource, grant in sorted(self.on.items()):
            by_role.setdefault(grant.role.label, []).append(resource)
        if not by_role:
            return f"{self.everywhere.role.label} everywhere"
        parts = [f"{role} on {', '.join(names)}" for role, names in by_role.items()]
        return "; ".join([*parts, f"{self.everywhere.role.label} elsewhere"])


NO_RIGHTS: Final = Rights()
VIEWER_EVERYWHERE: Final = Rights(Grant(Role.VIEWER))
OPERATOR_EVERYWHERE: Final = Rights(Grant(Role.OPERATOR, payloads=True))
ADMIN_EVERYWHERE: Final = Rights(Grant(Role.ADMIN, payloads=True))


class Via(StrEnum):
    """By which way somebody asks."""

    PAGE = "page"
    API = "api"
    SOCKET = "socket"
    CLI = "cli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks, from where, and what they may."""

    name: str  # as the audit log has it: "on-call", "cli:root", "nobody"
    rights: Rights
    via: Via
    address: str = ""  # of the client; of the machine itself for the CLI
    agent: str = ""
    request: str = ""  # the request's id, which the log of Signalbox has too
    user: int | None = None  # the user's id, when there is one
    session: int | None = None
    token: int | None = None

    @property
    def is_signed_in(self) -> bool:
        return self.user is not None

    @property
    def is_admin(self) -> bool:
        return self.rights.role() is Role.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What is about to be done, as the door judges it and the audit log keeps it."""

    name: str  # "invite user": what a person would call it, the same for each of its kind
    required_role: Role = Role.ADMIN  # the least role, on `resource`, else everywhere
    resource: str | None = None
    payloads: bool = False  # needs the right to see payloads too
    allowed_in_read_only: bool = False  # is there in read-only mode too: one's own session, one's sign-in, a look
    target: str = ""  # "billing-lead"
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    reason: str = ""


def missing_permission(rights: Rights, action: Action) -> str | None:
    """Return the right that is missing for an action, in words, or None when it is allowed."""
    grant = rights.grant(action.resource)
    where = f"on {action.resource}" if action.resource is not None else "everywhere"
    if grant.role < action.required_role:
        return f"the role {action.required_role.label} {where}"
    if action.payloads and not grant.payloads:
        return f"the right to see payloads {where}"
    return None
