"""Which names JetStream can have. Anything else in UTF-8 is legal: quotes, percent signs, emoji, control characters."""

import re

NAME_BYTES_MAX = 255
_IMPOSSIBLE = re.compile(r"[.*>/\\\s\0]")  # they would change the subject that the name stands in


def wrong(name: str) -> str | None:
    """Return why no stream or consumer can have this name; None if one can."""
    if not name:
        return "a name is needed"
    if _IMPOSSIBLE.search(name):
        return r"a name holds no white space and none of . * > / \ "
    if len(name.encode("utf-8", "replace")) > NAME_BYTES_MAX:
        return f"a name has at most {NAME_BYTES_MAX} bytes"
    return None
