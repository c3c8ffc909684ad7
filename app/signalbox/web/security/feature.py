"""Security's share of the web application."""

from signalbox.web.feature import Feature
from signalbox.web.live.registry import Registry
from signalbox.web.security.api import API
from signalbox.web.security.audit.api import API as AUDIT_API
from signalbox.web.security.audit.routes import PAGES as AUDIT
from signalbox.web.security.company import COMPANY
from signalbox.web.security.masking.api import MASKING_API
from signalbox.web.security.masking.routes import MASKING
from signalbox.web.security.profile import PROFILE
from signalbox.web.security.sign_in import SIGN_IN
from signalbox.web.security.users import USERS


def register(_: Registry) -> None:
    """Nothing of these pages stays live."""


ROUTES = (*SIGN_IN, *COMPANY, *PROFILE, *USERS, *API, *AUDIT, *AUDIT_API, *MASKING, *MASKING_API)
SECURITY = Feature(routes=ROUTES, register=register)
