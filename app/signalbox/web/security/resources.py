"""What /api/v1 of accounts takes and answers with. Times are seconds since the epoch, UTC; null is unknown or none."""

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from signalbox.security.accounts.model import NAME_RULE, TOKEN_DAYS_MAX, TOKEN_NAME_LENGTH_MAX
from signalbox.security.model import REASON_LENGTH_MAX

Time = Annotated[float, Meta(description="seconds since the epoch, UTC")]
RoleName: TypeAlias = Literal["none", "viewer", "operator", "admin"]
Short = Annotated[str, Meta(max_length=100)]
RoleWord = Annotated[str, Meta(description="none, viewer, operator, admin")]
Given: TypeAlias = Literal["viewer", "operator", "admin"]
Reason = Annotated[str, Meta(description="kept in the audit log", max_length=REASON_LENGTH_MAX)]


class GrantOut(Struct, frozen=True, kw_only=True):
    role: RoleWord
    payloads: Annotated[bool, Meta(description="whether payloads may be seen: a right of its own")]


class RightsOut(Struct, frozen=True, kw_only=True):
    everywhere: Annotated[GrantOut, Meta(description="what holds wherever nothing else is said")]
    on: Annotated[dict[str, GrantOut], Meta(description="by connection: where it differs")]


class UserOut(Struct, frozen=True, kw_only=True):
    name: str
    signs_in_by: Annotated[str, Meta(description="password, company account, one-time link (invited), token only")]
    rights: RightsOut
    sessions: int
    tokens: int
    made_at: Time
    made_by: str
    seen_at: Annotated[float | None, Meta(description="when last signed in or active; null = never")]
    password_at: Annotated[float | None, Meta(description="when the password was set; null = there is none")]
    link_ends_at: Annotated[float | None, Meta(description="until when a one-time link is good; null = none is open")]
    locked_until: Annotated[float | None, Meta(description="for one address at least; null = not locked")]


class GrantIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    role: RoleName
    payloads: bool = False


class UserPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is. A change ends the user's sessions."""

    everywhere: GrantIn | UnsetType = UNSET
    on: Annotated[
        dict[str, GrantIn] | UnsetType,
        Meta(description="by connection, all that differs from everywhere: replaces what is"),
    ] = UNSET
    reason: Reason = ""


class UserIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(description=NAME_RULE, max_length=100)]
    role: Given
    on: Annotated[Short | None, Meta(description="one connection; null = everywhere")] = None
    payloads: bool = False


class InvitationOut(Struct, frozen=True, kw_only=True):
    """Answered once: only a hash of the link is kept."""

    name: str
    link: Annotated[str, Meta(description="sets the first password; works once. Whoever has it can use it")]
    ends_at: Time


class TokenIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=TOKEN_NAME_LENGTH_MAX)]
    days: Annotated[int, Meta(description="until it ends", ge=1, le=TOKEN_DAYS_MAX)]
    role: Given
    on: Annotated[Short | None, Meta(description="one connection; null = everywhere")] = None
    payloads: bool = False


class TokenOut(Struct, frozen=True, kw_only=True):
    id: int
    user: str
    name: str
    hint: Annotated[str, Meta(description="its first and last characters")]
    on: Annotated[str | None, Meta(description="one connection; null = everywhere")]
    role: Annotated[str, Meta(description="viewer, operator, admin; at most: never more than its user may")]
    payloads: bool
    made_at: Time
    ends_at: Time
    used_at: Annotated[float | None, Meta(description="exact to a minute; null = never")]


class MadeTokenOut(Struct, frozen=True, kw_only=True):
    """Answered once: only a hash of the secret is kept."""

    secret: Annotated[str, Meta(description="to be sent as Authorization: Bearer sbx_...")]
    token: TokenOut


class SessionOut(Struct, frozen=True, kw_only=True):
    id: int
    here: Annotated[bool, Meta(description="the one that asks")]
    browser: str
    agent: Annotated[str, Meta(description="as the browser calls itself")]
    address: str
    made_at: Time
    used_at: Annotated[float, Meta(description="seconds since the epoch, exact to a minute")]
    ends_at: Annotated[float, Meta(description="at the latest, however much it is used")]
