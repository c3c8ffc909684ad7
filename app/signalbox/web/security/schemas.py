"""Bodies of /api/v1 for users, tokens and sessions. Times are epoch seconds, UTC."""

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from signalbox.security.accounts.model import NAME_RULE, TOKEN_DAYS_MAX, TOKEN_NAME_LENGTH_MAX
from signalbox.security.model import REASON_LENGTH_MAX

Time = Annotated[float, Meta(description="Epoch seconds, UTC.")]
RoleName: TypeAlias = Literal["none", "viewer", "operator", "admin"]
GrantedRole: TypeAlias = Literal["viewer", "operator", "admin"]
RoleWord = Annotated[str, Meta(description="none, viewer, operator or admin.")]
Resource: TypeAlias = Annotated[
    Annotated[str, Meta(max_length=100)] | None, Meta(description="A connection; null means everywhere.")
]
Reason = Annotated[str, Meta(description="Recorded in the audit log.", max_length=REASON_LENGTH_MAX)]


class GrantOut(Struct, frozen=True, kw_only=True):
    role: RoleWord
    payloads: Annotated[bool, Meta(description="Whether unmasked payloads can be viewed.")]


class RightsOut(Struct, frozen=True, kw_only=True):
    everywhere: Annotated[GrantOut, Meta(description="Applies to each connection without a grant of its own.")]
    resources: Annotated[dict[str, GrantOut], Meta(description="Grants of single connections, by name.")]


class UserOut(Struct, frozen=True, kw_only=True):
    name: str
    sign_in_method: Annotated[str, Meta(description="password, SSO, one-time link (invited) or token only.")]
    rights: RightsOut
    sessions: int
    tokens: int
    created_at: Time
    created_by: str
    last_seen_at: Annotated[float | None, Meta(description="Last sign-in or activity; null if never.")]
    password_changed_at: Annotated[float | None, Meta(description="Null if the user has no password.")]
    link_expires_at: Annotated[float | None, Meta(description="Null if no one-time link is valid.")]
    locked_until: Annotated[float | None, Meta(description="For at least one address; null if not locked.")]


class GrantIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    role: RoleName
    payloads: bool = False


class UserPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Omitted fields stay unchanged. A change ends the user's sessions."""

    everywhere: GrantIn | UnsetType = UNSET
    resources: Annotated[
        dict[str, GrantIn] | UnsetType, Meta(description="Grants of single connections; replaces all existing ones.")
    ] = UNSET
    reason: Reason = ""


class UserIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(description=NAME_RULE, max_length=100)]
    role: GrantedRole
    resource: Resource = None
    payloads: bool = False


class InvitationOut(Struct, frozen=True, kw_only=True):
    """Shown once: Signalbox stores only a hash of the link."""

    name: str
    link: Annotated[str, Meta(description="Sets the first password. Works once; anyone with the link can use it.")]
    expires_at: Time


class TokenIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=TOKEN_NAME_LENGTH_MAX)]
    days: Annotated[int, Meta(description="Days until the token expires.", ge=1, le=TOKEN_DAYS_MAX)]
    role: GrantedRole
    resource: Resource = None
    payloads: bool = False


class TokenOut(Struct, frozen=True, kw_only=True):
    id: int
    user: str
    name: str
    hint: Annotated[str, Meta(description="The first and last characters of the token.")]
    resource: Resource
    role: Annotated[str, Meta(description="viewer, operator or admin; capped by the user's own role.")]
    payloads: bool
    created_at: Time
    expires_at: Time
    last_used_at: Annotated[float | None, Meta(description="Accurate to a minute; null if never used.")]


class CreatedTokenOut(Struct, frozen=True, kw_only=True):
    """Shown once: Signalbox stores only a hash of the secret."""

    secret: Annotated[str, Meta(description="Send it as Authorization: Bearer sbx_...")]
    token: TokenOut


class SessionOut(Struct, frozen=True, kw_only=True):
    id: int
    current: Annotated[bool, Meta(description="Whether this request uses the session.")]
    browser: str
    user_agent: str
    address: str
    created_at: Time
    last_used_at: Annotated[float, Meta(description="Epoch seconds, accurate to a minute.")]
    expires_at: Annotated[float, Meta(description="Latest time, however much the session is used.")]
