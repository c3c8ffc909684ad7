"""The addresses of monitoring's pages."""

from signalbox.web.urls import Query, api, build


def groups(**query: Query) -> str:
    return build("groups", **query)


def group(connection: str, name: str, **query: Query) -> str:
    return build("groups", connection, name, **query)


def destinations(**query: Query) -> str:
    return build("destinations", **query)


def destination(connection: str, name: str, **query: Query) -> str:
    return build("destinations", connection, name, **query)


def connections(**query: Query) -> str:
    return build("connections", **query)


def connection(name: str, **query: Query) -> str:
    return build("connections", name, **query)


def history(connection: str, name: str, **query: Query) -> str:
    """Return where a group's chart fetches its points."""
    return api("groups", connection, name, "history", **query)
