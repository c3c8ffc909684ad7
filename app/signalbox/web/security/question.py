"""A question before what cannot be taken back: a page of its own, so that it needs no script."""

from dataclasses import dataclass
from typing import Any

from litestar import Request, Response

from signalbox.security.door import Door
from signalbox.security.errors import ReadOnly
from signalbox.web.rendering import Crumb, page


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionPage:
    """What `security/question.html` shows."""

    question: str
    happens: tuple[str, ...]  # what happens, who else sees it, what is kept
    action: str
    button: str
    keep: str  # the way out, named by what it does
    keep_href: str
    after: str  # on undoing
    reason: bool  # whether one is asked for
    fault: str = ""
    typed: str = ""


def ask(
    request: Request[Any, Any, Any],
    door: Door,
    context: QuestionPage,
    *,
    section: str | None,
    crumbs: tuple[Crumb, ...],
    status: int = 200,
) -> Response[bytes]:
    """Ask. Raises ReadOnly when the answer would be refused."""
    if door.read_only:
        raise ReadOnly("Signalbox runs read-only: nothing can be changed.")
    last = Crumb(context.button)
    return page(
        request,
        "security/question.html",
        context,
        title=context.question,
        section=section,
        crumbs=(*crumbs, last),
        status=status,
    )
