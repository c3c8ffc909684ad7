"""What the forms of the page send. Everything is text until it is checked."""

from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from app.security.masking.trial import SAMPLE_BYTES_MAX
from app.security.model import REASON_LENGTH_MAX
from app.web.errors import NotUnderstood

REQUEST_BYTES_MAX: Final = 7 * SAMPLE_BYTES_MAX  # forms and JSON write one byte as six at most
FIELDS_MAX: Final = 20

T = TypeVar("T")


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


async def sent(request: Request[Any, Any, Any], form: type[T]) -> T:
    """Return the form that was sent. It is read here since the framework would keep the last thousand forms in memory.

    Raises:
        NotUnderstood: it is none, or not this one.
    """
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
        fields = {name: text.replace("\r\n", "\n") for name, text in pairs}  # as it was typed
        return msgspec.convert(fields, form, strict=False)
    except (ValueError, msgspec.ValidationError):
        raise NotUnderstood("This form cannot be understood.", "Load the page again and fill it in there.") from None
