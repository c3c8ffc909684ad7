"""What the page Users shows: the list, the user who is selected, invitations."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring.words import Span
from signalbox.security.accounts.model import NAME_RULE, SignInMethod, Token, User
from signalbox.security.model import Rights, Role
from signalbox.security.oidc.service import CompanyAccounts
from signalbox.web.security import urls, words
from signalbox.web.security.forms import Invite
from signalbox.web.security.grants import ROLES, GrantRow, resources_of, rows_of
from signalbox.web.security.profile_page import Option, TokenRow, token_row
from signalbox.web.security.users_list import UsersAsked, UsersList, users_list
from signalbox.web.security.who import Office

INVITATIONS_MAX = 20  # then the filter of the list has the rest


@dataclass(frozen=True, slots=True)
class MadeLink:
    """Shown once, in the answer to the form that made it."""

    user: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersSaid:
    """What the page is to say of what was just asked."""

    done: str = ""
    fault: str = ""
    roles_fault: str = ""
    typed_rights: Rights | None = None
    typed_reason: str = ""
    invite_fault: str = ""
    typed: Invite | None = None
    made: MadeLink | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the page is drawn from."""

    users: Sequence[User]
    selected: User | None
    sessions: int = 0  # of the selected user, that live
    tokens: Sequence[Token] = ()  # of the selected user


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The user whose roles are on the page."""

    name: str
    now: str  # what they may now, in words
    rows: tuple[GrantRow, ...]
    columns: tuple[str, ...]
    ends: str
    ends_more: str
    fault: str
    reason: str
    last_admin: bool
    by_claim: bool  # roles come from the company account
    signs_in_by: str
    made_at: float
    made_by: str
    seen_at: float | None
    password_at: float | None
    sessions: int
    locked_until: float | None
    link_ends_at: float | None
    may_get_link: bool
    new_link: str
    tokens: tuple[TokenRow, ...]


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who has not come in yet."""

    name: str
    href: str
    made_by: str
    left: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteForm:
    fault: str
    name: str
    name_expected: str
    roles: tuple[Option, ...]
    places: tuple[Option, ...]
    payloads: bool


@dataclass(frozen=True, slots=True)
class Given:
    """What a value of the claim gives, as the configuration says."""

    value: str
    gives: str


@dataclass(frozen=True, slots=True)
class CompanyRoles:
    """Where the roles of company accounts come from."""

    host: str
    claim: str
    given: tuple[Given, ...]
    longest: str  # that a session lasts


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersPage:
    """What `security/users.html` shows."""

    sentence: Sequence[Span]
    why: str
    done: str
    fault: str
    read_only: bool
    list: UsersList
    selected: Selected | None
    made: MadeLink | None
    form: InviteForm
    invitations: tuple[Invitation, ...]
    invitations_more: int
    company: CompanyRoles | None


def users_page(office: Office, facts: Facts, asked: UsersAsked, now: float, said: UsersSaid) -> UsersPage:
    invited = [user for user in facts.users if user.sign_in_method is SignInMethod.LINK]
    name = facts.selected.name if facts.selected else None
    return UsersPage(
        sentence=words.users_sentence(facts.users),
        why=words.users_reason(facts.users, now),
        done=said.done,
        fault=said.fault,
        read_only=office.door.read_only,
        list=users_list(facts.users, asked, now, selected=name),
        selected=_selected(office, facts, facts.selected, now, said) if facts.selected else None,
        made=said.made,
        form=_form(office, said),
        invitations=tuple(_invitation(user, now) for user in invited[:INVITATIONS_MAX]),
        invitations_more=max(0, len(invited) - INVITATIONS_MAX),
        company=_company(office.company, office.accounts.sessions.max_age_s) if office.company else None,
    )


def _company(company: CompanyAccounts, longest_s: float) -> CompanyRoles:
    given = tuple(Given(each.value, words.grant_text(each.grant, each.on)) for each in company.roles)
    return CompanyRoles(company.host, company.claim, given, figures.duration(longest_s))


def _selected(office: Office, facts: Facts, user: User, now: float, said: UsersSaid) -> Selected:
    role, where = words.role_and_where(user.rights)
    last_admin = words.admins_of(facts.users) == {user.id}
    ends, more = words.change_ends(user.name, facts.sessions)
    link_ends_at = user.link_expires_at if user.link_expires_at is not None and user.link_expires_at > now else None
    return Selected(
        name=user.name,
        now=f"{role} {where}",
        rows=rows_of(
            said.typed_rights or user.rights, resources_of(office.resources, user.rights), last_admin=last_admin
        ),
        columns=ROLES,
        ends=ends,
        ends_more=more,
        fault=said.roles_fault,
        reason=said.typed_reason,
        last_admin=last_admin,
        by_claim=user.sign_in_method is SignInMethod.COMPANY_ACCOUNT,
        signs_in_by=user.sign_in_method,
        made_at=user.created_at,
        made_by=user.created_by,
        seen_at=user.last_seen_at,
        password_at=user.password_set_at,
        sessions=facts.sessions,
        locked_until=user.locked_until,
        link_ends_at=link_ends_at,
        may_get_link=user.sign_in_method is not SignInMethod.COMPANY_ACCOUNT,
        new_link=_new_link(user),
        tokens=tuple(
            token_row(one, now, urls.users(user.name, "tokens", str(one.id), "revoke")) for one in facts.tokens
        ),
    )


def _new_link(user: User) -> str:
    """Return what a new one-time link would do."""
    if user.sign_in_method is SignInMethod.PASSWORD:
        return "For who lost the password: it sets a new one, and all sessions end when it is used."
    if user.sign_in_method is SignInMethod.TOKEN:
        return f"{user.name} comes in by tokens only; by the link a password is set and there is a sign-in too."
    return "The one before is worth nothing then."


def _invitation(user: User, now: float) -> Invitation:
    left_s = user.link_expires_at - now if user.link_expires_at is not None else 0
    left = f"{figures.short_duration(left_s)} left" if left_s > 0 else "has ended"
    return Invitation(user.name, urls.users(user.name), user.created_by, left)


def _form(office: Office, said: UsersSaid) -> InviteForm:
    typed = said.typed or Invite(name="", role="viewer")
    roles = tuple(Option(role.label, role.label, role.label == typed.role) for role in Role if role is not Role.NONE)
    places = (Option("", "everywhere", not typed.on), *(Option(on, on, on == typed.on) for on in office.resources))
    return InviteForm(
        fault=said.invite_fault,
        name=typed.name,
        name_expected=NAME_RULE,
        roles=roles,
        places=places,
        payloads=typed.payloads,
    )
