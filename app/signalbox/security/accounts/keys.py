"""Feed keys that tell a live page that its rights may have changed."""

from collections.abc import Iterable

ANONYMOUS = "rights/anybody"  # for pages that are open because there is no user: the first one exists now

TOKENS = "rights/tokens"  # for pages with a token: a user's role may have changed, which ends no token


def session(id_: int) -> str:
    return f"rights/session/{id_}"


def token(id_: int) -> str:
    return f"rights/token/{id_}"


def session_ids(watched: Iterable[str]) -> frozenset[int]:
    return _ids(watched, "rights/session/")


def token_ids(watched: Iterable[str]) -> frozenset[int]:
    return _ids(watched, "rights/token/")


def _ids(watched: Iterable[str], prefix: str) -> frozenset[int]:
    return frozenset(int(key.removeprefix(prefix)) for key in watched if key.startswith(prefix))
