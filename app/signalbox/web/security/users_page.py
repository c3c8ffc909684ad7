"""What the users page shows: the list, the selected user, invitations, the roles of single sign-on."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring.words import Span
from signalbox.security.accounts.model import NAME_RULE, SignInMethod, Token, User
from signalbox.security.model import Rights, Role
from signalbox.security.oidc.service import SingleSignOn
from signalbox.web.lists import Option
from signalbox.web.security import urls, words
from signalbox.web.security.dependencies import UserAdmin
from signalbox.web.security.forms import InviteForm
from signalbox.web.security.profile_page import TokenRow, scope_options, token_row
from signalbox.web.security.role_table import ROLES, RoleRow, resource_names, role_rows
from signalbox.web.security.users_list import UsersList, UsersQuery, users_list

INVITATIONS_MAX = 20  # the list's filter shows the others


@dataclass(frozen=True, slots=True)
class CreatedLink:
    """Shown once, in the response to the form that created it."""

    user: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersFeedback:
    """The result of the last form."""

    done: str = ""
    fault: str = ""
    roles_fault: str = ""
    rights: Rights | None = None  # as chosen in the refused form
    reason: str = ""
    invite_fault: str = ""
    invite_form: InviteForm | None = None
    created: CreatedLink | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersData:
    users: Sequence[User]
    selected: User | None
    sessions: int = 0  # active sessions of the selected user
    tokens: Sequence[Token] = ()  # of the selected user


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedUser:
    name: str
    roles: str  # the current roles in words
    rows: tuple[RoleRow, ...]
    columns: tuple[str, ...]
    ends: str
    ends_more: str
    fault: str
    reason: str
    last_admin: bool
    has_sso_roles: bool
    sign_in_method: str
    created_at: float
    created_by: str
    seen_at: float | None
    password_at: float | None
    sessions: int
    locked_until: float | None
    link_ends_at: float | None
    can_get_link: bool
    new_link: str
    tokens: tuple[TokenRow, ...]


@dataclass(frozen=True, slots=True)
class InvitationRow:
    name: str
    href: str
    created_by: str
    expires: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteFields:
    """The form of an invitation; keeps what the admin typed if the form was refused."""

    fault: str
    name: str
    name_expected: str
    roles: tuple[Option, ...]
    scopes: tuple[Option, ...]
    payloads: bool


@dataclass(frozen=True, slots=True)
class ClaimRole:
    """The role that a value of the claim grants, as configured."""

    value: str
    role: str


@dataclass(frozen=True, slots=True)
class SsoRoles:
    host: str
    claim: str
    roles: tuple[ClaimRole, ...]
    longest: str  # maximum age of a session


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersPage:
    """What `security/users/index.html` shows."""

    sentence: Sequence[Span]
    reason: str
    done: str
    fault: str
    read_only: bool
    list: UsersList
    selected: SelectedUser | None
    created: CreatedLink | None
    invite: InviteFields
    invitations: tuple[InvitationRow, ...]
    more_invitations: int
    sso: SsoRoles | None


def users_page(admin: UserAdmin, data: UsersData, query: UsersQuery, now: float, feedback: UsersFeedback) -> UsersPage:
    invited = [user for user in data.users if user.sign_in_method is SignInMethod.LINK]
    name = data.selected.name if data.selected else None
    return UsersPage(
        sentence=words.users_sentence(data.users),
        reason=words.users_reason(data.users, now),
        done=feedback.done,
        fault=feedback.fault,
        read_only=admin.door.read_only,
        list=users_list(data.users, query, now, selected=name),
        selected=_selected(admin, data, data.selected, now, feedback) if data.selected else None,
        created=feedback.created,
        invite=_invite_fields(admin, feedback),
        invitations=tuple(_invitation(user, now) for user in invited[:INVITATIONS_MAX]),
        more_invitations=max(0, len(invited) - INVITATIONS_MAX),
        sso=_sso_roles(admin.sso, admin.accounts.sessions.max_age_s) if admin.sso else None,
    )


def _sso_roles(sso: SingleSignOn, longest_s: float) -> SsoRoles:
    roles = tuple(ClaimRole(role.value, words.grant_text(role.grant, role.on)) for role in sso.roles)
    return SsoRoles(sso.host, sso.claim, roles, figures.duration(longest_s))


def _selected(admin: UserAdmin, data: UsersData, user: User, now: float, feedback: UsersFeedback) -> SelectedUser:
    role, scope = words.role_and_scope(user.rights)
    last_admin = words.admins_who_can_sign_in(data.users) == {user.id}
    ends, ends_more = words.role_change_effects(user.name, data.sessions)
    is_link_valid = user.link_expires_at is not None and user.link_expires_at > now
    resources = resource_names(admin.resources, user.rights)
    return SelectedUser(
        name=user.name,
        roles=f"{role} {scope}",
        rows=role_rows(feedback.rights or user.rights, resources, last_admin=last_admin),
        columns=ROLES,
        ends=ends,
        ends_more=ends_more,
        fault=feedback.roles_fault,
        reason=feedback.reason,
        last_admin=last_admin,
        has_sso_roles=user.sign_in_method is SignInMethod.SSO,
        sign_in_method=user.sign_in_method.value,
        created_at=user.created_at,
        created_by=user.created_by,
        seen_at=user.last_seen_at,
        password_at=user.password_set_at,
        sessions=data.sessions,
        locked_until=user.locked_until,
        link_ends_at=user.link_expires_at if is_link_valid else None,
        can_get_link=user.sign_in_method is not SignInMethod.SSO,
        new_link=_new_link(user),
        tokens=tuple(
            token_row(token, now, urls.users(user.name, "tokens", str(token.id), "revoke")) for token in data.tokens
        ),
    )


def _new_link(user: User) -> str:
    """Return what a new one-time link would do."""
    if user.sign_in_method is SignInMethod.PASSWORD:
        return "For a lost password: the link sets a new one. Using the link signs out all sessions."
    if user.sign_in_method is SignInMethod.TOKEN:
        return f"{user.name} has only API tokens. The link sets a password, so {user.name} can sign in too."
    return "The previous link stops working."


def _invitation(user: User, now: float) -> InvitationRow:
    left_s = user.link_expires_at - now if user.link_expires_at is not None else 0
    expires = f"{figures.duration(left_s)} left" if left_s > 0 else "expired"
    return InvitationRow(user.name, urls.users(user.name), user.created_by, expires)


def _invite_fields(admin: UserAdmin, feedback: UsersFeedback) -> InviteFields:
    typed = feedback.invite_form or InviteForm(name="", role="viewer")
    return InviteFields(
        fault=feedback.invite_fault,
        name=typed.name,
        name_expected=NAME_RULE,
        roles=tuple(Option(role.label, role.label, role.label == typed.role) for role in Role if role is not Role.NONE),
        scopes=scope_options(admin.resources, typed.on),
        payloads=typed.payloads,
    )
