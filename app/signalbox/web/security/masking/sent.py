"""What the forms of the page send. Everything is text until it is checked."""

from typing import Annotated, Final

import msgspec

from signalbox.security.masking.trial import SAMPLE_BYTES_MAX
from signalbox.security.model import REASON_LENGTH_MAX

REQUEST_BYTES_MAX: Final = 7 * SAMPLE_BYTES_MAX  # forms and JSON write one byte as six at most


class RuleForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule that is being written, and what it is tried on. Patterns and what is masked stand one a line."""

    source: str = ""  # connection/destination
    kind: str = ""  # the type of the message; empty: unknown
    what: str = ""
    how: str = ""
    destinations: str = ""
    types: str = ""
    only: str = ""  # "yes": without the rules that there are
    sample: str = ""
    name: str = ""
    reason: str = ""


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: int
    reason: str = ""


class Remove(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: Annotated[str, msgspec.Meta(max_length=REASON_LENGTH_MAX)] = ""
