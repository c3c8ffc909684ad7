"""What the forms of these pages send. Everything is text until it is checked."""

import re
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from signalbox.security.accounts.model import TOKEN_DAYS_MAX
from signalbox.security.model import REASON_LENGTH_MAX
from signalbox.web import urls
from signalbox.web.errors import NotUnderstood

FIELDS_MAX: Final = 1000  # roles have some for each connection

T = TypeVar("T")
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=100)]
RoleWord: TypeAlias = Literal["viewer", "operator", "admin"]
Reason: TypeAlias = Annotated[str, msgspec.Meta(max_length=REASON_LENGTH_MAX)]

_OWN = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}")  # no second slash, no backslash, nothing invisible


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    password: str
    to: str = ""  # where to go then


class UseLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    password: str
    again: str
    name: str = ""  # of the first admin; invitations have one


class ChangePassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    old: str
    new: str
    again: str


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    days: Annotated[int, msgspec.Meta(ge=1, le=TOKEN_DAYS_MAX)]
    role: RoleWord
    on: Name = ""  # a connection; empty: everywhere
    payloads: bool = False


class Invite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    role: RoleWord
    on: Name = ""  # a connection; empty: everywhere
    payloads: bool = False


class Remove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason = ""


async def sent(request: Request[Any, Any, Any], form: type[T]) -> T:
    """Return the form that was sent. It is read here since the framework would keep the last thousand, passwords too, in memory.

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


def own_address(text: str) -> str:
    """Return an address if it leads to a page of Signalbox and nowhere else; else the overview's."""
    return text if _OWN.fullmatch(text) else urls.overview()
