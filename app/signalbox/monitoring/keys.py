"""The feed keys that monitoring publishes and live pages watch."""

OVERVIEW = "overview"
GROUPS = "groups"  # the list of groups changed, or the status of one
DESTINATIONS = "destinations"
CONNECTIONS = "connections"


def connection(name: str) -> str:
    return f"connection/{name}"


def group(connection_name: str, name: str) -> str:
    return f"group/{connection_name}/{name}"


def destination(connection_name: str, name: str) -> str:
    return f"destination/{connection_name}/{name}"
