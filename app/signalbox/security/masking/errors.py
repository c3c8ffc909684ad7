"""Errors of masking rules, for pages and for faults of signalbox.toml."""

from typing import Final

from signalbox.security.errors import SecurityError

GOT_LENGTH_MAX: Final = 60


class InvalidRule(SecurityError):
    """A part of a rule is malformed."""

    def __init__(self, part: str, expected: str, example: str, got: str) -> None:
        self.part = part  # the key in [[masking]] and the form field: "what"
        self.expected = f"{expected}, such as {example}"
        self.got = repr(got)[:GOT_LENGTH_MAX]
        super().__init__(f"{part}: expected {self.expected}, got {self.got}")


class RulesNotLoaded(SecurityError):
    """The rules are not loaded, so no payload can be shown."""
