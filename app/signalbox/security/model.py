"""Roles, grants, rights, actors and actions. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

REASON_LENGTH_MAX: Final = 500
PARAMETERS_BYTES_MAX: Final = 8 * 1024  # of one audit row; longer ones are replaced by a note

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
"""A parameter in the audit log. Never a payload, never a secret."""


class Role(IntEnum):
    """What a user may do on a connection or an event store; each role includes the ones before it."""

    NONE = 0
    VIEWER = 1  # reads
    OPERATOR = 2  # also retries, purges, rebuilds and seeks
    ADMIN = 3  # also manages users, masking rules and the audit log, if admin everywhere

    @property
    def label(self) -> str:
        return self.name.lower()


def parse_role(label: str) -> Role | None:
    """Return the role with this label, or None."""
    return next((role for role in Role if role.label == label), None)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, and the payloads permission, which does not depend on the role."""

    role: Role = Role.NONE
    payloads: bool = False

    def capped(self, limit: "Grant") -> "Grant":
        return Grant(min(self.role, limit.role), self.payloads and limit.payloads)


@dataclass(frozen=True, slots=True)
class Rights:
    """The grant that holds everywhere, and the grants that differ by resource.

    A resource is a connection's name, or "store/NAME" for an event store: names contain no slash.
    """

    everywhere: Grant = Grant()
    on: Mapping[str, Grant] = field(default_factory=lambda: MappingProxyType({}))

    def grant(self, resource: str | None = None) -> Grant:
        """Return the grant on a resource; without one, the grant for Signalbox as a whole."""
        return self.everywhere if resource is None else self.on.get(resource, self.everywhere)

    def role(self, resource: str | None = None) -> Role:
        return self.grant(resource).role

    def can_view(self, resource: str) -> bool:
        return self.role(resource) >= Role.VIEWER

    @property
    def allows_anything(self) -> bool:
        """Whether the user can view at least one resource."""
        return self.everywhere.role > Role.NONE or any(grant.role > Role.NONE for grant in self.on.values())

    def visible(self, resources: Iterable[str]) -> frozenset[str]:
        return frozenset(resource for resource in resources if self.can_view(resource))

    def capped(self, limit: "Rights") -> "Rights":
        """Return the rights that both allow: a token never has more rights than its user."""
        on = {name: self.grant(name).capped(limit.grant(name)) for name in {*self.on, *limit.on}}
        return Rights(self.everywhere.capped(limit.everywhere), on)

    def describe(self) -> str:
        """Return the roles in one line: "operator everywhere", "operator on kafka-prod; viewer elsewhere"."""
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
    """How a request reached Signalbox."""

    PAGE = "page"
    API = "api"
    SOCKET = "socket"
    CLI = "cli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The user or program behind a request, with its rights."""

    name: str  # as in the audit log: "on-call", "cli:root", "nobody"
    rights: Rights
    via: Via
    address: str = ""  # of the client; for the CLI the host name
    agent: str = ""
    request: str = ""  # the request ID, also in Signalbox's own log
    user: int | None = None  # user ID
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
    """What an actor wants to do, as the door authorizes it and the audit log records it."""

    name: str  # "invite user"
    required_role: Role = Role.ADMIN  # on `resource`, or everywhere if there is none
    resource: str | None = None
    payloads: bool = False  # also requires the payloads permission
    allowed_in_read_only: bool = False  # signing in and out, viewing
    target: str = ""  # "billing-lead"
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    reason: str = ""


def missing_permission(rights: Rights, action: Action) -> str | None:
    """Return the role or permission that is missing, in words; None if the action is permitted."""
    grant = rights.grant(action.resource)
    where = f"on {action.resource}" if action.resource is not None else "everywhere"
    if grant.role < action.required_role:
        return f"the {action.required_role.label} role {where}"
    if action.payloads and not grant.payloads:
        return f"the payloads permission {where}"
    return None
