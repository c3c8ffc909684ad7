"""What security refuses, each in a sentence fit for a page: it names the thing, what was expected and what to do."""

from signalbox.kernel.errors import SignalboxError


class SecurityError(SignalboxError):
    """Something was refused, and nothing was done."""


class NotPermitted(SecurityError):
    """This actor may not do this. `needs` is the right that is missing."""

    def __init__(self, sentence: str, needs: str) -> None:
        super().__init__(sentence)
        self.missing = needs


class ReadOnly(SecurityError):
    """Signalbox changes nothing just now."""


class RequestRejected(SecurityError):
    """What was asked cannot be done as things stand: the last admin, a name that is taken, a link that is used up."""
