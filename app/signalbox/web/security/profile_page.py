"""What the profile page shows: sessions, API tokens, permissions."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring.words import Span
from signalbox.security.accounts.model import (
    EVERYWHERE,
    PASSWORD_LENGTH_MIN,
    TOKEN_NAME_LENGTH_MAX,
    Session,
    SignInMethod,
    Token,
)
from signalbox.security.model import Rights, Role
from signalbox.web import urls
from signalbox.web.lists import Option, StatusLabel
from signalbox.web.security import urls as security_urls
from signalbox.web.security import words
from signalbox.web.security.audit_actions import highest_grant
from signalbox.web.security.dependencies import CurrentUser
from signalbox.web.security.forms import NewTokenForm
from signalbox.web.security.user_agents import browser_name

TOKEN_DAYS = (30, 7, 90)  # the first is the default


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    browser: str
    agent: str
    address: str
    is_current: bool
    status: StatusLabel
    created_at: float
    used_at: float
    ends_at: float  # however much it is used
    end_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    name: str
    hint: str
    permissions: str
    ends_at: float
    left: str
    expires_soon: bool
    used_at: float | None
    revoke_href: str  # the confirmation page


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionRow:
    scope: str
    role: str
    payloads: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTokenFields:
    """The form of a new token; keeps what the user typed if the form was refused."""

    fault: str
    name: str
    name_length_max: int
    days: tuple[Option, ...]
    roles: tuple[Option, ...]
    scopes: tuple[Option, ...]
    can_grant_payloads: bool
    payloads: bool


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """Shown once, in the response to the form that created it."""

    name: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFeedback:
    """The result of the last form."""

    done: str = ""
    fault: str = ""  # of a form that is only a button
    password_fault: str = ""
    token_fault: str = ""
    token_form: NewTokenForm | None = None
    created: CreatedToken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePage:
    """What `security/profile/index.html` shows."""

    sentence: Sequence[Span]
    reason: str
    done: str
    fault: str
    read_only: bool
    sessions: tuple[SessionRow, ...]
    other_sessions: int
    idle: str
    longest: str
    tokens: tuple[TokenRow, ...]
    created: CreatedToken | None
    new_token: NewTokenFields
    name: str
    has_password: bool
    password_fault: str
    password_length_min: int
    permissions: tuple[PermissionRow, ...]


def profile_page(
    current: CurrentUser, sessions: Sequence[Session], tokens: Sequence[Token], now: float, feedback: ProfileFeedback
) -> ProfilePage:
    rights, own_session = current.actor.rights, current.actor.session
    limits = current.accounts.sessions
    return ProfilePage(
        sentence=words.profile_sentence(current.actor.name, rights, sessions),
        reason=words.profile_reason(current.user, now),
        done=feedback.done,
        fault=feedback.fault,
        read_only=current.door.read_only,
        sessions=tuple(_session_row(session, own_session, now) for session in _current_first(sessions, own_session)),
        other_sessions=sum(session.id != own_session for session in sessions),
        idle=figures.duration(limits.idle_s),
        longest=figures.duration(limits.max_age_s),
        tokens=tuple(token_row(token, now, urls.profile("tokens", str(token.id), "revoke")) for token in tokens),
        created=feedback.created,
        new_token=_new_token(current, now, feedback),
        name=current.actor.name,
        has_password=current.user.sign_in_method is SignInMethod.PASSWORD,
        password_fault=feedback.password_fault,
        password_length_min=PASSWORD_LENGTH_MIN,
        permissions=_permissions(rights, current.resources),
    )


def token_row(token: Token, now: float, revoke_href: str) -> TokenRow:
    left_s = token.expires_at - now
    return TokenRow(
        name=token.name,
        hint=token.hint,
        permissions=words.token_permissions(token),
        ends_at=token.expires_at,
        left=figures.duration(left_s),
        expires_soon=left_s < words.EXPIRES_SOON_S,
        used_at=token.last_used_at,
        revoke_href=revoke_href,
    )


def _current_first(sessions: Sequence[Session], current: int | None) -> list[Session]:
    return sorted(sessions, key=lambda session: session.id != current)


def _session_row(session: Session, current: int | None, now: float) -> SessionRow:
    is_current = session.id == current
    return SessionRow(
        browser=browser_name(session.agent),
        agent=session.agent,
        address=session.address,
        is_current=is_current,
        status=words.session_status(session, now, is_current=is_current),
        created_at=session.created_at,
        used_at=now if is_current else session.last_used_at,
        ends_at=session.expires_at,
        end_href=security_urls.sign_out() if is_current else urls.profile("sessions", str(session.id), "end"),
    )


def _new_token(current: CurrentUser, now: float, feedback: ProfileFeedback) -> NewTokenFields:
    typed = feedback.token_form or NewTokenForm(name="", days=TOKEN_DAYS[0], role="viewer")
    highest = highest_grant(current.actor.rights, EVERYWHERE)
    roles = (role.label for role in Role if Role.NONE < role <= highest.role)
    return NewTokenFields(
        fault=feedback.token_fault,
        name=typed.name,
        name_length_max=TOKEN_NAME_LENGTH_MAX,
        days=tuple(Option(str(days), _days(days, now), days == typed.days) for days in TOKEN_DAYS),
        roles=tuple(Option(role, role, role == typed.role) for role in roles),
        scopes=scope_options(current.resources, typed.on),
        can_grant_payloads=highest.payloads,
        payloads=typed.payloads,
    )


def scope_options(resources: Sequence[str], chosen: str) -> tuple[Option, ...]:
    return (Option("", "everywhere", not chosen), *(Option(name, name, name == chosen) for name in resources))


def _days(days: int, now: float) -> str:
    date = figures.utc_time(now + days * figures.DAY_S, now).rpartition(figures.NBSP)[0]
    return f"{days} days, {date}" + (", the maximum" if days == max(TOKEN_DAYS) else "")


def _permissions(rights: Rights, resources: Sequence[str]) -> tuple[PermissionRow, ...]:
    grants = {name: rights.grant(name) for name in resources} or {"everywhere": rights.everywhere}
    return tuple(
        PermissionRow(scope=name, role=grant.role.label, payloads=words.grant_payloads_text(grant))
        for name, grant in grants.items()
    )
