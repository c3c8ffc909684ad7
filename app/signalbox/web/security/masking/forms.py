"""The forms of the masking page."""

from typing import Final

import msgspec

from signalbox.security.masking.trial import SAMPLE_BYTES_MAX

REQUEST_BYTES_MAX: Final = 7 * SAMPLE_BYTES_MAX  # forms and JSON encode a byte in six characters at most


class RuleForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new rule and the sample to test it on. Patterns and fields are one a line."""

    source: str = ""  # connection/destination
    kind: str = ""  # the message type; empty means unknown
    what: str = ""
    how: str = ""
    destinations: str = ""
    types: str = ""
    only: str = ""  # "yes": test without the existing rules
    sample: str = ""
    name: str = ""
    reason: str = ""


class MoveForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: int
    reason: str = ""
