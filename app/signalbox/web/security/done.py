"""What was just done, as the address tells it by a code: no text from an address is ever shown."""

from collections.abc import Mapping

DONE: Mapping[str, str] = {
    "session": "The session is ended. A page that is open there says so within a second.",
    "others": "All other sessions are ended. Pages that are open there say so within a second.",
    "token": "The token is revoked. It is refused from now on.",
    "password": "Your password is changed. All other sessions are ended.",
    "roles": "The roles are saved.",
    "removed": "The user is removed, with all sessions, tokens and links.",
    "withdrawn": "The link is withdrawn. It is worth nothing from now on.",
    "unlocked": "The lock is taken away. The name may be tried again from everywhere.",
    "sessions": "All sessions are ended. Pages that are open there say so within a second.",
}


def done(code: str) -> str:
    """Return the sentence of a code, and nothing for what is none."""
    return DONE.get(code, "")
