"""What is wrong with rules, fit for a page and for a fault of signalbox.toml."""

from typing import Final

from signalbox.security.errors import SecurityError

GOT_LENGTH_MAX: Final = 60


class InvalidRule(SecurityError):
    """One part of a rule cannot be read."""

    def __init__(self, part: str, expected: str, example: str, got: str) -> None:
        self.part = part  # the key of [[masking]] that is wrong, and the field of the form: "what"
        self.expected = f"{expected}, such as {example}"
        self.got = repr(got)[:GOT_LENGTH_MAX]
        super().__init__(f"{part}: expected {self.expected}, got {self.got}")


class RulesNotLoaded(SecurityError):
    """Which rules there are is not known, so no payload can be shown."""
