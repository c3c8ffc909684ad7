"""What the forms of these pages send. Everything is text until it is checked."""

import re

import msgspec

from app.web import urls

_OWN = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}")  # no second slash, no backslash, nothing invisible


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    password: str
    to: str = ""  # where to go then


class UseLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    password: str
    again: str
    name: str = ""  # of the first admin; invitations have one


def own_address(text: str) -> str:
    """Return an address if it leads to a page of Signalbox and nowhere else; else the overview's."""
    return text if _OWN.fullmatch(text) else urls.overview()
