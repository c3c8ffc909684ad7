"""Nothing about accounts changes without a permit of the door, and only the door makes permits. Read from the source."""

import ast
from collections.abc import Iterable, Iterator

from tests.architecture.sources import APP, files

DOOR = "app/signalbox/security/door.py"
CHANGING = {"begin", "write_unversioned"}  # the ways of app/signalbox/security/changes/service.py to write

WITHOUT_A_PERMIT = {
    "app/signalbox/security/accounts/identities.py Identities._touch_session": "only when it was used; whoever has the cookie did",
    "app/signalbox/security/accounts/identities.py Identities._touch_token": "only when it was used; whoever has the token did",
    "app/signalbox/security/accounts/limits.py Limits._count": "counts an attempt before anybody is known",
    "app/signalbox/security/accounts/limits.py Limits.uncount": "takes back what _count counted, by its own numbers",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def makers(found: Iterable[tuple[str, str]]) -> list[str]:
    """Return where a permit is made, or could be by another name."""
    where = []
    for path, text in found:
        for node in ast.walk(ast.parse(text)):
            made = isinstance(node, ast.Call) and _name(node.func) == "Permit"
            renamed = isinstance(node, ast.alias) and node.name in {"Permit", "_DOOR_KEY"} and node.asname is not None
            sealed = (isinstance(node, ast.Name | ast.Attribute) and _name(node) == "_DOOR_KEY") or (
                isinstance(node, ast.alias) and node.name == "_DOOR_KEY"
            )
            if (made or renamed or sealed) and path not in where:
                where.append(path)
    return where


def bypasses(found: Iterable[tuple[str, str]]) -> list[str]:
    """Return the functions that write accounts and take no permit."""
    return sorted({place for path, text in found for place in _bypasses(path, ast.parse(text), (), permitted=False)})


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
    return any(one.annotation is not None and _name(one.annotation) == "Permit" for one in arguments)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def test_only_the_door_makes_permits() -> None:
    assert makers(files(APP, ".py")) == [DOOR]


def test_whoever_changes_accounts_takes_a_permit_or_is_named_here_with_the_reason() -> None:
    assert bypasses(files(APP, ".py")) == sorted(WITHOUT_A_PERMIT)


def test_a_planted_maker_is_found() -> None:
    planted = [
        ("a.py", "from signalbox.security.door import Permit\nasync def f(): return Permit(None, 1, 2, 3)"),
        ("b.py", "from signalbox.security import door\np = door.Permit(door._DOOR_KEY, 1, 2, 3)"),
        ("c.py", "from signalbox.security.door import Permit as Allowed"),
        ("d.py", "from signalbox.security.door import _DOOR_KEY"),
        ("fine.py", "from signalbox.security.door import Permit\nasync def f(permit: Permit) -> None: ..."),
    ]
    assert makers(planted) == ["a.py", "b.py", "c.py", "d.py"]


def test_a_planted_bypass_is_found() -> None:
    writes = "async with self._changes.begin() as connection: pass"
    planted = f"""
class Users:
    async def forgotten(self, name: str) -> None:
        {writes}

    async def asks(self, permit: Permit, name: str) -> None:
        {writes}

    async def asks_by_keyword(self, *, _: door.Permit) -> None:
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
