"""Finds what could show a payload: who asks masking for one, which routes reach that, and who reads bodies past it."""

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from tests.architecture.house import APP, files

HANDING_OUT = frozenset({"mask", "unmask", "try_rule"})  # the methods of Masking that hand out a payload
BELOW = (
    "app/signalbox/brokers/",
    "app/signalbox/demo/",
    "app/signalbox/security/masking/",
    "app/signalbox/storage/",
)  # rooms that know nothing of masking, and itself
SPEAKING = ("app/signalbox/web/", "app/signalbox/cli/")  # rooms that answer people and programs
IN_CLEAR = frozenset({"Message", "Delivery", "Consumer"})  # of signalbox.brokers: what holds a body as it came

Function = Callable[..., Any]


def askers(found: Iterable[tuple[str, str]]) -> set[str]:
    """Return every function outside of masking that asks it for a payload, as "path: function"."""
    return {
        f"{path}: {function.name}"
        for path, text in found
        if not path.startswith(BELOW)
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for one in ast.walk(function)
        if isinstance(one, ast.Attribute) and one.attr in HANDING_OUT
    }


def past_masking(found: Iterable[tuple[str, str]]) -> set[str]:
    """Return what in the rooms that speak takes in messages as brokers give them, or reads a body, as "path: what"."""
    return {
        f"{path}: {told}"
        for path, text in found
        if path.startswith(SPEAKING)
        for node in ast.walk(ast.parse(text))
        for told in _in_clear(node)
    }


def _in_clear(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("signalbox.brokers"):
        yield from (f"imports {one.name}" for one in node.names if one.name in IN_CLEAR)
    elif isinstance(node, ast.Attribute) and node.attr == "body":
        yield f"reads {ast.unparse(node)}"


def our_sources() -> list[tuple[str, str]]:
    return list(files(APP, ".py"))


def routes_to_payloads(app: Litestar, room: str = "signalbox.web") -> set[tuple[str, str]]:
    """Return (method, path) of every route whose handler or dependencies reach a function that asks masking for a payload."""
    return {
        (str(method), route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if any(_asks(function) for function in _reached(_roots(handler), room))
        for method in handler.http_methods
    }


def _roots(handler: HTTPRouteHandler) -> list[Function]:
    provided = (one.dependency for one in handler.resolve_dependencies().values())
    return [handler.fn, *provided]


def _reached(roots: Iterable[Function], room: str) -> Iterator[FunctionType]:
    """Yield every function of a room that these could call: whatever they name, so rather too many than too few."""
    todo = [one for one in roots if isinstance(one, FunctionType)]
    seen: set[FunctionType] = set()
    while todo:
        function = todo.pop()
        if function not in seen:
            seen.add(function)
            yield function
            todo += _named(function, room)


def _named(function: FunctionType, room: str) -> Iterator[FunctionType]:
    names = _names(function.__code__)
    for name in names & function.__globals__.keys():
        held = function.__globals__[name]
        if isinstance(held, ModuleType):
            for inner in names & vars(held).keys():
                yield from _functions(vars(held)[inner], room)
        else:
            yield from _functions(held, room)


def _functions(held: object, room: str) -> Iterator[FunctionType]:
    if not str(getattr(held, "__module__", "")).startswith(room):
        return
    if isinstance(held, FunctionType):
        yield held
    elif isinstance(held, type):
        yield from (one for _, one in inspect.getmembers(held, inspect.isfunction))


def _asks(function: FunctionType) -> bool:
    return bool(_names(function.__code__) & HANDING_OUT)


def _names(code: CodeType) -> set[str]:
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return set(code.co_names).union(*map(_names, inner))
