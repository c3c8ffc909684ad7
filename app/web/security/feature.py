"""Security's share of the web application."""

from app.web.feature import Feature
from app.web.live.registry import Registry
from app.web.security.sign_in import SIGN_IN


def register(_: Registry) -> None:
    """Nothing of these pages stays live."""


SECURITY = Feature(routes=SIGN_IN, register=register)
