"""The addresses of security's pages."""

from signalbox.web.urls import Query, build


def sign_out() -> str:
    return build("sign-out")


def sso(**query: Query) -> str:
    return build("sign-in", "sso", **query)


def users(*part: str, **query: Query) -> str:
    return build("users", *part, **query)


def audit(*part: str, **query: Query) -> str:
    return build("audit", *part, **query)


def masking(*part: str, **query: Query) -> str:
    return build("masking", *part, **query)
