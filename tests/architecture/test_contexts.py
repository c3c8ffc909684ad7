"""A page template uses exactly the fields of its dataclass: none is missing, none is unused."""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

import jinja2
import pytest
from jinja2 import meta, nodes

from signalbox.web.rendering import FILTERS
from tests.architecture.sources import APP, TEMPLATES, files

GLOBALS = {"urls", "static", "sprite", "live", "hx", "age", "moment", "range", "render"}
ENVIRONMENT = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
ENVIRONMENT.filters.update(FILTERS)


def required_variables(source: str) -> set[str]:
    """Return the variables that a template needs from its caller: not set or imported in it, and not global."""
    tree = ENVIRONMENT.parse(source)
    imported = {node.target for node in tree.find_all(nodes.Import)}
    return meta.find_undeclared_variables(tree) - GLOBALS - imported


def used_fields(tree: nodes.Node, of: str = "page") -> set[str]:
    """Return the fields of a variable that a template uses, directly or in a partial that gets the variable."""
    names = {
        node.attr for node in tree.find_all(nodes.Getattr) if isinstance(node.node, nodes.Name) and node.node.name == of
    }
    for block in tree.find_all(nodes.With):
        pairs = zip(block.targets, block.values, strict=True)
        for target, value in pairs:
            if isinstance(value, nodes.Name) and value.name == of and isinstance(target, nodes.Name):
                for include in block.find_all(nodes.Include):
                    names |= used_fields(_included(include), target.name)
    renamed = {id(include) for block in tree.find_all(nodes.With) for include in block.find_all(nodes.Include)}
    for include in tree.find_all(nodes.Include):
        if of == "page" or id(include) not in renamed:
            names |= used_fields(_included(include), of)
    return names


def _included(include: nodes.Include) -> nodes.Template:
    assert isinstance(include.template, nodes.Const)
    return ENVIRONMENT.parse((TEMPLATES / include.template.value).read_text())


def disagreements(source: str, context: type[Any]) -> list[str]:
    declared = {field.name for field in fields(context)}
    used = used_fields(ENVIRONMENT.parse(source))
    attributes = {name for name in dir(context) if not name.startswith("_")}
    return [f"page.{name} does not exist" for name in sorted(used - declared - attributes)] + [
        f"{context.__name__}.{name} is not used" for name in sorted(declared - used)
    ]


def pages() -> Iterator[tuple[str, type[Any]]]:
    """Yield (template, dataclass) of every call of rendering.page in the source of the application."""
    for path, text in files(APP / "web", ".py"):
        tree = ast.parse(text)
        module = importlib.import_module(path.removeprefix("app/").removesuffix(".py").replace("/", "."))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _pages_of(function, vars(module))


def _pages_of(
    function: ast.FunctionDef | ast.AsyncFunctionDef, names: dict[str, Any]
) -> Iterator[tuple[str, type[Any]]]:
    given = {
        target.id: assigned.value
        for assigned in ast.walk(function)
        if isinstance(assigned, ast.Assign)
        for target in assigned.targets
        if isinstance(target, ast.Name)
    }
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "page":
            template, context = call.args[1], call.args[2]
            assert isinstance(template, ast.Constant), f"{function.name}: the template name must be a literal"
            yield str(template.value), _type_of(context, given, function, names)


def _type_of(
    value: ast.expr, given: dict[str, ast.expr], function: ast.FunctionDef | ast.AsyncFunctionDef, names: dict[str, Any]
) -> type[Any]:
    if isinstance(value, ast.Name) and value.id in given:
        value = given[value.id]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        maker = names[value.func.id]
        cls = maker if isinstance(maker, type) else get_type_hints(maker)["return"]
    else:
        assert isinstance(value, ast.Name), f"{function.name}: the context's type cannot be read from the source"
        [annotation] = [argument.annotation for argument in function.args.args if argument.arg == value.id]
        assert isinstance(annotation, ast.Name)
        cls = names[annotation.id]
    assert is_dataclass(cls)
    assert isinstance(cls, type)
    return cls


PAGES = sorted(set(pages()), key=lambda pair: (pair[0], pair[1].__name__))


def test_every_page_template_has_a_handler() -> None:
    rendered = {template for template, _ in PAGES}
    pages_on_disk = {
        path.removeprefix("templates/") for path, text in files(TEMPLATES, ".html") if "{% extends" in text
    }
    assert rendered == {path for path in pages_on_disk if not path.startswith("_layout/")}
    assert len(rendered) >= 5


@pytest.mark.parametrize(
    ("template", "context"), PAGES, ids=[f"{template} {context.__name__}" for template, context in PAGES]
)
def test_a_page_and_its_context_agree(template: str, context: type[Any]) -> None:
    assert disagreements((TEMPLATES / template).read_text(), context) == []


@pytest.mark.parametrize("template", sorted({template for template, _ in PAGES}))
def test_a_page_uses_nothing_but_page_and_shell(template: str) -> None:
    assert required_variables((TEMPLATES / template).read_text()) <= {"page", "shell"}


def test_partials_do_not_use_the_shell() -> None:
    partials = [
        (path, required_variables(text))
        for path, text in files(TEMPLATES, ".html")
        if not path.startswith("templates/_layout/")
    ]
    assert [path for path, names in partials if "shell" in names] == []
    assert len(partials) >= 10


@dataclass(frozen=True)
class Planted:
    name: str
    never_used: str


def test_a_planted_disagreement_is_found_both_ways() -> None:
    source = "{% if page.name %}{{ page.missing.deep }}{% endif %}"
    assert disagreements(source, Planted) == ["page.missing does not exist", "Planted.never_used is not used"]
