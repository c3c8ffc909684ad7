"""What the page Profile shows: where one is signed in, one's tokens, what one may do."""

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
from signalbox.web.security import urls as security_urls
from signalbox.web.security import words
from signalbox.web.security.agents import browser
from signalbox.web.security.deeds import most_on
from signalbox.web.security.forms import NewToken
from signalbox.web.security.who import Mine
from signalbox.web.security.words import Sign

TOKEN_DAYS = (30, 7, 90)  # the first is what is chosen by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    browser: str
    agent: str
    address: str
    here: bool
    sign: Sign
    made_at: float
    used_at: float
    ends_at: float  # at the latest
    end: str  # where the button leads


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    name: str
    hint: str
    may: str
    ends_at: float
    left: str
    soon: bool
    used_at: float | None
    revoke: str  # the address of the question


@dataclass(frozen=True, slots=True, kw_only=True)
class MayRow:
    on: str
    role: str
    payloads: str


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    words: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenForm:
    """The form of a new token; holds what was typed when that was refused."""

    fault: str
    name: str
    longest_name: int
    days: tuple[Option, ...]
    roles: tuple[Option, ...]
    places: tuple[Option, ...]
    may_payloads: bool
    payloads: bool


@dataclass(frozen=True, slots=True)
class MadeToken:
    """Shown once, in the answer to the form that made it."""

    name: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the page is to say of what was just asked."""

    done: str = ""
    fault: str = ""  # of what has no form that stays
    password_fault: str = ""
    token_fault: str = ""
    typed: NewToken | None = None
    made: MadeToken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePage:
    """What `security/profile.html` shows."""

    sentence: Sequence[Span]
    why: str
    done: str
    fault: str
    read_only: bool
    sessions: tuple[SessionRow, ...]
    others: int  # sessions besides this one
    idle: str
    longest: str
    tokens: tuple[TokenRow, ...]
    made: MadeToken | None
    form: TokenForm
    name: str
    has_password: bool
    password_fault: str
    shortest: int
    may: tuple[MayRow, ...]


def profile_page(
    mine: Mine, sessions: Sequence[Session], tokens: Sequence[Token], now: float, said: Said
) -> ProfilePage:
    rights = mine.actor.rights
    held = mine.accounts.sessions
    return ProfilePage(
        sentence=words.profile_sentence(mine.actor.name, rights, sessions),
        why=words.profile_reason(mine.user, now),
        done=said.done,
        fault=said.fault,
        read_only=mine.door.read_only,
        sessions=tuple(_session(one, mine.actor.session, now) for one in _this_one_first(sessions, mine.actor.session)),
        others=sum(one.id != mine.actor.session for one in sessions),
        idle=figures.duration(held.idle_s),
        longest=figures.duration(held.max_age_s),
        tokens=tuple(token_row(one, now, urls.profile("tokens", str(one.id), "revoke")) for one in tokens),
        made=said.made,
        form=_form(mine, now, said),
        name=mine.actor.name,
        has_password=mine.user.sign_in_method is SignInMethod.PASSWORD,
        password_fault=said.password_fault,
        shortest=PASSWORD_LENGTH_MIN,
        may=_may(rights, mine.resources),
    )


def token_row(token: Token, now: float, revoke: str) -> TokenRow:
    left_s = token.expires_at - now
    return TokenRow(
        name=token.name,
        hint=token.hint,
        may=words.token_may(token),
        ends_at=token.expires_at,
        left=figures.short_duration(left_s),
        soon=left_s < words.SOON_S,
        used_at=token.last_used_at,
        revoke=revoke,
    )


def _this_one_first(sessions: Sequence[Session], this: int | None) -> list[Session]:
    return sorted(sessions, key=lambda one: one.id != this)


def _session(session: Session, this: int | None, now: float) -> SessionRow:
    here = session.id == this
    return SessionRow(
        browser=browser(session.agent),
        agent=session.agent,
        address=session.address,
        here=here,
        sign=words.session_state(session, now, here=here),
        made_at=session.created_at,
        used_at=now if here else session.last_used_at,
        ends_at=session.expires_at,
        end=security_urls.sign_out() if here else urls.profile("sessions", str(session.id), "end"),
    )


def _form(mine: Mine, now: float, said: Said) -> TokenForm:
    typed = said.typed or NewToken(name="", days=TOKEN_DAYS[0], role="viewer")
    most = most_on(mine.actor.rights, EVERYWHERE)
    days = tuple(Option(str(n), _days(n, now), n == typed.days) for n in TOKEN_DAYS)
    roles = tuple(Option(r.label, r.label, r.label == typed.role) for r in Role if Role.NONE < r <= most.role)
    places = (Option("", "everywhere", not typed.on), *(Option(on, on, on == typed.on) for on in mine.resources))
    return TokenForm(
        fault=said.token_fault,
        name=typed.name,
        longest_name=TOKEN_NAME_LENGTH_MAX,
        days=days,
        roles=roles,
        places=places,
        may_payloads=most.payloads,
        payloads=typed.payloads,
    )


def _days(days: int, now: float) -> str:
    day = figures.utc_time(now + days * figures.DAY_S, now).rpartition(figures.NBSP)[0]
    return f"{days} days, {day}" + (", the longest" if days == max(TOKEN_DAYS) else "")


def _may(rights: Rights, resources: Sequence[str]) -> tuple[MayRow, ...]:
    held = {name: rights.grant(name) for name in resources} or {"everywhere": rights.everywhere}
    return tuple(
        MayRow(on=name, role=grant.role.label, payloads=words.grant_payloads_text(grant))
        for name, grant in held.items()
    )
