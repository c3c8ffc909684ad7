"""The error format of /api/v1: a problem document, RFC 9457. Pure."""

from http import HTTPStatus
from typing import Final

import msgspec

PROBLEM: Final = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document."""

    type: str
    title: str
    status: int
    detail: str
    fault: str | None = None


def problem(status: int, detail: str, fault: str | None = None) -> bytes:
    """Encode a problem document."""
    title = HTTPStatus(status).phrase
    return msgspec.json.encode(Problem("about:blank", title, status, detail, fault))
