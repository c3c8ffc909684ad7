"""Confirmation pages: they ask before a change that cannot be undone, without JavaScript."""

from dataclasses import dataclass
from typing import Any

from litestar import Request, Response

from signalbox.monitoring.words.spans import quantity
from signalbox.security.accounts.model import SignInMethod, Token, User
from signalbox.security.door import Door
from signalbox.security.errors import ReadOnly
from signalbox.web.rendering import Crumb, page
from signalbox.web.security import urls
from signalbox.web.security.words import role_and_scope, token_permissions


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmPage:
    """What `security/confirm.html` shows."""

    question: str
    effects: tuple[str, ...]  # what happens, who is affected, what is kept
    action: str  # where the form posts to
    button: str
    cancel: str  # the label of the way out
    cancel_href: str
    undo: str  # how to undo the change
    asks_reason: bool
    fault: str = ""
    reason: str = ""  # as the user typed it


def confirm(
    request: Request[Any, Any, Any],
    door: Door,
    context: ConfirmPage,
    *,
    section: str | None,
    crumbs: tuple[Crumb, ...],
    status: int = 200,
) -> Response[bytes]:
    """Return the confirmation page. Raises ReadOnly in read-only mode."""
    if door.read_only:
        raise ReadOnly("Signalbox is in read-only mode: nothing can be changed.")
    return page(
        request,
        "security/confirm.html",
        context,
        title=context.question,
        section=section,
        crumbs=(*crumbs, Crumb(context.button)),
        status=status,
    )


def remove_user(user: User, sessions: int) -> ConfirmPage:
    role, scope = role_and_scope(user.rights)
    ended = f"{quantity(sessions, 'session', 'sessions')} and {quantity(user.tokens, 'token', 'tokens')}"
    return ConfirmPage(
        question=f"Remove {user.name}?",
        effects=(
            f"After the removal, {user.name} cannot sign in (now: {role} {scope}). {ended} end, and any one-time link stops working.",
            "Open pages of this user close within a second. Programs that use one of the tokens lose access.",
            f"The audit log keeps what {user.name} did.",
        ),
        action=urls.users(user.name, "remove"),
        button="Remove user",
        cancel="Cancel",
        cancel_href=urls.users(user.name),
        undo="This cannot be undone: a new invitation needs new roles and a new password.",
        asks_reason=True,
    )


def revoke_link(user: User) -> ConfirmPage:
    never_signed_in = user.sign_in_method is SignInMethod.LINK
    user_effect = (
        f"{user.name} has never signed in. The user is removed too."
        if never_signed_in
        else f"The password of {user.name} still works."
    )
    return ConfirmPage(
        question=f"Revoke the one-time link of {user.name}?",
        effects=("The link stops working at once.", user_effect),
        action=urls.users(user.name, "withdraw"),
        button="Revoke link",
        cancel="Cancel",
        cancel_href=urls.users(user.name),
        undo="To undo, invite the user again." if never_signed_in else "To undo, create a new link.",
        asks_reason=False,
    )


def revoke_token(token: Token, action: str, cancel_href: str) -> ConfirmPage:
    return ConfirmPage(
        question=f"Revoke the token “{token.name}”?",
        effects=(
            f"{token.hint} is refused from now on. The program that uses it loses access.",
            f"Its permissions: {token_permissions(token)}.",
        ),
        action=action,
        button="Revoke token",
        cancel="Cancel",
        cancel_href=cancel_href,
        undo="This cannot be undone. Create another token instead.",
        asks_reason=False,
    )
