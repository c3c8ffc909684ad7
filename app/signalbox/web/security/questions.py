"""What is asked before a user, a link or a token goes: what happens, who else sees it, what is kept, how to come back."""

from signalbox.monitoring.words.spans import quantity
from signalbox.security.accounts.model import SignInMethod, Token, User
from signalbox.web.security import urls
from signalbox.web.security.question import QuestionPage
from signalbox.web.security.words import role_and_where, token_may


def remove(user: User, sessions: int) -> QuestionPage:
    role, where = role_and_where(user.rights)
    ends = f"{quantity(sessions, 'session', 'sessions')} and {quantity(user.tokens, 'token', 'tokens')}"
    return QuestionPage(
        question=f"Remove {user.name}?",
        happens=(
            f"{user.name}, {role} {where}, can no longer come in: {ends} end at once, and a one-time link is worth nothing.",
            "Pages that are open say so within a second. Programs that use one of the tokens are refused.",
            "What was done by this name stays in the audit log.",
        ),
        action=urls.users(user.name, "remove"),
        button=f"Remove {user.name}",
        keep=f"Keep {user.name}",
        keep_href=urls.users(user.name),
        after="To undo, invite again; tokens do not come back.",
        reason=True,
    )


def withdraw(user: User) -> QuestionPage:
    never = user.sign_in_method is SignInMethod.LINK
    gone = f"{user.name} has never come in, and is removed with it." if never else f"{user.name} keeps the password."
    return QuestionPage(
        question=f"Withdraw the one-time link of {user.name}?",
        happens=("Whoever has the link can do nothing with it from now on.", gone),
        action=urls.users(user.name, "withdraw"),
        button="Withdraw the link",
        keep="Keep it",
        keep_href=urls.users(user.name),
        after="To undo, invite again." if never else "To undo, make a new link.",
        reason=False,
    )


def revoke_token(token: Token, action: str, keep_href: str) -> QuestionPage:
    return QuestionPage(
        question=f"Revoke the token {token.name}?",
        happens=(
            f"{token.hint} is refused from now on: the program that uses it gets no answer any more.",
            f"It may be {token_may(token)}, at most.",
        ),
        action=action,
        button=f"Revoke {token.name}",
        keep="Keep it",
        keep_href=keep_href,
        after="It does not come back: make another one instead.",
        reason=False,
    )
