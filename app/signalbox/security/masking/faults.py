"""What is wrong with rules, fit for a page and for a fault of signalbox.toml."""

from typing import Final

from signalbox.security.errors import SecurityError

GOT_LENGTH_MAX: Final = 60


class RuleFault(SecurityError):
    """One part of a rule cannot be read."""

    def __init__(self, part: str, expected: str, example: str, got: str) -> None:
        self.part = part  # the key of [[masking]] that is wrong, and the field of the form: "what"
        self.wanted = f"{expected}, such as {example}"
        self.got = repr(got)[:GOT_LENGTH_MAX]
        super().__init__(f"{part}: expected {self.wanted}, got {self.got}")


class RulesUnknown(SecurityError):
    """Which rules there are is not known, so no payload can be shown."""
