"""The names that JetStream allows: any UTF-8 but these characters, even quotes, percent signs, emoji and control characters."""

import re

NAME_BYTES_MAX = 255
_FORBIDDEN = re.compile(r"[.*>/\\\s\0]")  # they would change the subject that contains the name


def name_problem(name: str) -> str | None:
    """Return why no stream or consumer can have this name; None if one can."""
    if not name:
        return "the name is empty"
    if _FORBIDDEN.search(name):
        return r"a name cannot contain white space or any of . * > / \ "
    if len(name.encode("utf-8", "replace")) > NAME_BYTES_MAX:
        return f"a name has at most {NAME_BYTES_MAX} bytes"
    return None
