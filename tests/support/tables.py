"""Configuration as text: `[[connections]]` tables of signalbox.toml from Python values."""

import json
from pathlib import Path

Value = str | int | float | bool | Path | list[str]


def connection(name: str, kind: str, **keys: Value | None) -> str:
    """Write one table; keys that are None are left out."""
    lines = [f"{key} = {literal(value)}" for key, value in keys.items() if value is not None]
    return "\n".join(["[[connections]]", f"name = {literal(name)}", f"kind = {literal(kind)}", *lines, ""])


def literal(value: Value) -> str:
    """Write a value of TOML. JSON's strings are TOML's, but for one control character."""
    text = str(value) if isinstance(value, Path) else value
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
