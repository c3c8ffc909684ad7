"""The forms of the profile, users and sign-in pages, and how every form is parsed."""

import re
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from signalbox.security.accounts.model import TOKEN_DAYS_MAX
from signalbox.security.model import REASON_LENGTH_MAX
from signalbox.web import urls
from signalbox.web.errors import BadRequest

FIELDS_MAX: Final = 1000  # the role table has two for each connection

T = TypeVar("T")
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=100)]
RoleWord: TypeAlias = Literal["viewer", "operator", "admin"]
Reason: TypeAlias = Annotated[str, msgspec.Meta(max_length=REASON_LENGTH_MAX)]

_LOCAL_PATH = re.compile(
    r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}"
)  # no second slash, no backslash, no invisible character


class SignInForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    password: str
    to: str = ""  # the path to open after sign-in


class LinkForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    password: str
    again: str
    name: str = ""  # of the first admin; an invited user has one


class PasswordForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    old: str
    new: str
    again: str


class NewTokenForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    days: Annotated[int, msgspec.Meta(ge=1, le=TOKEN_DAYS_MAX)]
    role: RoleWord
    on: Name = ""  # a connection; empty means everywhere
    payloads: bool = False


class InviteForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    role: RoleWord
    on: Name = ""  # a connection; empty means everywhere
    payloads: bool = False


class RemoveForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason = ""


async def parse_form(request: Request[Any, Any, Any], form: type[T]) -> T:
    """Return the submitted form. Litestar would cache the last thousand forms in memory, passwords included.

    Raises:
        BadRequest: the body is not this form.
    """
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
        fields = {name: text.replace("\r\n", "\n") for name, text in pairs}  # browsers send CRLF for a newline
        return msgspec.convert(fields, form, strict=False)
    except (ValueError, msgspec.ValidationError):
        raise BadRequest("This form cannot be read.", "Reload the page and fill in the form again.") from None


def local_path(text: str) -> str:
    """Return a path within Signalbox as it is, and the overview's path for everything else: no open redirect."""
    return text if _LOCAL_PATH.fullmatch(text) else urls.home()
