"""Feed keys of what monitoring publishes: features publish keys, live pages watch them."""

OVERVIEW = "overview"
GROUPS = "groups"  # order or membership of the list of groups changed
DESTINATIONS = "destinations"
CONNECTIONS = "connections"


def connection(name: str) -> str:
    return f"connection/{name}"


def group(connection_name: str, name: str) -> str:
    return f"group/{connection_name}/{name}"


def destination(connection_name: str, name: str) -> str:
    return f"destination/{connection_name}/{name}"
