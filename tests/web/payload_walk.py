"""Finds every place that could show a payload: callers of masking, the routes that reach them, and reads that bypass masking."""

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from tests.architecture.sources import APP, files

MASKING_METHODS = frozenset({"mask", "unmask", "try_rule"})  # the methods of Masking that return a payload
FOLDERS_BELOW = (
    "app/signalbox/brokers/",
    "app/signalbox/demo/",
    "app/signalbox/security/masking/",
    "app/signalbox/storage/",
)  # they cannot import masking, and masking itself
OUTPUT_FOLDERS = ("app/signalbox/web/", "app/signalbox/cli/", "app/signalbox/commands/")
RAW_CLASSES = frozenset({"Message", "Delivery", "Consumer"})  # classes of signalbox.brokers with unmasked bodies

Function = Callable[..., Any]


def masking_callers(sources: Iterable[tuple[str, str]]) -> set[str]:
    """Return every function outside of masking that calls it for a payload, as "path: function"."""
    return {
        f"{path}: {function.name}"
        for path, text in sources
        if not path.startswith(FOLDERS_BELOW)
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr in MASKING_METHODS
    }


def masking_bypasses(sources: Iterable[tuple[str, str]]) -> set[str]:
    """Return every import of a raw message and every read of a body in an output folder, as "path: use"."""
    return {
        f"{path}: {use}"
        for path, text in sources
        if path.startswith(OUTPUT_FOLDERS)
        for node in ast.walk(ast.parse(text))
        for use in _raw_uses(node)
    }


def _raw_uses(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("signalbox.brokers"):
        yield from (f"imports {alias.name}" for alias in node.names if alias.name in RAW_CLASSES)
    elif isinstance(node, ast.Attribute) and node.attr == "body":
        yield f"reads {ast.unparse(node)}"


def product_sources() -> list[tuple[str, str]]:
    return list(files(APP, ".py"))


def routes_to_payloads(app: Litestar, package: str = "signalbox.web") -> set[tuple[str, str]]:
    """Return (method, path) of every route whose handler or dependencies reach a function that calls masking for a payload."""
    return {
        (str(method), route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if any(_calls_masking(function) for function in _reached(_roots(handler), package))
        for method in handler.http_methods
    }


def _roots(handler: HTTPRouteHandler) -> list[Function]:
    provided = (provide.dependency for provide in handler.resolve_dependencies().values())
    return [handler.fn, *provided]


def _reached(roots: Iterable[Function], package: str) -> Iterator[FunctionType]:
    """Yield every function of a package that these could call: all that they name, so too many rather than too few."""
    todo = [root for root in roots if isinstance(root, FunctionType)]
    seen: set[FunctionType] = set()
    while todo:
        function = todo.pop()
        if function not in seen:
            seen.add(function)
            yield function
            todo += _named(function, package)


def _named(function: FunctionType, package: str) -> Iterator[FunctionType]:
    names = _names(function.__code__)
    for name in names & function.__globals__.keys():
        value = function.__globals__[name]
        if isinstance(value, ModuleType):
            for inner in names & vars(value).keys():
                yield from _functions(vars(value)[inner], package)
        else:
            yield from _functions(value, package)


def _functions(value: object, package: str) -> Iterator[FunctionType]:
    if not str(getattr(value, "__module__", "")).startswith(package):
        return
    if isinstance(value, FunctionType):
        yield value
    elif isinstance(value, type):
        yield from (function for _, function in inspect.getmembers(value, inspect.isfunction))


def _calls_masking(function: FunctionType) -> bool:
    return bool(_names(function.__code__) & MASKING_METHODS)


def _names(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*map(_names, inner))
