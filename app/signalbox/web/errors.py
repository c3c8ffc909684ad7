"""Answer an error: a page for people, a problem document for programs.

Expected errors carry their own sentence. Anything else is a fault: the answer shows its id, only the log has its trace.
"""

import logging
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Redirect

from signalbox.kernel.errors import SignalboxError, Unavailable
from signalbox.security.accounts.limits import TooManyAttempts
from signalbox.security.errors import NotPermitted, ReadOnly, SecurityError
from signalbox.web import urls
from signalbox.web.access import NotSignedIn
from signalbox.web.problem import PROBLEM, Problem, problem
from signalbox.web.rendering import Crumb, is_partial_request, page

log = logging.getLogger(__name__)

SENTENCES: dict[int, tuple[str, str]] = {
    400: (
        "Signalbox does not understand this address.",
        "Check the part after the question mark, or start again from the overview.",
    ),
    404: ("Page not found.", "The address is wrong, or the thing it names was deleted."),
    405: ("This method is not allowed here.", ""),
    413: ("The request is too large.", "Send less at once."),
}
FAULT = (
    "Signalbox failed to draw this page.",
    "Nothing was changed. Signalbox's log has the cause under this number.",
)


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """How an expected error is answered; its own text is the sentence."""

    status: int
    advice: str = ""


EXPECTED_ERRORS: dict[type[Exception], ExpectedError] = {  # the first class that matches; those of features come before
    NotSignedIn: ExpectedError(
        401, "Send a token: Authorization: Bearer sbx_..., created on your profile or by signalbox token."
    ),
    NotPermitted: ExpectedError(403, "An admin can grant this on the page Users."),
    ReadOnly: ExpectedError(403, "You can view everything."),
    TooManyAttempts: ExpectedError(429),
    SecurityError: ExpectedError(409, "Nothing was changed."),
    Unavailable: ExpectedError(503, "Try again in a moment."),
}


class RequestError(SignalboxError):
    """An expected refusal of a page or of the API: a status and a sentence, free of secrets."""

    status = 400

    def __init__(self, sentence: str, advice: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = advice


class NotFound(RequestError):
    """What the address names does not exist, or not any more."""

    status = 404


class BadRequest(RequestError):
    """A parameter is not what was expected."""

    status = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """What `errors/error.html` shows."""

    status: int
    sentence: str
    advice: str
    fault: str | None


REFUSED_BECAUSE = {
    400: "the request is not what was expected; the detail names what",
    401: "nobody is signed in, or the token is not known or has ended",
    403: "a role or right is missing, or this write came neither from a page of ours nor with a token; the detail says which",
    404: "there is no such thing, or it may not be seen",
    409: "as things stand this cannot be done; nothing was changed",
    413: "what was sent is too large",
    429: "too many attempts or requests from this address; Retry-After says how many seconds to wait",
    503: "the database does not answer, or the broker that this is of has not been read since Signalbox started",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return for OpenAPI what a route of /api/v1 refuses with: these, and what every one of them does."""
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=REFUSED_BECAUSE[status], media_type=PROBLEM)
        for status in sorted({*statuses, 400, 401, 429, 503})
    }


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer an error. Registered for every exception of the application."""
    for_programs = request.url.path.startswith((f"{urls.API}/", urls.METRICS))
    if isinstance(error, NotSignedIn) and not for_programs:
        return _to_sign_in(request, error)
    shown = _error_page(error, request.app.state.expected_errors)
    if shown.fault is not None:
        log.error("fault %s in %s %r", shown.fault, request.method, request.url.path, exc_info=error)
    response = _problem(shown) if for_programs else _page(request, shown)
    response.headers.update(_headers(error))
    return response


def _to_sign_in(request: Request[Any, Any, Any], error: NotSignedIn) -> Response[Any]:
    """Lead a person to where they sign in, and after that back to where they wanted to be."""
    path = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    wanted = f"{path}?{query}" if query else path
    to = urls.set_up() if error.set_up else urls.sign_in(to=wanted if request.method == "GET" and path != "/" else None)
    if is_partial_request(request):
        return Response(b"", status_code=401, headers={"HX-Redirect": to})
    return Redirect(to, status_code=303)


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, NotSignedIn):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooManyAttempts):
        return {"Retry-After": str(math.ceil(error.wait_s))}
    if isinstance(error, HTTPException):
        return {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return {}


def _error_page(error: Exception, expected_errors: Mapping[type[Exception], ExpectedError]) -> ErrorPage:
    if isinstance(error, RequestError):
        return ErrorPage(status=error.status, sentence=error.sentence, advice=error.advice, fault=None)
    expected = next(
        (found for cls, found in (*expected_errors.items(), *EXPECTED_ERRORS.items()) if isinstance(error, cls)), None
    )
    if expected is not None:
        return ErrorPage(status=expected.status, sentence=str(error), advice=expected.advice, fault=None)
    if isinstance(error, HTTPException) and error.status_code < 500:
        sentence, advice = SENTENCES.get(error.status_code, (HTTPStatus(error.status_code).phrase + ".", ""))
        if isinstance(error, ValidationException):
            advice = _invalid_parameters(error) or advice
        return ErrorPage(status=error.status_code, sentence=sentence, advice=advice, fault=None)
    return ErrorPage(status=500, sentence=FAULT[0], advice=FAULT[1], fault=secrets.token_hex(3))


def _invalid_parameters(error: ValidationException) -> str:
    """Return which parameters were refused and why, from Litestar's own list."""
    listed = error.extra if isinstance(error.extra, list) else []
    return " ".join(
        f"{fault['key']}: {fault['message']}." for fault in listed if isinstance(fault, dict) and fault.get("key")
    )


def _page(request: Request[Any, Any, Any], shown: ErrorPage) -> Response[Any]:
    return page(
        request,
        "errors/error.html",
        shown,
        title=shown.sentence,
        section=None,
        crumbs=(Crumb(HTTPStatus(shown.status).phrase),),
        status=shown.status,
    )


def _problem(shown: ErrorPage) -> Response[Any]:
    body = problem(shown.status, f"{shown.sentence} {shown.advice}".strip(), shown.fault)
    return Response(body, status_code=shown.status, media_type=PROBLEM)
