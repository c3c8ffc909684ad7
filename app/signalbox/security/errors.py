"""The errors of security. Each message is shown to the user: what happened, to what, why, and what to do."""

from signalbox.kernel.errors import SignalboxError


class SecurityError(SignalboxError):
    """A request was refused and nothing was changed."""


class NotPermitted(SecurityError):
    """The actor lacks a permission; `missing` names it."""

    def __init__(self, message: str, missing: str) -> None:
        super().__init__(message)
        self.missing = missing


class ReadOnly(SecurityError):
    """Signalbox is in read-only mode."""


class RequestRejected(SecurityError):
    """The current state does not allow the request: the last admin, a name that is taken, a link that was used."""
