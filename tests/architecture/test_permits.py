"""Every function that changes accounts takes a permit, and only the door creates permits. Checked in the source."""

import ast
from collections.abc import Iterable, Iterator

from tests.architecture.sources import APP, files

DOOR = "app/signalbox/security/door.py"
CHANGING = {"begin", "write_unversioned"}  # the methods of app/signalbox/security/changes/service.py that write

WITHOUT_A_PERMIT = {
    "app/signalbox/security/accounts/identities.py Identities._touch_session": "writes only the time of the last use",
    "app/signalbox/security/accounts/identities.py Identities._touch_token": "writes only the time of the last use",
    "app/signalbox/security/accounts/limits.py Limits._count": "counts an attempt before sign-in",
    "app/signalbox/security/accounts/limits.py Limits.uncount": "removes attempts that _count added",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def permit_creators(sources: Iterable[tuple[str, str]]) -> list[str]:
    """Return the files that create a permit, or import it under another name."""
    where = []
    for path, text in sources:
        for node in ast.walk(ast.parse(text)):
            created = isinstance(node, ast.Call) and _name(node.func) == "Permit"
            renamed = isinstance(node, ast.alias) and node.name in {"Permit", "_DOOR_KEY"} and node.asname is not None
            sealed = (isinstance(node, ast.Name | ast.Attribute) and _name(node) == "_DOOR_KEY") or (
                isinstance(node, ast.alias) and node.name == "_DOOR_KEY"
            )
            if (created or renamed or sealed) and path not in where:
                where.append(path)
    return where


def bypasses(sources: Iterable[tuple[str, str]]) -> list[str]:
    """Return the functions that write accounts without a permit parameter."""
    return sorted(
        {function for path, text in sources for function in _bypasses(path, ast.parse(text), (), permitted=False)}
    )


def _bypasses(path: str, node: ast.AST, within: tuple[str, ...], *, permitted: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            takes = isinstance(child, Function) and _takes_a_permit(child)
            yield from _bypasses(path, child, (*within, child.name), permitted=permitted or takes)
            continue
        writes = isinstance(child, ast.Attribute) and child.attr in CHANGING and _name(child.value).endswith("changes")
        if writes and not permitted:
            yield f"{path} {'.'.join(within)}"
        yield from _bypasses(path, child, within, permitted=permitted)


def _takes_a_permit(function: Function) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return any(a.annotation is not None and _name(a.annotation) == "Permit" for a in arguments)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def test_only_the_door_creates_permits() -> None:
    assert permit_creators(files(APP, ".py")) == [DOOR]


def test_every_function_that_changes_accounts_takes_a_permit_or_is_listed_with_a_reason() -> None:
    assert bypasses(files(APP, ".py")) == sorted(WITHOUT_A_PERMIT)


def test_a_planted_creator_is_found() -> None:
    planted = [
        ("a.py", "from signalbox.security.door import Permit\nasync def f(): return Permit(None, 1, 2, 3)"),
        ("b.py", "from signalbox.security import door\np = door.Permit(door._DOOR_KEY, 1, 2, 3)"),
        ("c.py", "from signalbox.security.door import Permit as Allowed"),
        ("d.py", "from signalbox.security.door import _DOOR_KEY"),
        ("fine.py", "from signalbox.security.door import Permit\nasync def f(permit: Permit) -> None: ..."),
    ]
    assert permit_creators(planted) == ["a.py", "b.py", "c.py", "d.py"]


def test_a_planted_bypass_is_found() -> None:
    writes = "async with self._changes.begin() as connection: pass"
    planted = f"""
class Users:
    async def forgotten(self, name: str) -> None:
        {writes}

    async def permitted(self, permit: Permit, name: str) -> None:
        {writes}

    async def permitted_by_keyword(self, *, _: door.Permit) -> None:
        {writes}

    async def within(self, _: Permit) -> None:
        async def inner() -> None:
            {writes}

    def by_another_name(self) -> object:
        return self._changes.begin

    async def quietly(self, changes: Changes) -> None:
        async with changes.write_unversioned(): pass

    async def from_afar(self) -> None:
        async with self.accounts.changes.begin(): pass

    async def reads(self) -> None:
        async with self._changes.read(): pass
"""
    names = ["by_another_name", "forgotten", "from_afar", "quietly"]
    assert bypasses([("app/planted.py", planted)]) == [f"app/planted.py Users.{name}" for name in names]
