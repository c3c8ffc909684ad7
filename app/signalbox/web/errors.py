"""Answer an error: a page for browsers, a problem document for programs.

Expected errors have their own sentence. Any other error is a fault: the response shows its id, only the log has the trace.
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
        "Signalbox does not understand this URL.",
        "Check the part after the question mark, or start again from the overview.",
    ),
    404: ("Page not found.", "The URL is wrong, or the item was deleted."),
    405: ("This method is not allowed here.", ""),
    413: ("The request is too large.", "Send less at once."),
}
FAULT = (
    "Signalbox cannot show this page because of an internal error.",
    "Search Signalbox's log for this error ID.",
)


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """How to answer an expected error; its own text is the sentence."""

    status: int
    advice: str = ""


EXPECTED_ERRORS: dict[
    type[Exception], ExpectedError
] = {  # the first class that matches; classes of features come first
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
    """An expected error of a page or of the API: a status and a sentence without secrets."""

    status = 400

    def __init__(self, sentence: str, advice: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = advice


class NotFound(RequestError):
    """The entity in the URL does not exist, or was deleted."""

    status = 404


class BadRequest(RequestError):
    """A parameter or the body is invalid."""

    status = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """The variables of `errors/error.html`."""

    status: int
    sentence: str
    advice: str
    fault: str | None


STATUS_DESCRIPTIONS = {
    400: "the request is invalid; the detail names the parameter",
    401: "not signed in, or the token is unknown, revoked or expired",
    403: "a role or permission is missing, or the write came neither from a page of Signalbox nor with a token; the detail says which",
    404: "the item does not exist, or you may not see it",
    409: "the current state does not allow this; nothing was changed",
    413: "the request is too large",
    429: "too many attempts or requests from this address; Retry-After says how many seconds to wait",
    503: "the database does not respond, or Signalbox has not read this broker since it started",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the error responses of a route of /api/v1 for OpenAPI: these statuses, and those of every route."""
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description=STATUS_DESCRIPTIONS[status], media_type=PROBLEM
        )
        for status in sorted({*statuses, 400, 401, 429, 503})
    }


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer an error. Registered for every exception of the application."""
    for_programs = request.url.path.startswith((f"{urls.API}/", urls.METRICS))
    if isinstance(error, NotSignedIn) and not for_programs:
        return _to_sign_in(request, error)
    content = _error_page(error, request.app.state.expected_errors)
    if content.fault is not None:
        log.error("fault %s in %s %r", content.fault, request.method, request.url.path, exc_info=error)
    response = _problem(content) if for_programs else _page(request, content)
    response.headers.update(_headers(error))
    return response


def _to_sign_in(request: Request[Any, Any, Any], error: NotSignedIn) -> Response[Any]:
    """Redirect to the sign-in page, which leads back to this URL."""
    path = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    url = f"{path}?{query}" if query else path
    to = urls.set_up() if error.set_up else urls.sign_in(to=url if request.method == "GET" and path != "/" else None)
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
        (how for cls, how in (*expected_errors.items(), *EXPECTED_ERRORS.items()) if isinstance(error, cls)), None
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
    """Return which parameters are invalid and why, from Litestar's own list."""
    listed = error.extra if isinstance(error.extra, list) else []
    return " ".join(
        f"{fault['key']}: {fault['message']}." for fault in listed if isinstance(fault, dict) and fault.get("key")
    )


def _page(request: Request[Any, Any, Any], content: ErrorPage) -> Response[Any]:
    return page(
        request,
        "errors/error.html",
        content,
        title=content.sentence,
        section=None,
        crumbs=(Crumb(HTTPStatus(content.status).phrase),),
        status=content.status,
    )


def _problem(content: ErrorPage) -> Response[Any]:
    body = problem(content.status, f"{content.sentence} {content.advice}".strip(), content.fault)
    return Response(body, status_code=content.status, media_type=PROBLEM)
